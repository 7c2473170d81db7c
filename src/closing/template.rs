//! What letters are made of: text with `{{placeholders}}` and conditions, by minijinja.
//!
//! A template is written by the workspace's own people and checked when it is saved; what visitors sent only ever is a
//! value and is never read as a template. It may show the placeholders of [`PLACEHOLDERS`] and ask about them with
//! `{% if %}`, `{% elif %}`, `{% else %}` and `{% endif %}`; it cannot loop, calculate or call anything, so that no
//! template costs more than its own length. What is not known of somebody is empty text.

use std::collections::BTreeMap;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use crate::error::Violation;
use crate::text;

/// What a letter may show.
pub const PLACEHOLDERS: [&str; 11] = [
    "account.name",
    "contact.email",
    "contact.first_name",
    "contact.job_title",
    "contact.last_name",
    "lead.campaign",
    "lead.product_line",
    "lead.topic",
    "owner.email",
    "owner.name",
    QUESTIONNAIRE,
];

/// The link to a questionnaire.
pub const QUESTIONNAIRE: &str = "questionnaire_url";

/// Words that statements consist of.
const KEYWORDS: [&str; 4] = ["if", "elif", "else", "endif"];
/// Steps that a letter may take: more than any template of the longest length needs.
const FUEL: u64 = 50_000;
/// Bytes that a letter may have.
const LONGEST: usize = 64 * 1024;

/// What the placeholders stand for, by their names; those left out are empty.
pub type Values = BTreeMap<&'static str, String>;

/// Everything that is wrong with a template of `subject` and `text`.
pub fn broken(subject: &str, text: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    broken.extend(text::line(subject).err().map(|why| why.at("/subject")));
    for (source, pointer) in [(subject, "/subject"), (text, "/text")] {
        broken.extend(Violation::blank(pointer, source));
        broken.extend(fault(source).map(|why| Violation::new(pointer, "malformed", why)));
    }
    broken
}

/// Whether a template shows, or asks about, the placeholder `name`.
pub fn asks_for(source: &str, name: &str) -> bool {
    let environment = environment();
    environment.template_from_str(source).is_ok_and(|template| template.undeclared_variables(true).contains(name))
}

/// The text of a template. An error only for one that should not have been saved.
pub fn written(source: &str, values: &Values) -> Result<String, String> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| error.to_string())?;
    let mut text = Bounded::default();
    template.render_captured_to(nested(values), &mut text).map_err(|error| error.to_string())?;
    String::from_utf8(text.0).map_err(|error| error.to_string())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(FUEL));
    environment
}

/// Why a template cannot be used; `None` when it can.
fn fault(source: &str) -> Option<String> {
    if let Err(why) = tags(source) {
        return Some(why);
    }
    let environment = environment();
    let template = match environment.template_from_str(source) {
        Ok(template) => template,
        Err(error) => {
            let line = error.line().unwrap_or(1);
            return Some(format!("line {line}: {}", error.detail().unwrap_or("is no template")));
        }
    };
    let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    used.sort_unstable();
    let unknown = used.into_iter().find(|name| !PLACEHOLDERS.contains(&name.as_str()));
    if let Some(name) = unknown {
        let name: String = name.chars().take(60).collect();
        return Some(format!("{{{{{name}}}}} is not known; known are {}", PLACEHOLDERS.join(", ")));
    }
    written(source, &Values::new()).err().map(|_| "cannot be written out".to_owned())
}

/// Looks through the tags of a template: each may hold names, comparisons and quoted words, and nothing that could
/// calculate, loop or call.
fn tags(source: &str) -> Result<(), String> {
    let mut rest = source;
    while let Some(begin) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let after = rest.get(begin..).unwrap_or_default();
        let (close, is_statement) = match after.get(..2) {
            Some("{{") => ("}}", false),
            Some("{%") => ("%}", true),
            _ => return Err("comments are not allowed in a template".to_owned()),
        };
        let inside = after.get(2..).unwrap_or_default();
        let end = end_of_tag(inside, close)?;
        let tag = inside.get(..end).unwrap_or_default().trim_matches(['-', ' ', '\t', '\n']);
        let word = tag.split([' ', '\t', '\n']).next().unwrap_or_default();
        if tag.split([' ', '\t', '\n']).any(|word| word == "is") {
            return Err("tests with `is` are not allowed; ask for the placeholder itself".to_owned());
        }
        if is_statement && !KEYWORDS.contains(&word) {
            return Err(format!("{{% {} %}} is not allowed; use if, elif, else and endif", shortened(word)));
        }
        rest = inside.get(end + close.len()..).unwrap_or_default();
    }
    Ok(())
}

/// Where a tag ends that begins before `inside`. Quoted words end where the next quote of their kind is.
fn end_of_tag(inside: &str, close: &str) -> Result<usize, String> {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) if c == '\\' => return Err("a quoted word must not hold a backslash".to_owned()),
            Some(_) => {}
            None if inside.get(at..).is_some_and(|rest| rest.starts_with(close)) => return Ok(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '-' && (at == 0 || inside.get(at + 1..).is_some_and(|rest| rest.starts_with(close))) => {}
            None if c.is_ascii_alphanumeric() || " \t\n_.=!<>".contains(c) => {}
            None => return Err(format!("{c} is not allowed between {{{{ and }}}}")),
        }
    }
    Err("a tag does not end".to_owned())
}

fn shortened(word: &str) -> String {
    word.chars().take(40).collect()
}

/// The values as templates read them: `contact.email` is the member `email` of `contact`.
fn nested(values: &Values) -> Value {
    let mut whole: BTreeMap<&str, Value> = BTreeMap::new();
    let mut records: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for name in PLACEHOLDERS {
        let value = values.get(name).cloned().unwrap_or_default();
        match name.split_once('.') {
            None => drop(whole.insert(name, value.into())),
            Some((record, member)) => drop(records.entry(record).or_default().insert(member, value)),
        }
    }
    whole.extend(records.into_iter().map(|(record, members)| (record, Value::from_pairs(members))));
    Value::from_pairs(whole)
}

/// Text that grows no longer than a letter may be.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("the letter is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pointers(subject: &str, text: &str) -> Vec<String> {
        broken(subject, text).into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn placeholders_are_put_in_and_conditions_are_asked() {
        let text =
            "Dear {% if contact.first_name %}{{ contact.first_name }}{% else %}customer{% endif %},\n{{lead.topic}}\n";
        assert_eq!(pointers("About {{ lead.topic }}", text), Vec::<String>::new());
        let ann = Values::from([("contact.first_name", "Ann".to_owned()), ("lead.topic", "CRM".to_owned())]);
        assert_eq!(written(text, &ann).unwrap(), "Dear Ann,\nCRM\n");
        assert_eq!(written(text, &Values::new()).unwrap(), "Dear customer,\n\n");
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let value = "{{ owner.email }} {% if %} <b>".to_owned();
        let values = Values::from([("lead.topic", value.clone())]);
        assert_eq!(written("{{ lead.topic }}", &values).unwrap(), value);
    }

    #[test]
    fn what_is_unknown_or_could_run_away_is_refused() {
        for bad in [
            "{{ contact.password }}",
            "{{ contact }}",
            "{{ secret }}",
            "{{ lead.topic",
            "{% for x in lead.topic %}{{ x }}{% endfor %}",
            "{% set x = 1 %}",
            "{% if lead.topic %}",
            "{% raw %}{{ x }}{% endraw %}",
            "{% include 'x' %}",
            "{{ 'x' * 100000000 }}",
            "{{ '}}' * 100000000 }}",
            "{{ \"\\\"\" * 9 }}",
            "{# {{ #}{{ 'x' * 9 }}",
            "{{ lead.topic|upper }}",
            "{{ [1] }}",
            "{{ lead.topic.upper() }}",
            "{% if lead.topic %}{{ lead.topic - 1 }}{% endif %}",
            "{% if lead.topic is odd %}{% endif %}",
        ] {
            assert_eq!(pointers("x", bad), ["/text"], "{bad}");
            assert_eq!(pointers(bad, "x"), ["/subject"], "{bad}");
        }
        assert_eq!(pointers(" ", "\n"), ["/subject", "/text"]);
        assert_eq!(pointers("a\nb", "x"), ["/subject"]);
    }

    #[test]
    fn it_is_known_whether_a_questionnaire_is_asked_for() {
        assert!(asks_for("{% if questionnaire_url %}x{% endif %}", QUESTIONNAIRE));
        assert!(!asks_for("{{ lead.topic }}", QUESTIONNAIRE));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_written_for_everybody(
            parts in prop::collection::vec(
                prop_oneof![
                    "[a-z {}%#'\"*-]{0,6}",
                    prop::sample::select(PLACEHOLDERS.to_vec()).prop_map(|name| format!("{{{{ {name} }}}}")),
                    Just("{% if lead.topic == 'a' %}".to_owned()),
                    Just("{% else %}".to_owned()),
                    Just("{% endif %}".to_owned()),
                ],
                0..8,
            ),
            value in "[a-z{}% ]{0,10}",
        ) {
            let source = parts.concat();
            let values = PLACEHOLDERS.iter().map(|name| (*name, value.clone())).collect();
            if fault(&source).is_none() {
                prop_assert!(written(&source, &values).is_ok());
                prop_assert!(written(&source, &Values::new()).is_ok());
            }
        }
    }
}
