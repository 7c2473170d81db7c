//! Public entry: forms, and what visitors submit to them (CAP-1 to CAP-5, CAP-7).
//!
//! A form is a draft until it is published, then live, then stopped; deleted ones stay as tombstones. `definition` says
//! what one is made of. A submission arrives in one of three bodies (`wire`), or as an advertising network tells of it
//! (`lead_ad`); it is read in the terms of its form (`reading`), and whatever a visitor could not put right is kept:
//! `capture` stores it with what became of it, whether that worked or not, `together` does so for what arrives at the
//! same moment, and `again` takes up what was held back or failed. Where a form wants addresses confirmed,
//! `confirmation` lets it wait. Whom it is from, `matching` decides; `policy` decides what it may change of what is known,
//! and what may not becomes a proposal.

mod activity;
mod ad_response;
mod ad_response_handlers;
mod ad_response_repository;
pub mod again;
pub mod attendance;
mod attendance_handlers;
mod brought;
pub mod capture;
pub mod confirmation;
mod confirmation_handlers;
pub mod confirmation_letter;
pub mod confirmation_mail;
mod confirmation_page;
mod confirmation_repository;
mod cors;
pub mod definition;
pub mod event;
mod foresight;
pub mod form_token;
mod fulfil;
pub mod guard;
pub mod handlers;
mod input;
mod interest;
mod landing;
pub mod lead_ad;
pub mod payload;
mod person;
pub mod place;
pub mod policy;
pub mod proof;
pub mod public_handlers;
pub mod reading;
pub mod redirect;
pub mod rehearsal;
mod repository;
pub mod slot;
pub mod strategies;
pub mod suit;
pub mod submission;
mod submission_handlers;
mod together;
mod token_handlers;
mod wire;

use std::sync::{Arc, LazyLock};

use diesel::prelude::*;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::accounts;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::db::{Scope, Tx};
use crate::error::{Error, Result, Violation, all_hold};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::id::Id;
use crate::schema::forms;
use crate::workspaces;
use definition::{Definition, Kind};

pub use repository::{FormFilter, SubmissionFilter};

/// What may be done with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormStatus {
    /// Not published yet: takes no submissions.
    Draft,
    /// Takes submissions.
    Live,
    /// Takes no more submissions; may be published again.
    Stopped,
    /// Gone for good. Its submissions stay.
    Deleted,
}

/// A form.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = forms, treat_none_as_default_value = false)]
pub struct Form {
    pub workspace_id: Id,
    pub id: Id,
    /// What stands in its public address; nobody can guess it.
    pub key: String,
    /// The name in the definition.
    pub name: String,
    pub status: Code<FormStatus>,
    pub definition: JsonOf<Definition>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The fields that forms can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("created_at", "forms.created_at", SortKind::Instant)];

impl Sorted for Form {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// Creates a draft.
pub fn create(tx: &mut Tx<'_>, definition: &Definition) -> Result<Form> {
    check(tx, definition, FormStatus::Draft, Post::Missing)?;
    let at = tx.at();
    let form = Form {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        key: new_key()?,
        name: definition.name.clone(),
        status: Code(FormStatus::Draft),
        definition: JsonOf(definition.clone()),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.forms().insert(&form)?;
    Ok(form)
}

/// The form `id`. `Err(Gone)` for a deleted one.
pub fn get(tx: &mut Tx<'_>, id: Id) -> Result<Form> {
    present(tx.forms().get(id)?)
}

/// Changes the definition by a merge patch. A live form stays fit to be live.
pub fn change(tx: &mut Tx<'_>, id: Id, change: &Value, post: Post, condition: &Condition) -> Result<Form> {
    let form = locked(tx, id, condition)?;
    let mut document = serde_json::to_value(&form.definition.0).map_err(Error::internal)?;
    patch::merge(&mut document, change);
    let definition: Definition = serde_path_to_error::deserialize(document).map_err(|error| {
        let pointer = format!("/{}", error.path().to_string().replace(['.', '['], "/").replace(']', ""));
        Error::invalid(pointer, "invalid", error.inner().to_string())
    })?;
    check(tx, &definition, form.status.0, post)?;
    if definition == form.definition.0 { Ok(form) } else { tx.forms().update(id, &definition, form.status.0) }
}

/// Lets the form take submissions, if it has all that it needs.
pub fn publish(tx: &mut Tx<'_>, id: Id, post: Post, condition: &Condition) -> Result<Form> {
    let form = locked(tx, id, condition)?;
    check(tx, &form.definition.0, FormStatus::Live, post)?;
    match form.status.0 {
        FormStatus::Live => Ok(form),
        _ => tx.forms().update(id, &form.definition.0, FormStatus::Live),
    }
}

/// Lets the form take no more submissions. 409 for one that never did.
pub fn stop(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Form> {
    let form = locked(tx, id, condition)?;
    match form.status.0 {
        FormStatus::Stopped => Ok(form),
        FormStatus::Draft => Err(Error::Conflict("a draft takes no submissions anyway".into())),
        _ => tx.forms().update(id, &form.definition.0, FormStatus::Stopped),
    }
}

/// Deletes the form; its submissions stay.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    let form = locked(tx, id, condition)?;
    tx.forms().update(id, &form.definition.0, FormStatus::Deleted)?;
    Ok(())
}

fn locked(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Form> {
    let form = present(tx.forms().lock(id)?)?;
    condition.check(form.version)?;
    Ok(form)
}

fn present(form: Form) -> Result<Form> {
    if form.status.0 == FormStatus::Deleted { Err(Error::Gone { merged_into: None }) } else { Ok(form) }
}

/// Whether the service can send mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// It is set up to.
    Ready,
    /// It is not.
    Missing,
}

/// `Err(Invalid)` with all that keeps a form with this definition from being in this state.
fn check(tx: &mut Tx<'_>, definition: &Definition, status: FormStatus, post: Post) -> Result<()> {
    let mut broken = definition.check(&workspaces::settings(tx)?.sources);
    broken.extend(accounts::unknown_owner(tx, definition.owner_id)?);
    broken.extend(strategies::broken(tx, definition, status)?);
    if status == FormStatus::Live {
        broken.extend(definition.missing());
        if definition.double_opt_in && post == Post::Missing {
            let detail = "this service cannot send mail: whoever runs it has to set RIPEN_SMTP_URL";
            broken.push(Violation::new("/double_opt_in", "not_configured", detail));
        }
    }
    all_hold(broken)
}

/// A form that is open to the public, and what its workspace says of visitors.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// The form.
    pub form: Arc<Form>,
    /// The country of phone numbers that name none.
    pub default_country: Option<String>,
}

/// Forms by what they were read as, so that none is read twice: each of these is good for ever, because no two
/// transactions change a form at one instant.
static READ: LazyLock<Cache<(Id, i64, Timestamp), Arc<Form>>> = LazyLock::new(|| Cache::new(KEPT));

/// Forms that are kept ready.
const KEPT: u64 = 1_000;

/// The form with a public key, in whatever state it is.
fn with_public_key(tx: &mut Tx<'_>, key: &str) -> Result<Arc<Form>> {
    let stand = tx.forms().stand_of(key)?.ok_or(Error::NotFound)?;
    if let Some(known) = READ.get(&stand) {
        return Ok(known);
    }
    let form = Arc::new(tx.forms().with_public_key(key)?.ok_or(Error::NotFound)?);
    READ.insert((form.id, form.version, form.updated_at), form.clone());
    Ok(form)
}

/// The live form with a public key. Unknown, unpublished and stopped ones are not found, deleted ones gone.
pub fn enter(tx: &mut Tx<'_>, key: &str) -> Result<Entrance> {
    let form = with_public_key(tx, key)?;
    if form.status.0 == FormStatus::Deleted {
        return Err(Error::Gone { merged_into: None });
    }
    if form.status.0 != FormStatus::Live || form.definition.0.kind == Kind::LeadAd {
        return Err(Error::NotFound);
    }
    let scope = Scope { workspace: form.workspace_id, ..tx.scope };
    let default_country = workspaces::settings(&mut tx.within(scope))?.default_country.clone();
    Ok(Entrance { form, default_country })
}

/// The live form of a lead ad with this public key, of the workspace alone.
pub fn enter_ad(tx: &mut Tx<'_>, key: &str) -> Result<Form> {
    let form = tx.forms().with_public_key(key)?.filter(|form| form.workspace_id == tx.scope.workspace);
    let form = present(form.ok_or(Error::NotFound)?)?;
    let is_open = form.status.0 == FormStatus::Live && form.definition.0.kind == Kind::LeadAd;
    if is_open { Ok(form) } else { Err(Error::NotFound) }
}

/// `f_` and 22 random letters and digits: 131 bits.
fn new_key() -> Result<String> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut key = "f_".to_owned();
    while key.len() < 24 {
        let mut byte = [0_u8];
        getrandom::fill(&mut byte).map_err(Error::internal)?;
        // Bytes from 248 on would make the first letters likelier than the rest.
        let letter = LETTERS.get(usize::from(byte[0] % 62)).filter(|_| byte[0] < 248);
        key.extend(letter.map(|letter| char::from(*letter)));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_another_and_fits_an_address() {
        let keys: Vec<String> = (0..200).map(|_| new_key().unwrap()).collect();
        for key in &keys {
            assert!(key.len() == 24 && key.starts_with("f_"), "{key}");
            assert!(key.bytes().skip(2).all(|byte| byte.is_ascii_alphanumeric()), "{key}");
        }
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
    }
}
