//! What a qualification is to do about a contact, account or opportunity: create it, link one that is there, or nothing
//! (CLO-1). A choice to create has the fields of the new record beside it.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::accounts::NewAccount;
use crate::contacts::NewContact;
use crate::error::{Error, Result, Violation};
use crate::id::Id;
use crate::opportunities::NewOpportunity;

/// What is to be done about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    Link,
    None,
}

/// A record that a qualification may make.
pub trait Makes: DeserializeOwned + ToSchema {
    /// Its place in the body.
    const PLACE: &'static str;
    /// Fields that the qualification gives it and callers do not.
    const GIVEN: &'static [&'static str];
}

impl Makes for NewContact {
    const PLACE: &'static str = "contact";
    const GIVEN: &'static [&'static str] = &[];
}

impl Makes for NewAccount {
    const PLACE: &'static str = "account";
    const GIVEN: &'static [&'static str] = &[];
}

impl Makes for NewOpportunity {
    const PLACE: &'static str = "opportunity";
    const GIVEN: &'static [&'static str] = &["contact_id", "account_id", "lead_id"];
}

/// What to do about a record of the kind `N`, as it was sent.
#[derive(Clone, Debug)]
pub struct Choice<N> {
    action: Action,
    id: Option<Id>,
    fields: Map<String, Value>,
    kind: PhantomData<fn() -> N>,
}

/// What to do about a record of the kind `N`.
#[derive(Clone, Debug)]
pub enum Wish<N> {
    Create(N),
    Link(Id),
    None,
}

impl<N: Makes> Choice<N> {
    /// The wish; for a record to create, `usual` are the fields that it has unless it has others.
    pub fn wish(&self, usual: Map<String, Value>, broken: &mut Vec<Violation>) -> Result<Wish<N>> {
        let place = N::PLACE;
        let mut stray = |name: &str, detail: &str| {
            broken.push(Violation::new(format!("/{place}/{name}"), "not_allowed", detail));
        };
        match (self.action, self.id) {
            (Action::Create, Some(_)) => stray("id", "only `link` names a record"),
            (Action::Link, None) => {
                broken.push(Violation::new(format!("/{place}/id"), "required", "`link` needs the record to link"));
            }
            (Action::None, Some(_)) => stray("id", "`none` links no record"),
            (Action::Link | Action::None, _) if !self.fields.is_empty() => {
                self.fields.keys().for_each(|name| stray(name, "only `create` takes fields"));
            }
            (Action::Create, None) => return self.created(usual, broken),
            (Action::Link, Some(id)) => return Ok(Wish::Link(id)),
            (Action::None, None) => {}
        }
        Ok(Wish::None)
    }

    fn created(&self, usual: Map<String, Value>, broken: &mut Vec<Violation>) -> Result<Wish<N>> {
        let mut fields = usual;
        fields.extend(self.fields.clone());
        if fields.is_empty() {
            let detail = "nothing was captured that it could be made of; send its fields";
            broken.push(Violation::new(format!("/{}", N::PLACE), "required", detail));
            return Ok(Wish::None);
        }
        match serde_path_to_error::deserialize(Value::Object(fields)) {
            Ok(new) => Ok(Wish::Create(new)),
            Err(error) => {
                let path = error.path().to_string();
                let name = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
                let detail = error.inner().to_string();
                broken.push(Violation::new(format!("/{}{name}", N::PLACE), "invalid", detail));
                Ok(Wish::None)
            }
        }
    }

    /// Whether fields were sent.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether it is to leave everything as it is.
    pub fn is_none(&self) -> bool {
        self.action == Action::None
    }
}

impl<'de, N> Deserialize<'de> for Choice<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Sent {
            action: Action,
            #[serde(default)]
            id: Option<Id>,
            #[serde(flatten)]
            fields: Map<String, Value>,
        }
        let Sent { action, id, fields } = Sent::deserialize(deserializer)?;
        Ok(Self { action, id, fields, kind: PhantomData })
    }
}

/// What to do about the contact, as the document shows it.
pub struct ContactChoice;
/// What to do about the account, as the document shows it.
pub struct AccountChoice;
/// What to do about the opportunity, as the document shows it.
pub struct OpportunityChoice;

impl PartialSchema for ContactChoice {
    fn schema() -> RefOr<Schema> {
        shown::<NewContact>()
    }
}

impl ToSchema for ContactChoice {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewContact::schemas(schemas);
    }
}

impl PartialSchema for AccountChoice {
    fn schema() -> RefOr<Schema> {
        shown::<NewAccount>()
    }
}

impl ToSchema for AccountChoice {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewAccount::schemas(schemas);
    }
}

impl PartialSchema for OpportunityChoice {
    fn schema() -> RefOr<Schema> {
        shown::<NewOpportunity>()
    }
}

impl ToSchema for OpportunityChoice {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewOpportunity::schemas(schemas);
    }
}

/// The new record with the choice beside its fields, none of which is needed.
fn shown<N: Makes>() -> RefOr<Schema> {
    let mut object = plain(N::schema());
    let action = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["create", "link", "none"]))
        .description(Some("`create` it with the fields beside, `link` the one that `id` names, or `none`"))
        .build();
    let id = ObjectBuilder::from(plain(Id::schema())).description(Some("The record to link, with `link`")).build();
    object.properties.retain(|name, _| !N::GIVEN.contains(&name.as_str()));
    object.properties.insert("action".to_owned(), Schema::Object(action).into());
    object.properties.insert("id".to_owned(), Schema::Object(id).into());
    object.required = vec!["action".to_owned()];
    object.description = Some(format!("What to do about the {}", N::PLACE));
    object.examples = vec![serde_json::json!({"action": "create"})];
    object.into()
}

fn plain(schema: RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::new(),
    }
}

/// What is wrong with linking a record that is now `present`: nothing when that is the record itself.
pub fn linkable<N: Makes>(id: Id, present: Option<Id>) -> Option<Violation> {
    let (place, pointer) = (N::PLACE, format!("/{}/id", N::PLACE));
    Violation::of_reference(pointer, place, id, present)
}

/// Text as a field of a record to create.
pub fn field(name: &str, value: Option<&String>) -> Option<(String, Value)> {
    let value = value.filter(|text| !text.trim().is_empty())?;
    Some((name.to_owned(), Value::String(value.clone())))
}

/// A fault of ours: what was checked is not there any more.
pub fn vanished(what: &str) -> Error {
    Error::Contention(format!("the {what} to link changed meanwhile"))
}
