//! What a person asks for when they move a lead, as the API takes it (PRO-4).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::step::Wish;
use crate::attributes::AttributesPatch;
use crate::error::Violation;

/// How to move a lead: exactly one of `to`, `complete` and `next`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"complete": true, "fields": {"budget": 12000}, "note": "asked for an offer"}))]
pub struct NewTransition {
    /// The stage to enter, forward or back.
    #[schema(min_length = 1, max_length = 64, nullable = false)]
    pub to: Option<String>,
    /// The process to go on in; only with `to`, which names a stage of it.
    #[schema(min_length = 1, max_length = 64, nullable = false)]
    pub process: Option<String>,
    /// True to complete the active stage and go on to the next.
    #[schema(nullable = false)]
    pub complete: Option<bool>,
    /// Values for fields of the active stage, by key, which are filled in first; only with `complete`.
    #[schema(nullable = false)]
    pub fields: Option<AttributesPatch>,
    /// True to go on to the next stage.
    #[schema(nullable = false)]
    pub next: Option<bool>,
    /// Whether to pass over requirements that are not filled; needs the scope `leads:override`, and goes not with
    /// `complete`.
    #[serde(rename = "override")]
    #[schema(nullable = false)]
    pub overrides: Option<bool>,
    /// Why, for people.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
}

impl NewTransition {
    /// What is wished for; everything wrong with the request is told.
    pub fn wish(&self) -> Result<Wish, Vec<Violation>> {
        let mut broken = Vec::new();
        for (member, value) in [("complete", self.complete), ("next", self.next)] {
            if value == Some(false) {
                broken.push(Violation::new(format!("/{member}"), "not_allowed", "must be true, or be left out"));
            }
        }
        let ways = [self.to.is_some(), self.complete.is_some(), self.next.is_some()];
        if ways.into_iter().filter(|is_there| *is_there).count() != 1 {
            broken.push(Violation::new("", "required", "exactly one of `to`, `complete` and `next` is needed"));
        }
        if self.process.is_some() && self.to.is_none() {
            broken.push(Violation::new("/to", "required", "name the stage of the process to enter"));
        }
        if self.fields.is_some() && self.complete.is_none() {
            broken.push(Violation::new("/fields", "not_allowed", "goes only with `complete`"));
        }
        if self.overrides == Some(true) && self.complete.is_some() {
            let detail = "a stage is complete only when all it requires is filled; `next` passes over";
            broken.push(Violation::new("/override", "not_allowed", detail));
        }
        if !broken.is_empty() {
            return Err(broken);
        }
        Ok(match (&self.to, &self.process) {
            (Some(to), Some(process)) => Wish::Switch { process: process.clone(), to: to.clone() },
            (Some(to), None) => Wish::Enter(to.clone()),
            (None, _) if self.complete.is_some() => Wish::Complete,
            (None, _) => Wish::Next,
        })
    }

    /// The values to fill in first.
    pub fn values(&self) -> BTreeMap<String, Value> {
        self.fields.clone().unwrap_or_default().0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(body: Value) -> Result<Wish, Vec<String>> {
        let asked: NewTransition = serde_json::from_value(body).unwrap();
        asked.wish().map_err(|broken| broken.into_iter().map(|it| it.pointer).collect())
    }

    #[test]
    fn one_way_is_named() {
        assert_eq!(wish(json!({"to": "a"})), Ok(Wish::Enter("a".into())));
        assert_eq!(wish(json!({"next": true, "override": true})), Ok(Wish::Next));
        assert_eq!(wish(json!({"complete": true, "fields": {}})), Ok(Wish::Complete));
        let switch = Wish::Switch { process: "p".into(), to: "a".into() };
        assert_eq!(wish(json!({"process": "p", "to": "a"})), Ok(switch));
    }

    #[test]
    fn what_does_not_go_together_is_told_altogether() {
        assert_eq!(wish(json!({})), Err(vec![String::new()]));
        assert_eq!(wish(json!({"to": "a", "next": true})), Err(vec![String::new()]));
        let all = json!({"process": "p", "next": false, "fields": {"x": 1}});
        assert_eq!(wish(all), Err(["/next", "/to", "/fields"].map(str::to_owned).to_vec()));
        assert_eq!(wish(json!({"complete": true, "override": true})), Err(vec!["/override".to_owned()]));
    }
}
