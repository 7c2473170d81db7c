//! The bodies that a submission may arrive in, made into the one JSON document that the contract describes (CAP-2).
//!
//! Urlencoded and multipart bodies are lists of names and values. A name is a field of the form, or, with `fields.`
//! before it, surely one; `utm_…`, `anonymous_id`, `page_url`, `submission_id`, `thank_you` and `consent.<purpose>` mean
//! what they mean in JSON, and `form_token` is the token. A name given twice is refused. A file is no answer to a field.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

use super::payload::{FIELDS_MAX, PAIRS_MAX};
use crate::error::Violation;
use crate::http::json::{self, escape};
use crate::http::problem::{Kind, Problem};
use crate::text;

/// Characters of a multipart boundary (RFC 2046).
const BOUNDARY_MAX: usize = 70;

/// What follows a consent's name where the version of its text is told.
const TEXT_VERSION: &str = ".text_version";

/// Names and values in the order they were sent.
type Pairs = Vec<(String, String)>;

/// Reads a body of the type in `headers`, which the contract has found to be one of the three.
pub async fn document(headers: &HeaderMap, body: Vec<u8>) -> Result<Value, Problem> {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => from_pairs(urlencoded(&body)?),
        "multipart/form-data" => from_pairs(multipart(kind, body).await?),
        _ => json::read(&body),
    }
}

/// Whether the body is one that browsers send by themselves, without a script.
pub fn is_form_post(headers: &HeaderMap) -> bool {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    !kind.trim_start().to_ascii_lowercase().starts_with("application/json")
}

fn from_pairs(pairs: Pairs) -> Result<Value, Problem> {
    let (mut document, mut versions, mut broken) = (Map::new(), Map::new(), Vec::new());
    document.insert("fields".to_owned(), Value::Object(Map::new()));
    for (name, value) in pairs {
        let (within, name) = place(&name);
        let pointer = within.map_or_else(String::new, |within| format!("/{within}")) + "/" + &shown(&name);
        let value = match (text::line(&name), text::lines(&value)) {
            (Ok(_), Ok(value)) => value,
            (Err(why), _) | (_, Err(why)) => {
                broken.push(why.at(pointer));
                continue;
            }
        };
        // A hidden input that no script has filled says nothing.
        if value.trim().is_empty() && within != Some("fields") {
            continue;
        }
        let (name, is_version) = match name.strip_suffix(TEXT_VERSION) {
            Some(purpose) if within == Some("consents") => (purpose.to_owned(), true),
            _ => (name, false),
        };
        let members = match within {
            _ if is_version => &mut versions,
            None => &mut document,
            Some(within) => match document.entry(within).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(members) => members,
                _ => continue,
            },
        };
        let value = if within == Some("consents") && !is_version { ticked(value) } else { Value::String(value) };
        if members.insert(name, value).is_some() {
            broken.push(Violation::new(pointer, "duplicate", "is given twice"));
        }
    }
    tell_versions(&mut document, versions);
    if broken.is_empty() { Ok(Value::Object(document)) } else { Err(Problem::invalid(broken)) }
}

/// Adds the versions of the texts shown to the consents they belong to. A box that was not ticked sends no consent, and
/// the version beside it says nothing.
fn tell_versions(document: &mut Map<String, Value>, versions: Map<String, Value>) {
    let Some(Value::Object(consents)) = document.get_mut("consents") else { return };
    for (purpose, version) in versions {
        if let Some(said) = consents.get_mut(&purpose) {
            *said = json!({"granted": said.take(), "text_version": version});
        }
    }
}

/// Where in the document a name of a list belongs, and what it is called there.
fn place(name: &str) -> (Option<&'static str>, String) {
    if let Some(purpose) = name.strip_prefix("consent.") {
        return (Some("consents"), purpose.to_owned());
    }
    match name {
        "anonymous_id" | "page_url" | "submission_id" | "thank_you" => (None, name.to_owned()),
        "form_token" => (None, "token".to_owned()),
        _ if name.starts_with("utm_") => (Some("utm"), name.to_owned()),
        _ => (Some("fields"), name.strip_prefix("fields.").unwrap_or(name).to_owned()),
    }
}

/// A checkbox sends `on`; whatever is neither that nor a boolean stays text, which the contract refuses.
fn ticked(value: String) -> Value {
    match value.as_str() {
        "true" | "on" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::String(value),
    }
}

/// A name as a step of a pointer; what a caller made up is cut.
fn shown(name: &str) -> String {
    escape(&name.chars().filter(|c| !c.is_control()).take(100).collect::<String>())
}

fn urlencoded(body: &[u8]) -> Result<Pairs, Problem> {
    let mut pairs = Pairs::new();
    for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let mut halves = part.splitn(2, |byte| *byte == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        pairs.push((decoded(name)?, decoded(value)?));
        refuse_too_many(pairs.len())?;
    }
    Ok(pairs)
}

/// What percent signs and plus signs stand for. Unlike the usual decoder it does not replace what is not UTF-8.
fn decoded(part: &[u8]) -> Result<String, Problem> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).map_err(|_| not_utf8())
}

async fn multipart(kind: &str, body: Vec<u8>) -> Result<Pairs, Problem> {
    let mut headers = HeaderMap::new();
    let kind = boundary(kind).and_then(|_| HeaderValue::from_str(kind).ok()).ok_or_else(|| {
        unsupported(format!("multipart/form-data needs a boundary of 1 to {BOUNDARY_MAX} characters"))
    })?;
    headers.insert(actix_web::http::header::CONTENT_TYPE, kind);
    let limit = body.len();
    let mut parts = Multipart::new(&headers, stream::iter([Ok::<_, PayloadError>(Bytes::from(body))]));
    let mut pairs = Pairs::new();
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(broken_multipart)?;
        let name = accepted(&part)?;
        let value =
            part.bytes(limit).await.map_err(|_| unsupported("a part is too large"))?.map_err(broken_multipart)?;
        pairs.push((name, String::from_utf8(value.to_vec()).map_err(|_| not_utf8())?));
        refuse_too_many(pairs.len())?;
    }
    Ok(pairs)
}

/// The name of a part that is a field's text and nothing else.
fn accepted(part: &Field) -> Result<String, Problem> {
    let disposition = part.content_disposition();
    let is_file = disposition.is_some_and(|it| it.get_filename().is_some() || it.get_filename_ext().is_some());
    let is_text = part.content_type().is_none_or(|kind| kind.type_() == "text" && kind.subtype() == "plain");
    if is_file || !is_text {
        return Err(unsupported("a form takes no files: every part must be a field's text"));
    }
    Ok(part.name().unwrap_or_default().to_owned())
}

fn boundary(kind: &str) -> Option<&str> {
    let mut parameters = kind.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(value.trim_matches('"')).filter(|value| (1..=BOUNDARY_MAX).contains(&value.len()))
}

fn refuse_too_many(parts: usize) -> Result<(), Problem> {
    if parts <= PAIRS_MAX {
        return Ok(());
    }
    let detail = format!("must have at most {FIELDS_MAX} fields");
    Err(Problem::invalid(vec![Violation::new("/fields", "too_long", detail)]))
}

fn broken_multipart(error: MultipartError) -> Problem {
    match error {
        MultipartError::Nested => unsupported("a part must be a field's text, not parts again"),
        error => Problem::new(Kind::MalformedRequest, format!("the multipart body cannot be read: {error}")),
    }
}

fn unsupported(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::UnsupportedMediaType, detail)
}

fn not_utf8() -> Problem {
    Problem::new(Kind::MalformedRequest, "the body must be UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Value, u16> {
        urlencoded(body.as_bytes()).and_then(from_pairs).map_err(|problem| problem.status())
    }

    #[test]
    fn names_of_a_list_find_their_place() {
        let body =
            "email=ann%40x.ee&fields.note=a+b%0D%0Ac&utm_source=mail&anonymous_id=7&consent.marketing=on&page_url=";
        let expected = json!({
            "fields": {"email": "ann@x.ee", "note": "a b\nc"},
            "utm": {"utm_source": "mail"},
            "anonymous_id": "7",
            "consents": {"marketing": true},
        });
        assert_eq!(read(body), Ok(expected));
        assert_eq!(read(""), Ok(json!({"fields": {}})));
    }

    #[test]
    fn a_name_given_twice_is_refused_however_it_is_written() {
        for body in ["email=a&email=b", "email=a&fields.email=a", "utm_source=a&utm_source=b", "email&email"] {
            assert_eq!(read(body), Err(422), "{body}");
        }
    }

    #[test]
    fn only_what_a_checkbox_sends_is_a_consent() {
        let consent =
            |value: &str| read(&format!("consent.marketing={value}")).unwrap()["consents"]["marketing"].clone();
        assert_eq!([consent("on"), consent("true"), consent("false")], [json!(true), json!(true), json!(false)]);
        assert_eq!([consent("yes"), consent("1")], [json!("yes"), json!("1")]);
    }

    #[test]
    fn the_text_that_was_shown_goes_with_the_consent_and_says_nothing_alone() {
        let both = read("consent.marketing=on&consent.marketing.text_version=2").unwrap();
        assert_eq!(both["consents"], json!({"marketing": {"granted": true, "text_version": "2"}}));
        assert_eq!(read("consent.marketing.text_version=2"), Ok(json!({"fields": {}})));
        let version = "consent.marketing.text_version";
        assert_eq!(read(&format!("{version}=1&{version}=2&consent.marketing=on")), Err(422));
    }

    #[test]
    fn percent_signs_are_read_once_and_only_in_utf8() {
        assert_eq!(read("a=%2525%zz%").unwrap()["fields"]["a"], "%25%zz%");
        assert_eq!(read("a=%ff"), Err(400));
        assert_eq!(read("a=%00"), Err(422));
        assert_eq!(read("a%0A=1"), Err(422));
    }

    #[test]
    fn a_thousand_names_are_too_many() {
        let body: Vec<String> = (0..1_000).map(|number| format!("f{number}=x")).collect();
        assert_eq!(read(&body.join("&")), Err(422));
    }

    fn parts(boundary: &str, body: &str) -> Result<Pairs, u16> {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let read = multipart(&kind, body.replace('\n', "\r\n").into_bytes());
        futures_util::FutureExt::now_or_never(read).unwrap().map_err(|problem| problem.status())
    }

    fn part(headers: &str) -> String {
        format!("--x\n{headers}\n\nann@x.ee\n--x--\n")
    }

    #[test]
    fn a_multipart_body_is_a_list_of_names_too() {
        let read = parts("x", &part("Content-Disposition: form-data; name=\"email\""));
        assert_eq!(read, Ok(vec![("email".to_owned(), "ann@x.ee".to_owned())]));
    }

    #[test]
    fn files_and_parts_within_parts_are_refused() {
        for headers in [
            "Content-Disposition: form-data; name=\"email\"; filename=\"a.txt\"",
            "Content-Disposition: form-data; name=\"email\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"email\"\nContent-Type: application/pdf",
            "Content-Disposition: form-data; name=\"email\"\nContent-Type: multipart/mixed; boundary=y",
        ] {
            assert_eq!(parts("x", &part(headers)), Err(415), "{headers}");
        }
    }

    #[test]
    fn a_multipart_body_that_breaks_off_or_has_no_proper_boundary_is_refused() {
        let whole = part("Content-Disposition: form-data; name=\"email\"");
        assert_eq!(parts("x", whole.trim_end_matches("--x--\n")), Err(400));
        assert_eq!(parts("x", &part("Content-Type: text/plain")), Err(400));
        assert_eq!(parts(&"x".repeat(1_024), &whole), Err(415));
        assert_eq!(parts("", &whole), Err(415));
    }
}
