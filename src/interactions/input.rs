//! What callers tell of an interaction, checked and normalised.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::directory::Directory;
use super::{Interaction, network, reply, touch};
use crate::clock::Timestamp;
use crate::contacts::identity;
use crate::db::types::{Code, JsonOf};
use crate::db::{Cause as Because, Tx};
use crate::error::{Result, Violation, all_hold};
use crate::id::Id;
use crate::leads::Lead;
use crate::scoring::Evidence;
use crate::{contacts, workspaces};

/// Seconds that an interaction may lie in the future, for clocks that differ (INT-7).
pub const FUTURE_S: i64 = 5 * 60;
/// Bytes that properties may have as JSON.
const PROPERTIES_LIMIT: usize = 16 * 1024;

/// Somebody who may not be known yet: any of these keys. The strongest one given decides who it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"email": "ann@example.com"}))]
pub struct Person {
    /// E-mail address; asked second.
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// Phone; asked third. One that several contacts share tells nobody.
    #[schema(max_length = 40)]
    pub phone: Option<String>,
    /// The person's id in another system; asked first.
    #[schema(min_length = 1, max_length = 200)]
    pub external_id: Option<String>,
    /// Anonymous id (of a browser); asked last.
    #[schema(min_length = 1, max_length = 200)]
    pub anonymous_id: Option<String>,
}

impl Person {
    /// The e-mail address as it is compared, if it is one.
    pub(super) fn email_key(&self) -> Option<String> {
        self.email.as_deref().and_then(|typed| identity::email(typed).ok()).map(|email| email.key)
    }
}

/// A message that was recorded, or will be: by its id here, or by its source and its id there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"source": "mailer", "external_id": "sent-512"}))]
pub struct InReplyTo {
    /// Its id here; then without `source` and `external_id`.
    pub interaction_id: Option<Id>,
    /// The system that tells of it; goes with `external_id`.
    #[schema(min_length = 1, max_length = 100)]
    pub source: Option<String>,
    /// Its id in that system. A message that is told of later completes the reply then.
    #[schema(min_length = 1, max_length = 200)]
    pub external_id: Option<String>,
}

/// Something a person did.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z", "person": {"email": "ann@example.com"},
    "asset": "newsletter-3", "source": "mailer", "external_id": "m-1842"
}))]
pub struct NewInteraction {
    /// What was done: a kind of the register.
    #[schema(min_length = 1, max_length = 64)]
    pub kind: String,
    /// When; at most five minutes in the future. Scores come out as if all had arrived in order.
    pub occurred_at: Timestamp,
    /// Who did it, when the contact is known; otherwise `person`.
    pub contact_id: Option<Id>,
    /// Who did it, by keys. When nobody is known by them the interaction waits for the person to appear.
    pub person: Option<Person>,
    /// What the person was known by, where the contact is named because somebody looked it up: kept beside it.
    #[serde(skip)]
    pub known_by: Option<Person>,
    /// What it follows from: what follows from it follows from that as well.
    #[serde(skip)]
    pub because: Option<Because>,
    /// The lead it was done about. Without contact and person, the lead's contact did it.
    pub lead_id: Option<Id>,
    /// The asset it was done with.
    #[schema(max_length = 100)]
    pub asset: Option<String>,
    /// The campaign it belongs to.
    #[schema(max_length = 100)]
    pub campaign: Option<String>,
    /// The form it was done with.
    pub form_id: Option<Id>,
    /// More about it; up to 16 KiB as JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// The system that tells of it; goes with `external_id`.
    #[schema(min_length = 1, max_length = 100)]
    pub source: Option<String>,
    /// Its id in that system; told again it is not recorded again.
    #[schema(min_length = 1, max_length = 200)]
    pub external_id: Option<String>,
    /// The user who sent what it answers, or who was there. For a call, a meeting, or a message that answers none, the
    /// calling user when left out.
    pub sender_id: Option<Id>,
    /// The campaign or mail that it answers.
    #[schema(max_length = 200)]
    pub cause: Option<String>,
    /// The message that it answers. What the interaction does not say itself it takes from there: who did it, the lead,
    /// the campaign, sender and cause.
    pub in_reply_to: Option<InReplyTo>,
    /// The network address it came from: IPv4 or IPv6.
    #[schema(min_length = 2, max_length = 45, example = "203.0.113.7")]
    pub remote_address: Option<String>,
    /// Whether a person did it; `human` when left out.
    #[serde(default = "human")]
    pub evidence: Evidence,
}

fn human() -> Evidence {
    Evidence::Human
}

/// What checking an interaction found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Checked {
    pub email_key: Option<String>,
    pub phone_key: Option<String>,
    /// The contact it names, or the one that contact was merged into.
    pub contact: Option<Id>,
    /// The lead it names, or the one that lead was merged into.
    pub lead: Option<Lead>,
    pub address: Option<network::Address>,
    /// The message it answers, if that is known.
    pub message: Option<Interaction>,
}

impl NewInteraction {
    /// An interaction of `kind` at `occurred_at`, to be completed.
    pub fn new(kind: &str, occurred_at: Timestamp) -> Self {
        Self {
            kind: kind.to_owned(),
            occurred_at,
            contact_id: None,
            because: None,
            person: None,
            known_by: None,
            lead_id: None,
            asset: None,
            campaign: None,
            form_id: None,
            properties: Map::new(),
            source: None,
            external_id: None,
            sender_id: None,
            cause: None,
            in_reply_to: None,
            remote_address: None,
            evidence: Evidence::Human,
        }
    }

    /// The turns to take before it is recorded; see [`Tx::take_turns`]. A message and what answers it take turns as well.
    pub(super) fn turns(&self, country: Option<&str>) -> Vec<String> {
        let person = self.person.clone().unwrap_or_default();
        let phone =
            person.phone.as_deref().and_then(|typed| identity::phone(typed, country).ok()).map(|phone| phone.e164);
        let mut turns = contacts::turns(person.email_key().as_deref(), phone.as_deref(), person.external_id.as_deref());
        turns.extend(person.anonymous_id.map(|id| format!("anonymous {id}")));
        let messages = self.message().into_iter().chain(self.answers());
        turns.extend(messages.map(|(source, external_id)| format!("message {source} {external_id}")));
        turns
    }

    /// The source and id that it is told of under.
    pub(super) fn message(&self) -> Option<(&str, &str)> {
        self.source.as_deref().zip(self.external_id.as_deref())
    }

    /// The source and id of the message that it answers, if it is named so.
    pub(super) fn answers(&self) -> Option<(&str, &str)> {
        let answered = self.in_reply_to.as_ref()?;
        answered.source.as_deref().zip(answered.external_id.as_deref())
    }

    /// Whom it is about, as far as it says so itself: what says the same of two interactions is about one person.
    pub(super) fn whose(&self) -> String {
        let person = self.person.as_ref();
        let told = person.and_then(|person| {
            let keys = [&person.external_id, &person.email, &person.phone, &person.anonymous_id];
            keys.into_iter().flatten().next().cloned()
        });
        let answered = self.in_reply_to.as_ref().and_then(|answered| answered.interaction_id);
        let id = self.contact_id.or(self.lead_id).or(answered).map(|id| id.to_string());
        told.or(id).or_else(|| self.answers().map(|(source, id)| format!("{source} {id}"))).unwrap_or_default()
    }

    /// Whether it is something that users do, and nothing says who did it.
    pub(super) fn asks_who_did_it(&self) -> bool {
        self.sender_id.is_none() && self.in_reply_to.is_none() && touch::is_done_by_users(&self.kind)
    }

    /// What is told of the person, or was known of them by whoever named the contact.
    pub(super) fn told(&self) -> Option<&Person> {
        self.person.as_ref().or(self.known_by.as_ref())
    }

    /// Checks all that the contract cannot; every broken rule is reported.
    pub(super) fn checked(&self, tx: &mut Tx<'_>, known: &Directory, country: Option<&str>) -> Result<Checked> {
        let mut broken = Vec::new();
        if self.occurred_at > tx.at().plus_seconds(FUTURE_S) {
            broken.push(Violation::new("/occurred_at", "in_future", "must be at most five minutes in the future"));
        }
        if !known.has_kind(&self.kind) {
            let detail = "is no kind of this workspace; GET /v1/interaction-kinds lists them";
            broken.push(Violation::new("/kind", "unknown", detail));
        }
        if self.source.is_some() != self.external_id.is_some() {
            broken.push(Violation::new("/external_id", "required", "source and external_id go together"));
        }
        let size = serde_json::to_string(&self.properties).map_or(usize::MAX, |text| text.len());
        if size > PROPERTIES_LIMIT {
            broken.push(Violation::new(
                "/properties",
                "too_long",
                format!("must have at most {PROPERTIES_LIMIT} bytes"),
            ));
        }
        let mut checked = self.check_person(country, &mut broken);
        self.check_references(known, &mut checked, &mut broken);
        checked.message = self.check_reply(tx, known, &mut broken)?;
        match self.remote_address.as_deref().map(network::address) {
            Some(Ok(address)) => checked.address = Some(address),
            Some(Err(rejected)) => broken.push(rejected.at("/remote_address")),
            None => {}
        }
        all_hold(broken)?;
        Ok(checked)
    }

    fn check_person(&self, country: Option<&str>, broken: &mut Vec<Violation>) -> Checked {
        let mut checked = Checked::default();
        if self.person.is_some() && self.contact_id.is_some() {
            broken.push(Violation::new("/person", "not_allowed", "give contact_id or person, not both"));
            return checked;
        }
        if self.person.is_none() && self.contact_id.is_none() && self.lead_id.is_none() && self.in_reply_to.is_none() {
            let detail = "give contact_id, person, lead_id or in_reply_to";
            broken.push(Violation::new("/person", "required", detail));
            return checked;
        }
        let person = self.told().cloned().unwrap_or_default();
        match person.email.as_deref().map(identity::email) {
            Some(Ok(email)) => checked.email_key = Some(email.key),
            Some(Err(rejected)) => broken.push(rejected.at("/person/email")),
            None => {}
        }
        match person.phone.as_deref().map(|typed| identity::phone(typed, country)) {
            Some(Ok(phone)) => checked.phone_key = Some(phone.e164),
            Some(Err(rejected)) => broken.push(rejected.at("/person/phone")),
            None => {}
        }
        let told = [&person.email, &person.phone, &person.external_id, &person.anonymous_id];
        if self.person.is_some() && told.into_iter().all(Option::is_none) {
            broken.push(Violation::new(
                "/person",
                "required",
                "give an e-mail address, phone, external id or anonymous id",
            ));
        }
        checked
    }

    /// The message that it answers, if that is known.
    fn check_reply(
        &self,
        tx: &mut Tx<'_>,
        known: &Directory,
        broken: &mut Vec<Violation>,
    ) -> Result<Option<Interaction>> {
        let Some(answered) = &self.in_reply_to else { return Ok(None) };
        let mut refused = |pointer: &str, code, detail| broken.push(Violation::new(pointer, code, detail));
        match (answered.interaction_id, &answered.source, &answered.external_id) {
            (Some(id), None, None) => {
                let message = tx.interactions().find(id)?;
                if message.is_none() {
                    let detail = "there is no such interaction in this workspace";
                    refused("/in_reply_to/interaction_id", "unknown", detail);
                }
                Ok(message)
            }
            (None, Some(_), Some(_))
                if (&self.source, &self.external_id) == (&answered.source, &answered.external_id) =>
            {
                refused("/in_reply_to", "not_allowed", "an interaction does not answer itself");
                Ok(None)
            }
            (None, Some(source), Some(external_id)) => Ok(known.told_of((source, external_id)).cloned()),
            _ => {
                let detail = "give interaction_id, or source and external_id";
                refused("/in_reply_to", "required", detail);
                Ok(None)
            }
        }
    }

    /// Checks that all it names exists in the workspace. What was merged stands for its survivor: no interaction is
    /// refused for it.
    fn check_references(&self, known: &Directory, checked: &mut Checked, broken: &mut Vec<Violation>) {
        let mut unknown = |pointer: &str, what: &str| {
            broken.push(Violation::unknown(pointer, what));
        };
        if let Some(id) = self.contact_id {
            checked.contact = known.contact(id);
            if checked.contact.is_none() {
                unknown("/contact_id", "contact");
            }
        }
        if self.sender_id.is_some_and(|id| !known.has_user(id)) {
            unknown("/sender_id", "user");
        }
        if self.form_id.is_some_and(|id| !known.has_form(id)) {
            unknown("/form_id", "form");
        }
        let Some(id) = self.lead_id else { return };
        checked.lead = known.lead(id).cloned();
        match &checked.lead {
            None => unknown("/lead_id", "lead"),
            Some(lead) if checked.contact.is_some_and(|contact| lead.contact_id.is_some_and(|own| own != contact)) => {
                broken.push(Violation::new("/lead_id", "not_allowed", "the lead is another contact's"));
            }
            Some(_) => {}
        }
    }

    /// The row to write.
    pub(super) fn interaction(&self, tx: &Tx<'_>, checked: &Checked, contact_id: Option<Id>) -> Interaction {
        let person = self.told().cloned().unwrap_or_default();
        let answered = self.in_reply_to.clone().unwrap_or_default();
        let (remote_address, network_key) = checked.address.clone().map(|it| (it.shown, it.key)).unzip();
        let mut interaction = Interaction {
            workspace_id: tx.scope.workspace,
            id: Id::new(tx.at()),
            kind: self.kind.clone(),
            occurred_at: self.occurred_at,
            recorded_at: tx.at(),
            contact_id,
            lead_id: checked.lead.as_ref().map(|lead| lead.id),
            email_key: checked.email_key.clone(),
            phone_key: checked.phone_key.clone(),
            external_person_id: person.external_id,
            anonymous_id: person.anonymous_id,
            asset: self.asset.clone(),
            campaign: self.campaign.clone(),
            form_id: self.form_id,
            properties: JsonOf(Value::Object(self.properties.clone())),
            source: self.source.clone(),
            external_id: self.external_id.clone(),
            sender_id: self.sender_id,
            cause: self.cause.clone(),
            evidence: Code(self.evidence),
            remote_address,
            network_key,
            reply_to_id: None,
            reply_to_source: answered.source,
            reply_to_external_id: answered.external_id,
            voided_at: None,
            void_id: None,
            void_reason: None,
        };
        if let Some(message) = &checked.message {
            reply::inherit(&mut interaction, message);
        }
        interaction
    }
}

/// The country that national phone numbers of a batch are of, asked for only if somebody gives a phone.
pub(super) fn country_of_phones(tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<Option<String>> {
    let has_phone = |new: &NewInteraction| new.person.as_ref().is_some_and(|person| person.phone.is_some());
    match batch.iter().any(has_phone) {
        true => Ok(workspaces::settings(tx)?.default_country.clone()),
        false => Ok(None),
    }
}

/// The calling user, asked for only if somebody tells of what users do without saying who did it.
pub(super) fn doer(tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<Option<Id>> {
    match batch.iter().any(NewInteraction::asks_who_did_it) {
        true => Ok(workspaces::calling_user(tx)?.map(|user| user.id)),
        false => Ok(None),
    }
}
