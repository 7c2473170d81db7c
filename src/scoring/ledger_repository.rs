//! What scoring writes, in the database: many rows of one kind in one statement on PostgreSQL, row by row with one
//! prepared statement on SQLite.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::scores_repository::Scores;
use super::{LeadScore, ScoreEntry};
use crate::db::Conn;
use crate::db::prepared::Prepared;
use crate::db::types::{Instant, Json, Uuid};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{lead_scores, score_entries};

/// What follows from a lead's scores for the lead: its best score, and the temperature that its grades stand for.
#[derive(Clone, Debug)]
pub struct LeadStanding {
    pub lead_id: Id,
    pub score: i64,
    pub temperature: Option<String>,
}

impl Scores<'_, '_> {
    /// Adds scores of leads that had none under these models.
    pub fn insert(&mut self, scores: &[&LeadScore]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if scores.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "INSERT INTO lead_scores (workspace_id, lead_id, model_id, model_version, score, grade, \
                    shares, reached, evaluated_at, due_at, whose_id, tally, assets_revision) SELECT * FROM \
                    unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                columns(Prepared::new(sql), scores).execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for score in scores {
                    diesel::insert_into(lead_scores::table).values(*score).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    /// Writes scores anew.
    pub fn update(&mut self, scores: &[&LeadScore]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if scores.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "UPDATE lead_scores SET model_version = new.model_version, score = new.score, \
                    grade = new.grade, shares = new.shares, reached = new.reached, evaluated_at = new.evaluated_at, \
                    due_at = new.due_at, whose_id = new.whose_id, tally = new.tally, \
                    assets_revision = new.assets_revision \
                    FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (workspace_id, lead_id, model_id, \
                        model_version, score, grade, shares, reached, evaluated_at, due_at, whose_id, tally, \
                        assets_revision) \
                    WHERE lead_scores.workspace_id = new.workspace_id AND lead_scores.lead_id = new.lead_id \
                        AND lead_scores.model_id = new.model_id";
                columns(Prepared::new(sql), scores).execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for score in scores {
                    changed(score).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    /// Adds rows to the ledger.
    pub fn insert_entries(&mut self, entries: &[ScoreEntry]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if entries.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "INSERT INTO score_entries (workspace_id, id, lead_id, model_id, model_version, rule, points, \
                    cause, interaction_id, at, recorded_at) SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                Prepared::<Pg>::new(sql)
                    .column::<Uuid, _>(entries.iter().map(|it| &it.workspace_id))
                    .column::<Uuid, _>(entries.iter().map(|it| &it.id))
                    .column::<Uuid, _>(entries.iter().map(|it| &it.lead_id))
                    .column::<Uuid, _>(entries.iter().map(|it| &it.model_id))
                    .column::<BigInt, _>(entries.iter().map(|it| &it.model_version))
                    .column::<Text, _>(entries.iter().map(|it| &it.rule))
                    .column::<BigInt, _>(entries.iter().map(|it| &it.points))
                    .column::<Text, _>(entries.iter().map(|it| &it.cause))
                    .column::<Nullable<Uuid>, _>(entries.iter().map(|it| &it.interaction_id))
                    .column::<Instant, _>(entries.iter().map(|it| &it.at))
                    .column::<Instant, _>(entries.iter().map(|it| &it.recorded_at))
                    .execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for entry in entries {
                    diesel::insert_into(score_entries::table).values(entry).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what follows from scores into the leads.
    pub fn set_standings(&mut self, standings: &[LeadStanding]) -> Result<()> {
        let (workspace, at) = (self.0.scope.workspace, self.0.at());
        match &mut *self.0.conn {
            Conn::Postgres(_) if standings.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "UPDATE leads SET score = new.score, temperature = new.temperature, \
                    version = leads.version + 1, updated_at = ? \
                    FROM unnest(?, ?, ?) AS new (id, score, temperature) \
                    WHERE leads.workspace_id = ? AND leads.id = new.id";
                Prepared::<Pg>::new(sql)
                    .bind::<Instant, _>(at)
                    .column::<Uuid, _>(standings.iter().map(|it| &it.lead_id))
                    .column::<BigInt, _>(standings.iter().map(|it| &it.score))
                    .column::<Nullable<Text>, _>(standings.iter().map(|it| &it.temperature))
                    .bind::<Uuid, _>(workspace)
                    .execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for standing in standings {
                    let sql = "UPDATE leads SET score = ?, temperature = ?, version = version + 1, updated_at = ? \
                        WHERE workspace_id = ? AND id = ?";
                    Prepared::<Sqlite>::new(sql)
                        .bind::<BigInt, _>(standing.score)
                        .bind::<Nullable<Text>, _>(&standing.temperature)
                        .bind::<Instant, _>(at)
                        .bind::<Uuid, _>(workspace)
                        .bind::<Uuid, _>(standing.lead_id)
                        .execute(conn)?;
                }
            }
        }
        Ok(())
    }
}

/// A statement about scores with their columns, in the order of the table.
fn columns<'a>(statement: Prepared<'a, Pg>, scores: &[&'a LeadScore]) -> Prepared<'a, Pg> {
    statement
        .column::<Uuid, _>(scores.iter().map(|it| &it.workspace_id))
        .column::<Uuid, _>(scores.iter().map(|it| &it.lead_id))
        .column::<Uuid, _>(scores.iter().map(|it| &it.model_id))
        .column::<BigInt, _>(scores.iter().map(|it| &it.model_version))
        .column::<BigInt, _>(scores.iter().map(|it| &it.score))
        .column::<Text, _>(scores.iter().map(|it| &it.grade))
        .column::<Json, _>(scores.iter().map(|it| &it.shares))
        .column::<Bool, _>(scores.iter().map(|it| &it.reached))
        .column::<Instant, _>(scores.iter().map(|it| &it.evaluated_at))
        .column::<Nullable<Instant>, _>(scores.iter().map(|it| &it.due_at))
        .column::<Nullable<Uuid>, _>(scores.iter().map(|it| &it.whose_id))
        .column::<Nullable<Binary>, _>(scores.iter().map(|it| &it.tally))
        .column::<BigInt, _>(scores.iter().map(|it| &it.assets_revision))
}

fn changed(score: &LeadScore) -> Prepared<'_, Sqlite> {
    let sql = "UPDATE lead_scores SET model_version = ?, score = ?, grade = ?, shares = ?, reached = ?, \
        evaluated_at = ?, due_at = ?, whose_id = ?, tally = ?, assets_revision = ? \
        WHERE workspace_id = ? AND lead_id = ? AND model_id = ?";
    Prepared::new(sql)
        .bind::<BigInt, _>(score.model_version)
        .bind::<BigInt, _>(score.score)
        .bind::<Text, _>(&score.grade)
        .bind::<Json, _>(&score.shares)
        .bind::<Bool, _>(score.reached)
        .bind::<Instant, _>(score.evaluated_at)
        .bind::<Nullable<Instant>, _>(score.due_at)
        .bind::<Nullable<Uuid>, _>(score.whose_id)
        .bind::<Nullable<Binary>, _>(&score.tally)
        .bind::<BigInt, _>(score.assets_revision)
        .bind::<Uuid, _>(score.workspace_id)
        .bind::<Uuid, _>(score.lead_id)
        .bind::<Uuid, _>(score.model_id)
}
