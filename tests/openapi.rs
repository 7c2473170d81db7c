//! The committed contract: current, complete, and in step with the code.

use std::collections::BTreeSet;

use ripen::auth::scope;
use ripen::http::document;
use serde_json::{Map, Value};

fn contract() -> Value {
    serde_json::to_value(document::document()).unwrap()
}

/// Every operation: where it is, and what the document says of it.
fn operations(contract: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((format!("{} {path}", method.to_uppercase()), operation.clone()));
        }
    }
    found
}

/// `value`, or what it refers to.
fn resolved<'a>(contract: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => contract.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

fn has_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Calls `look` for every schema in `schema`, with where it is; references are not followed.
fn walk(at: &str, schema: &Value, look: &mut dyn FnMut(&str, &Value)) {
    look(at, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{at}.{name}"), property, look);
    }
    for member in ["items", "additionalProperties"] {
        if schema[member].is_object() {
            walk(&format!("{at}[]"), &schema[member], look);
        }
    }
    for member in ["oneOf", "allOf", "anyOf"] {
        for form in schema[member].as_array().into_iter().flatten() {
            walk(at, form, look);
        }
    }
}

fn schemas(contract: &Value) -> &Map<String, Value> {
    contract["components"]["schemas"].as_object().unwrap()
}

/// The names of all schemas that a request body is made of.
fn schemas_of_requests(contract: &Value) -> BTreeSet<String> {
    let mut open: Vec<Value> =
        operations(contract).into_iter().map(|(_, operation)| operation["requestBody"].clone()).collect();
    let mut found = BTreeSet::new();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.into_values()),
            Value::Array(items) => open.extend(items),
            Value::String(text) => {
                if let Some(name) = text.strip_prefix("#/components/schemas/")
                    && found.insert(name.to_owned())
                {
                    open.push(contract["components"]["schemas"][name].clone());
                }
            }
            _ => {}
        }
    }
    found
}

#[track_caller]
fn expect_none(missing: Vec<String>) {
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_committed_contract_is_what_the_code_says() {
    let committed =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).unwrap_or_default();
    let current = document::text();
    assert!(committed == current, "write it anew: cargo run -- openapi > openapi/openapi.json");
}

#[test]
fn every_operation_tells_what_it_is_for() {
    let contract = contract();
    let tags: Vec<&Value> = contract["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut missing = Vec::new();
    let mut ids = BTreeSet::new();
    for (place, operation) in operations(&contract) {
        for member in ["summary", "description", "operationId"] {
            if !has_text(&operation[member]) {
                missing.push(format!("{place}: no {member}"));
            }
        }
        if !ids.insert(operation["operationId"].to_string()) {
            missing.push(format!("{place}: another operation has its operationId"));
        }
        if !operation["tags"].as_array().is_some_and(|own| !own.is_empty() && own.iter().all(|tag| tags.contains(&tag)))
        {
            missing.push(format!("{place}: no known tag"));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&contract, parameter);
            if !has_text(&parameter["description"]) {
                missing.push(format!("{place}: parameter {} has no description", parameter["name"]));
            }
        }
    }
    expect_none(missing);
}

#[test]
fn every_request_body_has_an_example() {
    let contract = contract();
    let mut missing = Vec::new();
    for (place, operation) in operations(&contract) {
        for (media_type, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let schema = resolved(&contract, &content["schema"]);
            let given = [&content["example"], &content["examples"], &schema["example"], &schema["examples"]];
            let of_fields = || {
                let mut fields = schema["properties"].as_object().into_iter().flatten();
                fields.any(|(_, field)| !field["example"].is_null() || !field["examples"].is_null())
            };
            if given.iter().all(|example| example.is_null()) && !of_fields() {
                missing.push(format!("{place}: {media_type}"));
            }
        }
    }
    expect_none(missing);
}

#[test]
fn every_example_of_a_request_body_is_accepted() {
    let contract = contract();
    let mut wrong = Vec::new();
    for (place, operation) in operations(&contract) {
        for content in operation["requestBody"]["content"].as_object().into_iter().flatten().map(|(_, content)| content)
        {
            let resolved = resolved(&contract, &content["schema"]);
            let example = [&content["example"], &resolved["example"], &resolved["examples"][0]];
            let Some(example) = example.into_iter().find(|example| !example.is_null()) else { continue };
            let mut schema = content["schema"].clone();
            schema["components"] = contract["components"].clone();
            let validator = jsonschema::draft202012::options().build(&schema).unwrap();
            wrong.extend(
                validator.iter_errors(example).map(|error| format!("{place}: {}: {error}", error.instance_path())),
            );
        }
    }
    expect_none(wrong);
}

#[test]
fn every_operation_lists_the_answers_it_can_give() {
    let contract = contract();
    let mut missing = Vec::new();
    for (place, operation) in operations(&contract) {
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let response = resolved(&contract, response);
            if !has_text(&response["description"]) {
                missing.push(format!("{place}: {status} has no description"));
            }
            let is_problem = response["content"].get("application/problem+json").is_some();
            if (status.starts_with('4') || status.starts_with('5')) && !is_problem {
                missing.push(format!("{place}: {status} is no problem document"));
            }
        }
        let mut expect = |status: &str| {
            if !responses.contains_key(status) {
                missing.push(format!("{place}: no {status}"));
            }
        };
        if operation["security"].is_array() {
            ["400", "401", "403", "429", "503"].into_iter().for_each(&mut expect);
        }
        if operation["requestBody"].is_object() {
            ["400", "413", "415", "422"].into_iter().for_each(&mut expect);
        }
        if place.contains("/{id}") {
            expect("404");
        }
        if operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "If-Match") {
            expect("412");
        }
        if !responses.keys().any(|status| status.starts_with('2') || status.starts_with('3')) {
            missing.push(format!("{place}: no good answer"));
        }
    }
    expect_none(missing);
}

#[test]
fn every_scope_that_is_asked_for_exists() {
    let mut unknown = Vec::new();
    for (place, operation) in operations(&contract()) {
        for demand in operation["security"].as_array().into_iter().flatten() {
            let scopes = demand["bearer"].as_array().unwrap();
            assert!(scopes.len() <= 1, "{place}: one scope is all that is checked");
            let named = scopes.iter().filter_map(Value::as_str);
            unknown.extend(named.filter(|name| !scope::ALL.contains(name)).map(|name| format!("{place}: {name}")));
        }
    }
    expect_none(unknown);
}

#[test]
fn every_field_is_described() {
    let contract = contract();
    let mut missing = Vec::new();
    for (name, schema) in schemas(&contract) {
        walk(name, schema, &mut |at, schema| {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let nullable =
                    property["oneOf"].as_array().and_then(|forms| forms.iter().find(|form| form.get("$ref").is_some()));
                let target = resolved(&contract, nullable.unwrap_or(property));
                if !has_text(&property["description"]) && !has_text(&target["description"]) {
                    missing.push(format!("{at}.{field}"));
                }
            }
        });
    }
    expect_none(missing);
}

#[test]
fn everything_a_caller_may_send_has_a_limit() {
    let contract = contract();
    let mut missing = Vec::new();
    for name in schemas_of_requests(&contract) {
        walk(&name, &schemas(&contract)[&name], &mut |at, schema| {
            let has = |limit: &str| !schema[limit].is_null();
            let of_kind = |kind: &str| {
                schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all.iter().any(|one| one == kind))
            };
            let fixed = has("enum") || has("const") || has("format");
            let bounded_pattern =
                schema["pattern"].as_str().is_some_and(|pattern| !pattern.contains('*') && !pattern.contains('+'));
            if of_kind("string") && !fixed && !has("maxLength") && !bounded_pattern {
                missing.push(format!("{at}: no maxLength"));
            }
            if of_kind("integer") && !(has("minimum") && has("maximum")) {
                missing.push(format!("{at}: no minimum and maximum"));
            }
            if of_kind("array") && !has("maxItems") {
                missing.push(format!("{at}: no maxItems"));
            }
            if of_kind("object")
                && has("additionalProperties")
                && schema["additionalProperties"].is_object()
                && !has("maxProperties")
            {
                missing.push(format!("{at}: no maxProperties"));
            }
        });
    }
    expect_none(missing);
}

#[test]
fn objects_that_callers_send_take_no_unknown_fields() {
    let contract = contract();
    let mut open = Vec::new();
    for name in schemas_of_requests(&contract) {
        let schema = &schemas(&contract)[&name];
        let is_plain_object = schema["properties"].is_object();
        if is_plain_object
            && schema["additionalProperties"] != Value::Bool(false)
            && schema["unevaluatedProperties"] != Value::Bool(false)
        {
            open.push(name);
        }
    }
    expect_none(open);
}
