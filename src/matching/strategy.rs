//! Matching strategies: which fields of an incoming contact or lead must equal those of a known one (MAT-1, MAT-2).
//!
//! Every alternative compares at least one field exactly that says who it is about: for contacts an address, a number or
//! an id; for leads the contact, an address, a number or the account. Records are looked up by those, which are indexed,
//! so that matching stays as fast however many there are. A name, a form or a campaign alone never makes two records
//! one: many people share them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Violation;
use crate::text;

/// The most alternatives a strategy may have.
pub const ALTERNATIVES_MAX: usize = 10;
/// The most fields an alternative may have.
pub const FIELDS_MAX: usize = 8;

const KEY_MAX: usize = 64;
const NAME_MAX: usize = 200;

/// How an incoming contact or lead is compared with known ones before anything is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MatchingStrategy)]
pub struct Strategy {
    /// Name for other records to refer to: 1 to 64 lower-case letters, digits and underscores, a letter first.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z][a-z0-9_]*$", example = "contact_by_email")]
    pub key: String,
    /// Name for people, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Contact by e-mail")]
    pub name: String,
    /// Counts up from 1 with every change, so that a decision names the very rules it was made by.
    #[schema(minimum = 1, example = 1)]
    pub version: i32,
    /// What the strategy finds.
    pub target: Target,
    /// Ways to match, 1 to 10. A record matches when any one of them holds; earlier ones win over later ones.
    #[schema(min_items = 1, max_items = 10)]
    pub alternatives: Vec<Alternative>,
    /// Whether closed leads match as well. By default only open ones do; contacts are never closed.
    #[serde(default)]
    pub match_closed: bool,
}

/// What a strategy finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchingTarget)]
pub enum Target {
    /// People.
    Contact,
    /// Expressions of interest.
    Lead,
}

/// One way to match: all of its fields must be equal after normalisation, or alike where `fuzzy` is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MatchingAlternative)]
pub struct Alternative {
    /// The fields, 1 to 8, none of them twice. One that the input lacks makes the whole alternative not applicable. At
    /// least one of `email`, `phone`, `mobile`, `external_id` and `anonymous_id` (contacts), or of `contact`, `email`,
    /// `phone` and `account` (leads), is compared exactly.
    #[schema(min_items = 1, max_items = 8)]
    pub fields: Vec<MatchField>,
}

/// A field and how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MatchingField)]
pub struct MatchField {
    /// The field. Contacts are compared by `email`, `phone`, `mobile`, `external_id`, `anonymous_id`, `first_name` and
    /// `last_name`; leads by `contact`, `email`, `phone`, `form`, `campaign`, `product_line`, `account` and `topic`.
    pub field: Field,
    /// How its values are compared; `exact` by default. `fuzzy` is for `first_name` and `last_name` only.
    #[serde(default)]
    pub compare: Compare,
}

impl MatchField {
    /// `field`, equal after normalisation.
    pub const fn exact(field: Field) -> Self {
        Self { field, compare: Compare::Exact }
    }
}

/// How the values of a field are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchingComparison)]
pub enum Compare {
    /// Equal after normalisation.
    #[default]
    Exact,
    /// Alike after normalisation: a Jaro–Winkler similarity of 0.92 or more, such as of "Jonathan" and "Jonathon".
    Fuzzy,
}

/// A field that records can be matched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchingFieldName)]
pub enum Field {
    /// E-mail address, without case.
    Email,
    /// Phone number in E.164. A lead's is its captured phone or, without one, mobile.
    Phone,
    /// Mobile number in E.164.
    Mobile,
    /// The contact's id in another system.
    ExternalId,
    /// The id of a visitor not yet known by name.
    AnonymousId,
    /// First name, without case.
    FirstName,
    /// Last name, without case.
    LastName,
    /// The lead's contact: the one that was matched or named.
    Contact,
    /// The form the lead came through.
    Form,
    /// The campaign.
    Campaign,
    /// The product line.
    ProductLine,
    /// The account.
    Account,
    /// The topic, without case.
    Topic,
}

impl Field {
    /// The name used in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Mobile => "mobile",
            Self::ExternalId => "external_id",
            Self::AnonymousId => "anonymous_id",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Contact => "contact",
            Self::Form => "form",
            Self::Campaign => "campaign",
            Self::ProductLine => "product_line",
            Self::Account => "account",
            Self::Topic => "topic",
        }
    }
}

impl Target {
    /// The fields by which records of this kind can be compared.
    pub const fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Self::Contact => &[Email, Phone, Mobile, ExternalId, AnonymousId, FirstName, LastName],
            Self::Lead => &[Contact, Email, Phone, Form, Campaign, ProductLine, Account, Topic],
        }
    }

    /// The fields that say who a record is about, all of them indexed.
    pub const fn identifying(self) -> &'static [Field] {
        use Field::*;
        match self {
            Self::Contact => &[Email, Phone, Mobile, ExternalId, AnonymousId],
            Self::Lead => &[Contact, Email, Phone, Account],
        }
    }

    /// The shipped default strategy: contacts by e-mail; leads by contact and form, else by e-mail and form.
    pub fn default_strategy(self) -> Strategy {
        match self {
            Self::Contact => shipped("contact_by_email", "Contact by e-mail", self, &[&[Field::Email]]),
            Self::Lead => shipped(
                "lead_by_contact_and_form",
                "Lead by contact and form, else by e-mail and form",
                self,
                &[&[Field::Contact, Field::Form], &[Field::Email, Field::Form]],
            ),
        }
    }
}

/// Names of fields, for people.
pub fn named(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}

fn shipped(key: &str, name: &str, target: Target, alternatives: &[&[Field]]) -> Strategy {
    let alternatives = alternatives
        .iter()
        .map(|fields| Alternative { fields: fields.iter().copied().map(MatchField::exact).collect() })
        .collect();
    Strategy { key: key.to_owned(), name: name.to_owned(), version: 1, target, alternatives, match_closed: false }
}

impl Strategy {
    /// Every rule the strategy breaks, with pointers into it; none when it can be used.
    pub fn violations(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        if !is_key(&self.key) {
            let detail = format!("must be 1 to {KEY_MAX} lower-case letters, digits and underscores, a letter first");
            broken.push(Violation::new("/key", "invalid_key", detail));
        }
        if self.name.trim().is_empty() || text::length(&self.name) > NAME_MAX {
            broken.push(Violation::new("/name", "invalid_length", format!("must be 1 to {NAME_MAX} characters")));
        }
        if self.version < 1 {
            broken.push(Violation::new("/version", "out_of_range", "must be 1 or more"));
        }
        if !(1..=ALTERNATIVES_MAX).contains(&self.alternatives.len()) {
            let detail = format!("must hold 1 to {ALTERNATIVES_MAX} alternatives");
            broken.push(Violation::new("/alternatives", "invalid_length", detail));
        }
        for (index, alternative) in self.alternatives.iter().enumerate() {
            broken.extend(alternative.violations(self.target, &format!("/alternatives/{index}/fields")));
            if self.alternatives.iter().take(index).any(|earlier| earlier.set() == alternative.set()) {
                let detail = "another alternative compares the same";
                broken.push(Violation::new(format!("/alternatives/{index}"), "duplicate", detail));
            }
        }
        if self.match_closed && self.target == Target::Contact {
            broken.push(Violation::new("/match_closed", "not_allowed", "contacts are never closed"));
        }
        broken
    }

    /// Whether some alternative compares `field`.
    pub fn compares(&self, field: Field) -> bool {
        self.alternatives.iter().any(|alternative| alternative.fields.iter().any(|wanted| wanted.field == field))
    }

    /// The alternatives of which the input has all fields.
    pub fn applicable(&self, has: impl Fn(Field) -> bool) -> Vec<&Alternative> {
        let applies = |alternative: &&Alternative| {
            // An alternative that names no field would make every record match.
            !alternative.fields.is_empty() && alternative.fields.iter().all(|wanted| has(wanted.field))
        };
        self.alternatives.iter().filter(applies).collect()
    }
}

impl Alternative {
    /// The fields that are compared exactly.
    pub fn exact(&self) -> impl Iterator<Item = Field> + '_ {
        self.fields.iter().filter(|wanted| wanted.compare == Compare::Exact).map(|wanted| wanted.field)
    }

    /// The fields by which records of `target` are looked up.
    pub fn identifying(&self, target: Target) -> impl Iterator<Item = Field> + '_ {
        self.exact().filter(move |field| target.identifying().contains(field))
    }

    fn set(&self) -> BTreeSet<MatchField> {
        self.fields.iter().copied().collect()
    }

    fn violations(&self, target: Target, pointer: &str) -> Vec<Violation> {
        let mut broken = Vec::new();
        if !(1..=FIELDS_MAX).contains(&self.fields.len()) {
            broken.push(Violation::new(pointer, "invalid_length", format!("must hold 1 to {FIELDS_MAX} fields")));
        }
        if !self.fields.is_empty() && self.identifying(target).next().is_none() {
            let detail = format!("must compare one of {} exactly", named(target.identifying()));
            broken.push(Violation::new(pointer, "not_identifying", detail));
        }
        for (index, MatchField { field, compare }) in self.fields.iter().enumerate() {
            if *compare == Compare::Fuzzy && ![Field::FirstName, Field::LastName].contains(field) {
                let detail = "only first_name and last_name may be compared so";
                broken.push(Violation::new(format!("{pointer}/{index}/compare"), "not_allowed", detail));
            }
            if !target.fields().contains(field) {
                let detail = format!("is not a field of this target; allowed are {}", named(target.fields()));
                broken.push(Violation::new(format!("{pointer}/{index}/field"), "invalid_field", detail));
            }
            if self.fields.iter().take(index).any(|earlier| earlier.field == *field) {
                let detail = "is named twice in one alternative";
                broken.push(Violation::new(format!("{pointer}/{index}/field"), "duplicate", detail));
            }
        }
        broken
    }
}

fn is_key(text: &str) -> bool {
    text.len() <= KEY_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_strategies_are_valid_and_survive_json() {
        for target in [Target::Contact, Target::Lead] {
            let strategy = target.default_strategy();
            assert_eq!(strategy.violations(), []);
            let json = serde_json::to_string(&strategy).unwrap();
            assert_eq!(serde_json::from_str::<Strategy>(&json).unwrap(), strategy);
        }
    }

    #[test]
    fn leads_are_matched_by_contact_and_form_before_email_and_form() {
        let fields: Vec<Vec<Field>> = Target::Lead
            .default_strategy()
            .alternatives
            .iter()
            .map(|alternative| alternative.fields.iter().map(|f| f.field).collect())
            .collect();
        assert_eq!(fields, [[Field::Contact, Field::Form], [Field::Email, Field::Form]]);
    }

    #[test]
    fn every_field_is_named_as_in_json() {
        for field in [Target::Contact.fields(), Target::Lead.fields()].concat() {
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
    }

    #[test]
    fn comparison_is_exact_unless_told_and_unknown_words_are_refused() {
        let read = |json: &str| serde_json::from_str::<MatchField>(json);
        assert_eq!(read(r#"{"field": "email"}"#).unwrap(), MatchField::exact(Field::Email));
        assert!(read(r#"{"field": "email", "compare": "sounds_like"}"#).is_err());
        assert!(read(r#"{"field": "email", "weight": 3}"#).is_err());
        assert!(read(r#"{"field": "password"}"#).is_err());
    }

    fn contact(alternatives: &[&[(Field, Compare)]]) -> Strategy {
        let fields = |fields: &&[(Field, Compare)]| Alternative {
            fields: fields.iter().map(|&(field, compare)| MatchField { field, compare }).collect(),
        };
        Strategy { alternatives: alternatives.iter().map(fields).collect(), ..Target::Contact.default_strategy() }
    }

    fn told(strategy: &Strategy) -> Vec<(String, &'static str)> {
        strategy.violations().into_iter().map(|broken| (broken.pointer, broken.code)).collect()
    }

    #[test]
    fn names_alone_identify_nobody_and_only_names_may_be_alike() {
        use Compare::{Exact, Fuzzy};
        let good = contact(&[&[(Field::LastName, Fuzzy), (Field::FirstName, Fuzzy), (Field::Phone, Exact)]]);
        assert_eq!(told(&good), []);
        let names = contact(&[
            &[(Field::LastName, Fuzzy)],
            &[(Field::LastName, Exact), (Field::FirstName, Exact)],
            &[(Field::Email, Fuzzy)],
        ]);
        let expected = [
            ("/alternatives/0/fields", "not_identifying"),
            ("/alternatives/1/fields", "not_identifying"),
            ("/alternatives/2/fields", "not_identifying"),
            ("/alternatives/2/fields/0/compare", "not_allowed"),
        ];
        assert_eq!(told(&names), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn an_alternative_said_twice_and_closed_contacts_are_refused() {
        use Compare::Exact;
        let twice =
            [&[(Field::Email, Exact), (Field::Phone, Exact)][..], &[(Field::Phone, Exact), (Field::Email, Exact)][..]];
        let strategy = Strategy { match_closed: true, ..contact(&twice) };
        let expected = [("/alternatives/1", "duplicate"), ("/match_closed", "not_allowed")];
        assert_eq!(told(&strategy), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn all_broken_rules_are_listed_with_their_place() {
        let fields =
            vec![MatchField::exact(Field::Form), MatchField::exact(Field::Email), MatchField::exact(Field::Email)];
        let strategy = Strategy {
            key: "No Key".into(),
            name: " ".into(),
            version: 0,
            target: Target::Contact,
            alternatives: vec![Alternative { fields }, Alternative { fields: vec![] }],
            match_closed: false,
        };
        let broken: Vec<(String, &str)> = strategy.violations().into_iter().map(|v| (v.pointer, v.code)).collect();
        let expected = [
            ("/key", "invalid_key"),
            ("/name", "invalid_length"),
            ("/version", "out_of_range"),
            ("/alternatives/0/fields/0/field", "invalid_field"),
            ("/alternatives/0/fields/2/field", "duplicate"),
            ("/alternatives/1/fields", "invalid_length"),
        ];
        assert_eq!(broken, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }
}
