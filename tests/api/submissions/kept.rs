//! Nothing is lost: what fails is kept, and what is kept can be read.

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};

use super::{Site, break_inserts, break_inserts_with, mend_inserts, scope};
use crate::support::bodies;

// Nothing is lost.

#[tokio::test]
async fn a_submission_whose_processing_fails_is_kept_and_says_why() {
    let site = Site::open().await;
    let settings = site.admin.get("/v1/settings").await;
    let version = settings.header("etag").unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let change = json!({"sources": {"landing_page": null}});
    site.admin.patch_version("/v1/settings", version, change).await.expect(200);
    let fields = json!({"email": "ann@example.com", "question": "Why?"});
    let id = site.submit(fields.clone()).await;
    assert_eq!(site.counts().await, [0, 0, 0, 1]);
    let became = site.became(&id).await;
    assert_eq!((&became["status"], &became["payload"]["fields"]), (&json!("failed"), &fields));
    assert!(became["reason"].as_str().unwrap().contains("/source"), "{became}");
    let events = site.list("/v1/events").await;
    assert!(events.iter().any(|event| event["type"] == "submission.failed" && event["data"]["submission_id"] == id));
}

#[tokio::test]
async fn a_fault_behind_a_submission_leaves_nothing_but_the_submission() {
    let site = Site::open().await;
    break_inserts(&site, "interactions", "NEW.kind = 'form_submitted'").await;
    let id = site.submit(json!({"email": "ann@example.com"})).await;
    assert_eq!(site.counts().await, [0, 0, 0, 1]);
    let became = site.became(&id).await;
    assert_eq!(became["status"], "failed");
    assert!(!became["reason"].as_str().unwrap().contains("broken"), "{became}");
    assert_eq!(site.submit(json!({"email": "ann@example.com"})).await, id);
}

#[tokio::test]
async fn a_transaction_that_fails_as_a_whole_is_followed_by_one_that_keeps_the_submission() {
    let site = Site::open().await;
    break_inserts(&site, "submissions", "NEW.status = 'processed'").await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").send().await;
    let id = first.expect(202)["submission_id"].as_str().unwrap().to_owned();
    assert_eq!((site.counts().await, site.became(&id).await["status"].clone()), ([0, 0, 0, 1], json!("failed")));
    let again = site.request().json(&body).key("k-1").send().await;
    assert_eq!((again.bytes(), again.header("idempotency-replayed")), (first.bytes(), Some("true")));
}

#[tokio::test]
async fn a_database_that_fails_in_the_middle_is_told_and_nothing_is_half_written() {
    let site = Site::open().await;
    break_inserts_with(&site, "interactions", "NEW.kind = 'form_submitted'", "No space left on device").await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    let failed = site.request().json(&body).key("k-1").send().await;
    failed.expect_problem(503, "storage-unavailable");
    assert_eq!(failed.header("retry-after"), Some("2"));
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
    mend_inserts(&site, "interactions").await;
    site.request().json(&body).key("k-1").send().await.expect(202);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

// Reading them.

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// How the database would carry out `query`.
fn plan(tx: &mut ripen::db::Tx<'_>, query: &str) -> ripen::error::Result<String> {
    let steps: Vec<Step> = match &mut *tx.conn {
        ripen::db::Conn::Postgres(conn) => {
            // So small a table it would read as a whole.
            diesel::sql_query("SET LOCAL enable_seqscan = off").execute(conn)?;
            diesel::sql_query(format!("EXPLAIN {query}"))
                .load::<Explained>(conn)?
                .into_iter()
                .map(|it| Step { detail: it.detail })
                .collect()
        }
        ripen::db::Conn::Sqlite(conn) => diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(conn)?,
    };
    Ok(steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n"))
}

#[derive(QueryableByName)]
struct Explained {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

#[tokio::test]
async fn every_way_to_list_submissions_has_an_index_in_its_order() {
    let site = Site::open().await;
    let id = if crate::support::on_postgres() { "'019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10'" } else { "x'00'" };
    for (column, value, index) in [
        ("form_id", id, "submissions_form"),
        ("status", "'failed'", "submissions_status"),
        ("contact_id", id, "submissions_contact"),
        ("lead_id", id, "submissions_lead"),
        ("workspace_id", id, "submissions_received"),
    ] {
        let query = format!(
            "SELECT * FROM submissions WHERE workspace_id = {id} AND {column} = {value} \
             AND received_at >= '2026-01-01T00:00:00.000000Z' ORDER BY received_at DESC, id DESC LIMIT 51"
        );
        let plan = site.app.state.db.write(scope(&site), move |tx| plan(tx, &query)).await.unwrap();
        assert!(plan.contains(index), "{column}: {plan}");
        assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{column}: {plan}");
    }
}

#[tokio::test]
async fn submissions_are_listed_by_form_state_contact_and_lead() {
    let site = Site::with(json!({"on_unmatchable": "fail", "fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "first_name", "maps_to": "contact.first_name"},
    ]}))
    .await;
    let ann = site.became(&site.submit(json!({"email": "ann@example.com"})).await).await;
    let failed = site.became(&site.submit(json!({"first_name": "Bob"})).await).await;
    let listed = async |query: String| site.list(&format!("/v1/submissions?{query}")).await;
    assert_eq!(listed(format!("form_id={}", bodies::id(&site.form))).await, [failed.clone(), ann.clone()]);
    assert_eq!(listed("status=failed".to_owned()).await, [failed]);
    for name in ["contact_id", "lead_id"] {
        assert_eq!(
            listed(format!("{name}={}", ann[name].as_str().unwrap())).await,
            std::slice::from_ref(&ann),
            "{name}"
        );
    }
    let (before, after) = ("2026-03-02T08:59:59Z", "2026-03-02T09:00:01Z");
    assert_eq!(listed(format!("received_from={before}&received_until={after}&limit=1")).await.len(), 1);
    assert_eq!(listed(format!("received_from={after}")).await, Vec::<Value>::new());
    assert_eq!(listed(format!("received_until={before}")).await, Vec::<Value>::new());
    assert_eq!(listed("received_from=2026-03-02T09:00:00Z".to_owned()).await.len(), 2);
    let backwards = site.admin.get(&format!("/v1/submissions?received_from={after}&received_until={before}")).await;
    backwards.expect_bad_parameter("received_from");
    let page = site.admin.get("/v1/submissions?limit=1&count=true&sort=received_at").await.expect(200);
    assert_eq!((&page["data"], &page["total"]), (&json!([ann]), &json!(2)));
    let stranger = site.app.other_workspace().admin().await;
    stranger.get(&format!("/v1/submissions/{}", bodies::id(&ann))).await.expect_problem(404, "not-found");
    assert_eq!(stranger.get("/v1/submissions").await.expect(200)["data"], json!([]));
    let marketer = site.app.integration(&["forms:read"]).await;
    marketer.get("/v1/submissions").await.expect_problem(403, "forbidden");
}
