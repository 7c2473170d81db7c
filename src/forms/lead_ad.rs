//! Responses to LinkedIn lead ads, read in the terms of a form (CAP-8).
//!
//! LinkedIn numbers its questions and consents; a field of the form says which answer it takes with `question_id`, and a
//! consent with `consent_id`. What is not text, such as the choices of a multiple-choice question, is kept as JSON text
//! in a field that goes nowhere, and otherwise only with the response as it came. Members that nobody knows yet are kept
//! there as well. Campaign and creative go to the lead's UTM values: `utm_source` is `linkedin`, `utm_medium` is
//! `lead_ad`, `utm_campaign` and `utm_content` are the URNs of the campaign and the creative.

use std::collections::BTreeMap;

use serde_json::Value;

use super::definition::{Definition, FormField, Kind, Purpose};
use super::payload::{Given, Payload, Said};
use crate::clock::Timestamp;
use crate::error::Violation;
use crate::text;

/// What LinkedIn's responses name as their source.
pub const LINKEDIN: &str = "linkedin";
/// Characters of the id of a response.
const ID_MAX: usize = 200;
/// Characters of a UTM value.
const UTM_MAX: usize = 500;

/// One response, in the terms of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// LinkedIn's id of it.
    pub id: String,
    /// When the person sent it, if that was told.
    pub submitted_at: Option<Timestamp>,
    /// Whether somebody only tried the ad out.
    pub is_test: bool,
    /// What was answered.
    pub payload: Payload,
}

/// Reads a response. Only one that cannot be told from others is refused.
pub fn read(raw: &Value, definition: &Definition) -> Result<Response, Violation> {
    let refused = || Violation::new("/id", "required", "a response needs its id: text of up to 200 characters");
    let id = raw["id"].as_str().filter(|id| !id.trim().is_empty() && text::at_most(id, ID_MAX).is_ok());
    let id = id.filter(|id| text::line(id).is_ok()).ok_or_else(refused)?;
    let millis = raw["submittedAt"].as_i64().filter(|millis| *millis > 0);
    Ok(Response {
        id: id.to_owned(),
        submitted_at: millis.and_then(|millis| millis.checked_mul(1_000)).map(Timestamp::from_micros),
        is_test: raw["testLead"] == true,
        payload: Payload {
            fields: answers(raw, definition),
            consents: consents(raw, definition),
            utm: origin(raw),
            ..Payload::default()
        },
    })
}

fn answers(raw: &Value, definition: &Definition) -> BTreeMap<String, String> {
    let all = raw["formResponse"]["answers"].as_array().into_iter().flatten();
    let answers = all.filter_map(|answer| {
        let number = number(&answer["questionId"])?;
        let field = definition.fields.iter().find(|field| field.question_id == Some(number))?;
        Some((field.name.clone(), value(field, &answer["answerDetails"])?))
    });
    answers.collect()
}

/// What a field takes of an answer; none when it is nothing that the field's record could hold.
fn value(field: &FormField, details: &Value) -> Option<String> {
    let text = details["textQuestionAnswer"]["answer"].as_str().map(str::to_owned);
    text.or_else(|| (field.maps_to.is_none() && !details.is_null()).then(|| details.to_string()))
}

fn consents(raw: &Value, definition: &Definition) -> Given {
    let mut given = Given::default();
    for told in raw["formResponse"]["consentResponses"].as_array().into_iter().flatten() {
        let asked =
            definition.consents.iter().find(|asked| asked.consent_id.is_some_and(|id| is(&told["consentId"], id)));
        let place = match asked.map(|asked| asked.purpose) {
            Some(Purpose::Marketing) => &mut given.marketing,
            Some(Purpose::Profiling) => &mut given.profiling,
            None => continue,
        };
        *place = told["accepted"].as_bool().map(Said::Plainly);
    }
    given
}

fn is(told: &Value, id: i64) -> bool {
    number(told) == Some(id)
}

/// A number, also one that is written as text.
fn number(told: &Value) -> Option<i64> {
    told.as_i64().or_else(|| told.as_str()?.parse().ok())
}

fn origin(raw: &Value) -> BTreeMap<String, String> {
    let campaign =
        ["/leadMetadata/sponsoredLeadMetadata/campaign", "/leadMetadataInfo/sponsoredLeadMetadataInfo/campaign/id"];
    let creative = ["/associatedEntity/associatedCreative", "/associatedEntityInfo/associatedCreative/id"];
    let told = |places: [&str; 2]| places.into_iter().find_map(|place| raw.pointer(place)?.as_str()).map(str::to_owned);
    let values = [
        ("utm_source", Some(LINKEDIN.to_owned())),
        ("utm_medium", Some("lead_ad".to_owned())),
        ("utm_campaign", told(campaign)),
        ("utm_content", told(creative)),
    ];
    let short = |value: &String| text::at_most(value, UTM_MAX).is_ok();
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(short)?))).collect()
}

/// What is wrong with the numbers that a definition gives.
pub fn broken(definition: &Definition) -> Vec<Violation> {
    let questions = definition.fields.iter().map(|field| field.question_id);
    let consents = definition.consents.iter().map(|asked| asked.consent_id);
    let mut broken = numbered(definition.kind, "/fields", "question_id", questions.collect());
    broken.extend(numbered(definition.kind, "/consents", "consent_id", consents.collect()));
    broken
}

fn numbered(kind: Kind, list: &str, name: &str, numbers: Vec<Option<i64>>) -> Vec<Violation> {
    let mut broken = Vec::new();
    for (index, number) in numbers.iter().enumerate().filter(|(_, number)| number.is_some()) {
        let pointer = format!("{list}/{index}/{name}");
        if kind != Kind::LeadAd {
            broken.push(Violation::new(pointer, "not_allowed", "only a form of the kind lead_ad has such numbers"));
        } else if numbers.iter().take(index).any(|earlier| earlier == number) {
            broken.push(Violation::new(pointer, "duplicate", "this number is used above"));
        }
    }
    broken
}

/// What a lead ad's form still needs before it can go live.
pub fn missing(definition: &Definition) -> Option<Violation> {
    let is_deaf = definition.fields.iter().all(|field| field.question_id.is_none());
    let detail = "the form of a lead ad needs a field with a question_id";
    (definition.kind == Kind::LeadAd && is_deaf).then(|| Violation::new("/fields", "required", detail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn definition() -> Definition {
        let document = json!({
            "name": "x", "kind": "lead_ad", "source": "lead_ad",
            "fields": [
                {"name": "email", "maps_to": "contact.email", "question_id": 1},
                {"name": "first_name", "maps_to": "contact.first_name", "question_id": 2},
                {"name": "size", "question_id": 3},
            ],
            "consents": [{"purpose": "marketing", "consent_id": 7}],
        });
        serde_json::from_value(document).unwrap()
    }

    fn text(number: Value, text: &str) -> Value {
        json!({"questionId": number, "answerDetails": {"textQuestionAnswer": {"answer": text}}})
    }

    #[test]
    fn answers_consents_and_origin_find_their_places() {
        let raw = json!({
            "id": "r-1", "submittedAt": 1_686_182_358_881_i64, "testLead": true, "leadType": "SPONSORED",
            "leadMetadata": {"sponsoredLeadMetadata": {"campaign": "urn:li:sponsoredCampaign:7"}},
            "associatedEntity": {"associatedCreative": "urn:li:sponsoredCreative:9"},
            "formResponse": {
                "answers": [text(json!(1), "ann@x.ee"), text(json!("2"), "Ann"), text(json!(99), "?")],
                "consentResponses": [{"consentId": 7, "accepted": true}, {"consentId": 8, "accepted": true}],
            },
        });
        let response = read(&raw, &definition()).unwrap();
        assert_eq!((response.id.as_str(), response.is_test), ("r-1", true));
        assert_eq!(response.submitted_at, Some(Timestamp::from_micros(1_686_182_358_881_000)));
        let expected = json!({
            "fields": {"email": "ann@x.ee", "first_name": "Ann"}, "consents": {"marketing": true},
            "utm": {"utm_source": "linkedin", "utm_medium": "lead_ad", "utm_campaign": "urn:li:sponsoredCampaign:7",
                "utm_content": "urn:li:sponsoredCreative:9"},
        });
        assert_eq!(serde_json::to_value(&response.payload).unwrap(), expected);
    }

    #[test]
    fn an_answer_that_is_no_text_is_kept_where_it_goes_nowhere() {
        let choice = json!({"multipleChoiceAnswer": {"options": [2]}});
        let answers = json!([{"questionId": 3, "answerDetails": choice}, {"questionId": 1, "answerDetails": choice}]);
        let response = read(&json!({"id": "r", "formResponse": {"answers": answers}}), &definition()).unwrap();
        assert_eq!(response.payload.fields, [("size".to_owned(), choice.to_string())].into());
    }

    #[test]
    fn a_response_without_an_id_is_refused() {
        for raw in [
            json!({}),
            json!({"id": ""}),
            json!({"id": 7}),
            json!({"id": "x".repeat(201)}),
            json!({"id": "a\nb"}),
            json!(7),
        ] {
            assert_eq!(read(&raw, &definition()).unwrap_err().pointer, "/id", "{raw}");
        }
    }

    #[test]
    fn numbers_are_for_lead_ads_and_used_once() {
        let mut form = definition();
        assert_eq!((broken(&form), missing(&form)), (vec![], None));
        form.fields[1].question_id = Some(1);
        assert_eq!(broken(&form)[0].pointer, "/fields/1/question_id");
        form.kind = Kind::Event;
        assert_eq!(broken(&form).len(), 4);
        form.kind = Kind::LeadAd;
        form.fields.iter_mut().for_each(|field| field.question_id = None);
        assert!(missing(&form).is_some());
    }

    proptest! {
        #[test]
        fn whatever_else_a_response_holds_it_is_read(
            id in "[a-z0-9-]{1,20}",
            place in prop::sample::select(vec!["submittedAt", "testLead", "formResponse", "leadMetadata", "associatedEntity"]),
            odd in prop::sample::select(vec![json!(null), json!(-1), json!("x"), json!([[]]), json!({"answers": 3}),
                json!({"answers": [null, {"questionId": {}}], "consentResponses": {}}), json!(1e300)]),
        ) {
            let response = read(&json!({"id": id, place: odd}), &definition()).unwrap();
            prop_assert_eq!(response.id, id);
        }
    }
}
