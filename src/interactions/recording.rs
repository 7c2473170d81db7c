//! Recording a batch (INT-3): it is checked and written item by item in the order given, and what follows from it comes
//! for all of it together: the leads concerned are scored once, and their owners told.
//!
//! What the batch names is looked up before, and its rows are written after the last item was checked, or before
//! somebody looks for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::attribution::{self, Gained};
use super::directory::Directory;
use super::input::{self, NewInteraction};
use super::{Interaction, Recorded, reply};
use crate::alerts;
use crate::contacts::Contact;
use crate::db::{Cause as Because, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::scoring::{self, Cause, Evidence, LeadOutcome, Told};

/// Records what people did and brings every open lead of theirs up to date (INT-3).
///
/// Each item has a result of its own; only a fault of the database fails the whole.
pub fn record(tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<Vec<Result<Recorded>>> {
    let country = input::country_of_phones(tx, batch)?;
    let turns: BTreeSet<String> = batch.iter().flat_map(|new| new.turns(country.as_deref())).collect();
    take_turns(tx, batch, Vec::from_iter(turns))?;
    let mut gained = Gained::default();
    let common = Common { country: country.as_deref(), doer: input::doer(tx, batch)? };
    let (written, people) = write(tx, batch, common, &mut gained)?;
    let affected = affected_leads(tx, &written, &gained)?;
    let told = told(&written, gained, because(batch, &written, &affected));
    let leads = Vec::from_iter(affected.leads.iter().copied());
    // What a repeat bears on is brought up to date as well, since its answer shows it.
    let outcomes = scoring::rescore_told(tx, &leads, Cause::Interaction, Told { people, ..told })?;
    tell_owners(tx, &written, &affected, &outcomes)?;
    // What scoring holds now cannot be merged any more, and was open. What else was merged before is to be asked for again.
    let held: BTreeSet<Id> = outcomes.iter().map(|outcome| outcome.lead_id).collect();
    let named = written.iter().flatten().filter_map(|(item, _)| item.lead_id).filter(|lead| !held.contains(lead));
    tx.merged().refuse_leads(&Vec::from_iter(named))?;
    Ok(written
        .into_iter()
        .map(|item| {
            let (interaction, first) = item?;
            let concerned = affected.by_interaction.get(&interaction.id);
            let bears_on = |outcome: &&LeadOutcome| concerned.is_some_and(|leads| leads.contains(&outcome.lead_id));
            let leads = outcomes.iter().filter(bears_on).cloned().collect();
            Ok(Recorded { id: interaction.id, attributed_to: interaction.contact_id, leads, first })
        })
        .collect())
}

/// Takes the turns of a batch. One that names every contact by id knows what it will hold, and asks for it in one step.
fn take_turns(tx: &mut Tx<'_>, batch: &[NewInteraction], turns: Vec<String>) -> Result<()> {
    match batch.iter().map(|new| new.contact_id).collect::<Option<BTreeSet<Id>>>() {
        Some(contacts) => scoring::take_turns_before(tx, turns, &Vec::from_iter(contacts)),
        None => tx.take_turns(&turns),
    }
}

type Written = Result<(Interaction, bool)>;

/// What the items of a batch have in common.
#[derive(Clone, Copy, Debug)]
struct Common<'a> {
    /// The country of national phone numbers.
    country: Option<&'a str>,
    /// The user who did what nobody else is said to have done.
    doer: Option<Id>,
}

/// Tells the owners of the leads concerned what was done, as far as persons did it and it is news.
fn tell_owners(tx: &mut Tx<'_>, written: &[Written], affected: &Affected, outcomes: &[LeadOutcome]) -> Result<()> {
    let owned: BTreeSet<Id> =
        outcomes.iter().filter(|outcome| outcome.is_owned).map(|outcome| outcome.lead_id).collect();
    let news = written.iter().flatten().filter(|(item, first)| *first && item.evidence.0 != Evidence::Machine);
    let (mut done, mut leads) = (Vec::new(), BTreeSet::new());
    for (item, _) in news {
        let concerned = affected.by_interaction.get(&item.id).into_iter().flatten();
        leads.extend(concerned.copied().filter(|lead| owned.contains(lead)));
        done.push(item.did());
    }
    alerts::interacted(tx, &done, &Vec::from_iter(leads))
}

/// What the interactions that bear on each lead follow from, by lead.
fn because(batch: &[NewInteraction], written: &[Written], affected: &Affected) -> HashMap<Id, Because> {
    let mut because = HashMap::new();
    for (new, item) in batch.iter().zip(written) {
        if let (Some(cause), Ok((item, _))) = (new.because, item) {
            let concerned = affected.by_interaction.get(&item.id).into_iter().flatten();
            because.extend(concerned.map(|lead| (*lead, cause)));
        }
    }
    because
}

/// What scoring is told of a batch.
fn told(written: &[Written], gained: Gained, because: HashMap<Id, Because>) -> Told {
    let firsts = || written.iter().flatten().filter(|(_, first)| *first).map(|(item, _)| item);
    // What became somebody's only after it was written is asked for as it is now.
    let at_hand = firsts().filter(|item| !gained.interactions.contains(&item.id));
    let at_hand = at_hand.map(|item| (item.contact_id, item.occurrence())).collect();
    let new: Vec<Id> = firsts().map(|item| item.id).chain(gained.interactions.iter().copied()).collect();
    Told { new, at_hand, because, are_rewritten: gained.are_rewritten, ..Told::default() }
}

/// A batch that is being written.
struct Writing<'a> {
    common: Common<'a>,
    directory: Directory,
    /// Rows that are still to be written.
    pending: Vec<Interaction>,
    gained: &'a mut Gained,
}

/// Writes what may be written, in the order given. A repeat gives the first; the same holds within the batch. Gives the
/// contacts that were named by id as well.
fn write(
    tx: &mut Tx<'_>,
    batch: &[NewInteraction],
    common: Common<'_>,
    gained: &mut Gained,
) -> Result<(Vec<Written>, HashMap<Id, Contact>)> {
    let directory = Directory::of(tx, batch)?;
    let mut writing = Writing { common, directory, pending: Vec::with_capacity(batch.len()), gained };
    let mut written = Vec::with_capacity(batch.len());
    for new in batch {
        written.push(match writing.one(tx, new) {
            // What it names went away between the check and the write: the whole is tried again.
            Err(Error::Conflict(what)) => return Err(Error::Contention(what)),
            Err(error @ (Error::Contention(_) | Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
            item => item,
        });
    }
    match writing.flush(tx) {
        Err(Error::Conflict(what)) => Err(Error::Contention(what)),
        done => done.map(|()| (written, writing.directory.into_contacts())),
    }
}

impl Writing<'_> {
    fn one(&mut self, tx: &mut Tx<'_>, new: &NewInteraction) -> Written {
        if let Some(first) = new.message().and_then(|message| self.directory.told_of(message)) {
            return Ok((first.clone(), false));
        }
        let checked = new.checked(tx, &self.directory, self.common.country)?;
        let contact_id = attribution::resolve(tx, &self.directory, new, &checked)?;
        let mut interaction = new.interaction(tx, &checked, contact_id);
        if new.asks_who_did_it() {
            interaction.sender_id = self.common.doer;
        }
        self.pending.push(interaction.clone());
        remember_merged(tx, new, &interaction)?;
        if let (Some(contact), Some(anonymous_id)) = (contact_id, &interaction.anonymous_id) {
            self.recognise(tx, contact, anonymous_id)?;
        }
        self.complete_replies(tx, &interaction)?;
        self.directory.add(&interaction);
        Ok((interaction, true))
    }

    /// Writes the rows that are still to be written.
    fn flush(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        tx.interactions().insert(&std::mem::take(&mut self.pending))
    }

    fn recognise(&mut self, tx: &mut Tx<'_>, contact: Id, anonymous_id: &str) -> Result<()> {
        if self.directory.with_anonymous_id(anonymous_id).is_none() {
            self.flush(tx)?;
            let waited = attribution::recognise(tx, contact, anonymous_id, self.gained)?;
            self.directory.recognise(contact, anonymous_id, &waited);
        }
        Ok(())
    }

    /// Completes the replies to a message that were told of before it was.
    fn complete_replies(&mut self, tx: &mut Tx<'_>, message: &Interaction) -> Result<()> {
        let named = message.source.as_deref().zip(message.external_id.as_deref());
        let waiting = named.map(|named| self.directory.take_waiting(named)).unwrap_or_default();
        if !waiting.is_empty() {
            self.flush(tx)?;
        }
        for mut reply in waiting {
            reply::inherit(&mut reply, message);
            tx.waiting().complete(&reply)?;
            self.directory.add(&reply);
            let gained = &mut self.gained;
            gained.interactions.push(reply.id);
            gained.are_rewritten = true;
            gained.contacts.extend(reply.contact_id);
            gained.leads.extend(reply.lead_id.filter(|_| reply.contact_id.is_none()));
        }
        Ok(())
    }
}

/// Remembers what the interaction named that was merged since, so that it follows should the merge be undone.
fn remember_merged(tx: &mut Tx<'_>, new: &NewInteraction, interaction: &Interaction) -> Result<()> {
    if let Some(named) = new.contact_id.filter(|named| Some(*named) != interaction.contact_id) {
        tx.merged().came_for(named, "interactions.contact_id", interaction.id)?;
    }
    if let Some(named) = new.lead_id.filter(|named| Some(*named) != interaction.lead_id) {
        tx.merged().came_for(named, "interactions.lead_id", interaction.id)?;
    }
    Ok(())
}

/// The open leads that a batch bears on.
struct Affected {
    by_interaction: BTreeMap<Id, Vec<Id>>,
    leads: BTreeSet<Id>,
}

/// The open leads that each interaction bears on, by interaction, and all together. A contact's leads are held off from
/// others until the transaction ends, so that no two recordings read one history at once.
fn affected_leads(tx: &mut Tx<'_>, written: &[Written], gained: &Gained) -> Result<Affected> {
    let mut contacts: BTreeSet<Id> = written.iter().flatten().filter_map(|(item, _)| item.contact_id).collect();
    contacts.extend(&gained.contacts);
    let of_contact = scoring::leads_of_contacts(tx, &Vec::from_iter(contacts))?;
    let mut by_interaction = BTreeMap::new();
    for (interaction, _) in written.iter().flatten() {
        let leads = match (interaction.contact_id, interaction.lead_id) {
            (Some(contact), _) => of_contact.get(&contact).cloned().unwrap_or_default(),
            (None, Some(lead)) => vec![lead],
            (None, None) => Vec::new(),
        };
        by_interaction.insert(interaction.id, leads);
    }
    let mut leads: BTreeSet<Id> = by_interaction.values().flatten().copied().collect();
    leads.extend(of_contact.values().flatten().chain(&gained.leads));
    Ok(Affected { by_interaction, leads })
}
