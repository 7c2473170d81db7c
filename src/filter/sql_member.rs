//! Conditions on values under names that are not ours, each compared as what it is: SQL for members of JSON documents.

use super::compare::wanted_values;
use super::number::spellings;
use super::sql::Part;
use super::sql_writer::{Writer, part, symbol};
use super::{Literal, Op, Scalar};
use crate::db::connection::Dialect;

/// A member of a JSON object kept in a column.
pub(super) struct Member<'a> {
    pub table: &'static str,
    /// The column with the object.
    pub map: &'static str,
    pub key: &'a str,
}

impl Writer {
    /// Whether the member is there and stands to `wanted` as `op` says, which is none of the negating operators.
    pub fn member(&mut self, member: &Member<'_>, op: Op, wanted: Option<&Literal>) {
        match self.dialect {
            Dialect::Sqlite => self.member_in_sqlite(member, op, wanted),
            Dialect::Postgres => self.member_in_postgres(member, op, wanted),
        }
    }

    fn member_in_sqlite(&mut self, member: &Member<'_>, op: Op, wanted: Option<&Literal>) {
        self.sql("member_compares(");
        self.sql(member.table);
        self.sql(".");
        self.sql(member.map);
        let wanted = serde_json::to_string(&wanted);
        for argument in [Ok(member.key.to_owned()), crate::db::types::code_text(&op), wanted] {
            self.sql(", ");
            self.push(Part::Text(argument.unwrap_or_default()));
        }
        self.sql(")");
    }

    fn member_in_postgres(&mut self, member: &Member<'_>, op: Op, wanted: Option<&Literal>) {
        match (op, wanted_values(wanted), part(wanted)) {
            (Op::IsSet, ..) => {
                self.member_value(member);
                self.sql(" NOT IN ('null', '\"\"')");
            }
            (Op::Eq | Op::In, wanted, _) => {
                let spelled: Vec<String> = wanted.iter().flat_map(spelled).collect();
                self.member_value(member);
                self.sql(" = ANY(ARRAY(SELECT jsonb_array_elements(");
                self.push(Part::Text(format!("[{}]", spelled.join(","))));
                self.sql("::jsonb)))");
            }
            (Op::Lt | Op::Lte | Op::Gt | Op::Gte, [Scalar::Number(wanted), ..], _) => {
                let [lowest, highest] = spellings(wanted);
                self.member_of_type(member, "number");
                self.member_value(member);
                self.sql(symbol(op));
                self.push(Part::Text(if matches!(op, Op::Lt | Op::Gte) { lowest } else { highest }));
                self.sql("::jsonb)");
            }
            (Op::Contains | Op::StartsWith, _, Some(part)) => {
                self.member_of_type(member, "string");
                self.has_part(op, part, |writer| {
                    writer.member_value(member);
                    writer.sql(" #>> '{}'");
                });
                self.sql(")");
            }
            _ => self.sql("FALSE"),
        }
    }

    fn member_of_type(&mut self, member: &Member<'_>, kind: &'static str) {
        self.sql("(jsonb_typeof(");
        self.member_value(member);
        self.sql(") = '");
        self.sql(kind);
        self.sql("' AND ");
    }

    fn member_value(&mut self, member: &Member<'_>) {
        self.sql("(");
        self.sql(member.table);
        self.sql(".");
        self.sql(member.map);
        self.sql(" -> ");
        self.push(Part::Text(member.key.to_owned()));
        self.sql(")");
    }
}

/// How `jsonb` spells what equals `value`. Empty text counts as missing and equals nothing.
fn spelled(value: &Scalar) -> Vec<String> {
    match value {
        Scalar::Text(text) if text.is_empty() => Vec::new(),
        Scalar::Text(text) => vec![serde_json::Value::from(text.as_str()).to_string()],
        Scalar::Boolean(truth) => vec![truth.to_string()],
        Scalar::Number(number) => {
            let mut spelled = Vec::from(spellings(number));
            spelled.dedup();
            spelled
        }
    }
}
