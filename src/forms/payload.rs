//! What a visitor sent, and when two submissions say the same (CAP-4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, OneOf, Type};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::slot::VALUE_MAX;
use crate::http::document::PLAIN_TEXT;
use crate::http::idempotency;
use crate::leads::utm_schema;

/// Fields that a submission may have.
pub const FIELDS_MAX: usize = 64;
/// Names that a form post may have: the fields, UTM values, consents and what identifies the submission.
pub const PAIRS_MAX: usize = FIELDS_MAX + 30;

/// A submission as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubmissionPayload)]
#[schema(example = json!({
    "fields": {"email": "ann@example.com", "company": "Contoso OÜ"}, "consents": {"marketing": true},
    "utm": {"utm_source": "newsletter"}, "anonymous_id": "b1946ac9", "page_url": "https://www.example.com/white-paper",
}))]
pub struct Payload {
    /// The form's fields by name: up to 64, each of up to 4,000 characters.
    #[schema(schema_with = fields_schema)]
    pub fields: BTreeMap<String, String>,
    /// UTM values of the visit, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = utm_schema, required = false)]
    pub utm: BTreeMap<String, String>,
    /// The id that the page knows the browser by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200, pattern = "^[\\x21-\\x7e]*$", example = "b1946ac9")]
    pub anonymous_id: Option<String>,
    /// The consents given or refused, of those that the form asks for.
    #[serde(default, skip_serializing_if = "Given::is_nothing")]
    pub consents: Given,
    /// The page that the form stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2_000, example = "https://www.example.com/white-paper")]
    pub page_url: Option<String>,
    /// An id that the page made for this one submission: sent again, it is answered as the first time and has no
    /// second effect. Made anew for every visit of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255, pattern = "^[\\x21-\\x7e]*$", example = "6f1c0e4a")]
    pub submission_id: Option<String>,
    /// The token that the page got when it opened the form. Good for one submission and its repeats. Not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, pattern = "^[\\x21-\\x7e]*$")]
    pub token: Option<String>,
    /// The name of the thank-you page that a browser is to be sent to, of those that the form has. Not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32, example = "estonian")]
    pub thank_you: Option<String>,
}

/// What was said about a consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// Given or refused.
    Plainly(bool),
    /// Given or refused, having been shown this text.
    Of(Shown),
}

/// A consent given or refused, with the text that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Whether it was given.
    pub granted: bool,
    /// The version of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_version: Option<String>,
}

/// Consents given (true) or refused (false), by purpose; or, where the version of the text shown is told,
/// `{"granted": true, "text_version": "2026-03"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GivenConsents)]
pub struct Given {
    /// To being sent marketing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = marketing_schema, required = false)]
    pub marketing: Option<Said>,
    /// To being scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = profiling_schema, required = false)]
    pub profiling: Option<Said>,
}

impl Given {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The same as a browser's form post sends it: a list of names and values. Only described here; `wire` reads it.
pub struct FormPost;

impl PartialSchema for FormPost {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "What a visitor filled in, as names and values, no name twice. `anonymous_id`, `page_url` and \
                 `submission_id` and `thank_you` mean what they mean in JSON, `form_token` is the token, `utm_…` is a \
                 UTM value, `consent.marketing` and `consent.profiling` are consents: `on` or `true` gives one, \
                 `false` refuses it; `consent.<purpose>.text_version` tells the text that was shown. Every other name \
                 is a field of the form; with `fields.` before it, surely one",
            ))
            .additional_properties(Some(AdditionalProperties::RefOr(value_schema().into())))
            .max_properties(Some(PAIRS_MAX))
            .examples([serde_json::json!({"email": "ann@example.com", "consent.marketing": "on"})])
            .into()
    }
}

impl ToSchema for FormPost {
    fn name() -> std::borrow::Cow<'static, str> {
        "SubmissionFormPost".into()
    }
}

fn value_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(VALUE_MAX)).pattern(Some(PLAIN_TEXT))
}

fn marketing_schema() -> Schema {
    said_schema("To being sent marketing")
}

fn profiling_schema() -> Schema {
    said_schema("To being scored")
}

fn said_schema(purpose: &str) -> Schema {
    let granted = || ObjectBuilder::new().schema_type(Type::Boolean).description(Some("Whether it was given"));
    let version = ObjectBuilder::new().schema_type(Type::String).max_length(Some(100));
    let version = version.description(Some("The version of the text that was shown: the form's present one"));
    let shown = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("granted", granted())
        .property("text_version", version)
        .required("granted")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    OneOf::builder().description(Some(purpose)).item(granted()).item(shown).build().into()
}

fn fields_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("The form's fields by name: up to 64, each of up to 4,000 characters"))
        .additional_properties(Some(AdditionalProperties::RefOr(value_schema().into())))
        .max_properties(Some(FIELDS_MAX))
        .examples([serde_json::json!({"email": "ann@example.com"})])
        .build()
}

impl Payload {
    /// The same for submissions that say the same: empty values count as absent, and white space around values, the
    /// order of fields, the submission's own id, its token and where it leads to do not count.
    pub fn fingerprint(&self) -> String {
        let filled = |values: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let trimmed = values.iter().map(|(name, value)| (name.clone(), value.trim().to_owned()));
            trimmed.filter(|(_, value)| !value.is_empty()).collect()
        };
        let (fields, utm) = (filled(&self.fields), filled(&self.utm));
        let said = Self { fields, utm, submission_id: None, token: None, thank_you: None, ..self.clone() };
        let text = serde_json::to_vec(&said).unwrap_or_default();
        idempotency::fingerprint(&[&text])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload(document: serde_json::Value) -> Payload {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn what_says_the_same_has_one_fingerprint() {
        let one = payload(json!({"fields": {"email": "ann@x.ee", "note": "hello"}}));
        for same in [
            json!({"fields": {"note": "hello", "email": "ann@x.ee"}}),
            json!({"fields": {"email": " ann@x.ee", "note": "hello\n", "company": " "}}),
            json!({"fields": {"email": "ann@x.ee", "note": "hello"}, "submission_id": "7", "utm": {"utm_term": ""}}),
            json!({"fields": {"email": "ann@x.ee", "note": "hello"}, "token": "7", "thank_you": "estonian"}),
        ] {
            assert_eq!(payload(same.clone()).fingerprint(), one.fingerprint(), "{same}");
        }
    }

    #[test]
    fn whatever_else_was_said_counts() {
        let one = payload(json!({"fields": {"email": "ann@x.ee"}}));
        for other in [
            json!({"fields": {"email": "ann@x.ee", "note": "hi"}}),
            json!({"fields": {"mail": "ann@x.ee"}}),
            json!({"fields": {"email": "ann@x.ee"}, "consents": {"marketing": false}}),
            json!({"fields": {"email": "ann@x.ee"}, "anonymous_id": "a"}),
            json!({"fields": {"email": "ann@x.ee"}, "utm": {"utm_source": "a"}}),
            json!({"fields": {"email": "ann@x.ee"}, "page_url": "https://x.ee/"}),
        ] {
            assert_ne!(payload(other.clone()).fingerprint(), one.fingerprint(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn names_and_values_never_run_into_each_other(
            one in prop::collection::btree_map("[a-c\":,]{1,2}", "[a-c\":,]{1,2}", 0..4),
            other in prop::collection::btree_map("[a-c\":,]{1,2}", "[a-c\":,]{1,2}", 0..4),
        ) {
            let print = |fields: &BTreeMap<String, String>| {
                Payload { fields: fields.clone(), ..Payload::default() }.fingerprint()
            };
            prop_assert_eq!(print(&one) == print(&other), one == other);
        }
    }
}
