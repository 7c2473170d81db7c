//! JSON as the service takes it (B-0): no duplicate keys, no control characters, text in NFC, whole floats as integers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Violation;
use crate::http::problem::{Kind, Problem};
use crate::text;

/// Integers beyond this are not exact in a float, so a float that large is no whole number to us.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Nesting that a body may have.
const DEPTH: usize = 64;

/// Reads a body. Syntax errors and duplicate keys are [`Kind::MalformedJson`]; text that may not be stored is a list
/// of violations.
pub fn read(body: &[u8]) -> Result<Value, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict { depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    let mut value = value.map_err(|e| Problem::new(Kind::MalformedJson, e.to_string()))?;
    let mut broken = Vec::new();
    normalise(&mut value, &mut String::new(), &mut broken);
    if broken.is_empty() { Ok(value) } else { Err(Problem::invalid(broken)) }
}

/// Puts every text into its normal form and reports those that hold what no text may hold.
fn normalise(value: &mut Value, pointer: &mut String, broken: &mut Vec<Violation>) {
    match value {
        Value::String(string) => match text::lines(string) {
            Ok(normal) => *string = normal,
            Err(what) => broken.push(Violation::new(pointer.clone(), "malformed", what.detail)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                within(pointer, &index.to_string(), |pointer| normalise(item, pointer, broken));
            }
        }
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                within(pointer, &escape(key), |pointer| {
                    if text::line(key).is_err() {
                        broken.push(Violation::new(pointer.clone(), "malformed", "a name holds control characters"));
                    }
                    normalise(member, pointer, broken);
                });
            }
        }
        _ => {}
    }
}

fn within(pointer: &mut String, step: &str, work: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    work(pointer);
    pointer.truncate(length);
}

/// A member's name as a step of a JSON pointer (RFC 6901); what no text may hold is shown as U+FFFD.
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1").replace(char::is_control, "\u{fffd}")
}

struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > DEPTH {
            return Err(serde::de::Error::custom("nested too deeply"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        if value.fract() == 0.0 && value.abs() <= EXACT {
            return Ok((value as i64).into());
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict { depth: self.depth + 1 })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Strict { depth: self.depth + 1 })?;
            if members.contains_key(&key) {
                return Err(serde::de::Error::custom("a name appears twice in one object"));
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_floats_are_integers() {
        assert_eq!(read(br#"[36.0, 1e2, -0.0, 1.5]"#).unwrap(), json!([36, 100, 0, 1.5]));
    }

    #[test]
    fn a_name_that_appears_twice_is_refused_at_any_depth() {
        assert_eq!(read(br#"{"a": {"b": 1, "b": 2}}"#).unwrap_err().status(), 400);
    }

    #[test]
    fn syntax_errors_are_malformed_json() {
        for body in ["{bad", "", "{} x", "[NaN]", "{'a': 1}", "\u{feff}{}", "[1e400]", "[01]", r#"["\ud800"]"#] {
            assert_eq!(read(body.as_bytes()).unwrap_err().status(), 400, "{body}");
        }
        assert_eq!(read(&[b'"', 0xff, b'"']).unwrap_err().status(), 400);
    }

    #[test]
    fn nul_and_control_characters_are_refused_where_they_stand() {
        let problem = read(br#"{"a": ["ok", "no\u0000"]}"#).unwrap_err();
        assert!(problem.document().contains("/a/1"), "{}", problem.document());
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(read(deep.as_bytes()).unwrap_err().status(), 400);
    }
}
