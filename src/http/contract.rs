//! The OpenAPI document, enforced: what it says of a path is what a request there must fulfil.
//!
//! Which paths and methods exist (404, 405, `Allow`), which scope a token needs (401, 403), which parameters and body
//! types are understood (400, 415) and what a body must look like (422) are all read from the generated document, so
//! the contract and the service cannot drift apart. Rules that JSON Schema cannot say stay with their feature.
//!
//! Schemas stay where they are in the document's text, and what one asks for is worked out when it is first needed: most
//! paths of a process are never called, and it starts sooner and stays smaller.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use jsonschema::Validator;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::problem::{Kind, Problem};
use super::written::{self, Named};
use super::{ndjson, violations};
use crate::clock::Timestamp;
use crate::error::{Error, Violation};
use crate::id::Id;

/// All operations of the service.
pub struct Contract {
    routes: Vec<Route>,
}

/// One path with its operations.
pub struct Route {
    /// The path with its parameters in braces.
    pub template: String,
    resource: ResourceDef,
    operations: BTreeMap<String, Arc<Operation>>,
}

/// One operation as the document describes it.
pub struct Operation {
    /// The scope a token needs; `Some("")` for any valid token; `None` for a public operation.
    pub scope: Option<String>,
    /// Whether `If-Match` must be sent.
    pub needs_if_match: bool,
    parameters: Vec<Parameter>,
    body: Option<Body>,
}

struct Parameter {
    name: &'static str,
    required: bool,
    kind: String,
    shape: Shape,
}

struct Body {
    required: bool,
    media_types: Vec<&'static str>,
    shape: Shape,
    /// For a body that is one record or a list of them, or has one a line: what each must look like.
    item: Option<Shape>,
}

/// A schema of the document.
struct Shape {
    schema: &'static RawValue,
    named: Arc<Named>,
    validator: OnceLock<Result<Validator, String>>,
}

/// Where the document keeps its named schemas.
const SCHEMAS: &str = "#/components/schemas/";
/// The media type of a sheet, whose own bytes tell how it is encoded.
const SHEET: &str = "text/csv";
/// Entries that a body may have that is a list of records.
const MOST_ITEMS: usize = 1_000;

impl Contract {
    /// The contract of this program, read once.
    pub fn shared() -> Result<&'static Self, String> {
        static SHARED: LazyLock<Result<Contract, String>> = LazyLock::new(|| Contract::new(super::document::COMMITTED));
        SHARED.as_ref().map_err(Clone::clone)
    }

    /// Reads the document. Fails only when the document itself is broken, which a test shows before any release.
    pub fn new(document: &'static str) -> Result<Self, String> {
        let document: written::Document = serde_json::from_str(document).map_err(|e| e.to_string())?;
        let named = Arc::new(document.components.schemas);
        let routes = document.paths.into_iter().map(|(template, item)| Route::read(template, item, &named));
        let mut routes = routes.collect::<Result<Vec<Route>, String>>()?;
        // Fixed paths win over those with parameters.
        routes.sort_by_key(|route| route.template.contains('{'));
        Ok(Self { routes })
    }

    /// The path that `path` belongs to.
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.resource.is_match(path))
    }
}

impl Route {
    fn read(template: &str, item: BTreeMap<&str, written::Operation>, named: &Arc<Named>) -> Result<Self, String> {
        let mut operations = BTreeMap::new();
        for (method, operation) in item {
            let operation = Operation::read(operation, named).map_err(|e| format!("{method} {template}: {e}"))?;
            operations.insert(method.to_uppercase(), Arc::new(operation));
        }
        Ok(Self { template: template.to_owned(), resource: ResourceDef::new(template), operations })
    }

    /// The operation that answers `method`; `HEAD` is answered as `GET` is.
    pub fn operation(&self, method: &Method) -> Option<Arc<Operation>> {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.operations.get(method).cloned()
    }

    /// The methods that the path understands, as `Allow` lists them.
    pub fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.operations.keys().map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        if !methods.contains(&"OPTIONS") {
            methods.push("OPTIONS");
        }
        methods.join(", ")
    }
}

impl Operation {
    fn read(operation: written::Operation, named: &Arc<Named>) -> Result<Self, String> {
        let mut parameters = Vec::new();
        let mut needs_if_match = false;
        for parameter in operation.parameters {
            match parameter.place {
                "query" => parameters.push(Parameter::read(parameter, named)?),
                "header" if parameter.name == "If-Match" => needs_if_match = parameter.required,
                _ => {}
            }
        }
        let bearer = operation.security.first().and_then(|first| first.get("bearer"));
        let scope = bearer.map(|scopes| scopes.first().copied().unwrap_or("").to_owned());
        let body = operation.body.map(|body| Body::read(body, named)).transpose()?;
        Ok(Self { scope, needs_if_match, parameters, body })
    }

    /// Whether the operation takes a body.
    pub fn takes_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether the body that the operation takes must be sent.
    pub fn needs_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.required)
    }

    /// Checks a query string: known names, each once, each of the documented form.
    pub fn check_query(&self, query: &str) -> Result<(), Problem> {
        let mut seen: Vec<String> = Vec::new();
        let mut wrong: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let complaint = match self.parameters.iter().find(|parameter| parameter.name == name) {
                None => Some(self.unknown_parameter()),
                Some(_) if seen.iter().any(|known| *known == name) => Some("given more than once".to_owned()),
                Some(parameter) => parameter.complaint(&value)?,
            };
            wrong.extend(complaint.map(|what| (shown(&name), what)));
            seen.push(name.into_owned());
        }
        for parameter in &self.parameters {
            if parameter.required && seen.iter().all(|known| known != parameter.name) {
                wrong.push((parameter.name.to_owned(), "is required".to_owned()));
            }
        }
        wrong.truncate(20);
        if wrong.is_empty() { Ok(()) } else { Err(Problem::parameters(&wrong)) }
    }

    fn unknown_parameter(&self) -> String {
        if self.parameters.is_empty() {
            return "unknown; this path takes no parameters".to_owned();
        }
        let known: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
        format!("unknown; known are {}", known.join(", "))
    }

    /// Checks that the body's type is one that the operation takes.
    pub fn check_media_type(&self, content_types: &[&str], length_known_zero: bool) -> Result<(), Problem> {
        let Some(body) = &self.body else { return Ok(()) };
        if content_types.is_empty() && length_known_zero && !body.required {
            return Ok(());
        }
        let accepted = match content_types {
            [one] => body.media_types.iter().any(|media_type| is_media_type(one, media_type)),
            _ => false,
        };
        if accepted {
            return Ok(());
        }
        let detail = format!("send Content-Type: {}, in UTF-8", body.media_types.join(" or "));
        Err(Problem::new(Kind::UnsupportedMediaType, detail))
    }

    /// Checks a JSON body against the documented schema; all broken rules are reported.
    pub fn check_body(&self, value: &Value) -> Result<(), Problem> {
        let Some(body) = &self.body else { return Ok(()) };
        match (value, &body.item) {
            (Value::Array(items), Some(_)) if items.len() <= MOST_ITEMS => Ok(()),
            (Value::Array(_), Some(_)) => {
                let detail = format!("must have at most {MOST_ITEMS} entries");
                Err(Problem::invalid(vec![Violation::new("", "too_long", detail)]))
            }
            (value, Some(item)) => violations::explain(item.validator()?, value),
            (value, None) => violations::explain(body.shape.validator()?, value),
        }
    }

    /// Everything in which a JSON body breaks the documented schema, for those who ask before they send it.
    pub fn faults(&self, value: &Value) -> Result<Vec<Violation>, Error> {
        let Some(body) = &self.body else { return Ok(Vec::new()) };
        Ok(violations::all(body.shape.validator()?, value))
    }

    /// Checks one entry of a body that is a list of records, or a line of a stream, so that it spoils no other.
    pub fn check_item(&self, value: &Value) -> Result<(), Problem> {
        match self.body.as_ref().and_then(|body| body.item.as_ref()) {
            Some(item) => violations::explain(item.validator()?, value),
            None => Ok(()),
        }
    }

    /// Works out all that the operation asks for. Fails only when the document itself is broken.
    #[cfg(test)]
    fn prove(&self) -> Result<(), Error> {
        let of_body = self.body.iter().flat_map(|body| [Some(&body.shape), body.item.as_ref()]).flatten();
        let mut shapes = self.parameters.iter().map(|parameter| &parameter.shape).chain(of_body);
        shapes.try_for_each(|shape| shape.validator().map(|_| ()))
    }
}

impl Shape {
    fn new(schema: &'static RawValue, named: &Arc<Named>) -> Self {
        Self { schema, named: named.clone(), validator: OnceLock::new() }
    }

    fn validator(&self) -> Result<&Validator, Error> {
        let made = self.validator.get_or_init(|| validator(self.schema, &self.named));
        made.as_ref().map_err(|broken| Error::internal(format!("a broken schema: {broken}")))
    }
}

impl Parameter {
    fn read(parameter: written::Parameter, named: &Arc<Named>) -> Result<Self, String> {
        let kind = match written::Schema::read(parameter.schema)?.kind {
            Value::Array(kinds) => kinds.into_iter().find(|kind| *kind != "null").unwrap_or_default(),
            kind => kind,
        };
        Ok(Self {
            name: parameter.name,
            required: parameter.required,
            kind: kind.as_str().unwrap_or("string").to_owned(),
            shape: Shape::new(parameter.schema, named),
        })
    }

    /// What is wrong with `text` as this parameter's value, if anything.
    fn complaint(&self, text: &str) -> Result<Option<String>, Error> {
        if crate::text::line(text).is_err() {
            return Ok(Some("holds control characters".to_owned()));
        }
        let value = match self.kind.as_str() {
            "integer" => match text.parse::<i64>() {
                Ok(number) if number.to_string() == text => json!(number),
                _ => return Ok(Some("must be a whole number".to_owned())),
            },
            "boolean" => match text {
                "true" => json!(true),
                "false" => json!(false),
                _ => return Ok(Some("must be true or false".to_owned())),
            },
            _ => json!(text),
        };
        Ok(violations::first(self.shape.validator()?, &value))
    }
}

impl Body {
    fn read(body: written::Body, named: &Arc<Named>) -> Result<Self, String> {
        let schema = body.content.values().next().ok_or("a request body without content")?.schema;
        // Of a stream the document describes a line.
        let is_stream = body.content.contains_key(ndjson::MEDIA_TYPE);
        let item = if is_stream { Some(schema) } else { item_schema(schema, named)? };
        Ok(Self {
            required: body.required,
            media_types: body.content.into_keys().collect(),
            shape: Shape::new(schema, named),
            item: item.map(|item| Shape::new(item, named)),
        })
    }
}

/// The schema of an entry, where a body may be one record or a list of them.
fn item_schema(schema: &'static RawValue, named: &Named) -> Result<Option<&'static RawValue>, String> {
    for form in resolved(schema, named)?.forms {
        let form = resolved(form, named)?;
        if form.kind == "array" {
            return Ok(form.items);
        }
    }
    Ok(None)
}

/// The schema itself, or the one that it refers to.
fn resolved(schema: &'static RawValue, named: &Named) -> Result<written::Schema, String> {
    let schema = written::Schema::read(schema)?;
    let name = schema.reference.and_then(|reference| reference.strip_prefix(SCHEMAS));
    name.and_then(|name| named.get(name)).map_or(Ok(schema), |schema| written::Schema::read(schema))
}

/// A parameter's name as it may be shown: what a caller made up is cut.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Whether the header value `given` means `media_type`, in UTF-8; a sheet may be in what spreadsheets write, too.
fn is_media_type(given: &str, media_type: &str) -> bool {
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case(media_type)
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
                let charset = charset.trim_matches('"');
                charset.eq_ignore_ascii_case("utf-8")
                    || (media_type == SHEET && charset.eq_ignore_ascii_case("windows-1252"))
            }
            Some(_) => true,
            None => parameter.is_empty(),
        })
}

fn validator(schema: &RawValue, named: &Named) -> Result<Validator, String> {
    let mut schema: Value = serde_json::from_str(schema.get()).map_err(|e| e.to_string())?;
    let mut needed = Map::new();
    gather(&schema, named, &mut needed)?;
    if let Value::Object(members) = &mut schema {
        members.insert("components".to_owned(), json!({"schemas": needed}));
    }
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .with_format("uuid", |text: &str| Id::parse(text).is_some())
        .with_format("date-time", |text: &str| Timestamp::parse(text).is_some())
        .build(&schema)
        .map_err(|e| e.to_string())
}

/// Gathers the named schemas that `schema` refers to, and those they refer to: a validator made of no more than it
/// needs is made quickly.
fn gather(schema: &Value, named: &Named, needed: &mut Map<String, Value>) -> Result<(), String> {
    match schema {
        Value::Array(items) => items.iter().try_for_each(|item| gather(item, named, needed)),
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(SCHEMAS))
                && !needed.contains_key(name)
            {
                let schema = named.get(name).ok_or_else(|| format!("there is no schema {name}"))?;
                let schema: Value = serde_json::from_str(schema.get()).map_err(|e| e.to_string())?;
                needed.insert(name.to_owned(), schema.clone());
                gather(&schema, named, needed)?;
            }
            members.values().try_for_each(|member| gather(member, named, needed))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_the_document_can_be_checked_against() {
        for route in &Contract::shared().unwrap().routes {
            for (method, operation) in &route.operations {
                assert!(operation.prove().is_ok(), "{method} {}", route.template);
            }
        }
    }
}
