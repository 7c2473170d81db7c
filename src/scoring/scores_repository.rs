//! Scores and the ledger in the database.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::shadow::Pair;
use super::{LeadScore, ScoreEntry};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Uuid;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{lead_scores, score_entries, scoring_models};

/// What two models make of open leads: every lead that either scores, once, grouped by the verdicts. SQLite numbers
/// parameters as they first appear.
const PAIRS: &str = "\
    SELECT max(live_grade) AS live_grade, CAST(max(live_reached) AS bigint) AS live_reached, max(shadow_grade) AS shadow_grade, \
        CAST(max(shadow_reached) AS bigint) AS shadow_reached, count(*) AS leads, \
        CAST(sum(CASE WHEN live_score < shadow_score THEN 1 ELSE 0 END) AS bigint) AS higher, \
        CAST(sum(CASE WHEN live_score > shadow_score THEN 1 ELSE 0 END) AS bigint) AS lower, \
        CAST(coalesce(sum(shadow_score - live_score), 0) AS bigint) AS points_more \
    FROM (SELECT max(CASE WHEN s.model_id = $1 THEN s.grade END) AS live_grade, \
            max(CASE WHEN s.model_id = $1 THEN CASE WHEN s.reached THEN 1 ELSE 0 END END) AS live_reached, \
            max(CASE WHEN s.model_id = $1 THEN s.score END) AS live_score, \
            max(CASE WHEN s.model_id = $2 THEN s.grade END) AS shadow_grade, \
            max(CASE WHEN s.model_id = $2 THEN CASE WHEN s.reached THEN 1 ELSE 0 END END) AS shadow_reached, \
            max(CASE WHEN s.model_id = $2 THEN s.score END) AS shadow_score \
        FROM lead_scores s JOIN leads l ON l.workspace_id = s.workspace_id AND l.id = s.lead_id \
        WHERE s.workspace_id = $3 AND s.model_id IN ($1, $2) AND l.status = 'open' GROUP BY s.lead_id) seen \
    GROUP BY seen.live_grade, seen.live_reached, seen.shadow_grade, seen.shadow_reached";

/// A group of leads that [`PAIRS`] counted.
#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = Nullable<Text>)]
    live_grade: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    live_reached: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    shadow_grade: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    shadow_reached: Option<i64>,
    #[diesel(sql_type = BigInt)]
    leads: i64,
    #[diesel(sql_type = BigInt)]
    higher: i64,
    #[diesel(sql_type = BigInt)]
    lower: i64,
    #[diesel(sql_type = BigInt)]
    points_more: i64,
}

impl From<Counted> for Pair {
    fn from(counted: Counted) -> Self {
        let side = |grade: Option<String>, reached: Option<i64>| Some((grade?, reached? == 1));
        Self {
            live: side(counted.live_grade, counted.live_reached),
            shadow: side(counted.shadow_grade, counted.shadow_reached),
            leads: counted.leads,
            higher: counted.higher,
            lower: counted.lower,
            points_more: counted.points_more,
        }
    }
}

/// The scores of the workspace's leads, with their ledger.
pub struct Scores<'c, 't>(pub(super) &'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The scores of the workspace's leads, with their ledger.
    pub fn scores<'t>(&'t mut self) -> Scores<'c, 't> {
        Scores(self)
    }
}

impl Scores<'_, '_> {
    /// All scores of the leads.
    pub fn of_leads(&mut self, leads: &[Id]) -> Result<Vec<LeadScore>> {
        let of_workspace = lead_scores::table.filter(lead_scores::workspace_id.eq(self.0.scope.workspace));
        match &mut *self.0.conn {
            Conn::Postgres(conn) => {
                let found = of_workspace.filter(lead_scores::lead_id.eq_any(leads));
                Ok(found.select(LeadScore::as_select()).load(conn)?)
            }
            Conn::Sqlite(conn) => {
                let mut scores = Vec::with_capacity(leads.len());
                for lead in leads {
                    let found = of_workspace.filter(lead_scores::lead_id.eq(lead));
                    scores.extend(found.select(LeadScore::as_select()).load::<LeadScore>(conn)?);
                }
                Ok(scores)
            }
        }
    }

    /// What the rows of the leads' ledgers add up to: lead, model, rule and points.
    pub fn sums(&mut self, leads: &[Id]) -> Result<Vec<(Id, Id, String, i64)>> {
        let found = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq_any(leads))
            .group_by((score_entries::lead_id, score_entries::model_id, score_entries::rule))
            .select((
                score_entries::lead_id,
                score_entries::model_id,
                score_entries::rule,
                sql::<BigInt>("CAST(sum(score_entries.points) AS bigint)"),
            ));
        Ok(found.load(self.0.conn)?)
    }

    /// How two models see the open leads that either scores, counted by what each makes of them.
    pub fn pairs(&mut self, live: Id, shadow: Id) -> Result<Vec<Pair>> {
        let counted = diesel::sql_query(PAIRS)
            .bind::<Uuid, _>(live)
            .bind::<Uuid, _>(shadow)
            .bind::<Uuid, _>(self.0.scope.workspace)
            .load::<Counted>(self.0.conn)?;
        Ok(counted.into_iter().map(Pair::from).collect())
    }

    /// Leads that have a score under a model, by id, from after `after` on.
    pub fn scored_by(&mut self, model: Id, after: Id, limit: i64) -> Result<Vec<Id>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model))
            .filter(lead_scores::lead_id.gt(after))
            .order(lead_scores::lead_id)
            .limit(limit)
            .select(lead_scores::lead_id);
        Ok(found.load(self.0.conn)?)
    }

    /// How many leads have a score under a model.
    pub fn count_scored_by(&mut self, model: Id) -> Result<i64> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model));
        Ok(found.count().get_result(self.0.conn)?)
    }

    /// Leads of any workspace whose scores may have changed by now though nothing else happened, each with its
    /// workspace; those that wait longest first.
    pub fn due(&mut self, limit: i64) -> Result<Vec<(Id, Id)>> {
        let found = lead_scores::table
            .filter(lead_scores::due_at.le(self.0.at()))
            .order(lead_scores::due_at)
            .limit(limit)
            .select((lead_scores::workspace_id, lead_scores::lead_id));
        Ok(found.load(self.0.conn)?)
    }

    pub fn delete(&mut self, lead: Id, model: Id) -> Result<()> {
        diesel::delete(lead_scores::table.find((self.0.scope.workspace, lead, model))).execute(self.0.conn)?;
        Ok(())
    }

    /// What is due of the leads' scores is due at another time, or never again.
    pub fn set_due(&mut self, leads: &[Id], due: Option<Timestamp>) -> Result<()> {
        let of_leads = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::lead_id.eq_any(leads))
            .filter(lead_scores::due_at.le(self.0.at()));
        diesel::update(of_leads).set(lead_scores::due_at.eq(due)).execute(self.0.conn)?;
        Ok(())
    }

    /// The ledger of a lead.
    pub fn entries(
        &mut self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
        paging: &Paging,
    ) -> Result<Vec<ScoreEntry>> {
        let mut query = self.filtered_entries(lead, model, rule);
        if let Some(after) = paging.after("score_entries") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("score_entries")).limit(paging.fetch());
        Ok(page.select(ScoreEntry::as_select()).load(self.0.conn)?)
    }

    pub fn count_entries(&mut self, lead: Id, model: Option<Id>, rule: Option<&str>) -> Result<i64> {
        Ok(self.filtered_entries(lead, model, rule).count().get_result(self.0.conn)?)
    }

    /// What the rows of a lead's ledger added up to at `at`: model, rule and points, without what adds up to nothing.
    pub fn sums_at(&mut self, lead: Id, at: Timestamp) -> Result<Vec<(Id, String, i64)>> {
        let sum = || sql::<BigInt>("CAST(SUM(score_entries.points) AS BIGINT)");
        let found = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq(lead))
            .filter(score_entries::at.le(at))
            .group_by((score_entries::model_id, score_entries::rule))
            .having(sql::<Bool>("SUM(score_entries.points) <> 0"))
            .select((score_entries::model_id, score_entries::rule, sum()));
        Ok(found.load(self.0.conn)?)
    }

    fn filtered_entries(
        &self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
    ) -> score_entries::BoxedQuery<'static, MultiBackend> {
        let mut query = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq(lead))
            .into_boxed();
        query = match model {
            Some(model) => query.filter(score_entries::model_id.eq(model)),
            None => {
                let shadows = scoring_models::table
                    .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
                    .filter(scoring_models::shadow_of.is_not_null())
                    .select(scoring_models::id);
                query.filter(score_entries::model_id.ne_all(shadows))
            }
        };
        if let Some(rule) = rule {
            query = query.filter(score_entries::rule.eq(rule.to_owned()));
        }
        query
    }
}
