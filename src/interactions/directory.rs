//! What a batch of interactions names, looked up for all of it at once: records, people by their keys, messages.
//!
//! It is made when the batch has its turns, so nothing that it says of people and messages changes before the
//! transaction ends, but by the batch itself, which then says so.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::input::NewInteraction;
use super::{Interaction, kind};
use crate::contacts::Contact;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::leads::Lead;

/// A source and an id there.
type Message = (String, String);

/// What a batch names.
#[derive(Default)]
pub(super) struct Directory {
    contacts: HashMap<Id, Contact>,
    leads: HashMap<Id, Lead>,
    forms: HashSet<Id>,
    users: HashSet<Id>,
    kinds: HashSet<String>,
    emails: HashMap<String, Id>,
    external_ids: HashMap<String, Id>,
    anonymous_ids: HashMap<String, Id>,
    messages: HashMap<Message, Interaction>,
    /// What answers a message that is not known.
    waiting: HashMap<Message, Vec<Interaction>>,
}

impl Directory {
    /// Looks up all that the batch names.
    pub fn of(tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<Self> {
        let mut directory = Self::default();
        directory.look_up_records(tx, batch)?;
        directory.look_up_people(tx, batch)?;
        directory.look_up_messages(tx, batch)?;
        Ok(directory)
    }

    fn look_up_records(&mut self, tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<()> {
        let contacts = distinct(batch.iter().filter_map(|new| new.contact_id));
        let leads = distinct(batch.iter().filter_map(|new| new.lead_id));
        let forms = distinct(batch.iter().filter_map(|new| new.form_id));
        let users = distinct(batch.iter().filter_map(|new| new.sender_id));
        let kinds = distinct(batch.iter().map(|new| new.kind.as_str()).filter(|key| !kind::is_built_in(key)));
        if !contacts.is_empty() {
            self.contacts.extend(tx.merged().contacts(&contacts)?.into_iter().map(|contact| (contact.id, contact)));
        }
        if !leads.is_empty() {
            self.look_up_leads(tx, &leads)?;
        }
        if !forms.is_empty() {
            self.forms.extend(tx.interactions().forms_among(&forms)?);
        }
        for user in users {
            self.users.extend(tx.users().find(user)?.map(|user| user.id));
        }
        if !kinds.is_empty() {
            // Nobody deletes them before the transaction ends.
            tx.share_turns(&Vec::from_iter(kinds.iter().map(|key| kind::turn(key))))?;
            self.kinds.extend(tx.interactions().kinds_among(&kinds)?);
        }
        Ok(())
    }

    /// What was merged stands for its survivor: no interaction is refused for it.
    fn look_up_leads(&mut self, tx: &mut Tx<'_>, ids: &[Id]) -> Result<()> {
        for lead in tx.leads().with_ids(ids)? {
            let present = match lead.merged_into_id {
                Some(survivor) => {
                    let vanished = || Error::Contention("a lead was merged or deleted".into());
                    tx.leads().find(survivor)?.ok_or_else(vanished)?
                }
                None => lead.clone(),
            };
            self.leads.insert(lead.id, present);
        }
        Ok(())
    }

    fn look_up_people(&mut self, tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<()> {
        // Who is named by id need not be looked for.
        let sought = || batch.iter().filter_map(|new| new.person.as_ref());
        let keys: Vec<String> = sought().filter_map(|person| person.email_key()).collect();
        let emails = distinct(keys.iter().map(String::as_str));
        let external_ids = distinct(sought().filter_map(|person| person.external_id.as_deref()));
        let known_by = batch.iter().filter_map(NewInteraction::told);
        let anonymous_ids = distinct(known_by.filter_map(|person| person.anonymous_id.as_deref()));
        if !emails.is_empty() {
            self.emails.extend(tx.contacts().with_emails(&emails)?);
        }
        if !external_ids.is_empty() {
            self.external_ids.extend(tx.contacts().with_external_ids(&external_ids)?);
        }
        if !anonymous_ids.is_empty() {
            self.anonymous_ids.extend(tx.contacts().with_anonymous_ids(&anonymous_ids)?);
        }
        Ok(())
    }

    fn look_up_messages(&mut self, tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<()> {
        let told = distinct(batch.iter().filter_map(NewInteraction::message));
        let answered = batch.iter().filter_map(NewInteraction::answers);
        let named = distinct(told.iter().copied().chain(answered));
        for interaction in tx.interactions().around(&named)? {
            self.add(&interaction);
        }
        Ok(())
    }

    /// The contact itself, or the one it was merged into.
    pub fn contact(&self, id: Id) -> Option<Id> {
        self.contacts.get(&id).map(|contact| contact.merged_into_id.unwrap_or(id))
    }

    /// The contacts that the batch names by id.
    pub fn into_contacts(self) -> HashMap<Id, Contact> {
        self.contacts
    }

    /// The lead itself, or the one it was merged into.
    pub fn lead(&self, id: Id) -> Option<&Lead> {
        self.leads.get(&id)
    }

    /// Whether the workspace has a form, deleted or not.
    pub fn has_form(&self, id: Id) -> bool {
        self.forms.contains(&id)
    }

    /// Whether the workspace has a user.
    pub fn has_user(&self, id: Id) -> bool {
        self.users.contains(&id)
    }

    /// Whether the workspace has a kind.
    pub fn has_kind(&self, key: &str) -> bool {
        kind::is_built_in(key) || self.kinds.contains(key)
    }

    /// The contact with this e-mail address.
    pub fn with_email(&self, key: &str) -> Option<Id> {
        self.emails.get(key).copied()
    }

    /// The contact with an id in another system.
    pub fn with_external_id(&self, external_id: &str) -> Option<Id> {
        self.external_ids.get(external_id).copied()
    }

    /// The contact who is known by an anonymous id.
    pub fn with_anonymous_id(&self, anonymous_id: &str) -> Option<Id> {
        self.anonymous_ids.get(anonymous_id).copied()
    }

    /// Says that a contact is known by an anonymous id from now on, and that what waited under it is theirs.
    pub fn recognise(&mut self, contact: Id, anonymous_id: &str, waited: &[Id]) {
        self.anonymous_ids.insert(anonymous_id.to_owned(), contact);
        let interactions = self.messages.values_mut().chain(self.waiting.values_mut().flatten());
        for interaction in interactions.filter(|interaction| waited.contains(&interaction.id)) {
            interaction.contact_id = Some(contact);
        }
    }

    /// The interaction that was told of under this source and id.
    pub fn told_of(&self, (source, external_id): (&str, &str)) -> Option<&Interaction> {
        self.messages.get(&(source.to_owned(), external_id.to_owned()))
    }

    /// Says that an interaction is recorded now.
    pub fn add(&mut self, interaction: &Interaction) {
        self.remember(interaction);
        self.remember_waiting(interaction);
    }

    /// Takes what answers a message and did not know it.
    pub fn take_waiting(&mut self, (source, external_id): (&str, &str)) -> Vec<Interaction> {
        self.waiting.remove(&(source.to_owned(), external_id.to_owned())).unwrap_or_default()
    }

    fn remember(&mut self, interaction: &Interaction) {
        if let Some(message) = interaction.source.clone().zip(interaction.external_id.clone()) {
            self.messages.insert(message, interaction.clone());
        }
    }

    fn remember_waiting(&mut self, interaction: &Interaction) {
        let answered = interaction.reply_to_source.clone().zip(interaction.reply_to_external_id.clone());
        if let Some(message) = answered.filter(|_| interaction.reply_to_id.is_none()) {
            self.waiting.entry(message).or_default().push(interaction.clone());
        }
    }
}

fn distinct<T: Ord>(named: impl Iterator<Item = T>) -> Vec<T> {
    Vec::from_iter(BTreeSet::from_iter(named))
}
