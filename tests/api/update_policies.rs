//! Update policies against random people and submissions (MAT-8): what was not sent with a value is never touched.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use ripen::attributes::{read_like, says_the_same};
use serde_json::{Value, json};

use crate::proposals::Desk;
use crate::support::bodies;

/// Submissions against each policy.
const ROUNDS: usize = 12;

/// A field of the form, where the record has it, and values that it may have.
struct Field {
    name: &'static str,
    pointer: &'static str,
    values: &'static [&'static str],
}

const fn field(name: &'static str, pointer: &'static str, values: &'static [&'static str]) -> Field {
    Field { name, pointer, values }
}

const CONTACT: [Field; 10] = [
    field("first_name", "/first_name", &["Ann", "ANN", "Eve"]),
    field("last_name", "/last_name", &["Tamm", "Lee"]),
    field("phone", "/phone", &["+372 5551 2345", "003725551 2345", "+37255512346"]),
    field("job_title", "/job_title", &["CTO", "Buyer"]),
    field("decision_role", "/decision_role", &["user", "decision_maker"]),
    field("line1", "/address/line1", &["Pärnu mnt 10", "pärnu  MNT 10", "Turu 2"]),
    field("city", "/address/city", &["Tallinn", "Tartu"]),
    field("country", "/address/country", &["EE", "FI"]),
    field("size", "/attributes/size", &["5", "5.0", "6", "many"]),
    field("vip", "/attributes/vip", &["true", "TRUE", "false", "yes"]),
];

const LEAD: [Field; 3] = [
    field("topic", "/topic", &["CRM", "crm", "ERP"]),
    field("campaign", "/campaign", &["spring", "autumn"]),
    field("budget", "/attributes/budget", &["10", "10.0", "20k"]),
];

/// What is known of a field: nothing, or one of its values, as text or as what it can be read as.
type Known = BTreeMap<&'static str, Option<Value>>;
/// What is sent: some fields, blank or with a value.
type Sent = BTreeMap<&'static str, String>;

fn known() -> impl Strategy<Value = Known> {
    let each: Vec<_> = CONTACT
        .iter()
        .chain(&LEAD)
        .map(|field| {
            let typed = field.pointer.starts_with("/attributes");
            let value =
                prop::sample::select(field.values).prop_map(move |text| match serde_json::from_str::<Value>(text) {
                    Ok(value) if typed => value,
                    _ => json!(text),
                });
            (Just(field.name), prop::option::weighted(0.7, value))
        })
        .collect();
    each.prop_map(|fields| fields.into_iter().collect())
}

fn sent() -> impl Strategy<Value = Sent> {
    let each: Vec<_> = CONTACT
        .iter()
        .chain(&LEAD)
        .map(|field| {
            let value = prop_oneof![
                3 => prop::sample::select(field.values).prop_map(str::to_owned),
                1 => prop::sample::select(&["", " ", "\t", "  "][..]).prop_map(str::to_owned),
            ];
            (Just(field.name), prop::option::of(value))
        })
        .collect();
    each.prop_map(|fields| fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// A merge patch that gives a record exactly what is known of `fields`.
fn patch(fields: &[Field], known: &Known, address: bool) -> Value {
    let mut document = json!({"attributes": {}});
    if address {
        document["address"] = json!({});
    }
    for field in fields {
        let path: Vec<&str> = field.pointer.split('/').skip(1).collect();
        let value = json!(known[field.name]);
        match path[..] {
            [name] => document[name] = value,
            [group, name] => document[group][name] = value,
            _ => unreachable!(),
        }
    }
    document
}

/// The record without what every change moves, and without `names`.
fn rest(record: &Value, fields: &[Field]) -> Value {
    let mut rest = record.clone();
    let others =
        ["version", "updated_at", "score", "temperature", "phone_e164", "account_id", "consents", "completeness"];
    for name in others {
        rest.as_object_mut().unwrap().remove(name);
    }
    for field in fields {
        if let Some(value) = rest.pointer_mut(field.pointer) {
            value.take();
        }
    }
    // An attribute that is not known is not there at all.
    let attributes = rest["attributes"].as_object_mut().unwrap();
    attributes.retain(|_, value| !value.is_null());
    rest
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches("00").to_owned()
}

/// Whether what was sent says what is known, in another spelling at most.
fn says_what_is_known(field: &Field, known: &Value, sent: &str) -> bool {
    match field.name {
        "phone" => digits(known.as_str().unwrap()) == digits(sent),
        _ => says_the_same(known, sent),
    }
}

/// What a record has in `field` after `sent` met `before`.
fn expected(policy: &str, field: &Field, before: &Value, sent: Option<&String>) -> Value {
    let Some(sent) = sent.map(|sent| sent.trim()).filter(|sent| !sent.is_empty()) else { return before.clone() };
    match policy {
        "link_only" => before.clone(),
        _ if before.is_null() => json!(sent),
        "overwrite" if field.name == "phone" && says_what_is_known(field, before, sent) => before.clone(),
        "overwrite" if !before.is_string() && says_what_is_known(field, before, sent) => before.clone(),
        "overwrite" => read_like(before, sent),
        _ => before.clone(),
    }
}

/// The fields that `sent` contradicts.
fn contradicted(fields: &[Field], record: &Value, sent: &Sent) -> Vec<&'static str> {
    let contradicts = |field: &&Field| {
        let before = record.pointer(field.pointer).filter(|known| !known.is_null());
        let value = sent.get(field.name).map(|value| value.trim()).filter(|value| !value.is_empty());
        before.zip(value).is_some_and(|(known, value)| !says_what_is_known(field, known, value))
    };
    fields.iter().filter(contradicts).map(|field| field.name).collect()
}

fn check(policy: &str, fields: &[Field], before: &Value, after: &Value, sent: &Sent, case: &str) {
    for field in fields {
        let held = before.pointer(field.pointer).cloned().unwrap_or_default();
        let has = after.pointer(field.pointer).cloned().unwrap_or_default();
        let expected = expected(policy, field, &held, sent.get(field.name));
        assert_eq!(has.to_string(), expected.to_string(), "{}: {case}", field.name);
    }
    assert_eq!(rest(before, fields).to_string(), rest(after, fields).to_string(), "{case}");
}

async fn round(desk: &Desk, form: &str, policy: &str, number: usize, known: Known, sent: Sent, consents: [bool; 2]) {
    let case = format!("{policy} {known:?} {sent:?} {consents:?}");
    let email = format!("{policy}-{number}@example.com").replace('_', "-");
    let granted = |given: bool| json!({"marketing": given});
    let first = json!({"fields": {"email": email, "comment": "first"}, "consents": granted(consents[0])});
    let first = desk.send(form, first).await;
    let contact = format!("/v1/contacts/{}", first["contact_id"].as_str().unwrap());
    let lead = format!("/v1/leads/{}", first["lead_id"].as_str().unwrap());
    desk.admin.patch(&contact, patch(&CONTACT, &known, true)).await.expect(200);
    desk.admin.patch(&lead, patch(&LEAD, &known, false)).await.expect(200);
    let before = (desk.contact(&first).await, desk.lead(&first).await);

    let fields = bodies::with(json!(sent), json!({"email": email.to_uppercase(), "comment": "second"}));
    let second = desk.send(form, json!({"fields": fields, "consents": granted(consents[1])})).await;
    let after = (desk.contact(&first).await, desk.lead(&first).await);
    check(policy, &CONTACT, &before.0, &after.0, &sent, &case);
    check(policy, &LEAD, &before.1, &after.1, &sent, &case);

    let given = |record: &Value| record["consents"]["marketing"]["granted"] == true;
    assert_eq!((given(&before.0), given(&after.0)), (consents[0], consents[0] || consents[1]), "{case}");
    assert_eq!((&second["contact_id"], &second["lead_id"]), (&first["contact_id"], &first["lead_id"]), "{case}");
    let deed = format!("/v1/interactions/{}", second["interaction_id"].as_str().unwrap());
    let deed = desk.admin.get(&deed).await.expect(200);
    assert_eq!((&deed["contact_id"], &deed["lead_id"]), (&first["contact_id"], &first["lead_id"]), "{case}");

    let mut proposed: Vec<&str> = Vec::new();
    if policy == "fill_blanks" {
        proposed.extend(contradicted(&CONTACT, &before.0, &sent));
        proposed.extend(contradicted(&LEAD, &before.1, &sent));
    }
    let names = |conflict: &Value| conflict["field"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let mut told: Vec<String> = second["outcome"]["conflicts"].as_array().unwrap().iter().map(names).collect();
    proposed.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, proposed, "{case}");
}

async fn rounds(policy: &str) {
    let desk = Desk::open().await;
    let (form, mut runner) = (desk.form(policy).await, TestRunner::default());
    for number in 0..ROUNDS {
        let case = (known(), sent(), any::<[bool; 2]>()).new_tree(&mut runner).unwrap().current();
        round(&desk, &form, policy, number, case.0, case.1, case.2).await;
    }
}

#[tokio::test]
async fn filling_blanks_touches_nothing_that_is_known() {
    rounds("fill_blanks").await;
}

#[tokio::test]
async fn overwriting_touches_only_what_was_sent_with_a_value() {
    rounds("overwrite").await;
}

#[tokio::test]
async fn linking_touches_nothing_and_credits_the_interaction() {
    rounds("link_only").await;
}

#[tokio::test]
async fn an_account_keeps_its_name_whatever_is_sent() {
    let desk = Desk::open().await;
    let account = desk.admin.post("/v1/accounts", json!({"name": "Contoso OÜ", "country": "EE"})).await.expect(201);
    let path = format!("/v1/accounts/{}", bodies::id(&account));
    for policy in ["fill_blanks", "overwrite", "link_only"] {
        let form = desk.form(policy).await;
        let known = json!({"email": format!("{policy}@example.com"), "account_id": account["id"]});
        let contact = desk.admin.post("/v1/contacts", known.clone()).await.expect(201);
        for company in ["", "  ", "CONTOSO oü", "Fabrikam"] {
            let fields = json!({"email": known["email"], "company": company, "comment": company});
            let became = desk.submit(&form, fields).await;
            assert_eq!(became["contact_id"], contact["id"]);
            let moved = policy == "overwrite" && company == "Fabrikam";
            assert_eq!(desk.contact(&became).await["account_id"] != account["id"], moved, "{policy} {company}");
        }
        assert_eq!(desk.admin.get(&path).await.expect(200), account, "{policy}");
    }
}
