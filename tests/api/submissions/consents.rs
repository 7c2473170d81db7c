//! Consents: what a visitor is asked, what counts as an answer, and what is kept as proof (F14).

use serde_json::{Value, json};

use super::Site;

const TEXT: &str = "You may write to me.";

async fn asking() -> Site {
    Site::with(json!({"consents": [
        {"purpose": "marketing", "text_version": "2026-03", "text": TEXT}, {"purpose": "profiling"},
    ]}))
    .await
}

async fn give(site: &Site, consents: Value) -> Value {
    let body = json!({"fields": {"email": "ann@example.com"}, "consents": consents});
    let sent = site.request().json(&body).header("user-agent", "Browser/1").send().await.expect(202);
    site.became(sent["submission_id"].as_str().unwrap()).await
}

#[tokio::test]
async fn a_consent_is_kept_with_its_proof() {
    let site = asking().await;
    let became = give(&site, json!({"marketing": {"granted": true, "text_version": "2026-03"}})).await;
    let proofs = became["outcome"]["consents"].as_array().unwrap();
    assert_eq!(proofs.len(), 1);
    let address = ripen::forms::proof::address_hash(site.app.workspace().id, "127.0.0.1");
    let expected = json!({
        "purpose": "marketing", "at": site.app.now(), "text_version": "2026-03", "user_agent": "Browser/1",
        "text_sha256": "b6908925466adcbe611a02b6795309b9b7d77af4af0c37529a4cc0e85fb06e82", "address_sha256": address,
    });
    assert_eq!(proofs[0], expected);
    let consent = site.contact().await["consents"]["marketing"].clone();
    let evidence = format!("submission {}, text 2026-03, address sha256:{address}", became["id"].as_str().unwrap());
    assert_eq!((&consent["granted"], &consent["evidence"]), (&json!(true), &json!(evidence)));
    assert_eq!((&consent["at"], &consent["how"]), (&json!(site.app.now()), &json!("form")));
}

#[tokio::test]
async fn the_proof_of_a_text_changes_with_the_text() {
    let hash = async |text: &str| {
        let site = Site::with(json!({"consents": [{"purpose": "marketing", "text": text}]})).await;
        give(&site, json!({"marketing": true})).await["outcome"]["consents"][0]["text_sha256"].clone()
    };
    assert_eq!(hash(TEXT).await, hash(TEXT).await);
    assert_ne!(hash(TEXT).await, hash("You may call me.").await);
}

#[tokio::test]
async fn consents_may_be_told_plainly_or_with_the_text_that_was_shown() {
    let site = asking().await;
    for plain in [json!({"marketing": true}), json!({"marketing": {"granted": true}})] {
        assert_eq!(give(&site, plain).await["outcome"]["consents"][0]["text_version"], "2026-03");
    }
    let refused = give(&site, json!({"marketing": {"granted": false, "text_version": "2026-03"}})).await;
    assert_eq!(refused["outcome"]["consents"], json!([]));
    let posted =
        [("email", "bob@example.com"), ("consent.marketing", "on"), ("consent.marketing.text_version", "2026-03")];
    site.request().form(&posted).send().await.expect(202);
    let without = [("email", "eve@example.com"), ("consent.marketing.text_version", "2026-03")];
    site.request().form(&without).send().await.expect(202);
    let granted = async |email: &str| {
        let found = site.list(&format!("/v1/contacts?email={email}")).await;
        found[0]["consents"]["marketing"]["granted"].clone()
    };
    assert_eq!((granted("bob@example.com").await, granted("eve@example.com").await), (json!(true), Value::Null));
}

#[tokio::test]
async fn a_text_that_is_not_the_forms_present_one_is_no_proof() {
    let site = asking().await;
    for (consents, pointer) in [
        (json!({"marketing": {"granted": true, "text_version": "2025-01"}}), "/consents/marketing/text_version"),
        (json!({"marketing": {"granted": false, "text_version": "2025-01"}}), "/consents/marketing/text_version"),
        (json!({"profiling": {"granted": true, "text_version": "1"}}), "/consents/profiling/text_version"),
        (json!({"marketing": {"text_version": "2026-03"}}), "/consents/marketing/granted"),
        (json!({"marketing": {"granted": "yes"}}), "/consents/marketing/granted"),
        (json!({"marketing": "yes"}), "/consents/marketing"),
    ] {
        let answer = site.send(json!({"fields": {"email": "ann@example.com"}, "consents": consents})).await;
        answer.expect_invalid(&[pointer]);
    }
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_consent_that_the_form_requires_must_be_given() {
    let site = Site::with(json!({"consents": [{"purpose": "marketing", "required": true}]})).await;
    for consents in [json!({}), json!({"marketing": false}), json!({"marketing": {"granted": false}})] {
        let answer = site.send(json!({"fields": {"email": "ann@example.com"}, "consents": consents})).await;
        answer.expect_invalid(&["/consents/marketing"]);
    }
}
