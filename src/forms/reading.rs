//! What a submission says in the terms of its form: which value goes where, and everything that is wrong with it.
//!
//! All that a visitor could put right is refused here, before anything is stored. What passes is never lost.

use std::collections::BTreeMap;

use super::definition::{Definition, FormField, Purpose};
use super::payload::{Given, Payload, Said};
use super::redirect;
use super::slot::Slot;
use crate::contacts::identity::{self, Email, Phone};
use crate::error::Violation;
use crate::http::json::escape;
use crate::matching::decide::Keys;
use crate::matching::strategy::Field;
use crate::text::{self, Rejected, compare_key};

/// A submission that its form accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The values that go to records, trimmed; none is empty.
    pub mapped: BTreeMap<Slot, String>,
    /// The values that stay with the submission, trimmed; none is empty.
    pub unmapped: BTreeMap<String, String>,
    /// The e-mail address in both its forms.
    pub email: Option<Email>,
    /// The phone in both its forms.
    pub phone: Option<Phone>,
    /// The mobile phone in both its forms.
    pub mobile: Option<Phone>,
    /// The id that the page knows the browser by.
    pub anonymous_id: Option<String>,
    /// The consents that were given.
    pub granted: Vec<Purpose>,
}

impl Given {
    /// What was said about `purpose`.
    pub fn about(&self, purpose: Purpose) -> Option<bool> {
        self.said(purpose).map(|said| match said {
            Said::Plainly(granted) => *granted,
            Said::Of(shown) => shown.granted,
        })
    }

    /// The version of the text about `purpose` that was shown, if that was told.
    pub fn shown(&self, purpose: Purpose) -> Option<&str> {
        match self.said(purpose)? {
            Said::Plainly(_) => None,
            Said::Of(shown) => shown.text_version.as_deref(),
        }
    }

    fn said(&self, purpose: Purpose) -> Option<&Said> {
        match purpose {
            Purpose::Marketing => self.marketing.as_ref(),
            Purpose::Profiling => self.profiling.as_ref(),
        }
    }
}

impl Reading {
    /// Reads `payload`; the errors are all that is wrong with it.
    pub fn of(definition: &Definition, payload: &Payload, country: Option<&str>) -> Result<Self, Vec<Violation>> {
        let mut reader = Reader { reading: Self::default(), broken: Vec::new(), country };
        for (name, value) in &payload.fields {
            match definition.field(name) {
                Some(field) => reader.take(field, value),
                None if definition.honeypot.as_ref() == Some(name) => {}
                None => reader.refuse(&pointer(name), Rejected::new("unknown_field", "the form has no such field")),
            }
        }
        for field in definition.fields.iter().filter(|field| field.required) {
            if payload.fields.get(&field.name).is_none_or(|value| value.trim().is_empty()) {
                reader.refuse(&pointer(&field.name), Rejected::new("required", "is required"));
            }
        }
        reader.consents(definition, &payload.consents);
        if let Some(Err(why)) = payload.page_url.as_deref().map(redirect::web_address) {
            reader.refuse("/page_url", why);
        }
        reader.reading.anonymous_id = payload.anonymous_id.clone();
        if reader.broken.is_empty() { Ok(reader.reading) } else { Err(reader.broken) }
    }

    /// What the person is matched by.
    pub fn keys(&self) -> Keys {
        let folded = |slot| self.mapped.get(&slot).map(|value| compare_key(value));
        let keys = [
            (Field::Email, self.email.as_ref().map(|email| email.key.clone())),
            (Field::Phone, self.phone.as_ref().map(|phone| phone.e164.clone())),
            (Field::Mobile, self.mobile.as_ref().map(|mobile| mobile.e164.clone())),
            (Field::AnonymousId, self.anonymous_id.clone()),
            (Field::FirstName, folded(Slot::FirstName)),
            (Field::LastName, folded(Slot::LastName)),
        ];
        keys.into_iter().filter_map(|(field, key)| Some((field, key?))).collect()
    }

    /// Whether it tells of a person at all (REC-6).
    pub fn names_somebody(&self) -> bool {
        self.mapped.keys().any(Slot::names_somebody)
    }

    /// The value that goes to `slot`.
    pub fn value(&self, slot: &Slot) -> Option<String> {
        self.mapped.get(slot).cloned()
    }
}

struct Reader<'a> {
    reading: Reading,
    broken: Vec<Violation>,
    country: Option<&'a str>,
}

impl Reader<'_> {
    fn refuse(&mut self, pointer: &str, why: Rejected) {
        self.broken.push(why.at(pointer));
    }

    fn take(&mut self, field: &FormField, value: &str) {
        if let Err(why) = self.try_take(field, value.trim()) {
            self.refuse(&pointer(&field.name), why);
        }
    }

    fn try_take(&mut self, field: &FormField, value: &str) -> Result<(), Rejected> {
        if !field.multi_line {
            text::line(value)?;
        }
        let Some(slot) = field.maps_to.clone() else {
            if !value.is_empty() {
                self.reading.unmapped.insert(field.name.clone(), value.to_owned());
            }
            return Ok(());
        };
        if value.is_empty() {
            return Ok(());
        }
        let value = self.fitting(&slot, value)?;
        self.reading.mapped.insert(slot, value);
        Ok(())
    }

    /// The value as the record takes it, read where it must be of some form.
    fn fitting(&mut self, slot: &Slot, value: &str) -> Result<String, Rejected> {
        match slot {
            Slot::Email => self.reading.email = Some(identity::email(value)?),
            Slot::Phone => self.reading.phone = Some(identity::phone(value, self.country)?),
            Slot::Mobile => self.reading.mobile = Some(identity::phone(value, self.country)?),
            Slot::Country => return country(value),
            _ => {}
        }
        text::at_most(value, slot.length())?;
        Ok(value.to_owned())
    }

    fn consents(&mut self, definition: &Definition, given: &Given) {
        for purpose in [Purpose::Marketing, Purpose::Profiling] {
            let asked = definition.consents.iter().find(|asked| asked.purpose == purpose);
            let name = if purpose == Purpose::Marketing { "/consents/marketing" } else { "/consents/profiling" };
            let version = asked.and_then(|asked| asked.text_version.as_deref());
            if asked.is_some() && given.shown(purpose).is_some_and(|shown| Some(shown) != version) {
                let detail = "is not the version of the form's text; show the present one";
                self.refuse(&format!("{name}/text_version"), Rejected::new("unknown", detail));
                continue;
            }
            match (asked, given.about(purpose)) {
                (None, Some(_)) => self.refuse(name, Rejected::new("unknown_field", "the form does not ask for it")),
                (Some(_), Some(true)) => self.reading.granted.push(purpose),
                (Some(asked), _) if asked.required => self.refuse(name, Rejected::new("required", "must be true")),
                _ => {}
            }
        }
    }
}

fn country(value: &str) -> Result<String, Rejected> {
    let code = value.to_ascii_uppercase();
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then_some(code).ok_or_else(|| Rejected::new("malformed", "must be an ISO 3166 alpha-2 code such as EE"))
}

fn pointer(name: &str) -> String {
    format!("/fields/{}", escape(&name.chars().take(100).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn definition() -> Definition {
        let document = json!({
            "name": "x", "kind": "event", "source": "web",
            "fields": [
                {"name": "email", "required": true, "maps_to": "contact.email"},
                {"name": "mobile", "maps_to": "contact.mobile"},
                {"name": "name", "maps_to": "contact.first_name"},
                {"name": "country", "maps_to": "contact.address.country"},
                {"name": "size"},
                {"name": "note", "multi_line": true},
            ],
            "consents": [{"purpose": "marketing"}, {"purpose": "profiling", "required": true}],
        });
        serde_json::from_value(document).unwrap()
    }

    fn read(document: Value) -> Result<Reading, Vec<String>> {
        let payload: Payload = serde_json::from_value(document).unwrap();
        let read = Reading::of(&definition(), &payload, Some("EE"));
        read.map_err(|broken| broken.into_iter().map(|it| format!("{} {}", it.pointer, it.code)).collect())
    }

    #[test]
    fn values_find_their_places_trimmed_and_empty_ones_none() {
        let fields = json!({
            "email": " Ann@X.ee ", "mobile": "5551 2345", "name": " ", "country": "ee", "size": " 5 ", "note": "a\nb",
        });
        let reading = read(json!({"fields": fields, "consents": {"profiling": true, "marketing": false}})).unwrap();
        let mapped = [(Slot::Email, "Ann@X.ee"), (Slot::Mobile, "5551 2345"), (Slot::Country, "EE")];
        assert_eq!(reading.mapped, mapped.map(|(slot, value)| (slot, value.to_owned())).into());
        assert_eq!(reading.unmapped, [("note", "a\nb"), ("size", "5")].map(|(n, v)| (n.into(), v.into())).into());
        assert_eq!(reading.granted, [Purpose::Profiling]);
        assert_eq!(reading.keys(), [(Field::Email, "ann@x.ee".into()), (Field::Mobile, "+37255512345".into())].into());
        assert!(reading.names_somebody());
    }

    #[test]
    fn everything_wrong_is_told_where_it_stands() {
        let fields =
            json!({"email": " ", "mobile": "1", "name": "a\nb", "country": "Estonia", "a/b": "x", "size": "a\tb"});
        let broken = read(json!({"fields": fields, "page_url": "/here"})).unwrap_err();
        let expected = [
            "/fields/a~1b unknown_field",
            "/fields/country malformed",
            "/fields/mobile invalid_phone",
            "/fields/name control_character",
            "/fields/size control_character",
            "/fields/email required",
            "/consents/profiling required",
            "/page_url invalid_url",
        ];
        assert_eq!(broken, expected);
    }

    #[test]
    fn a_name_of_any_length_is_shown_in_part() {
        let name = "x".repeat(60_000);
        let broken =
            read(json!({"fields": {"email": "a@x.ee", name: "x"}, "consents": {"profiling": true}})).unwrap_err();
        assert_eq!(broken[0].len(), "/fields/".len() + 100 + " unknown_field".len());
    }

    proptest! {
        #[test]
        fn nothing_that_is_accepted_is_dropped(
            name in "[a-zäß \t\n]{0,8}", size in "\\PC{0,8}", note in "[a-z \t\n\u{0}]{0,8}",
            email in "( ?[a-z]{1,4}@x\\.ee ?|[a-z@. ]{0,3})",
        ) {
            let fields = json!({"email": email, "name": name, "size": size, "note": note});
            if let Ok(reading) = read(json!({"fields": fields, "consents": {"profiling": true}})) {
                let kept: Vec<&String> = reading.mapped.values().chain(reading.unmapped.values()).collect();
                for sent in [name, size, note, email] {
                    prop_assert!(sent.trim().is_empty() || kept.iter().any(|value| *value == sent.trim()), "{sent:?}");
                }
                prop_assert!(kept.iter().all(|value| !value.is_empty()));
            }
        }
    }
}
