//! What is missing before a lead may leave its stage (PRO-4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::Fault;
use super::stage::Stage;
use crate::error::Violation;
use crate::filter::Records;

/// A requirement of a stage that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = UnfilledField)]
pub struct Unfilled {
    /// The stage that requires the field.
    #[schema(example = "marketing_qualification")]
    pub stage: String,
    /// The field's key.
    #[schema(example = "budget")]
    pub field: String,
    /// The field's name for people.
    #[schema(example = "Budget")]
    pub name: String,
    /// Where it is kept.
    #[schema(example = "lead.attributes.budget")]
    pub fills: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What the stages require and the records lack, stage by stage.
pub fn unfilled(stages: &[Stage], records: &Records) -> Vec<Unfilled> {
    let mut found = Vec::new();
    for stage in stages {
        for field in stage.fields.iter().filter(|field| field.required) {
            found.extend(field.fault(records).map(|fault| Unfilled {
                stage: stage.key.clone(),
                field: field.key.clone(),
                name: field.name.clone(),
                fills: field.place(),
                fault,
            }));
        }
    }
    found
}

impl Unfilled {
    /// The broken rule that a caller is told, one for each field.
    pub fn violation(&self) -> Violation {
        let Self { stage, field, name, fills, fault } = self;
        let (code, what) = match fault {
            Fault::Missing => ("required", "has no value"),
            Fault::WrongType => ("wrong_type", "has a value of another type"),
        };
        let detail = format!("stage `{stage}` requires `{field}` ({name}), and `{fills}` {what}");
        Violation::new(format!("/fields/{field}"), code, detail)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::field::{FieldType, StageField};
    use super::super::stage::Process;
    use super::*;

    fn required(key: &str, kind: FieldType) -> StageField {
        let (key, name) = (key.to_owned(), key.to_uppercase());
        StageField { key, name, kind, choices: Vec::new(), required: true, fills: None }
    }

    fn stages() -> Vec<Stage> {
        let mut stages = Process::shipped().stages;
        stages[0].fields = vec![required("budget", FieldType::Integer), required("need", FieldType::Text)];
        stages[1].fields = vec![StageField { required: false, ..required("hobby", FieldType::Text) }];
        stages[2].fields = vec![required("date", FieldType::Date)];
        stages
    }

    #[test]
    fn everything_required_is_listed_stage_by_stage_and_nothing_else() {
        let records = Records { lead: json!({"attributes": {"budget": "much"}}), ..Records::default() };
        let listed: Vec<(String, String, Fault)> =
            unfilled(&stages(), &records).into_iter().map(|it| (it.stage, it.field, it.fault)).collect();
        let expected = [
            ("inquiry", "budget", Fault::WrongType),
            ("inquiry", "need", Fault::Missing),
            ("teleprospect_acceptance", "date", Fault::Missing),
        ];
        assert_eq!(listed, expected.map(|(stage, field, fault)| (stage.to_owned(), field.to_owned(), fault)));
    }

    proptest! {
        #[test]
        fn filling_a_field_never_adds_to_what_is_missing(
            filled in prop::collection::btree_map("budget|need|date|hobby", "[a-z]{0,3}|2026-11-24", 0..4),
            more in "budget|need|date",
        ) {
            let records = |attributes: &std::collections::BTreeMap<String, String>| {
                Records { lead: json!({"attributes": attributes}), ..Records::default() }
            };
            let before = unfilled(&stages(), &records(&filled));
            let mut after = filled.clone();
            after.insert(more, "2026-11-24".to_owned());
            prop_assert!(unfilled(&stages(), &records(&after)).len() <= before.len());
        }
    }
}
