//! The reasons that people choose from, why a lead is refused (PRO-6) or disqualified (CLO-2) and why a deal is lost
//! (CLO-4): codes, each with words for people. Codes stay what they are in what is kept; words may change.

use std::collections::BTreeMap;

use crate::error::Violation;
use crate::text;

/// A list of reasons: the words for people by code.
pub type Reasons = BTreeMap<String, String>;

/// Reasons of one list, and characters of the words for each.
const MOST: usize = 100;
const LONGEST: usize = 200;

/// Why leads are refused, as every workspace begins.
pub fn of_refusal() -> Reasons {
    reasons(&[
        ("no_budget", "No budget"),
        ("no_need", "No need"),
        ("no_authority", "Not the one who decides"),
        ("not_now", "Not the right time"),
        ("not_a_fit", "Does not fit what we sell"),
        ("competitor", "Has chosen a competitor"),
        ("unreachable", "Cannot be reached"),
        ("wrong_details", "Wrong contact details"),
        ("other", "Other"),
    ])
}

/// Why leads are disqualified, as every workspace begins.
pub fn of_disqualification() -> Reasons {
    let mut all = of_refusal();
    all.append(&mut reasons(&[
        ("not_interested", "Not interested any more"),
        ("duplicate", "Known from another lead"),
        ("spam", "Not meant seriously"),
    ]));
    all
}

/// Why deals are lost, as every workspace begins.
pub fn of_loss() -> Reasons {
    reasons(&[
        ("competitor", "Bought from a competitor"),
        ("price", "Too dear"),
        ("product", "The product lacks something"),
        ("no_budget", "No budget"),
        ("no_decision", "Decided nothing"),
        ("timing", "Not the right time"),
        ("other", "Other"),
    ])
}

fn reasons(list: &[(&str, &str)]) -> Reasons {
    list.iter().map(|(code, words)| ((*code).to_owned(), (*words).to_owned())).collect()
}

/// Whether `text` can name something that people choose from a list: 1 to 64 of a-z, 0-9 and _.
pub fn is_code(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Everything wrong with a list at `pointer`.
pub fn check(reasons: &Reasons, pointer: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    for (code, words) in reasons {
        let at = format!("{pointer}/{}", crate::http::json::escape(code));
        if !is_code(code) {
            broken.push(Violation::new(at, "malformed", "a reason is named by 1 to 64 of a-z, 0-9 and _"));
        } else if words.trim().is_empty() || text::at_most(words, LONGEST).is_err() {
            let detail = format!("its words for people have 1 to {LONGEST} characters");
            broken.push(Violation::new(at, "out_of_range", detail));
        }
    }
    if reasons.is_empty() || reasons.len() > MOST {
        broken.push(Violation::new(pointer, "out_of_range", format!("1 to {MOST} reasons are allowed")));
    }
    broken
}

/// The refusal of a reason, given at `/reason`, that is not in the list; it names those that are.
pub fn unknown(reasons: &Reasons, reason: &str) -> Option<Violation> {
    let known: Vec<&str> = reasons.keys().map(String::as_str).collect();
    let refusal = || Violation::new("/reason", "not_allowed", format!("must be one of {}", known.join(", ")));
    (!reasons.contains_key(reason)).then(refusal)
}
