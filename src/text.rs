//! Text as the service takes it: one spelling of every character, no control characters, lengths people can count.
//!
//! What is kept is in normalisation form C; TAB and line feeds are allowed only where several lines are. Lengths count
//! Unicode scalar values. What is compared is the [`compare_key`], made here and never by a database, because the two
//! databases fold case differently (B-0 rule 4, V01, V03, V09, V13).

use std::borrow::Cow;

use caseless::Caseless;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::error::Violation;

/// SHA-256 of `text`, in hexadecimal.
pub fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// `bytes` in hexadecimal, two lower-case digits each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a text was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejected {
    /// Machine-readable name of the broken rule, such as `too_long`.
    pub code: &'static str,
    /// What was wrong and what is allowed, for a person. Never repeats the text itself.
    pub detail: Cow<'static, str>,
}

impl Rejected {
    /// A text that breaks the rule `code`, explained by `detail`.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The same as a broken rule of the input at `pointer` (a JSON pointer).
    pub fn at(self, pointer: impl Into<String>) -> Violation {
        Violation::new(pointer, self.code, self.detail)
    }
}

/// One line of text in normalisation form C; refuses every control character.
pub fn line(text: &str) -> Result<String, Rejected> {
    clean(text, |_| false)
}

/// Text of one or more lines in normalisation form C: TAB and LF stay, CR LF becomes LF, other control characters are
/// refused.
pub fn lines(text: &str) -> Result<String, Rejected> {
    clean(&text.replace("\r\n", "\n"), |c| matches!(c, '\t' | '\n'))
}

fn clean(text: &str, allowed: impl Fn(char) -> bool) -> Result<String, Rejected> {
    match text.chars().find(|&c| c.is_control() && !allowed(c)) {
        Some(c) => Err(Rejected::new(
            "control_character",
            format!("has the control character U+{:04X}, which is not allowed here", u32::from(c)),
        )),
        None => Ok(text.nfc().collect()),
    }
}

/// What a list is searched and ordered by: the [`compare_key`] of `text`, cut so that an index can always hold it,
/// however much folding has made of it.
pub fn search_key(text: &str) -> String {
    compare_key(text).chars().take(500).collect()
}

/// The number of Unicode scalar values in `text`.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// Refuses a text of more than `max` Unicode scalar values.
pub fn at_most(text: &str, max: usize) -> Result<(), Rejected> {
    match text.char_indices().nth(max) {
        None => Ok(()),
        Some(_) => {
            Err(Rejected::new("too_long", format!("is {} characters long; at most {max} are allowed", length(text))))
        }
    }
}

/// What names and searches compare by: letters without case, compatible forms made one, outer white space dropped and
/// every inner run of it made a single space. The key of a key is itself.
pub fn compare_key(text: &str) -> String {
    fold(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without case and in normalisation form KC. Folding what is folded changes nothing.
pub fn fold(text: &str) -> String {
    // Folding can undo the normal form and normalising can bring back capitals; the second round settles both.
    let once: String = text.nfkc().default_case_fold().nfkc().collect();
    once.chars().default_case_fold().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_kept_in_one_spelling() {
        assert_eq!(line("Zoe\u{308}").unwrap(), "Zoë");
        assert_eq!(line("Z\u{fb01}").unwrap(), "Z\u{fb01}");
    }

    #[test]
    fn control_characters_are_refused_and_named() {
        for bad in ["a\0", "\u{1b}[0m", "a\tb", "a\nb", "a\r\nb", "\u{7f}", "\u{85}", "\u{9f}"] {
            assert_eq!(line(bad).unwrap_err().code, "control_character", "{bad:?}");
        }
        assert!(line("a\0").unwrap_err().to_string().contains("U+0000"));
    }

    #[test]
    fn several_lines_may_hold_tabs_and_line_feeds_only() {
        assert_eq!(lines("a\r\n\tb\nc").unwrap(), "a\n\tb\nc");
        for bad in ["a\rb", "a\0", "a\u{b}b", "a\r\r\nb"] {
            assert_eq!(lines(bad).unwrap_err().code, "control_character", "{bad:?}");
        }
    }

    #[test]
    fn anything_else_is_kept_as_it_came() {
        for text in ["<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "\u{202e}abc", " padded "] {
            assert_eq!(line(text).unwrap(), text);
        }
    }

    #[test]
    fn length_counts_scalar_values() {
        let marks = format!("a{}", "\u{327}".repeat(500));
        assert_eq!(length(&marks), 501);
        assert!(at_most("😀😀😀", 3).is_ok());
        let refused = at_most("😀😀😀😀", 3).unwrap_err();
        assert_eq!(
            (refused.code, refused.to_string().as_str()),
            ("too_long", "is 4 characters long; at most 3 are allowed")
        );
    }

    #[test]
    fn names_are_compared_without_case_width_or_spacing() {
        let same = [
            ("Straße", "STRASSE"),
            ("  Anna \t Maria ", "anna\u{a0}maria"),
            ("Ａｎｎ", "ann"),
            ("É", "e\u{301}"),
            ("\u{212a}im", "kim"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("İ", "i\u{307}"),
        ];
        for (one, other) in same {
            assert_eq!(compare_key(one), compare_key(other), "{one} {other}");
        }
        assert_ne!(compare_key("Jose"), compare_key("José"));
        assert_eq!(compare_key(" \u{3000} "), "");
    }

    #[test]
    fn the_key_of_every_single_character_is_its_own_key() {
        // Beyond the first three planes no character has case or a compatible form.
        for c in '\0'..='\u{2ffff}' {
            let key = compare_key(c.encode_utf8(&mut [0; 4]));
            assert_eq!(compare_key(&key), key, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(text in any::<String>()) {
            let key = compare_key(&text);
            prop_assert_eq!(compare_key(&key), key);
        }

        #[test]
        fn the_key_of_piled_up_marks_is_itself(
            text in "[aAſßİıΑᾳ\u{345}\u{300}\u{327}\u{323}\u{3a9}ﬁ \u{a8}\u{37a}가\u{1161}]{0,12}",
        ) {
            let key = compare_key(&text);
            prop_assert_eq!(compare_key(&key), key);
        }

        #[test]
        fn the_key_ignores_case_and_padding(text in "[a-zA-ZäöüÄÖÜéÉßñ ]{0,20}") {
            let key = compare_key(&text);
            prop_assert_eq!(compare_key(&text.to_uppercase()), key.clone());
            prop_assert_eq!(compare_key(&text.to_lowercase()), key.clone());
            prop_assert_eq!(compare_key(&format!("  {text}\t")), key);
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            if let Ok(once) = lines(&text) {
                prop_assert_eq!(lines(&once), Ok(once.clone()));
            }
        }
    }
}
