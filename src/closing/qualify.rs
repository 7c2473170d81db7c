//! A lead becomes business (CLO-1).
//!
//! What is left out is done as usual: the lead's contact is linked, or found or created from what was captured; its
//! account, or the contact's, is linked, or found by the captured company or created; an opportunity is created with the
//! lead's topic. A contact to create is found by the default strategy first (MAT-2), as everywhere, and one that is found
//! stays as it is but for its blanks; `create` without fields takes what was captured. `none` leaves lead and record as
//! they are. An opportunity that is linked keeps the lead that led to it, if it has one: several leads may lead to one
//! deal.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::carry::{self, Carried};
use super::choice::{AccountChoice, Choice, ContactChoice, OpportunityChoice, Wish, field, linkable, vanished};
use super::{Closing, Ended, close, customer, lock_open, refuse_closed};
use crate::accounts::{self, Account, AccountPatch, NewAccount};
use crate::attributes::AttributesPatch;
use crate::contacts::{self, Contact, ContactPatch, NewContact, identity};
use crate::db::Tx;
use crate::error::{Error, Result, Violation, all_hold};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{self, Found, Lead, LeadPatch, Status};
use crate::matching::decide::Keys;
use crate::matching::{self, Effect};
use crate::opportunities::{self, NewOpportunity, Opportunity, OpportunityPatch};
use crate::{interactions, proposals, scoring, workspaces};

/// What a lead becomes.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeadQualification, example = json!({
    "contact": {"action": "create", "first_name": "Ann", "email": "ann@example.com"},
    "account": {"action": "none"},
    "opportunity": {"action": "create", "amount": {"amount_minor": 1_250_000, "currency": "EUR"}},
    "note": "wants an offer until May"
}))]
pub struct Qualification {
    /// What to do about the contact. When left out: the lead's own, otherwise what was captured.
    #[schema(value_type = Option<ContactChoice>, nullable = false)]
    pub contact: Option<Choice<NewContact>>,
    /// What to do about the account. When left out: the lead's own or the contact's, otherwise the captured company.
    #[schema(value_type = Option<AccountChoice>, nullable = false)]
    pub account: Option<Choice<NewAccount>>,
    /// What to do about the opportunity. When left out one is created with the lead's topic.
    #[schema(value_type = Option<OpportunityChoice>, nullable = false)]
    pub opportunity: Option<Choice<NewOpportunity>>,
    /// Why it qualified, in a word of your own: 1 to 64 of a-z, 0-9 and _.
    #[schema(pattern = "^[a-z0-9_]{1,64}$")]
    pub reason: Option<String>,
    /// More about it, for people.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
}

/// What a lead became.
#[derive(Clone, Debug)]
pub struct Qualified {
    pub lead: Lead,
    pub closing: Closing,
    pub contact: Option<Found>,
    pub account: Option<Found>,
    pub opportunity: Option<Found>,
    /// The job that scores what the account's change bears on, where that is much.
    pub job: Option<Id>,
}

/// Everything that was wished, checked as far as it can be before anything is looked for.
struct Plan {
    contact: Wish<NewContact>,
    /// What the contact to create is matched by.
    keys: Keys,
    /// None when it depends on the contact.
    account: Option<Wish<NewAccount>>,
    opportunity: Wish<NewOpportunity>,
}

/// Qualifies an open lead: all of it happens, or nothing does. 409 for a closed one, naming what came of it; 422 lists
/// every rule that is broken, or every field that the workspace demands of a customer and that is missing.
pub fn qualify(tx: &mut Tx<'_>, id: Id, wish: &Qualification, condition: &Condition) -> Result<Qualified> {
    let seen = tx.leads().get(id)?;
    refuse_closed(tx, &seen)?;
    condition.check(seen.version)?;
    let plan = Plan::read(tx, &seen, wish)?;
    let turns = plan.turns(tx, &seen)?;
    tx.take_turns(&turns)?;
    let contact = plan.contact(tx, &seen)?;
    let account = plan.account(tx, &seen, contact)?;
    // Rows before the turns of those who score, as everybody who changes these records has it.
    contact.map(|found| tx.contacts().lock(found.id)).transpose().map_err(|_| vanished("contact"))?;
    account.map(|found| tx.accounts().lock(found.id)).transpose().map_err(|_| vanished("account"))?;
    let people: Vec<Id> = contact.map(|found| found.id).into_iter().chain(seen.contact_id).collect();
    let companies: Vec<Id> = account.map(|found| found.id).into_iter().chain(seen.account_id).collect();
    scoring::hold_contacts(tx, &people, &companies)?;
    let lead = lock_open(tx, id, condition)?;
    if (lead.contact_id, lead.account_id) != (seen.contact_id, seen.account_id) {
        return Err(Error::Contention("the lead was given to somebody else".into()));
    }
    let (lead, mut carried, job) = join(tx, lead, contact, account)?;
    demand_customer(tx, &lead)?;
    let (opportunity, names) = plan.opportunity(tx, &lead)?.unzip();
    carried.opportunity = names.unwrap_or_default();
    let id_of = |found: Option<Found>| found.map(|found| found.id);
    let ended = Ended {
        status: Status::Qualified,
        reason: wish.reason.clone(),
        note: wish.note.clone(),
        contact_id: id_of(contact),
        account_id: id_of(account),
        opportunity_id: id_of(opportunity),
        carried,
        goodbye: None,
        recycle_on: None,
    };
    let (lead, closing) = close(tx, &lead, ended)?;
    Ok(Qualified { lead, closing, contact, account, opportunity, job })
}

impl Plan {
    /// Reads what was wished for `lead`; all broken rules are reported.
    fn read(tx: &mut Tx<'_>, lead: &Lead, wish: &Qualification) -> Result<Self> {
        let mut broken = Vec::new();
        let country = workspaces::settings(tx)?.default_country.clone();
        let contact = contact_wish((lead, country.as_deref()), wish.contact.as_ref(), &mut broken)?;
        let account = account_wish(lead, wish.account.as_ref(), &mut broken)?;
        let opportunity = opportunity_wish(lead, wish.opportunity.as_ref(), &mut broken)?;
        let mut keys = Keys::default();
        match &contact {
            Wish::Create(new) => {
                let described = contacts::described(tx, new);
                keys = leads::gather(described, "/contact", &mut broken)?.map(|it| it.keys()).unwrap_or_default();
            }
            Wish::Link(id) => broken.extend(linkable::<NewContact>(*id, tx.merged().contact(*id)?)),
            Wish::None => {}
        }
        match &account {
            Some(Wish::Create(new)) => {
                let stranger = accounts::unknown_owner(tx, new.owner_id)?;
                leads::gather(all_hold(stranger.into_iter().collect()), "/account", &mut broken)?;
            }
            Some(Wish::Link(id)) => {
                let known = tx.accounts().find(*id)?.map(|account| account.id);
                broken.extend(linkable::<NewAccount>(*id, known));
            }
            Some(Wish::None) | None => {}
        }
        match &opportunity {
            Wish::Create(new) => {
                let wrong = opportunities::broken(tx, new)?;
                leads::gather(all_hold(wrong), "/opportunity", &mut broken)?;
            }
            Wish::Link(id) => {
                let known = tx.opportunities().find(*id)?.map(|opportunity| opportunity.id);
                broken.extend(linkable::<NewOpportunity>(*id, known));
            }
            Wish::None => {}
        }
        all_hold(broken)?;
        Ok(Self { contact, keys, account, opportunity })
    }

    /// Everyone who brings the same person or company, or changes the person, takes turns.
    fn turns(&self, tx: &mut Tx<'_>, lead: &Lead) -> Result<Vec<String>> {
        let mut turns = matching::turns(&self.keys);
        if let Wish::Link(id) = self.contact {
            let anonymous_ids = tx.contacts().anonymous_ids(id)?;
            turns.extend(tx.contacts().get(id).map_err(|_| vanished("contact"))?.turns(&anonymous_ids));
        }
        let company = match &self.account {
            Some(Wish::Create(new)) => Some(&new.name),
            Some(_) => None,
            None => lead.captured.0.company.as_ref(),
        };
        turns.extend(company.map(|name| accounts::turn(name)));
        Ok(turns)
    }

    fn contact(&self, tx: &mut Tx<'_>, lead: &Lead) -> Result<Option<Found>> {
        Ok(match &self.contact {
            Wish::Create(new) => Some(leads::find_contact(tx, new, &self.keys, None, &lead.source)?),
            Wish::Link(id) => Some(linked(*id)),
            Wish::None => None,
        })
    }

    fn account(&self, tx: &mut Tx<'_>, lead: &Lead, contact: Option<Found>) -> Result<Option<Found>> {
        match &self.account {
            Some(Wish::Create(new)) => make_account(tx, new).map(Some),
            Some(Wish::Link(id)) => Ok(Some(linked(*id))),
            Some(Wish::None) => Ok(None),
            None => {
                let person = contact.map(|found| found.id).or(lead.contact_id);
                let theirs = match person {
                    Some(person) => tx.contacts().find(person)?.and_then(|contact| contact.account_id),
                    None => None,
                };
                match (theirs, company(lead)) {
                    (Some(id), _) => Ok(Some(linked(id))),
                    (None, Some(name)) => make_account(tx, &NewAccount { name, ..NewAccount::default() }).map(Some),
                    (None, None) => Ok(None),
                }
            }
        }
    }

    /// The opportunity, and the names of the attributes that went there.
    fn opportunity(&self, tx: &mut Tx<'_>, lead: &Lead) -> Result<Option<(Found, Vec<String>)>> {
        match &self.opportunity {
            Wish::Create(new) => {
                let carried = carry::blanks(&lead.attributes.0, &new.attributes);
                let new = NewOpportunity {
                    contact_id: lead.contact_id,
                    account_id: lead.account_id,
                    lead_id: Some(lead.id),
                    owner_id: new.owner_id.or(lead.owner_id),
                    attributes: new.attributes.clone().changed(&carried),
                    ..new.clone()
                };
                let id = opportunities::create(tx, &new)?.id;
                let found = Found { effect: Effect::Created, id, decision_id: None };
                Ok(Some((found, carry::names(&carried))))
            }
            Wish::Link(id) => {
                let opportunity = tx.opportunities().lock(*id)?;
                let (patch, names) = joining(lead, &opportunity);
                opportunities::change(tx, *id, &patch, &Condition::None)?;
                Ok(Some((linked(*id), names)))
            }
            Wish::None => Ok(None),
        }
    }
}

fn contact_wish(
    (lead, country): (&Lead, Option<&str>),
    choice: Option<&Choice<NewContact>>,
    broken: &mut Vec<Violation>,
) -> Result<Wish<NewContact>> {
    let captured = &lead.captured.0;
    // A phone that cannot be read tells nobody.
    let phone = captured.phone.as_ref().filter(|typed| identity::phone(typed, country).is_ok());
    let typed = || -> Map<String, Value> {
        let told = [
            field("first_name", captured.first_name.as_ref()),
            field("last_name", captured.last_name.as_ref()),
            field("email", captured.email.as_ref()),
            field("phone", phone),
        ];
        told.into_iter().flatten().collect()
    };
    match (choice, lead.contact_id) {
        (Some(choice), _) if choice.has_fields() => choice.wish(Map::new(), broken),
        (Some(choice), _) => choice.wish(typed(), broken),
        (None, Some(own)) => Ok(Wish::Link(own)),
        (None, None) if captured.names_somebody() => usual::<NewContact>(typed()),
        (None, None) => Ok(Wish::None),
    }
}

/// The wish about the account; none when it is the contact's to say.
fn account_wish(
    lead: &Lead,
    choice: Option<&Choice<NewAccount>>,
    broken: &mut Vec<Violation>,
) -> Result<Option<Wish<NewAccount>>> {
    let typed = || field("name", company(lead).as_ref()).into_iter().collect();
    match (choice, lead.account_id) {
        (Some(choice), _) => choice.wish(typed(), broken).map(Some),
        (None, Some(own)) => Ok(Some(Wish::Link(own))),
        (None, None) => Ok(None),
    }
}

fn opportunity_wish(
    lead: &Lead,
    choice: Option<&Choice<NewOpportunity>>,
    broken: &mut Vec<Violation>,
) -> Result<Wish<NewOpportunity>> {
    let called = [&lead.topic, &lead.product_line, &lead.campaign, &lead.captured.0.company];
    let name = called.into_iter().flatten().find(|text| !text.trim().is_empty());
    let name = name.cloned().unwrap_or_else(|| "Opportunity".to_owned());
    let fields: Map<String, Value> = field("name", Some(&name)).into_iter().collect();
    match choice {
        Some(choice) => choice.wish(fields, broken),
        None => usual::<NewOpportunity>(fields),
    }
}

/// What is created when nothing was said.
fn usual<N: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> Result<Wish<N>> {
    serde_json::from_value(Value::Object(fields)).map(Wish::Create).map_err(Error::internal)
}

fn company(lead: &Lead) -> Option<String> {
    lead.captured.0.company.clone().filter(|name| !name.trim().is_empty())
}

fn linked(id: Id) -> Found {
    Found { effect: Effect::Linked, id, decision_id: None }
}

fn make_account(tx: &mut Tx<'_>, new: &NewAccount) -> Result<Found> {
    let (id, is_new) = accounts::find_or_create(tx, new)?;
    let effect = if is_new { Effect::Created } else { Effect::Linked };
    Ok(Found { effect, id, decision_id: None })
}

/// Links the lead with contact and account, and these with each other; fills their blanks. Gives the lead as it is then,
/// what was carried, and the job that scores what the account bears on.
fn join(
    tx: &mut Tx<'_>,
    lead: Lead,
    contact: Option<Found>,
    account: Option<Found>,
) -> Result<(Lead, Carried, Option<Id>)> {
    let id = lead.id;
    let attributes = lead.attributes.0.clone();
    let patch = LeadPatch {
        contact_id: contact.map(|found| Some(found.id)).filter(|new| *new != lead.contact_id),
        account_id: account.map(|found| Some(found.id)).filter(|new| *new != lead.account_id),
        ..LeadPatch::default()
    };
    let lead = leads::change(tx, id, &patch, &Condition::None)?;
    proposals::lead_changed(tx, &lead)?;
    let mut carried = Carried::default();
    if let Some(found) = contact {
        let before = tx.contacts().lock(found.id)?;
        let blanks = carry::blanks(&attributes, &before.attributes.0);
        carried.contact = carry::names(&blanks);
        earn(tx, &before, account.map(|found| found.id), blanks)?;
    }
    let mut job = None;
    if let Some(found) = account {
        let present: Account = tx.accounts().lock(found.id)?;
        let blanks = carry::blanks(&attributes, &present.attributes.0);
        carried.account = carry::names(&blanks);
        if !blanks.0.is_empty() {
            let patch = AccountPatch { attributes: Some(blanks), ..AccountPatch::default() };
            accounts::change(tx, found.id, &patch, &Condition::None)?;
            job = scoring::account_changed(tx, found.id)?.map(|job| job.id);
        }
    }
    scoring::lead_changed(tx, id)?;
    if let Some(found) = contact.filter(|found| found.effect == Effect::Created) {
        interactions::attribute_waiting(tx, found.id)?;
    }
    interactions::attribute_lead(tx, id)?;
    Ok((tx.leads().get(id)?, carried, job))
}

/// Makes a contact one of sales, with the account it belongs to if it had none, and the attributes it lacked.
fn earn(tx: &mut Tx<'_>, before: &Contact, account: Option<Id>, blanks: AttributesPatch) -> Result<()> {
    let patch = ContactPatch {
        marketing_only: before.marketing_only.then_some(false),
        account_id: account.filter(|_| before.account_id.is_none()).map(Some),
        attributes: Some(blanks).filter(|blanks| !blanks.0.is_empty()),
        ..ContactPatch::default()
    };
    if patch == ContactPatch::default() {
        return Ok(());
    }
    let contact = contacts::change(tx, before.id, &patch, &Condition::None)?;
    proposals::contact_changed(tx, &contact)?;
    scoring::contact_changed(tx, before, &contact)
}

/// What a linked opportunity takes from the lead: where it has none, its lead, contact and account; and its blanks.
fn joining(lead: &Lead, opportunity: &Opportunity) -> (OpportunityPatch, Vec<String>) {
    let blanks = carry::blanks(&lead.attributes.0, &opportunity.attributes.0);
    let names = carry::names(&blanks);
    let where_none = |present: Option<Id>, new: Option<Id>| new.filter(|_| present.is_none()).map(Some);
    let patch = OpportunityPatch {
        lead_id: where_none(opportunity.lead_id, Some(lead.id)),
        contact_id: where_none(opportunity.contact_id, lead.contact_id),
        account_id: where_none(opportunity.account_id, lead.account_id),
        attributes: Some(blanks).filter(|blanks| !blanks.0.is_empty()),
        ..OpportunityPatch::default()
    };
    (patch, names)
}

/// `Err(Invalid)` with every field that the workspace demands of a customer and that is missing.
fn demand_customer(tx: &mut Tx<'_>, lead: &Lead) -> Result<()> {
    let fields = workspaces::settings(tx)?.customer_fields.clone();
    if fields.is_empty() {
        return Ok(());
    }
    let contact = lead.contact_id.map(|id| tx.contacts().get(id)).transpose()?;
    let account = lead.account_id.or(contact.as_ref().and_then(|contact| contact.account_id));
    let account = account.map(|id| tx.accounts().get(id)).transpose()?;
    let records = scoring::facts(lead, contact.as_ref(), account.as_ref())?.records;
    all_hold(customer::missing(&fields, &records))
}
