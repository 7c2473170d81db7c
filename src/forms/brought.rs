//! What a submission brought about, and the interaction that it is (MAT-7): recorded by itself, or with those of others.

use super::activity::Deed;
use super::submission::Done;
use crate::db::{Scope, Tx};
use crate::error::Result;
use crate::interactions::{self, NewInteraction, Recorded};
use crate::matching::Kept;

/// What a submission brought about up to its interaction, which is still to be recorded.
pub struct Brought {
    pub(super) done: Done,
    pub(super) deed: Deed,
    /// What was decided about it, which is still to be kept.
    pub(super) decisions: Vec<Kept>,
    /// What is to be recorded, if anything tells who did it.
    pub(super) interaction: Option<NewInteraction>,
}

impl Brought {
    /// What came of a submission of which nothing was made.
    pub fn nothing(done: Done, deed: Deed) -> Self {
        Self { done, deed, decisions: Vec::new(), interaction: None }
    }

    /// Keeps what was decided and records its interaction, by itself; what came of it in the end.
    pub fn complete(self, tx: &mut Tx<'_>) -> Result<Done> {
        tx.match_decisions().insert(&self.decisions)?;
        match &self.interaction {
            Some(new) => {
                let recorded = interactions::record(tx, std::slice::from_ref(new))?.pop();
                self.recorded(tx, recorded.transpose()?)
            }
            None => Ok(self.done),
        }
    }

    /// What came of it in the end, now that its interaction was recorded.
    pub fn recorded(mut self, tx: &mut Tx<'_>, recorded: Option<Recorded>) -> Result<Done> {
        let Some((new, recorded)) = self.interaction.zip(recorded) else { return Ok(self.done) };
        let tx = &mut tx.within(Scope { cause: new.because, ..tx.scope });
        self.done.interaction_id = Some(recorded.id);
        self.done.is_repeat = !recorded.first;
        if let (Deed::Sent(_), Some(contact)) = (self.deed, self.done.contact_id)
            && recorded.attributed_to != Some(contact)
        {
            // It was recorded before the submission was corrected.
            interactions::credit(tx, recorded.id, contact, self.done.lead_id)?;
        }
        Ok(self.done)
    }
}
