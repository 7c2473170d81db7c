//! Lead ads: LinkedIn's own JSON, once, mapped by a form, with and without a contact.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::scoring::{live_model, newcomers};
use crate::support::{Person, TestApp, bodies};

fn form() -> Value {
    json!({
        "name": "Lead ad", "kind": "lead_ad", "source": "lead_ad", "product_line": "crm",
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email", "question_id": 1},
            {"name": "first_name", "maps_to": "contact.first_name", "question_id": 2},
            {"name": "company", "maps_to": "account.name", "question_id": 3},
            {"name": "role", "maps_to": "contact.decision_role", "question_id": 4},
            {"name": "size", "question_id": 5},
        ],
        "consents": [{"purpose": "marketing", "text_version": "7", "consent_id": 11}],
    })
}

fn answer(question: i64, text: &str) -> Value {
    json!({"questionId": question, "answerDetails": {"textQuestionAnswer": {"answer": text}}})
}

/// A response as LinkedIn gives it.
fn response(id: &str, email: &str) -> Value {
    json!({
        "id": id, "submittedAt": 1_772_355_600_000_i64, "testLead": false, "leadType": "SPONSORED",
        "submitter": "urn:li:person:x", "owner": {"sponsoredAccount": "urn:li:sponsoredAccount:123"},
        "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:3162,1)",
        "leadMetadata": {"sponsoredLeadMetadata": {"campaign": "urn:li:sponsoredCampaign:7"}},
        "associatedEntity": {"associatedCreative": "urn:li:sponsoredCreative:9"},
        "formResponse": {
            "answers": [
                answer(1, email), answer(2, "Ann"), answer(3, "Contoso OÜ"), answer(4, "decision_maker"),
                {"questionId": 5, "answerDetails": {"multipleChoiceAnswer": {"options": [2]}}},
                answer(99, "a question that nobody mapped"),
            ],
            "consentResponses": [{"consentId": 11, "accepted": true}],
        },
        "somethingNew": {"of": ["LinkedIn"]},
    })
}

/// A service with one live lead ad.
struct Ads {
    app: TestApp,
    admin: Person,
    linkedin: Person,
    path: String,
}

impl Ads {
    async fn open(changes: Value) -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let form = admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201);
        admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
        let path = format!("/v1/lead-ads/linkedin/{}", form["key"].as_str().unwrap());
        let linkedin = app.integration(&["submissions:write"]).await;
        Self { app, admin, linkedin, path }
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    /// How many contacts, leads, interactions and submissions there are.
    async fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (place, kind) in ["contacts", "leads", "interactions", "submissions"].iter().enumerate() {
            counts[place] = self.list(&format!("/v1/{kind}?limit=200")).await.len();
        }
        counts
    }

    async fn submission(&self, taken: &Value) -> Value {
        let id = taken["submission_id"].as_str().unwrap();
        self.admin.get(&format!("/v1/submissions/{id}")).await.expect(200)
    }
}

#[tokio::test]
async fn a_response_makes_a_contact_a_lead_and_an_interaction_as_of_when_it_was_sent() {
    let ads = Ads::open(json!({})).await;
    let sent = response("r-1", "ann@example.com");
    let answer = ads.linkedin.post(&ads.path, sent.clone()).await;
    let taken = answer.expect(201);
    assert_eq!((&taken["response_id"], &taken["submission_status"]), (&json!("r-1"), &json!("processed")));
    assert_eq!(
        answer.header("location").unwrap(),
        format!("/v1/submissions/{}", taken["submission_id"].as_str().unwrap())
    );
    assert_eq!(ads.counts().await, [1, 1, 1, 1]);

    let submission = ads.submission(&taken).await;
    assert_eq!(submission["payload"]["fields"]["size"], r#"{"multipleChoiceAnswer":{"options":[2]}}"#);
    let contact = &ads.list("/v1/contacts?marketing_only=true").await[0];
    assert_eq!((&contact["email"], &contact["first_source"]), (&json!("ann@example.com"), &json!("lead_ad")));
    assert_eq!(contact["consents"]["marketing"]["granted"], true);
    let lead = &ads.list("/v1/leads").await[0];
    assert_eq!((&lead["contact_id"], &lead["channel_class"]), (&contact["id"], &json!("net")));
    let origin = json!({"utm_source": "linkedin", "utm_medium": "lead_ad",
        "utm_campaign": "urn:li:sponsoredCampaign:7", "utm_content": "urn:li:sponsoredCreative:9"});
    assert_eq!(lead["utm"], origin);
    assert_eq!(ads.list("/v1/interactions").await[0]["occurred_at"], "2026-03-01T09:00:00.000000Z");
    let decisions = format!("/v1/match-decisions?submission_id={}", bodies::id(&submission));
    assert_eq!(ads.list(&decisions).await[0]["channel"], "lead_ad");

    let raw = ads.admin.get(&format!("/v1/submissions/{}/ad-response", bodies::id(&submission))).await.expect(200);
    assert_eq!((&raw["raw"], &raw["external_id"]), (&sent, &json!("r-1")));
}

#[tokio::test]
async fn a_repeat_of_a_response_has_no_second_effect_whatever_its_bytes() {
    let ads = Ads::open(json!({})).await;
    let first = ads.linkedin.post(&ads.path, response("r-1", "ann@example.com")).await.expect(201);
    let again = ads.linkedin.post(&ads.path, response("r-1", "ann@example.com")).await.expect(200);
    let other = ads.linkedin.post(&ads.path, response("r-1", "bob@example.com")).await.expect(200);
    assert_eq!((&again, &other), (&first, &first));
    assert_eq!(ads.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn the_same_answers_in_two_responses_are_two_submissions() {
    let ads = Ads::open(json!({})).await;
    for id in ["r-1", "r-2"] {
        ads.linkedin.post(&ads.path, response(id, "ann@example.com")).await.expect(201);
    }
    assert_eq!(ads.counts().await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn a_response_that_comes_many_times_at_once_is_taken_once() {
    let ads = Ads::open(json!({})).await;
    let answers = join_all((0..64).map(|_| ads.linkedin.post(&ads.path, response("r-1", "ann@example.com")))).await;
    let firsts = answers.iter().filter(|answer| answer.status() == 201).count();
    assert_eq!(firsts, 1);
    let ids: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.json()["submission_id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ads.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn each_response_of_a_list_has_a_result_of_its_own() {
    let ads = Ads::open(json!({})).await;
    let elements = json!([
        response("r-1", "ann@example.com"), {"formResponse": {}}, "nonsense", response("r-1", "ann@example.com"),
        response("r-2", "bob@example.com"),
    ]);
    let answer = ads.linkedin.post(&ads.path, json!({"elements": elements, "paging": {"start": 0}})).await.expect(200);
    let results = answer["results"].as_array().unwrap();
    let statuses: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [201, 422, 422, 200, 201]);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/id");
    assert_eq!(results[3]["taken"], results[0]["taken"]);
    assert_eq!(ads.counts().await, [2, 2, 2, 2]);
    let many = Value::Array(vec![json!({}); 101]);
    ads.linkedin.post(&ads.path, json!({"elements": many})).await.expect_invalid(&["/elements"]);
    ads.linkedin.post(&ads.path, json!({"elements": 7})).await.expect_invalid(&["/elements"]);
}

#[tokio::test]
async fn a_response_that_the_form_does_not_accept_is_kept_as_failed() {
    let ads = Ads::open(json!({})).await;
    for (id, email, told) in [("r-1", "nobody", "/fields/email"), ("r-2", " ", "/fields/email")] {
        let taken = ads.linkedin.post(&ads.path, response(id, email)).await.expect(201);
        assert_eq!(taken["submission_status"], "failed");
        assert!(ads.submission(&taken).await["reason"].as_str().unwrap().contains(told));
    }
    assert_eq!(ads.counts().await, [0, 0, 0, 2]);
    ads.linkedin.post(&ads.path, response("r-1", "ann@example.com")).await.expect(200);
}

#[tokio::test]
async fn a_test_lead_is_dropped_unless_the_form_takes_them() {
    let test = bodies::with(response("r-1", "ann@example.com"), json!({"testLead": true}));
    let ads = Ads::open(json!({})).await;
    let taken = ads.linkedin.post(&ads.path, test.clone()).await.expect(200);
    assert_eq!(taken, json!({"response_id": "r-1", "submission_id": null, "submission_status": null}));
    assert_eq!(ads.counts().await, [0, 0, 0, 0]);
    let ads = Ads::open(json!({"take_test_leads": true})).await;
    ads.linkedin.post(&ads.path, test).await.expect(201);
    assert_eq!(ads.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_response_from_the_future_happened_now() {
    let ads = Ads::open(json!({})).await;
    let late = bodies::with(response("r-1", "ann@example.com"), json!({"submittedAt": 9_999_999_999_999_i64}));
    ads.linkedin.post(&ads.path, late).await.expect(201);
    assert_eq!(ads.list("/v1/interactions").await[0]["occurred_at"], json!(ads.app.now()));
}

#[tokio::test]
async fn without_a_contact_a_lead_waits_unscored_and_linking_it_scores_it() {
    let ads = Ads::open(json!({"create_contact": false})).await;
    live_model(&ads.admin, newcomers()).await;
    ads.linkedin.post(&ads.path, response("r-1", "ann@example.com")).await.expect(201);
    ads.linkedin.post(&ads.path, response("r-2", "ann@example.com")).await.expect(201);
    assert_eq!(ads.counts().await, [0, 1, 2, 2]);
    let lead = ads.list("/v1/leads").await[0].clone();
    assert_eq!((&lead["contact_id"], &lead["score"], &lead["stage"]), (&Value::Null, &json!(0), &json!("inquiry")));
    let path = format!("/v1/leads/{}", bodies::id(&lead));
    assert_eq!(ads.admin.get(&format!("{path}/scores")).await.expect(200)["data"], json!([]));

    let contact = json!({"email": "ann@example.com", "decision_role": "decision_maker"});
    let contact = ads.admin.post("/v1/contacts", contact).await.expect(201);
    let linked = ads.admin.patch(&path, json!({"contact_id": contact["id"]})).await.expect(200);
    assert_eq!((&linked["score"], &linked["stage"]), (&json!(20), &json!("marketing_qualification")));
    let waited = ads.list("/v1/interactions").await;
    assert!(waited.iter().all(|interaction| interaction["contact_id"] == contact["id"]), "{waited:?}");
}

#[tokio::test]
async fn a_known_contact_is_linked_also_where_none_is_created() {
    let ads = Ads::open(json!({"create_contact": false})).await;
    let contact = ads.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    ads.linkedin.post(&ads.path, response("r-1", "Ann@example.com")).await.expect(201);
    assert_eq!(ads.list("/v1/leads").await[0]["contact_id"], contact["id"]);
}

#[tokio::test]
async fn a_form_may_want_a_lead_for_every_response() {
    let ads = Ads::open(json!({"always_create_lead": true})).await;
    for id in ["r-1", "r-2"] {
        ads.linkedin.post(&ads.path, response(id, "ann@example.com")).await.expect(201);
    }
    assert_eq!(ads.counts().await, [1, 2, 2, 2]);
}

#[tokio::test]
async fn only_a_live_lead_ad_of_ones_own_takes_responses() {
    let ads = Ads::open(json!({})).await;
    let sent = response("r-1", "ann@example.com");
    ads.app.visitor().post(&ads.path, sent.clone()).await.expect_problem(401, "unauthorized");
    let reader = ads.app.integration(&["submissions:read"]).await;
    reader.post(&ads.path, sent.clone()).await.expect_problem(403, "forbidden");
    let stranger = ads.app.other_workspace().integration(&["submissions:write"]).await;
    stranger.post(&ads.path, sent.clone()).await.expect_problem(404, "not-found");
    ads.linkedin.post("/v1/lead-ads/linkedin/f_nothing", sent.clone()).await.expect_problem(404, "not-found");
    ads.linkedin.post(&ads.path, json!([sent])).await.expect_problem(400, "malformed-json");

    let page = bodies::with(
        form(),
        json!({"kind": "landing_page", "consents": [], "fields": [{"name": "email", "maps_to": "contact.email"}]}),
    );
    let page = ads.admin.post("/v1/forms", page).await.expect(201);
    ads.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&page)), Value::Null).await.expect(200);
    let path = format!("/v1/lead-ads/linkedin/{}", page["key"].as_str().unwrap());
    ads.linkedin.post(&path, sent).await.expect_problem(404, "not-found");
    let public = ads.path.replace("/lead-ads/linkedin/", "/public/forms/") + "/submissions";
    let visitor = ads.app.visitor();
    visitor.post(&public, json!({"fields": {"email": "ann@example.com"}})).await.expect_problem(404, "not-found");
    assert_eq!(ads.counts().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn numbers_of_questions_are_used_once_and_only_by_lead_ads() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let twice = json!({"fields": [{"name": "a", "question_id": 1}, {"name": "b", "question_id": 1}]});
    admin.post("/v1/forms", bodies::with(form(), twice)).await.expect_invalid(&["/fields/1/question_id"]);
    let page = json!({"kind": "landing_page", "fields": [{"name": "a", "question_id": 1}]});
    admin
        .post("/v1/forms", bodies::with(form(), page))
        .await
        .expect_invalid(&["/fields/0/question_id", "/consents/0/consent_id"]);
    let deaf = json!({"fields": [{"name": "email", "maps_to": "contact.email"}]});
    let deaf = admin.post("/v1/forms", bodies::with(form(), deaf)).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&deaf)), Value::Null).await.expect_invalid(&["/fields"]);
}
