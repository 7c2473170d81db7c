//! The mail that asks a sender to confirm their address (CAP-6).
//!
//! It is plain text with `{{link}}` and `{{form}}` in it, and nothing else is ever replaced: what stands between is read
//! once and not evaluated. Nothing that a visitor sent goes into it, because it goes to an address that nobody has
//! confirmed, and must not carry a stranger's words there (V10).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::Definition;
use super::slot::Slot;
use crate::error::Violation;
use crate::text;

const USUAL_SUBJECT: &str = "Please confirm your e-mail address";
const USUAL_TEXT: &str = "Hello,\n\nsomebody gave us this e-mail address. If that was you, please open this link:\n\n\
    {{link}}\n\nIt works once, for 28 days. If it was not you, there is nothing to do: without the link nothing happens.\n";

/// The mail that asks for the confirmation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"subject": "Your subscription", "text": "Hello,\n\nplease confirm it here: {{link}}\n"}))]
pub struct ConfirmationLetter {
    /// What it is about; `{{form}}` is the name of the form. A usual one when left out.
    #[schema(max_length = 200)]
    pub subject: Option<String>,
    /// What it says. `{{link}}`, once, is the link, and `{{form}}` the name of the form. A usual one when left out.
    #[schema(max_length = 10_000)]
    pub text: Option<String>,
    /// Whether opening the link shows a page with a button that confirms, rather than confirming at once. Programs that
    /// look through mail for viruses open links, too, and press no buttons. Default false.
    pub button: bool,
}

impl ConfirmationLetter {
    /// Everything that is wrong with it.
    pub fn broken(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        if let Some(subject) = &self.subject {
            broken.extend(text::line(subject).err().map(|why| why.at("/confirmation/subject")));
            broken.extend(unknown(subject, &["form"]).map(|name| foreign("/confirmation/subject", name)));
        }
        if let Some(text) = &self.text {
            if parts(text).filter(|part| *part == Part::Placeholder("link")).count() != 1 {
                let detail = "must hold {{link}} exactly once";
                broken.push(Violation::new("/confirmation/text", "malformed", detail));
            }
            broken.extend(unknown(text, &["form", "link"]).map(|name| foreign("/confirmation/text", name)));
        }
        broken
    }

    /// Subject and text, for a form of this name and with this link.
    pub fn written(&self, form: &str, link: &str) -> (String, String) {
        let subject = self.subject.as_deref().unwrap_or(USUAL_SUBJECT);
        let text = self.text.as_deref().unwrap_or(USUAL_TEXT);
        (filled(subject, form, link), filled(text, form, link))
    }
}

/// What a form that wants addresses confirmed still needs before it can go live.
pub fn missing(definition: &Definition) -> Option<Violation> {
    let is_asked = |slot: &Option<Slot>| slot.as_ref() == Some(&Slot::Email);
    let has_email = definition.fields.iter().any(|field| field.required && is_asked(&field.maps_to));
    let detail = "needs a required field that goes to contact.email";
    (definition.double_opt_in && !has_email).then(|| Violation::new("/double_opt_in", "required", detail))
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let begin = rest.find("{{");
        let name = begin.and_then(|begin| rest.get(begin..)?.strip_prefix("{{")?.split_once("}}"));
        let (part, after) = match (begin, name) {
            (Some(0), Some((name, after))) => (Part::Placeholder(name.trim()), after),
            (Some(begin), Some(_)) => (Part::Text(rest.get(..begin)?), rest.get(begin..)?),
            _ if rest.is_empty() => return None,
            _ => (Part::Text(rest), ""),
        };
        rest = after;
        Some(part)
    })
}

fn filled(template: &str, form: &str, link: &str) -> String {
    let value = |part| match part {
        Part::Placeholder("form") => form,
        Part::Placeholder("link") => link,
        Part::Placeholder(_) => "",
        Part::Text(text) => text,
    };
    parts(template).map(value).collect()
}

fn unknown<'t>(template: &'t str, known: &'t [&str]) -> impl Iterator<Item = &'t str> {
    parts(template).filter_map(move |part| match part {
        Part::Placeholder(name) if !known.contains(&name) => Some(name),
        _ => None,
    })
}

fn foreign(pointer: &str, name: &str) -> Violation {
    let name: String = name.chars().take(40).collect();
    Violation::new(pointer, "unknown", format!("{{{{{name}}}}} is nothing that can stand here"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn letter(subject: &str, text: &str) -> ConfirmationLetter {
        ConfirmationLetter { subject: Some(subject.into()), text: Some(text.into()), button: false }
    }

    #[test]
    fn link_and_form_are_put_in_and_nothing_else_is_read() {
        let letter = letter("{{ form }}: confirm", "Open {{link}} for {{form}}. ${jndi:x} <%= 1 %> {{ {");
        assert_eq!(letter.broken(), []);
        let (subject, text) = letter.written("{{link}} {{7*7}}", "https://x.ee/{{form}}");
        assert_eq!(subject, "{{link}} {{7*7}}: confirm");
        assert_eq!(text, "Open https://x.ee/{{form}} for {{link}} {{7*7}}. ${jndi:x} <%= 1 %> {{ {");
    }

    #[test]
    fn the_usual_letter_is_in_order_and_has_the_link_once() {
        let usual = ConfirmationLetter::default();
        assert_eq!(usual.broken(), []);
        let (subject, text) = usual.written("White paper", "https://x.ee/1");
        assert_eq!((subject.as_str(), text.matches("https://x.ee/1").count()), (USUAL_SUBJECT, 1));
        assert_eq!(letter(USUAL_SUBJECT, USUAL_TEXT).broken(), []);
    }

    #[test]
    fn a_letter_needs_its_link_once_and_knows_no_other_names() {
        let pointers = |letter: ConfirmationLetter| -> Vec<String> {
            letter.broken().into_iter().map(|broken| broken.pointer).collect()
        };
        for text in ["", "no link", "{{link}} {{link}}", "{{LINK}}", "{{link}"] {
            assert!(!pointers(letter("x", text)).is_empty(), "{text}");
        }
        assert_eq!(pointers(letter("{{link}}", "{{link}}")), ["/confirmation/subject"]);
        assert_eq!(
            pointers(letter("a\nBcc: b", "{{link}} {{first_name}}")),
            ["/confirmation/subject", "/confirmation/text"]
        );
    }

    #[test]
    fn an_address_to_be_confirmed_must_be_asked_for() {
        let form = |fields: serde_json::Value| -> Definition {
            let document =
                json!({"name": "x", "kind": "event", "source": "web", "double_opt_in": true, "fields": fields});
            serde_json::from_value(document).unwrap()
        };
        assert!(missing(&form(json!([{"name": "e", "maps_to": "contact.email"}]))).is_some());
        assert!(missing(&form(json!([{"name": "e", "required": true}]))).is_some());
        assert_eq!(missing(&form(json!([{"name": "e", "required": true, "maps_to": "contact.email"}]))), None);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_template_are_all_of_it(template in "[a{} ]{0,12}") {
            let whole: String = parts(&template).map(|part| match part {
                Part::Text(text) => text.to_owned(),
                Part::Placeholder(name) => format!("{{{{{name}}}}}"),
            }).collect();
            prop_assert_eq!(whole.replace(' ', ""), template.replace(' ', ""));
        }
    }
}
