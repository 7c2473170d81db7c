//! The workspace's templates for letters (CLO-2).

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::template;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::id::Id;
use crate::schema::message_templates;

/// What a letter is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_templates, treat_none_as_default_value = false)]
pub struct MessageTemplate {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What it is asked for by.
    #[schema(example = "goodbye")]
    pub key: String,
    /// What the letter is about, with placeholders.
    #[schema(example = "Your interest in {{ lead.topic }}")]
    pub subject: String,
    /// What it says, with placeholders.
    #[schema(example = "Dear {{ contact.first_name }}, would you tell us why? {{ questionnaire_url }}")]
    pub text: String,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that templates can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "message_templates.created_at", SortKind::Instant),
    SortField::new("key", "message_templates.key", SortKind::Text),
];

impl Sorted for MessageTemplate {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        if name == "key" { self.key.clone() } else { self.created_at.to_string() }
    }
}

/// A new template. Placeholders are `contact.first_name`, `contact.last_name`, `contact.email`, `contact.job_title`,
/// `account.name`, `lead.topic`, `lead.product_line`, `lead.campaign`, `owner.name`, `owner.email` and
/// `questionnaire_url`, each in `{{ }}`; `{% if %}`, `{% elif %}`, `{% else %}` and `{% endif %}` ask about them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "key": "goodbye", "subject": "Your interest in {{ lead.topic }}",
    "text": "Dear {{ contact.first_name }},\n\nwould you tell us why? {{ questionnaire_url }}\n\n{{ owner.name }}\n"
}))]
pub struct NewTemplate {
    /// What it is asked for by; no other template may have it.
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    pub key: String,
    /// What the letter is about, with placeholders, on one line.
    #[schema(min_length = 1, max_length = 200)]
    pub subject: String,
    /// What it says, with placeholders.
    #[schema(min_length = 1, max_length = 10_000)]
    pub text: String,
}

/// Changes to a template: absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = MessageTemplatePatch, example = json!({"subject": "About {{ lead.topic }}"}))]
pub struct TemplatePatch {
    /// What the letter is about, with placeholders, on one line.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub subject: Option<String>,
    /// What it says, with placeholders.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Option<String>,
}

/// Creates a template. 409 when there is one with its key; 422 lists what is wrong with it.
pub fn create(tx: &mut Tx<'_>, new: &NewTemplate) -> Result<MessageTemplate> {
    all_hold(template::broken(&new.subject, &new.text))?;
    if tx.message_templates().with_key(&new.key)?.is_some() {
        return Err(Error::Conflict("there is a template with this key; change that, or choose another key".into()));
    }
    let at = tx.at();
    let made = MessageTemplate {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        key: new.key.clone(),
        subject: new.subject.clone(),
        text: new.text.clone(),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.message_templates().insert(&made)?;
    events::emit(tx, "message_template.created", Subject::default(), &json!({"message_template": made}))?;
    Ok(made)
}

/// Changes what `patch` names; letters that were written before stay as they are.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &TemplatePatch, condition: &Condition) -> Result<MessageTemplate> {
    let before = tx.message_templates().lock(id)?;
    condition.check(before.version)?;
    let (subject, text) = (patch.subject.as_ref(), patch.text.as_ref());
    let (subject, text) = (subject.unwrap_or(&before.subject), text.unwrap_or(&before.text));
    all_hold(template::broken(subject, text))?;
    if (subject, text) == (&before.subject, &before.text) {
        return Ok(before);
    }
    let changed = tx.message_templates().update(id, subject, text)?;
    let data = json!({"before": before, "message_template": changed});
    events::emit(tx, "message_template.changed", Subject::default(), &data)?;
    Ok(changed)
}

/// Deletes a template; letters that were written before stay.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    let before = tx.message_templates().lock(id)?;
    condition.check(before.version)?;
    tx.message_templates().delete(id)?;
    events::emit(tx, "message_template.deleted", Subject::default(), &json!({"id": id, "key": before.key}))
}
