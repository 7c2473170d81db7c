//! The letter that says goodbye to whoever was interested (CLO-2).
//!
//! It is written when the lead is disqualified, so that what it says is what was known then, and sent by a job after that
//! is committed. Replies go to the lead's owner. Once it is sent it is an interaction of the contact, of the kind
//! `message`, with source `ripen` and the external id `goodbye-<closing>`, which its Message-ID begins with, too: an answer
//! recorded with `in_reply_to` finds owner, cause and lead. The interaction is a machine's doing and never scores.
//! A letter that may not be sent is kept with the reason, and the lead is disqualified all the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::Closing;
use super::permission::{Withheld, withheld};
use super::template::{self, QUESTIONNAIRE, Values};
use crate::clock::Timestamp;
use crate::contacts::Contact;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::{Error, Result, Violation};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::interactions::{self, NewInteraction, Person};
use crate::jobs::{self, Kind};
use crate::leads::Lead;
use crate::scoring::Evidence;

/// The system that tells of letters which the service sends.
const SOURCE: &str = "ripen";

/// A letter to say goodbye with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"template": "goodbye", "questionnaire_url": "https://survey.example/q/7"}))]
pub struct GoodbyeWish {
    /// The key of a message template.
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    pub template: String,
    /// Where the person may say why, for templates that ask for it.
    #[schema(max_length = 2_000, pattern = r"^https://[!-~]+$", example = "https://survey.example/q/7")]
    pub questionnaire_url: Option<String>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GoodbyeStatus {
    /// It is to be sent; `error` says why that has failed so far, if it has.
    Queued,
    /// The mail server took it.
    Sent,
    /// The mail server refused it for good; `error` says why.
    Refused,
    /// It was not to be sent; `withheld` says why.
    Withheld,
}

/// A letter that says goodbye.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Goodbye {
    /// What became of it.
    pub status: GoodbyeStatus,
    /// Why it was not sent.
    #[serde(default)]
    pub withheld: Option<Withheld>,
    /// Why the last attempt to send it failed.
    #[serde(default)]
    pub error: Option<String>,
    /// The key of its template.
    #[schema(example = "goodbye")]
    pub template: String,
    /// The address it goes to.
    #[serde(default)]
    #[schema(example = "ann@example.com")]
    pub to: Option<String>,
    /// The user whom replies go to.
    #[serde(default)]
    pub sender_id: Option<Id>,
    /// What it is about.
    #[schema(example = "Your interest in warehouse software")]
    pub subject: String,
    /// What it says.
    pub text: String,
    /// When the mail server took it.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// The interaction that it is recorded as.
    #[serde(default)]
    pub interaction_id: Option<Id>,
}

impl Goodbye {
    /// Whether it is to be sent.
    pub fn is_queued(&self) -> bool {
        self.status == GoodbyeStatus::Queued
    }
}

/// What the job that sends a letter is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Errand {
    closing_id: Id,
}

/// A letter on its way.
#[derive(Clone, Debug)]
pub struct Draft {
    pub to: String,
    /// Whom replies go to: a name and an address.
    pub reply_to: Option<(String, String)>,
    pub subject: String,
    pub text: String,
    /// What its Message-ID begins with.
    pub name: String,
}

/// Writes the letter; none, with what is wrong, when it cannot be written.
pub(super) fn write(
    tx: &mut Tx<'_>,
    lead: &Lead,
    wish: &GoodbyeWish,
    broken: &mut Vec<Violation>,
) -> Result<Option<Goodbye>> {
    let Some(template) = tx.message_templates().with_key(&wish.template)? else {
        broken.push(Violation::unknown("/goodbye/template", "message template"));
        return Ok(None);
    };
    let asks = |source: &str| template::asks_for(source, QUESTIONNAIRE);
    if wish.questionnaire_url.is_none() && (asks(&template.text) || asks(&template.subject)) {
        let detail = "the template asks for a questionnaire";
        broken.push(Violation::new("/goodbye/questionnaire_url", "required", detail));
        return Ok(None);
    }
    let contact = addressee(tx, lead)?;
    let values = values(tx, lead, contact.as_ref(), wish)?;
    let (subject, text) =
        match (template::written(&template.subject, &values), template::written(&template.text, &values)) {
            (Ok(subject), Ok(text)) => (subject, text),
            (Err(why), _) | (_, Err(why)) => {
                broken.push(Violation::new("/goodbye/template", "malformed", why));
                return Ok(None);
            }
        };
    let to = values.get("contact.email").cloned().filter(|address| !address.is_empty());
    let consent = contact.as_ref().and_then(|contact| contact.consents.0.marketing.as_ref());
    let unsubscribed = tx.goodbyes().unsubscribed_at(contact.as_ref().map(|it| it.id), lead.email_key.as_deref())?;
    let withheld = withheld(to.is_some(), consent, unsubscribed);
    let status = if withheld.is_some() { GoodbyeStatus::Withheld } else { GoodbyeStatus::Queued };
    Ok(Some(Goodbye {
        status,
        withheld,
        error: None,
        template: template.key,
        to,
        sender_id: lead.owner_id,
        subject,
        text,
        sent_at: None,
        interaction_id: None,
    }))
}

/// The lead's contact, or whoever has the address that was captured.
fn addressee(tx: &mut Tx<'_>, lead: &Lead) -> Result<Option<Contact>> {
    let known = match (lead.contact_id, &lead.email_key) {
        (Some(contact), _) => Some(contact),
        (None, Some(key)) => tx.contacts().with_email(key)?,
        (None, None) => None,
    };
    known.map_or(Ok(None), |id| tx.contacts().find(id))
}

/// What the placeholders stand for. Of a lead without contact, what was captured.
fn values(tx: &mut Tx<'_>, lead: &Lead, contact: Option<&Contact>, wish: &GoodbyeWish) -> Result<Values> {
    let captured = &lead.captured.0;
    let own = contact.filter(|contact| lead.contact_id == Some(contact.id));
    let account = lead.account_id.or(own.and_then(|contact| contact.account_id));
    let account = account.map_or(Ok(None), |id| tx.accounts().find(id))?;
    let owner = lead.owner_id.map_or(Ok(None), |id| tx.users().find(id))?;
    let person = |of: fn(&Contact) -> &Option<String>, typed: &Option<String>| match own {
        Some(contact) => of(contact).clone(),
        None => typed.clone(),
    };
    let address = own.and_then(|contact| contact.email.clone()).or_else(|| captured.email.clone());
    let told = [
        ("contact.first_name", person(|it| &it.first_name, &captured.first_name)),
        ("contact.last_name", person(|it| &it.last_name, &captured.last_name)),
        ("contact.job_title", own.and_then(|contact| contact.job_title.clone())),
        ("contact.email", address.map(|address| address.trim().to_owned())),
        ("account.name", account.map(|account| account.name).or_else(|| captured.company.clone())),
        ("lead.topic", lead.topic.clone()),
        ("lead.campaign", lead.campaign.clone()),
        ("lead.product_line", lead.product_line.clone()),
        ("owner.name", owner.as_ref().map(|owner| owner.name.clone())),
        ("owner.email", owner.as_ref().map(|owner| owner.email.clone())),
        (QUESTIONNAIRE, wish.questionnaire_url.clone()),
    ];
    Ok(told.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// Has the letter of a closing sent once the closing is there.
pub(super) fn request(tx: &mut Tx<'_>, closing_id: Id) -> Result<()> {
    jobs::enqueue(tx, Kind::GoodbyeMail, &Errand { closing_id }, Some(1))?;
    Ok(())
}

/// Calls a letter back that was not sent before its lead was opened again.
pub(super) fn call_back(tx: &mut Tx<'_>, closing: &Closing) -> Result<()> {
    let Some(JsonOf(letter)) = closing.goodbye.clone().filter(|letter| letter.0.is_queued()) else { return Ok(()) };
    let withheld = Some(Withheld::Reopened);
    tx.goodbyes().set(closing.id, &Goodbye { status: GoodbyeStatus::Withheld, withheld, ..letter })
}

/// The letter to send; none when it is not to be sent any more.
pub(super) fn draft(tx: &mut Tx<'_>, errand: Errand) -> Result<Option<Draft>> {
    let Some(closing) = tx.closings().find(errand.closing_id)? else { return Ok(None) };
    let Some(letter) = closing.goodbye.map(|letter| letter.0).filter(Goodbye::is_queued) else { return Ok(None) };
    let Some(to) = letter.to else { return Ok(None) };
    let owner = letter.sender_id.map_or(Ok(None), |id| tx.users().find(id))?;
    let reply_to = owner.map(|owner| (owner.name, owner.email));
    Ok(Some(Draft { to, reply_to, subject: letter.subject, text: letter.text, name: external_id(closing.id) }))
}

/// Writes down what became of the letter: that the server took it, that it refused it for good, or why it failed.
pub(super) fn settle(tx: &mut Tx<'_>, errand: Errand, status: GoodbyeStatus, error: Option<&str>) -> Result<()> {
    let Some(closing) = tx.closings().find(errand.closing_id)? else { return Ok(()) };
    let Some(JsonOf(before)) = closing.goodbye.clone() else { return Ok(()) };
    let mut letter = Goodbye { status, error: error.map(str::to_owned), ..before };
    if status == GoodbyeStatus::Sent {
        letter.sent_at = Some(tx.at());
        letter.interaction_id = record(tx, closing.lead_id, closing.id, &letter)?;
    }
    tx.goodbyes().set(closing.id, &letter)?;
    let lead = tx.leads().find(closing.lead_id)?;
    let subject = Subject { contact_id: lead.and_then(|lead| lead.contact_id), lead_id: Some(closing.lead_id) };
    let kind = match status {
        GoodbyeStatus::Sent => "lead.goodbye_sent",
        GoodbyeStatus::Refused => "lead.goodbye_refused",
        GoodbyeStatus::Queued | GoodbyeStatus::Withheld => return Ok(()),
    };
    let data = json!({"lead_id": closing.lead_id, "closing_id": closing.id, "goodbye": letter});
    events::emit(tx, kind, subject, &data)
}

/// Records the letter as a message to the person.
fn record(tx: &mut Tx<'_>, lead: Id, closing: Id, letter: &Goodbye) -> Result<Option<Id>> {
    let Some(lead) = tx.leads().find(lead)? else { return Ok(None) };
    let mut properties = Map::new();
    properties.insert("direction".to_owned(), "outgoing".into());
    properties.insert("subject".to_owned(), letter.subject.clone().into());
    properties.insert("template".to_owned(), letter.template.clone().into());
    let person = Person { email: letter.to.clone(), ..Person::default() };
    let message = NewInteraction {
        contact_id: lead.contact_id,
        person: Some(person).filter(|_| lead.contact_id.is_none()),
        lead_id: Some(lead.id),
        campaign: lead.campaign,
        properties,
        source: Some(SOURCE.to_owned()),
        external_id: Some(external_id(closing)),
        sender_id: letter.sender_id,
        cause: Some(letter.template.clone()),
        evidence: Evidence::Machine,
        ..NewInteraction::new("message", tx.at())
    };
    match interactions::record(tx, &[message])?.into_iter().next() {
        Some(Ok(recorded)) => Ok(Some(recorded.id)),
        Some(Err(fault @ (Error::Contention(_) | Error::Unavailable(_) | Error::Internal(_)))) => Err(fault),
        // It was sent, and must not be sent again because it cannot be recorded.
        Some(Err(_)) | None => Ok(None),
    }
}

fn external_id(closing: Id) -> String {
    format!("goodbye-{closing}")
}
