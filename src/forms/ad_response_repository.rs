//! What advertising networks told, as they told it, in the database.

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::Result;
use crate::id::Id;
use crate::schema::ad_responses::{self, table};

/// A response as it came.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = ad_responses, treat_none_as_default_value = false)]
pub struct AdResponse {
    #[serde(skip)]
    pub workspace_id: Id,
    /// The network.
    #[schema(example = "linkedin")]
    pub source: String,
    /// The network's id of it.
    #[schema(example = "aaaabbbb-5")]
    pub external_id: String,
    /// The submission that was made of it.
    pub submission_id: Id,
    /// All of it, as it came.
    #[schema(value_type = Object)]
    pub raw: JsonOf<Value>,
    /// When it came.
    pub received_at: Timestamp,
}

/// The responses of the workspace.
pub struct AdResponses<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The responses that advertising networks told the workspace.
    pub fn ad_responses<'t>(&'t mut self) -> AdResponses<'c, 't> {
        AdResponses(self)
    }
}

impl AdResponses<'_, '_> {
    pub fn insert(&mut self, response: &AdResponse) -> Result<()> {
        diesel::insert_into(table).values(response).execute(self.0.conn)?;
        Ok(())
    }

    /// The submission that was made of a response.
    pub fn submission_of(&mut self, source: &str, external_id: &str) -> Result<Option<Id>> {
        let found = table.find((self.0.scope.workspace, source, external_id)).select(ad_responses::submission_id);
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The response that a submission was made of.
    pub fn behind(&mut self, submission: Id) -> Result<AdResponse> {
        let found = table
            .filter(ad_responses::workspace_id.eq(self.0.scope.workspace))
            .filter(ad_responses::submission_id.eq(submission));
        Ok(found.select(AdResponse::as_select()).first(self.0.conn)?)
    }
}
