//! JSON Schemas for tools, made from the wire shapes, so that MCP and REST describe the same thing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The schema of a wire shape: one object without references, without what only OpenAPI knows.
pub(super) fn of<T: ToSchema>() -> Value {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let parts: BTreeMap<String, Value> =
        parts.into_iter().filter_map(|(name, part)| Some((name, serde_json::to_value(part).ok()?))).collect();
    let mut schema = serde_json::to_value(T::schema()).unwrap_or_default();
    plain(&mut schema, &parts);
    if let Some(object) = schema.as_object_mut() {
        // The tool says what the whole is for.
        object.remove("description");
    }
    schema
}

/// The arguments of a tool that takes what `T` has, and nothing else.
pub(super) fn arguments_of<T: ToSchema>() -> Value {
    let mut schema = of::<T>();
    close(&mut schema);
    schema
}

/// The arguments of a tool, by hand.
pub(super) fn arguments(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The answer of a tool: what `success` describes, or an error. Clients check both against one schema.
pub(super) fn answer(mut success: Value) -> Value {
    // Programs check answers against this and models seldom see it: field names speak for themselves.
    strip_descriptions(&mut success);
    let required = success["required"].take();
    if let Some(properties) = success["properties"].as_object_mut() {
        properties.insert(
            "error".into(),
            json!({ "type": "string", "description": "Only when isError: a stable code." }),
        );
        properties.insert("message".into(), json!({ "type": "string", "description": "Only when isError." }));
    }
    if let Some(object) = success.as_object_mut() {
        object.remove("required");
    }
    success["anyOf"] = json!([{ "required": required }, { "required": ["error", "message"] }]);
    success
}

/// Says more of some fields than the wire shape does.
pub(super) fn describe(schema: &mut Value, fields: &[(&str, &str)]) {
    for (field, text) in fields {
        schema["properties"][*field]["description"] = json!(text);
    }
}

/// The argument that names a memory.
pub(super) fn id() -> Value {
    json!({ "type": "integer", "minimum": 1, "description": "The memory's number, as search and list show it." })
}

/// The argument that narrows to one workspace.
pub(super) fn workspace() -> Value {
    json!({
        "type": ["string", "null"], "pattern": "^[A-Za-z0-9._-]{1,64}$",
        "description": "Only this workspace; all of them when absent.",
    })
}

/// The argument that filters.
pub(super) fn filters() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Only memories that match. An object of fields, all of which must match: a value means equal, \
            {op: value} compares. Operators: eq ne gt gte lt lte in nin contains exists; combine with and, or (arrays), \
            not. Fields are those of a memory, and metadata.path. Examples: {\"kind\": \"decision\"}, {\"tags\": \
            {\"contains\": \"billing\"}}, {\"event_time\": {\"gte\": \"2026-01-01T00:00:00Z\"}}, {\"or\": [{\"actor\": \
            \"anna\"}, {\"importance\": {\"gt\": 0.8}}]}.",
    })
}

/// Puts the parts in the place of references and takes out what JSON Schema does not know.
fn plain(value: &mut Value, parts: &BTreeMap<String, Value>) {
    match value {
        Value::Object(object) => {
            if let Some(part) = referred(object, parts) {
                *value = part;
                plain(value, parts);
                return;
            }
            object.remove("example");
            if object.get("format").is_some_and(|format| format != "date-time") {
                object.remove("format");
            }
            object.values_mut().for_each(|value| plain(value, parts));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| plain(value, parts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn referred(object: &Map<String, Value>, parts: &BTreeMap<String, Value>) -> Option<Value> {
    let name = object.get("$ref")?.as_str()?.rsplit('/').next()?;
    parts.get(name).cloned()
}

fn strip_descriptions(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // A property may have that name; then it is a schema, not a text.
            if object.get("description").is_some_and(Value::is_string) {
                object.remove("description");
            }
            object.values_mut().for_each(strip_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every object with named fields takes no others.
fn close(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".into(), json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
