//! What a form is made of (CAP-1): its fields and where they go, what it writes, and where it may be sent from.
//!
//! Two sets of rules: what is said must hold together whenever a form is saved; what a form needs must be there before
//! it goes live. Both report everything that is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::confirmation_letter::{self, ConfirmationLetter};
use super::event::{self, EventData};
use super::guard::{self, RateLimit};
use super::lead_ad;
use super::policy::UpdatePolicy;
use super::redirect;
use super::slot::{Record, Slot};
use crate::error::Violation;
use crate::id::Id;
use crate::workspaces::settings::ChannelClass;

/// The definition of a form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = FormDefinition)]
#[schema(example = json!({
    "name": "White paper", "kind": "landing_page", "source": "landing_page", "campaign": "spring-2026",
    "fields": [
        {"name": "email", "label": "E-mail", "required": true, "maps_to": "contact.email"},
        {"name": "company", "maps_to": "account.name"},
        {"name": "question", "multi_line": true},
    ],
    "allowed_origins": ["https://www.example.com"], "thank_you_url": "https://www.example.com/thanks",
}))]
pub struct Definition {
    /// Its name, for the people of the workspace.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Its fields. A submission may hold no others.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub fields: Vec<FormField>,
    /// Which records a submission writes. Default `contact_and_lead`.
    #[serde(default)]
    pub writes: Writes,
    /// What to do when a submission lacks what the strategy compares, so that it cannot be matched. Default `create`.
    #[serde(default)]
    pub on_unmatchable: OnUnmatchable,
    /// What a submission may change of records that are known. Default `fill_blanks`.
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// Whether every submission opens a new lead, whatever leads there are. Default false.
    #[serde(default)]
    pub always_create_lead: bool,
    /// Whether somebody who is not known becomes a contact. Default true; otherwise their lead waits without a contact,
    /// and is not scored before it is linked with one.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub create_contact: bool,
    /// Whether test leads of an advertising network are taken like any other; they are dropped by default.
    #[serde(default)]
    pub take_test_leads: bool,
    /// Key of the strategy that finds known contacts; the default one when left out.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub contact_strategy: Option<String>,
    /// Key of the strategy that finds known leads; the default one when left out.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub lead_strategy: Option<String>,
    /// The source of its leads: one of the workspace's.
    #[schema(max_length = 64)]
    pub source: String,
    /// More about the source.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub source_detail: Option<String>,
    /// The topic of its leads, unless a field gives one.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub topic: Option<String>,
    /// The campaign of its leads, unless a field gives one.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub campaign: Option<String>,
    /// The product line of its leads, unless a field gives one.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub product_line: Option<String>,
    /// The user who is to work its leads.
    #[serde(default)]
    pub owner_id: Option<Id>,
    /// Key of the asset that is given for it; the interaction names it.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub asset: Option<String>,
    /// Web origins whose pages may send it: scheme, host and port, nothing else. Programs that send no `Origin` may
    /// always; the list keeps other sites' pages out, it proves nothing about who sends.
    #[serde(default)]
    #[schema(schema_with = super::input::origins_schema, required = false)]
    pub allowed_origins: Vec<String>,
    /// Where a browser's form post is sent afterwards; a page of this service when left out. `https`, or `http` on
    /// localhost.
    #[serde(default)]
    #[schema(max_length = 2_000)]
    pub thank_you_url: Option<String>,
    /// Other pages that a browser's form post may ask to be sent to, by a name that it gives as `thank_you`; up to 20.
    #[serde(default)]
    #[schema(schema_with = super::input::thank_you_urls_schema, required = false)]
    pub thank_you_urls: BTreeMap<String, String>,
    /// Seconds in which the same answers count as one submission; 0 switches that off. Default 300.
    #[serde(default = "usual_window")]
    #[schema(minimum = 0, maximum = 86_400, default = 300)]
    pub duplicate_window_s: i64,
    /// The consents it asks for. A submission can give no others.
    #[serde(default)]
    #[schema(max_items = 2)]
    pub consents: Vec<ConsentAsked>,
    /// Whether the sender has to confirm their e-mail address before anything is made of a submission (double opt-in):
    /// they are mailed a link that is good once, for 28 days. Needs a required field that goes to `contact.email`, and
    /// a service that is set up to send mail. Default false.
    #[serde(default)]
    pub double_opt_in: bool,
    /// The mail that asks for the confirmation.
    #[serde(default)]
    pub confirmation: ConfirmationLetter,
    /// The name of a field that people do not see and programs fill in: who fills it is suspected. It is none of the
    /// form's fields.
    #[serde(default)]
    #[schema(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", example = "website")]
    pub honeypot: Option<String>,
    /// Seconds that a person needs at least to fill it in: who is faster is suspected. Above 0 every submission must
    /// bring a token of the form, from `/v1/public/forms/{key}/token`. Default 0.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 3_600, default = 0)]
    pub min_fill_seconds: i64,
    /// Links that the answers may hold together: who sends more is suspected. As many as wanted when left out.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000)]
    pub max_links: Option<u32>,
    /// How much it takes within ten seconds.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// The event that it is for; only for kind `event`.
    #[serde(default)]
    pub event: Option<EventData>,
}

fn yes() -> bool {
    true
}

fn usual_window() -> i64 {
    300
}

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormKind)]
pub enum Kind {
    /// A page that offers something.
    LandingPage,
    /// Registration for an event.
    Event,
    /// Subscription to a newsletter or the like.
    Subscription,
    /// The form of a lead ad: an advertising network's responses come in through `/v1/lead-ads/…`, and visitors cannot
    /// send it.
    LeadAd,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// Its name in submissions. `anonymous_id`, `page_url`, `submission_id`, `form_token`, `thank_you` and names that
    /// begin with `utm_`, `consent.` or `fields.` mean something else there.
    #[schema(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", example = "email")]
    pub name: String,
    /// What it is called on the page.
    #[serde(default)]
    #[schema(max_length = 200, example = "E-mail")]
    pub label: Option<String>,
    /// Whether a submission must fill it. Default false.
    #[serde(default)]
    pub required: bool,
    /// The field of a record that its value goes to; it stays with the submission only when left out.
    #[serde(default)]
    pub maps_to: Option<Slot>,
    /// Whether it may have several lines. Default false.
    #[serde(default)]
    pub multi_line: bool,
    /// The question of a lead ad whose answer it takes, as the network numbers it (`questionId`).
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub question_id: Option<i64>,
}

/// A consent that a form asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FormConsent)]
pub struct ConsentAsked {
    /// What it is for.
    pub purpose: Purpose,
    /// The version of the text shown, kept as proof.
    #[serde(default)]
    #[schema(max_length = 100, example = "2026-03")]
    pub text_version: Option<String>,
    /// The text shown; a hash of it is kept as proof.
    #[serde(default)]
    #[schema(max_length = 4_000, example = "You may write to me about warehouses.")]
    pub text: Option<String>,
    /// Whether a submission must give it. Default false.
    #[serde(default)]
    pub required: bool,
    /// The consent of a lead ad that it is, as the network numbers it (`consentId`).
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub consent_id: Option<i64>,
}

/// What a consent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConsentPurpose)]
pub enum Purpose {
    /// Being sent marketing.
    Marketing,
    /// Being scored.
    Profiling,
}

/// Which records a submission writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormWrites)]
pub enum Writes {
    /// The contact, and their interest.
    #[default]
    ContactAndLead,
    /// The contact only.
    Contact,
    /// The interest only; linked with the contact if known.
    Lead,
    /// Neither: only the submission and the interaction.
    None,
}

impl Writes {
    /// Whether contacts are created and changed.
    pub fn contact(self) -> bool {
        matches!(self, Self::ContactAndLead | Self::Contact)
    }

    /// Whether leads are created and changed.
    pub fn lead(self) -> bool {
        matches!(self, Self::ContactAndLead | Self::Lead)
    }
}

/// What to do with a submission that cannot be matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormOnUnmatchable)]
pub enum OnUnmatchable {
    /// Create new records.
    #[default]
    Create,
    /// Create none; the submission is stored as failed and says why.
    Fail,
}

/// Names that mean something else in a submission than a field.
pub fn is_reserved(name: &str) -> bool {
    ["anonymous_id", "page_url", "submission_id", "form_token", "thank_you"].contains(&name)
        || ["utm_", "consent.", "fields."].iter().any(|prefix| name.starts_with(prefix))
}

impl Definition {
    /// Everything that is wrong with what the definition says, in a workspace with these sources.
    pub fn check(&self, sources: &BTreeMap<String, ChannelClass>) -> Vec<Violation> {
        let mut broken = self.broken_fields();
        if !sources.contains_key(&self.source) {
            let known: Vec<&str> = sources.keys().map(String::as_str).collect();
            broken.push(Violation::new("/source", "not_allowed", format!("must be one of {}", known.join(", "))));
        }
        for (index, text) in self.allowed_origins.iter().enumerate() {
            broken.extend(redirect::origin(text).err().map(|why| why.at(format!("/allowed_origins/{index}"))));
        }
        let named = self.thank_you_urls.iter().map(|(name, url)| (format!("/thank_you_urls/{name}"), url));
        let usual = self.thank_you_url.iter().map(|url| ("/thank_you_url".to_owned(), url));
        for (pointer, url) in usual.chain(named) {
            broken.extend(redirect::redirect_url(url).err().map(|why| why.at(pointer)));
        }
        broken.extend(guard::check(self));
        broken.extend(event::check(self));
        for (index, asked) in self.consents.iter().enumerate() {
            if self.consents.iter().take(index).any(|earlier| earlier.purpose == asked.purpose) {
                let detail = "this purpose is asked for above";
                broken.push(Violation::new(format!("/consents/{index}/purpose"), "duplicate", detail));
            }
        }
        broken.extend(lead_ad::broken(self));
        broken.extend(self.confirmation.broken());
        broken
    }

    fn broken_fields(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            let earlier = || self.fields.iter().take(index);
            if is_reserved(&field.name) {
                let detail = "means something else in a submission; choose another name";
                broken.push(Violation::new(format!("/fields/{index}/name"), "not_allowed", detail));
            }
            if earlier().any(|other| other.name == field.name) {
                let detail = "another field has this name";
                broken.push(Violation::new(format!("/fields/{index}/name"), "duplicate", detail));
            }
            if field.maps_to.is_some() && earlier().any(|other| other.maps_to == field.maps_to) {
                let detail = "another field goes there";
                broken.push(Violation::new(format!("/fields/{index}/maps_to"), "duplicate", detail));
            }
        }
        broken
    }

    /// What the form still needs before it can go live.
    pub fn missing(&self) -> Vec<Violation> {
        let slots = || self.fields.iter().filter_map(|field| field.maps_to.as_ref());
        let mut missing = Vec::new();
        if self.fields.is_empty() {
            missing.push(Violation::new("/fields", "required", "a form needs a field"));
        } else if self.writes != Writes::None && !slots().any(Slot::names_somebody) {
            let detail = "a form that writes contacts or leads needs a field for a name, an e-mail address or a phone";
            missing.push(Violation::new("/fields", "required", detail));
        }
        missing.extend(lead_ad::missing(self));
        missing.extend(confirmation_letter::missing(self));
        missing
    }

    /// The field `name`.
    pub fn field(&self, name: &str) -> Option<&FormField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a page at `origin`, the `Origin` header of a request, may send the form.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().filter_map(|text| redirect::origin(text).ok()).any(|own| own.allows(origin))
    }

    /// Whether the form writes the record that `slot` belongs to.
    pub fn fills(&self, slot: &Slot) -> bool {
        match slot.record() {
            Record::Contact => self.writes.contact(),
            Record::Lead => self.writes.lead(),
            Record::Account => self.writes != Writes::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workspaces::settings::Settings;

    fn definition(fields: serde_json::Value) -> Definition {
        let document = json!({"name": "x", "kind": "event", "source": "web", "fields": fields});
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_stored_definition_reads_as_it_was_written() {
        let one = definition(json!([{"name": "email", "maps_to": "contact.email"}]));
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&text).unwrap(), one);
        assert_eq!(one.check(&Settings::default().sources), []);
    }

    #[test]
    fn names_that_a_form_post_uses_for_other_things_are_no_fields() {
        for name in ["utm_source", "consent.marketing", "fields.email", "page_url", "submission_id", "form_token"] {
            let broken = definition(json!([{"name": name}])).check(&Settings::default().sources);
            assert_eq!(broken.len(), 1, "{name}");
        }
        for name in ["email", "utm", "consent", "Page_url"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn fields_that_go_nowhere_may_be_many_and_no_two_go_to_one_place() {
        let apart = definition(json!([{"name": "a"}, {"name": "b"}, {"name": "A"}]));
        assert_eq!(apart.check(&Settings::default().sources), []);
        let together = json!([{"name": "a", "maps_to": "lead.topic"}, {"name": "b", "maps_to": "lead.topic"}]);
        let broken = definition(together).check(&Settings::default().sources);
        assert_eq!(broken.iter().map(|it| it.pointer.as_str()).collect::<Vec<_>>(), ["/fields/1/maps_to"]);
    }

    #[test]
    fn only_a_form_that_writes_nothing_can_do_without_a_person() {
        let mut form = definition(json!([{"name": "company", "maps_to": "account.name"}]));
        for writes in [Writes::ContactAndLead, Writes::Contact, Writes::Lead] {
            form.writes = writes;
            assert_eq!(form.missing().len(), 1, "{writes:?}");
        }
        form.writes = Writes::None;
        assert_eq!(form.missing(), []);
        form.fields.clear();
        assert_eq!(form.missing().len(), 1);
    }
}
