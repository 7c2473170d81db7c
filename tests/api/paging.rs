//! Lists: order, pages, filters.

use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

async fn add(person: &Person, names: &[&str]) {
    for name in names {
        person.post("/v1/accounts", bodies::account(name)).await.expect(201);
    }
}

fn names(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// The names on all pages of `path`, page by page; `between` happens after each page.
async fn walk(person: &Person, path: &str, mut between: impl AsyncFnMut()) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{path}{cursor}")).await.expect(200);
        all.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        between().await;
    }
}

#[tokio::test]
async fn every_entry_is_on_exactly_one_page() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // All at one instant, so that only the ids tell them apart.
    let expected: Vec<String> = (0..23).map(|k| format!("Company {k:02}")).collect();
    add(&admin, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for limit in [1, 2, 5, 22, 23, 24, 200] {
        let walked = walk(&admin, &format!("/v1/accounts?sort=created_at&limit={limit}"), async || {}).await;
        assert_eq!(walked, expected, "limit {limit}");
    }
    let newest_first: Vec<String> = expected.iter().rev().cloned().collect();
    assert_eq!(walk(&admin, "/v1/accounts?limit=4", async || {}).await, newest_first);
}

#[tokio::test]
async fn pages_stay_true_while_entries_come_and_go() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["b", "d", "f", "h", "j"]).await;
    let seen = walk(&admin, "/v1/accounts?sort=name&limit=2", async || add(&admin, &["a", "z"]).await).await;
    let original: Vec<&String> = seen.iter().filter(|name| !["a", "z"].contains(&name.as_str())).collect();
    assert_eq!(original, ["b", "d", "f", "h", "j"]);
    // What comes before the cursor is not met any more; what comes after it is.
    assert!(!seen.contains(&"a".to_owned()));
    assert!(seen.contains(&"z".to_owned()));
}

#[tokio::test]
async fn several_fields_order_one_after_the_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (name, days) in [("b", 0), ("a", 1), ("b", 1), ("a", 1)] {
        app.wait_days(days);
        add(&admin, &[name]).await;
    }
    let order = async |sort: &str| {
        let page = admin.get(&format!("/v1/accounts?sort={sort}")).await.expect(200);
        let entries = page["data"].as_array().unwrap().clone();
        entries
            .iter()
            .map(|e| format!("{}{}", e["name"].as_str().unwrap(), &e["created_at"].as_str().unwrap()[9..10]))
            .collect::<String>()
    };
    assert_eq!(order("name,created_at").await, "a3a5b2b4");
    assert_eq!(order("name,-created_at").await, "a5a3b4b2");
    assert_eq!(order("-name,created_at").await, "b2b4a3a5");
    for limit in 1..4 {
        let walked = walk(&admin, &format!("/v1/accounts?sort=-name,created_at&limit={limit}"), async || {}).await;
        assert_eq!(walked.concat(), "bbaa", "limit {limit}");
    }
}

#[tokio::test]
async fn an_order_is_taken_from_a_closed_list() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for sort in [
        "name;DROP%20TABLE%20accounts",
        "(select%20pg_sleep(5))",
        "name%20desc%20nulls%20first",
        "search_key",
        "id",
        "",
        ",",
        "-",
        "name,name",
        "name,-name",
        "%2Bname",
        "--name",
        "accounts.name",
    ] {
        admin.get(&format!("/v1/accounts?sort={sort}")).await.expect_bad_parameter("sort");
    }
    admin.get("/v1/accounts?dir=asc").await.expect_bad_parameter("dir");
    admin.get("/v1/accounts?filter%5Bsecret%5D=a").await.expect_bad_parameter("filter[secret]");
}

#[tokio::test]
async fn a_page_has_1_to_200_entries() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for limit in ["0", "-1", "201", "1e3", "1.5", "", "1000000000", "9223372036854775808", "ten", "%201", "01", "+5"] {
        admin.get(&format!("/v1/accounts?limit={limit}")).await.expect_bad_parameter("limit");
    }
    for path in ["/v1/accounts?offset=9223372036854775808", "/v1/accounts?limt=5"] {
        admin.get(path).await.expect_problem(400, "invalid-parameter");
    }
    for limit in [1, 200] {
        admin.get(&format!("/v1/accounts?limit={limit}")).await.expect(200);
    }
}

#[tokio::test]
async fn a_cursor_that_the_list_did_not_give_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["a", "b", "c"]).await;
    let page = admin.get("/v1/accounts?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let long = "A".repeat(1_900);
    // A number, a list of the wrong length, and a later form of cursors, all in base64.
    for wrong in [
        &cursor[1..],
        &cursor[..cursor.len() - 3],
        &format!("{cursor}A"),
        &long,
        "MQ",
        "WzEsIngiXQ",
        "WzIsIiIsW10sIiJd",
        "",
        "%00",
    ] {
        admin.get(&format!("/v1/accounts?limit=1&cursor={wrong}")).await.expect_bad_parameter("cursor");
    }
    admin.get(&format!("/v1/accounts?limit=1&sort=name&cursor={cursor}")).await.expect_bad_parameter("cursor");
    let too_long = format!("/v1/accounts?cursor={}", "A".repeat(2_001));
    admin.get(&too_long).await.expect_bad_parameter("cursor");
}

#[tokio::test]
async fn a_cursor_shows_another_workspace_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["a", "b", "c"]).await;
    let page = admin.get("/v1/accounts?limit=1").await.expect(200);
    let path = format!("/v1/accounts?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    let stranger = app.other_workspace().admin().await;
    assert_eq!(stranger.get(&path).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_search_takes_every_character_for_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["100% cotton", "snake_case", "back\\slash", "plain", "wow!", "ÕUN"]).await;
    let search = async |q: &str| names(&admin.get(&format!("/v1/accounts?q={q}")).await.expect(200));
    assert_eq!(search("%25").await, ["100% cotton"]);
    assert_eq!(search("_").await, ["snake_case"]);
    assert_eq!(search("%5C").await, ["back\\slash"]);
    assert_eq!(search("back%5C").await, ["back\\slash"]);
    assert_eq!(search("!").await, ["wow!"]);
    assert_eq!(search("LAI").await, ["plain"]);
    assert_eq!(search("õun").await, ["ÕUN"]);
    assert_eq!(search("%27%20OR%201=1").await, Vec::<String>::new());
    admin.get(&format!("/v1/accounts?q={}", "%25".repeat(201))).await.expect_bad_parameter("q");
    admin.get("/v1/accounts?q=%00").await.expect_bad_parameter("q");
}

#[tokio::test]
async fn entries_are_counted_only_when_asked() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["a", "b", "ab"]).await;
    assert_eq!(admin.get("/v1/accounts?limit=1").await.expect(200).get("total"), None);
    assert_eq!(admin.get("/v1/accounts?limit=1&count=true").await.expect(200)["total"], 3);
    assert_eq!(admin.get("/v1/accounts?limit=1&count=true&q=a").await.expect(200)["total"], 2);
    assert_eq!(admin.get("/v1/accounts?count=false").await.expect(200).get("total"), None);
    admin.get("/v1/accounts?count=1").await.expect_bad_parameter("count");
}

#[tokio::test]
async fn a_filter_by_someone_elses_id_finds_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&admin, &["a"]).await;
    let stranger = app.other_workspace().admin().await;
    let page = admin.get(&format!("/v1/accounts?owner_id={}", stranger.id())).await.expect(200);
    assert_eq!(page["data"], json!([]));
    admin.get("/v1/accounts?owner_id=me").await.expect_bad_parameter("owner_id");
}
