//! Spam: what is suspected and held back, how it is released, and how much a form takes at all (CAP-5).

use reqwest::Method;
use ripen::auth::scope::Role;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::submissions::{PAGE, Site, at_once, form};
use crate::support::{Answer, Options, bodies};

/// Lets `millis` pass.
fn wait_millis(site: &Site, millis: i64) {
    site.app.clock.set(Timestamp::from_micros(site.app.now().micros() + millis * 1_000));
}

fn token_path(site: &Site) -> String {
    site.path().replace("submissions", "token")
}

async fn token(site: &Site) -> String {
    site.app.visitor().get(&token_path(site)).await.expect(200)["token"].as_str().unwrap().to_owned()
}

async fn send_with(site: &Site, token: &str, email: &str) -> Answer {
    site.send(json!({"fields": {"email": email}, "token": token})).await
}

/// Another live form of the same workspace; the path visitors send it to.
async fn other_form(site: &Site, changes: Value) -> String {
    let other = site.admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201);
    site.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&other)), Value::Null).await.expect(200);
    format!("/v1/public/forms/{}/submissions", other["key"].as_str().unwrap())
}

/// The id of a submission that was held back.
async fn held_back(site: &Site) -> String {
    let sent = json!({"fields": {"email": "ann@example.com", "website": "http://x"}, "consents": {"marketing": true}});
    site.send(sent).await.expect(202)["submission_id"].as_str().unwrap().to_owned()
}

async fn release(site: &Site, id: &str) -> Answer {
    site.admin.post(&format!("/v1/submissions/{id}/release"), Value::Null).await
}

// What is suspected.

#[tokio::test]
async fn who_fills_what_nobody_sees_hears_what_everybody_hears_and_nothing_comes_of_it() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let good = site.send(json!({"fields": {"email": "bob@example.com", "website": " "}})).await;
    let bad = site.send(json!({"fields": {"email": "ann@example.com", "website": "http://x"}})).await;
    let posted = site.request().form(&[("email", "eve@example.com"), ("website", "x")]).send().await;
    for answer in [&good, &bad, &posted] {
        let accepted = answer.expect(202);
        assert_eq!((accepted.as_object().unwrap().len(), &accepted["status"]), (2, &json!("accepted")));
    }
    assert_eq!(site.counts().await, [1, 1, 1, 3]);
    let held = site.list("/v1/submissions?status=quarantined").await;
    assert_eq!(held.len(), 2);
    let became = site.became(bad.json()["submission_id"].as_str().unwrap()).await;
    assert_eq!((&became["contact_id"], &became["interaction_id"]), (&Value::Null, &Value::Null));
    assert!(became["reason"].as_str().unwrap().contains("do not see"), "{became}");
    assert_eq!(site.count("/v1/events?type=submission.quarantined").await, 2);
    assert_eq!(site.count("/v1/events?type=submission.processed").await, 1);
}

#[tokio::test]
async fn answers_sooner_than_anybody_types_are_held_back() {
    let site = Site::with(json!({"min_fill_seconds": 3})).await;
    let (hasty, patient) = (token(&site).await, token(&site).await);
    wait_millis(&site, 100);
    let hasty = send_with(&site, &hasty, "ann@example.com").await.expect(202);
    wait_millis(&site, 2_900);
    let patient = send_with(&site, &patient, "bob@example.com").await.expect(202);
    let status = async |answer: Value| site.became(answer["submission_id"].as_str().unwrap()).await["status"].clone();
    assert_eq!([status(hasty).await, status(patient).await], ["quarantined", "processed"]);
    assert_eq!(site.counts().await, [1, 1, 1, 2]);
}

#[tokio::test]
async fn more_links_than_the_form_allows_are_held_back() {
    let site = Site::with(json!({"max_links": 1})).await;
    let few = site.submit(json!({"email": "ann@example.com", "question": "Is https://x.ee yours?"})).await;
    let many = site.submit(json!({"email": "bob@example.com", "question": "http://a http://b"})).await;
    assert_eq!([&site.became(&few).await["status"], &site.became(&many).await["status"]], ["processed", "quarantined"]);
}

#[tokio::test]
async fn what_is_suspected_by_mistake_is_refused_no_less_for_what_is_wrong_with_it() {
    let site = Site::with(json!({"honeypot": "website", "min_fill_seconds": 3})).await;
    let answer = site.send(json!({"fields": {"email": "ann@", "website": "x", "web": "y"}})).await;
    answer.expect_invalid(&["/fields/email", "/fields/web", "/token"]);
}

#[tokio::test]
async fn a_repeat_of_what_was_held_back_is_the_first() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let first = held_back(&site).await;
    site.app.wait_seconds(60);
    assert_eq!(held_back(&site).await, first);
    site.app.wait_seconds(241);
    assert_ne!(held_back(&site).await, first);
    assert_eq!(site.counts().await, [0, 0, 0, 2]);
}

// The form's token.

#[tokio::test]
async fn a_form_that_measures_the_time_takes_no_token_but_a_good_one_of_its_own() {
    let site = Site::with(json!({"min_fill_seconds": 1})).await;
    let other = other_form(&site, json!({"min_fill_seconds": 1})).await;
    let mine = token(&site).await;
    site.app.wait_seconds(5);
    let foreign = site.app.visitor().post(&other, json!({"fields": {"email": "a@x.ee"}, "token": mine})).await;
    foreign.expect_invalid(&["/token"]);
    site.send(json!({"fields": {"email": "a@x.ee"}})).await.expect_invalid(&["/token"]);
    for forged in ["x", &mine[1..], &mine[..mine.len() - 1], &format!("{mine}A"), &site.admin.token().await.unwrap()] {
        send_with(&site, &forged.chars().take(500).collect::<String>(), "a@x.ee").await.expect_invalid(&["/token"]);
    }
    site.app.wait_seconds(24 * 3600 - 6);
    send_with(&site, &mine, "a@x.ee").await.expect(202);
    let late = token(&site).await;
    site.app.wait_seconds(24 * 3600);
    send_with(&site, &late, "b@x.ee").await.expect_invalid(&["/token"]);
    let posted = site.request().form(&[("email", "c@x.ee"), ("form_token", late.as_str())]).send().await;
    posted.expect_invalid(&["/token"]);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_token_serves_one_submission_and_its_repeats() {
    let site = Site::with(json!({"min_fill_seconds": 1, "duplicate_window_s": 0})).await;
    let token = token(&site).await;
    site.app.wait_seconds(5);
    let first = send_with(&site, &token, "ann@example.com").await.expect(202);
    assert_eq!(send_with(&site, &token, " ann@example.com").await.expect(202), first);
    for number in 0..100 {
        let sent = json!({
            "fields": {"email": format!("p{number}@example.com")}, "token": token, "submission_id": format!("{number}"),
        });
        site.send(sent).await.expect_invalid(&["/token"]);
    }
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let kept = site.became(first["submission_id"].as_str().unwrap()).await;
    assert_eq!(kept["payload"], json!({"fields": {"email": "ann@example.com"}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_share_a_token_at_once_one_gets_in() {
    let site = Site::with(json!({"min_fill_seconds": 1})).await;
    let token = token(&site).await;
    site.app.wait_seconds(5);
    let sending = (0..16).map(|number| {
        let body = json!({"fields": {"email": format!("p{number}@example.com")}, "token": token});
        let (visitor, path) = (site.app.visitor(), site.path());
        async move { visitor.post(&path, body).await.status() }
    });
    let mut heard = futures_util::future::join_all(sending).await;
    heard.sort_unstable();
    assert_eq!((heard[0], heard[1], heard[15]), (202, 422, 422), "{heard:?}");
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_form_token_opens_nothing_but_its_form() {
    let site = Site::open().await;
    let token = token(&site).await;
    for path in ["/v1/leads", "/v1/submissions", "/v1/settings"] {
        site.app.bearer(&token).get(path).await.expect_problem(401, "invalid-token");
    }
    // A form that measures nothing takes a token all the same, if it is a good one.
    send_with(&site, &token, "ann@example.com").await.expect(202);
    send_with(&site, "nonsense", "bob@example.com").await.expect_invalid(&["/token"]);
}

#[tokio::test]
async fn pages_get_tokens_of_forms_they_may_send() {
    let site = Site::with(json!({"min_fill_seconds": 3})).await;
    let ask = |origin: &str| site.app.visitor().request(Method::GET, &token_path(&site)).header("origin", origin);
    let allowed = ask(PAGE).send().await;
    let document = allowed.expect(200);
    assert_eq!((&document["min_fill_seconds"], document["expires_at"].is_string()), (&json!(3), true));
    assert_eq!((allowed.header("access-control-allow-origin"), allowed.header("vary")), (Some(PAGE), Some("Origin")));
    assert_eq!(allowed.header("cache-control"), Some("no-store"));
    let refused = ask("https://evil.io").send().await;
    refused.expect_problem(403, "origin-not-allowed");
    assert_eq!(refused.header("access-control-allow-origin"), None);
    site.app.visitor().get("/v1/public/forms/f_nothing/token").await.expect_problem(404, "not-found");
}

// Releasing what was held back.

#[tokio::test]
async fn what_is_released_becomes_what_it_would_have_become_when_it_arrived() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    crate::scoring::live_model(&site.admin, crate::submissions::model()).await;
    let arrived = site.app.now();
    let id = held_back(&site).await;
    site.app.wait_days(2);
    let released = release(&site, &id).await;
    let became = released.expect(200);
    assert_eq!(
        (&became["status"], &became["reason"], &became["version"]),
        (&json!("processed"), &Value::Null, &json!(2))
    );
    assert_eq!(released.header("etag"), Some("\"v2\""));
    assert_eq!(became, site.became(&id).await);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let interaction = site.list("/v1/interactions").await[0].clone();
    assert_eq!((&interaction["occurred_at"], &interaction["id"]), (&json!(arrived), &became["interaction_id"]));
    assert_eq!(site.contact().await["consents"]["marketing"]["at"], json!(arrived));
    assert_eq!(site.lead().await["score"], 30);
    assert_eq!(site.count("/v1/events?type=submission.processed").await, 1);
    release(&site, &id).await.expect_problem(409, "conflict");
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_release_at_once_release_once() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let id = held_back(&site).await;
    let releasing = (0..64).map(|_| release(&site, &id));
    let heard: Vec<u16> = futures_util::future::join_all(releasing).await.iter().map(Answer::status).collect();
    assert_eq!((heard.iter().filter(|status| **status == 200).count(), heard.len()), (1, 64));
    assert!(heard.iter().all(|status| [200, 409].contains(status)), "{heard:?}");
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn what_the_form_no_longer_accepts_when_it_is_released_has_failed_and_can_be_corrected() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let id = held_back(&site).await;
    let path = format!("/v1/forms/{}", bodies::id(&site.form));
    site.admin.patch_version(&path, 2, json!({"honeypot": "homepage"})).await.expect(200);
    let became = release(&site, &id).await.expect(200);
    assert_eq!((&became["status"], &became["contact_id"]), (&json!("failed"), &Value::Null));
    assert!(became["reason"].as_str().unwrap().contains("/fields/website"), "{became}");
    let retry = json!({"as": "original", "fields": {"website": null}});
    let retried = site.admin.post(&format!("/v1/submissions/{id}/retry"), retry).await.expect(200);
    assert_eq!(retried["status"], "processed");
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn only_who_may_work_submissions_releases_them_and_names_the_version_if_they_like() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let path = format!("/v1/submissions/{}/release", held_back(&site).await);
    let viewer = site.app.person(Role::Viewer).await;
    viewer.post(&path, Value::Null).await.expect_problem(403, "forbidden");
    let stranger = site.app.other_workspace().admin().await;
    stranger.post(&path, Value::Null).await.expect_problem(404, "not-found");
    let stale = site.admin.request(Method::POST, &path).if_version(7).send().await;
    stale.expect_problem(412, "precondition-failed");
    let marketer = site.app.person(Role::Marketer).await;
    marketer.request(Method::POST, &path).if_version(1).send().await.expect(200);
}

// How much a form takes.

async fn limited(changes: Value) -> Site {
    Site::set_up(Options { form_rate_limits: true, trusted_proxies: "127.0.0.0/8", ..Options::default() }, changes)
        .await
}

async fn sent_from(site: &Site, path: &str, address: &str, number: usize) -> Answer {
    let body = json!({"fields": {"email": format!("p{number}@example.com")}});
    let request = site.app.visitor().request(Method::POST, path).json(&body).header("origin", PAGE);
    request.header("x-forwarded-for", address).send().await
}

async fn accepted(site: &Site, path: &str, addresses: impl IntoIterator<Item = String>) -> usize {
    let mut accepted = 0;
    for (number, address) in addresses.into_iter().enumerate() {
        accepted += usize::from(sent_from(site, path, &address, number).await.status() == 202);
    }
    accepted
}

#[tokio::test]
async fn one_address_may_send_ten_at_once_and_hears_how_long_to_wait() {
    let site = limited(json!({})).await;
    let neighbours = (0..10).map(|number| format!("203.0.113.{number}"));
    assert_eq!(accepted(&site, &site.path(), neighbours).await, 10);
    let refused = sent_from(&site, &site.path(), "203.0.113.77", 77).await;
    let problem = refused.expect_problem(429, "quota-exceeded");
    assert_eq!((&problem["violated-policies"], refused.header("retry-after")), (&json!(["address"]), Some("2")));
    assert_eq!(refused.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(site.count("/v1/submissions?limit=200").await, 10);
    assert_eq!(sent_from(&site, &site.path(), "198.51.100.1", 78).await.status(), 202);
    let other = other_form(&site, json!({})).await;
    assert_eq!(sent_from(&site, &other, "203.0.113.77", 79).await.status(), 202);
    site.app.wait_seconds(2);
    assert_eq!(sent_from(&site, &site.path(), "203.0.113.77", 77).await.status(), 202);
}

#[tokio::test]
async fn a_form_takes_fifty_in_ten_seconds_from_all_addresses_and_others_go_on() {
    let site = limited(json!({})).await;
    let everywhere = (0..60).map(|number| format!("2001:db8:0:{number:x}::1"));
    assert_eq!(accepted(&site, &site.path(), everywhere).await, 50);
    let refused = sent_from(&site, &site.path(), "198.51.100.1", 99).await;
    assert_eq!(refused.expect_problem(429, "quota-exceeded")["violated-policies"], json!(["form"]));
    let other = other_form(&site, json!({})).await;
    assert_eq!(sent_from(&site, &other, "198.51.100.1", 99).await.status(), 202);
}

#[tokio::test]
async fn a_form_sets_limits_of_its_own_or_none() {
    let site = limited(json!({"rate_limit": {"per_address": 2}})).await;
    let same = |number| (0..number).map(|_| "203.0.113.7".to_owned());
    assert_eq!(accepted(&site, &site.path(), same(5)).await, 2);
    let open = other_form(&site, json!({"rate_limit": {"per_address": 0, "per_form": 0}})).await;
    assert_eq!(accepted(&site, &open, same(60)).await, 60);
    let wrong = json!({"rate_limit": {"per_address": -1, "per_day": 1}});
    let answer = site.admin.post("/v1/forms", bodies::with(form(), wrong)).await;
    answer.expect_invalid(&["/rate_limit/per_address", "/rate_limit/per_day"]);
}

#[tokio::test]
async fn a_stranger_who_claims_other_addresses_meets_the_limit_all_the_same() {
    let options = Options { form_rate_limits: true, trusted_proxies: "10.0.0.0/8", ..Options::default() };
    let site = Site::set_up(options, json!({})).await;
    let rotating = (0..30).map(|number| format!("203.0.{number}.1"));
    assert_eq!(accepted(&site, &site.path(), rotating).await, 10);
    for submission in site.list("/v1/submissions").await {
        assert_eq!(submission["remote_address"], "127.0.0.1");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_visitors_own_address_is_kept() {
    let site = limited(json!({})).await;
    for (number, (forwarded, kept)) in [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.8", "203.0.113.8"),
        ("203.0.113.9, 127.0.0.9", "203.0.113.9"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = sent_from(&site, &site.path(), forwarded, number).await.expect(202);
        let became = site.became(answer["submission_id"].as_str().unwrap()).await;
        assert_eq!(became["remote_address"], kept, "{forwarded}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_installation_without_limits_takes_everything() {
    let site = Site::open().await;
    let answers = |number| json!({"fields": {"email": format!("p{number}@example.com")}});
    assert_eq!(at_once(&site, (0..60).map(answers).collect()).await.len(), 60);
}
