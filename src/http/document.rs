//! The OpenAPI document: gathered from the handlers, completed with what all operations share.
//!
//! It is written to `openapi/openapi.json`, and the program carries that file: a service reads what it enforces and
//! shows from there, and neither gathers nor keeps anything. Checks hold the file against the handlers, so that a
//! change of either is a change of both.

use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi as _};

use super::problem::{BrokenRule, ProblemDocument};
use super::routes::Routes;

/// Text may hold TAB and line feeds, and no other control character.
pub const PLAIN_TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "ripen",
        description = "A headless lead-lifecycle engine: what people do comes in, scored and explained leads come out.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This service")),
    modifiers(&Bearer),
    components(schemas(ProblemDocument, BrokenRule)),
    tags(
        (name = "accounts", description = "Companies"),
        (name = "contacts", description = "People"),
        (name = "leads", description = "A contact's or account's interest in one marketing context"),
        (name = "opportunities", description = "Deals that leads have led to"),
        (name = "closing", description = "How leads end and begin again, and the letters that say goodbye"),
        (name = "merges", description = "Records that turn out to be one, and how to part them again"),
        (name = "forms", description = "Forms, and what visitors submit to them"),
        (name = "matching", description = "How incoming people and leads are compared with known ones"),
        (name = "proposals", description = "Values that contradict what is known, for users to decide"),
        (name = "interactions", description = "What people did"),
        (name = "assets", description = "What people download, watch or attend, and how ready to buy each shows them to be"),
        (name = "scoring", description = "Models that turn facts and interactions into points, and the ledger that explains them"),
        (name = "filters", description = "The one language in which records are asked for"),
        (name = "process", description = "The stages a lead goes through"),
        (name = "assignment", description = "Who works a lead: rules that give leads out, and leads that wait for somebody"),
        (name = "tasks", description = "What is to be done next"),
        (name = "alerts", description = "What users are told of at once"),
        (name = "reports", description = "What came of it all, in figures"),
        (name = "events", description = "Facts that others may hear of"),
        (name = "jobs", description = "Work that takes longer than a request"),
        (name = "workspace", description = "Users, clients and settings"),
        (name = "operation", description = "Tokens, health and this document"),
    ),
)]
struct Base;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
            "A token from POST /oauth/token or `ripen token`. The scopes an operation needs are listed with it.",
        ));
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer.build()).into());
    }
}

/// The document as it is committed, enforced and served.
pub const COMMITTED: &str = include_str!("../../openapi/openapi.json");

/// The whole document, as the handlers say it.
pub fn document() -> OpenApi {
    let mut document = Base::openapi();
    super::serve::routes(&mut Routes::Described(&mut document));
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (&mut item.get, false),
            (&mut item.post, true),
            (&mut item.patch, true),
            (&mut item.put, true),
            (&mut item.delete, true),
            (&mut item.options, false),
        ];
        for (operation, writes) in operations {
            if let Some(operation) = operation {
                complete(operation, path, writes);
            }
        }
    }
    for schema in document.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
        say_what_text_may_hold(schema);
    }
    document
}

/// The document as it is to be committed.
pub fn text() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Adds to an operation what follows from its kind: the refusals every caller must expect, and the headers.
fn complete(operation: &mut Operation, path: &str, writes: bool) {
    let protected = operation.security.is_some();
    operation.parameters.iter_mut().flatten().for_each(describe_if_match);
    let mut refusals: Vec<(&str, &str)> = vec![
        ("414", "Path and query have more than 8 KiB"),
        ("503", "The database cannot be reached; nothing was written"),
    ];
    if operation.parameters.is_some() || writes || protected {
        refusals.push(("400", "The request is malformed"));
    }
    if protected {
        refusals.push(("401", "No valid token"));
        refusals.push(("403", "The token lacks the scope"));
        refusals.push(("429", "Too many requests; Retry-After says how long to wait"));
    }
    if path.contains('{') {
        refusals.push(("404", "No such record in this workspace"));
    }
    if writes && operation.request_body.is_some() {
        refusals.push(("408", "The body took too long to arrive"));
        refusals.push(("413", "The body is too large"));
        refusals.push(("415", "The body has another type than those listed"));
        refusals.push(("422", "The input breaks rules; all of them are listed"));
    }
    if writes && protected {
        refusals.push(("409", "The present state does not allow this"));
    }
    if path.starts_with("/v1/") || path.starts_with("/health/") || path == "/oauth/token" {
        for (status, description) in refusals {
            let responses = &mut operation.responses.responses;
            responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem_response(description)));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && (status.starts_with('4') || status.starts_with('5'))
            && response.content.is_empty()
        {
            *response = problem_response(&response.description);
        }
    }
}

/// Says what a list of entity tags looks like (RFC 9110).
fn describe_if_match(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(parameter) = parameter
        && parameter.name == "If-Match"
        && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
    {
        schema.pattern = Some(r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#.to_owned());
        schema.examples = vec!["\"v1\"".into()];
    }
}

fn problem_response(description: &str) -> Response {
    let reference = RefOr::Ref(utoipa::openapi::Ref::from_schema_name("Problem"));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(reference)))
        .build()
}

/// States for every free text what the service refuses in it.
fn say_what_text_may_hold(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let is_text = serde_json::to_value(&object.schema_type).is_ok_and(|kind| {
                kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&"string".into()))
            });
            if is_text && object.pattern.is_none() && object.format.is_none() && object.enum_values.is_none() {
                object.pattern = Some(PLAIN_TEXT.to_owned());
            }
            object.properties.values_mut().for_each(say_what_text_may_hold);
        }
        Schema::Array(array) => {
            if let utoipa::openapi::schema::ArrayItems::RefOrSchema(items) = &mut array.items {
                say_what_text_may_hold(items);
            }
        }
        Schema::OneOf(one_of) => one_of.items.iter_mut().for_each(say_what_text_may_hold),
        Schema::AllOf(all_of) => all_of.items.iter_mut().for_each(say_what_text_may_hold),
        Schema::AnyOf(any_of) => any_of.items.iter_mut().for_each(say_what_text_may_hold),
        _ => {}
    }
}
