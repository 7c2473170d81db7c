//! Who a person is by: the e-mail address here and the phone number in `phone`, each in one normalised form that is
//! compared, beside what was typed (REC-4, V03, V05).
//!
//! Nothing is guessed: dots and plus tags of an address stay.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use url::Host;

pub use super::phone::{PHONE_MAX, Phone, phone};
use crate::text::{Rejected, at_most, fold};

/// The longest e-mail address, in characters.
pub const EMAIL_MAX: usize = 254;
/// The longest part before the `@`, in characters.
pub const EMAIL_LOCAL_MAX: usize = 64;

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// As it was typed, trimmed and in normalisation form C.
    pub typed: String,
    /// What is compared: the part before the `@` without case, and the domain in ASCII.
    pub key: String,
}

/// Reads an e-mail address.
///
/// Accepts what a browser's e-mail field accepts, and letters of any script before the `@`. The domain needs a dot.
/// Fails with `too_long` or `invalid_email`.
pub fn email(text: &str) -> Result<Email, Rejected> {
    let typed: String = text.trim().nfc().collect();
    at_most(&typed, EMAIL_MAX)?;
    let mut parts = typed.split('@');
    let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(not_an_email("must be one e-mail address with exactly one @, such as ann@example.com"));
    };
    let key = format!("{}@{}", local_key(local)?, domain_key(domain)?);
    at_most(&key, EMAIL_MAX)?;
    Ok(Email { typed, key })
}

fn not_an_email(detail: &'static str) -> Rejected {
    Rejected::new("invalid_email", detail)
}

fn local_key(local: &str) -> Result<String, Rejected> {
    // Folding can turn one letter into several characters, spaces among them, so it is the folded form that must hold.
    let key = fold(local);
    if key.is_empty() {
        return Err(not_an_email("has nothing before the @"));
    }
    if [local, key.as_str()].iter().any(|part| at_most(part, EMAIL_LOCAL_MAX).is_err()) {
        return Err(Rejected::new("too_long", format!("may have at most {EMAIL_LOCAL_MAX} characters before the @")));
    }
    if !key.chars().all(is_local_character) {
        return Err(not_an_email("has a character before the @ that e-mail addresses do not have"));
    }
    Ok(key)
}

fn is_local_character(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c)
    } else {
        c.is_alphanumeric() || is_combining_mark(c)
    }
}

fn domain_key(domain: &str) -> Result<String, Rejected> {
    let refused = || not_an_email("has no valid domain after the @, such as example.com");
    // Host::parse would read %2e as a dot.
    if domain.contains('%') {
        return Err(refused());
    }
    let Ok(Host::Domain(ascii)) = Host::parse(domain) else { return Err(refused()) };
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    if ascii.len() > 253 || !ascii.contains('.') || !ascii.split('.').all(is_label) {
        return Err(refused());
    }
    Ok(ascii.to_owned())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        email(text).unwrap().key
    }

    #[test]
    fn spellings_of_one_address_have_one_key() {
        for text in ["a@x.com", "A@X.com", " a@x.com", "a@x.com.", "a@x.com\u{a0}", "Ａ@x。com"] {
            assert_eq!(key(text), "a@x.com", "{text}");
        }
        assert_eq!(key("a@XN--MNCHEN-3YA.de"), key("a@münchen.de"));
        assert_eq!(key("jose\u{301}@x.com"), key("JOSÉ@x.com"));
    }

    #[test]
    fn what_was_typed_is_kept() {
        assert_eq!(email(" Ann.Lee+news@X.com ").unwrap().typed, "Ann.Lee+news@X.com");
        assert_eq!(phone(" +1 (555) 010-9999 ", None).unwrap().typed, "+1 (555) 010-9999");
    }

    #[test]
    fn dots_and_plus_tags_are_never_guessed_away() {
        assert_eq!(key("ann.lee+news@gmail.com"), "ann.lee+news@gmail.com");
        assert_ne!(key("ann.lee@gmail.com"), key("annlee@gmail.com"));
    }

    #[test]
    fn what_is_not_one_address_is_refused() {
        let bad = [
            "",
            "@",
            "a",
            "a@",
            "@x.com",
            "a@b@x.com",
            "a@x.com\r\nBcc: e@x",
            "a@x.com,b@x.com",
            "a b@x.com",
            "a\0@x.com",
            "a@x",
            "a@x..com",
            "a@.com",
            "a@-x.com",
            "a@x-.com",
            "a@x_y.com",
            "a@x y.com",
            "a@1.2.3.4",
            "a@[::1]",
            "a@127.1",
            "a@x%2ecom",
            "a@xn--zz--.com",
            "\"a\"@x.com",
            "Ann <a@x.com>",
            "a@x.com..",
            "\u{fdfa}@x.com",
            "a\u{202e}@x.com",
        ];
        for text in bad {
            assert_eq!(email(text).map_err(|e| e.code), Err("invalid_email"), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_as_long_as_the_limits_allow() {
        let local = "a".repeat(EMAIL_LOCAL_MAX);
        assert!(email(&format!("{local}@x.com")).is_ok());
        assert_eq!(email(&format!("{local}a@x.com")).unwrap_err().code, "too_long");
        assert_eq!(email(&format!("{}@x.com", "ß".repeat(40))).unwrap_err().code, "too_long");
        assert_eq!(email(&format!("a@{}com", "x.".repeat(130))).unwrap_err().code, "too_long");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_an_address_or_not(text in any::<String>()) {
            let _ = email(&text);
        }

        #[test]
        fn the_key_of_an_email_key_is_itself(local in "\\PC{1,12}", domain in "[a-zA-Z0-9äßé-]{1,8}\\.[a-z]{2,3}\\.?") {
            if let Ok(read) = email(&format!("{local}@{domain}")) {
                prop_assert_eq!(email(&read.key).map(|again| again.key), Ok(read.key));
            }
        }

        #[test]
        fn an_email_key_ignores_case_and_outer_space(text in "[a-zA-Zäöüéß.+]{1,9}@[a-zA-Zäöü]{1,9}\\.[a-zA-Z]{2,3}") {
            let key = email(&text).unwrap().key;
            prop_assert_eq!(email(&format!(" {}\t", text)).unwrap().key, key.clone());
            prop_assert_eq!(email(&text.to_lowercase()).unwrap().key, key);
        }
    }
}
