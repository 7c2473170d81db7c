//! Writes a filter as SQL, piece by piece.

use super::compare::wanted_values;
use super::field::{Field, Kind, Place, Record};
use super::number::{self, Bound};
use super::sql::{Part, Subject};
use super::sql_member::Member;
use super::{Condition, Filter, Literal, Op, Related, Scalar};
use crate::clock::Timestamp;
use crate::db::connection::Dialect;
use crate::id::Id;

pub(super) struct Writer {
    pub dialect: Dialect,
    subject: Subject,
    at: Timestamp,
    /// The record that is looked at inside of `related`.
    within: Option<Record>,
    parts: Vec<Part>,
}

/// A field in its table.
#[derive(Clone, Copy)]
struct Column<'a> {
    table: &'static str,
    place: Place<'a>,
}

impl Writer {
    pub fn new(dialect: Dialect, subject: Subject, at: Timestamp) -> Self {
        Self { dialect, subject, at, within: None, parts: Vec::new() }
    }

    pub fn finish(self) -> Vec<Part> {
        self.parts
    }

    pub fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::List(parts) | Filter::All(parts) => self.joined(parts, " AND ", "TRUE"),
            Filter::Any(parts) => self.joined(parts, " OR ", "FALSE"),
            Filter::Not(part) => self.negated(|writer| writer.filter(part)),
            Filter::Related(related) => self.related(related),
            Filter::Condition(condition) => self.condition(condition),
        }
    }

    fn joined(&mut self, parts: &[Filter], word: &'static str, of_none: &'static str) {
        if parts.is_empty() {
            return self.sql(of_none);
        }
        for (index, part) in parts.iter().enumerate() {
            self.sql(if index == 0 { "(" } else { word });
            self.filter(part);
        }
        self.sql(")");
    }

    fn negated(&mut self, write: impl FnOnce(&mut Self)) {
        self.sql("((");
        write(self);
        self.sql(") IS NOT TRUE)");
    }

    fn related(&mut self, related: &Related) {
        let (least, most) = related.range();
        match (least, most) {
            // Inside of `related` nothing else is related.
            _ if self.within.is_some() => self.sql(if least <= 0 && most >= 0 { "TRUE" } else { "FALSE" }),
            (1, i64::MAX) => self.related_rows("EXISTS (SELECT 1 FROM ", related),
            (i64::MIN..=0, 0) => self.negated(|writer| writer.related_rows("EXISTS (SELECT 1 FROM ", related)),
            _ => {
                self.related_rows("((SELECT count(*) FROM ", related);
                self.sql(" BETWEEN ");
                self.push(Part::Number(least));
                self.sql(" AND ");
                self.push(Part::Number(most));
                self.sql(")");
            }
        }
    }

    fn related_rows(&mut self, begin: &'static str, related: &Related) {
        self.sql(begin);
        self.sql(self.subject.relation(related.related));
        if let Some(since) = related.since(self.at) {
            for (operator, instant) in [(" > ", since), (" <= ", self.at)] {
                self.sql(" AND ");
                self.related_column();
                self.sql(related.related.instant());
                self.sql(operator);
                self.push(Part::Instant(instant));
            }
        }
        self.sql(" AND ");
        self.within = Some(related.related.record());
        self.filter(&related.matching);
        self.within = None;
        self.sql(")");
    }

    /// Begins the name of a plain column of related rows. Knowing nothing of the data, SQLite would take any index on
    /// it and walk through the rows of everybody; the sign keeps it to those of the one asked about.
    fn related_column(&mut self) {
        self.sql(match self.dialect {
            Dialect::Sqlite => "+related.",
            Dialect::Postgres => "related.",
        });
    }

    fn condition(&mut self, condition: &Condition) {
        let Condition { field, op, value } = condition;
        let field = Field::named(field).and_then(|field| Some((self.column(&field)?, field.kind)));
        let affirmed = match op {
            Op::Ne => Op::Eq,
            Op::NotIn => Op::In,
            Op::NotSet => Op::IsSet,
            affirmative => *affirmative,
        };
        let write = |writer: &mut Self| match field {
            Some((column, kind)) => writer.affirmed(column, kind, affirmed, value.as_ref()),
            None => writer.sql("FALSE"),
        };
        if affirmed == *op { write(self) } else { self.negated(write) }
    }

    fn column<'a>(&self, field: &Field<'a>) -> Option<Column<'a>> {
        let table = match self.within {
            Some(record) => (record == field.record).then_some("related"),
            None => self.subject.table(field.record),
        };
        table.map(|table| Column { table, place: field.place })
    }

    fn affirmed(&mut self, column: Column<'_>, kind: Kind, op: Op, wanted: Option<&Literal>) {
        if let Place::Key(map, key) = column.place {
            return self.member(&Member { table: column.table, map, key }, op, wanted);
        }
        let values = wanted_values(wanted);
        match (op, values.first()) {
            (Op::IsSet, _) => {
                self.value(column, kind);
                self.sql(if kind == Kind::Text { " <> ''" } else { " IS NOT NULL" });
            }
            (Op::Eq | Op::In, _) => self.equals(column, kind, values),
            (Op::Contains | Op::StartsWith, _) => match part(wanted).filter(|_| kind == Kind::Text) {
                Some(part) => self.has_part(op, part, |writer| writer.value(column, kind)),
                None => self.sql("FALSE"),
            },
            (_, Some(wanted)) => self.ordered(column, kind, op, wanted),
            _ => self.sql("FALSE"),
        }
    }

    fn equals(&mut self, column: Column<'_>, kind: Kind, values: &[Scalar]) {
        let same: Vec<Part> = values.iter().filter_map(|value| same_kind(kind, value)).collect();
        match same.as_slice() {
            [] => self.sql("FALSE"),
            [one] => self.compared(column, kind, " = ", one.clone()),
            several => {
                self.value(column, kind);
                self.one_of(kind, several);
            }
        }
    }

    /// ` IN (…)` with all values bound as one JSON array.
    fn one_of(&mut self, kind: Kind, values: &[Part]) {
        let list: serde_json::Value = values.iter().map(in_json).collect();
        let (before, after) = match (self.dialect, kind) {
            (Dialect::Sqlite, Kind::Id) => (" IN (SELECT unhex(value) FROM json_each(", "))"),
            (Dialect::Sqlite, _) => (" IN (SELECT value FROM json_each(", "))"),
            (Dialect::Postgres, Kind::Id) => (" = ANY(ARRAY(SELECT jsonb_array_elements_text(", "::jsonb)::uuid))"),
            (Dialect::Postgres, Kind::Time) => {
                (" = ANY(ARRAY(SELECT jsonb_array_elements_text(", "::jsonb)::timestamptz))")
            }
            (Dialect::Postgres, Kind::Number) => {
                (" = ANY(ARRAY(SELECT jsonb_array_elements_text(", "::jsonb)::bigint))")
            }
            (Dialect::Postgres, Kind::Boolean) => {
                (" = ANY(ARRAY(SELECT jsonb_array_elements_text(", "::jsonb)::boolean))")
            }
            (Dialect::Postgres, Kind::Text | Kind::Any) => {
                (" = ANY(ARRAY(SELECT jsonb_array_elements_text(", "::jsonb)))")
            }
        };
        self.sql(before);
        self.push(Part::Text(list.to_string()));
        self.sql(after);
    }

    fn ordered(&mut self, column: Column<'_>, kind: Kind, op: Op, wanted: &Scalar) {
        match (kind, wanted) {
            (Kind::Time, Scalar::Text(text)) => match Timestamp::parse(text) {
                Some(instant) => self.compared(column, kind, symbol(op), Part::Instant(instant)),
                None => self.sql("FALSE"),
            },
            (Kind::Number, Scalar::Number(wanted)) => {
                let (symbol, bound) = match number::bound(op, wanted) {
                    Bound::AtMost(bound) => (" <= ", bound),
                    Bound::AtLeast(bound) => (" >= ", bound),
                };
                match i64::try_from(bound) {
                    Ok(bound) => self.compared(column, kind, symbol, Part::Number(bound)),
                    // Beyond what a column can hold: all values are on one side.
                    Err(_) if (symbol == " <= ") == (bound > 0) => {
                        self.value(column, kind);
                        self.sql(" IS NOT NULL");
                    }
                    Err(_) => self.sql("FALSE"),
                }
            }
            _ => self.sql("FALSE"),
        }
    }

    fn compared(&mut self, column: Column<'_>, kind: Kind, symbol: &'static str, wanted: Part) {
        self.value(column, kind);
        self.sql(symbol);
        self.push(wanted);
    }

    /// Whether a text has `part` somewhere, or at its beginning, case aside.
    pub fn has_part(&mut self, op: Op, part: &str, text: impl FnOnce(&mut Self)) {
        self.sql(match self.dialect {
            Dialect::Sqlite => "instr(case_folded(",
            Dialect::Postgres => "strpos(case_folded(",
        });
        text(self);
        self.sql("), ");
        self.push(Part::Text(caseless::default_case_fold_str(part)));
        self.sql(if op == Op::StartsWith { ") = 1" } else { ") > 0" });
    }

    /// A column, or what it holds in a JSON document.
    fn value(&mut self, column: Column<'_>, kind: Kind) {
        let (Place::Path(path) | Place::Presence(path) | Place::Key(path, _)) = column.place;
        let is_truth = kind == Kind::Boolean && matches!(column.place, Place::Path(_)) && path.contains('.');
        let is_presence = matches!(column.place, Place::Presence(_));
        let mut steps = path.split('.').peekable();
        self.sql(match (is_presence, is_truth, self.dialect) {
            (false, true, Dialect::Postgres) | (true, ..) => "(",
            _ => "",
        });
        if self.within.is_some() && !path.contains('.') {
            self.related_column();
        } else {
            self.sql(column.table);
            self.sql(".");
        }
        self.sql(steps.next().unwrap_or_default());
        while let Some(step) = steps.next() {
            self.sql(if steps.peek().is_none() { " ->> '" } else { " -> '" });
            self.sql(step);
            self.sql("'");
        }
        self.sql(match (is_presence, is_truth, self.dialect) {
            (true, ..) => " IS NOT NULL)",
            (_, true, Dialect::Postgres) => ")::boolean",
            _ => "",
        });
    }

    pub fn sql(&mut self, sql: &'static str) {
        self.parts.push(Part::Sql(sql));
    }

    pub fn push(&mut self, part: Part) {
        self.parts.push(part);
    }
}

/// How SQL writes an ordering.
pub(super) fn symbol(op: Op) -> &'static str {
    match op {
        Op::Lt => " < ",
        Op::Lte => " <= ",
        Op::Gt => " > ",
        _ => " >= ",
    }
}

/// The text that a value must have somewhere in it.
pub(super) fn part(wanted: Option<&Literal>) -> Option<&str> {
    match wanted {
        Some(Literal::One(Scalar::Text(part))) => Some(part),
        _ => None,
    }
}

/// What a column of `kind` can hold that equals `value`; `None` when there is no such thing.
fn same_kind(kind: Kind, value: &Scalar) -> Option<Part> {
    match (kind, value) {
        (Kind::Text, Scalar::Text(text)) if !text.is_empty() => Some(Part::Text(text.clone())),
        (Kind::Number, Scalar::Number(wanted)) => number::whole(wanted).map(Part::Number),
        (Kind::Boolean, Scalar::Boolean(truth)) => Some(Part::Truth(*truth)),
        (Kind::Time, Scalar::Text(text)) => Timestamp::parse(text).map(Part::Instant),
        (Kind::Id, Scalar::Text(text)) => Id::parse(text).map(Part::Id),
        _ => None,
    }
}

/// The same in a JSON array that the database takes apart again.
fn in_json(part: &Part) -> serde_json::Value {
    match part {
        Part::Sql(text) => (*text).into(),
        Part::Text(text) => text.as_str().into(),
        Part::Number(number) => (*number).into(),
        Part::Truth(truth) => (*truth).into(),
        Part::Instant(instant) => instant.to_string().into(),
        Part::Id(id) => crate::text::hex(id.as_bytes()).into(),
    }
}
