//! Makes a request of a deed: values that are the caller's, values that are somebody else's, and a credential.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Map, Value, json};
use stdx::clock::Clock;

use crate::deeds::{Deed, Door, Input, Place};
use crate::dice::Dice;
use crate::house::{Answer, House};
use crate::issuer::Issuer;
use crate::marks::{Class, Marks};
use crate::settlers::Settler;

/// Optional fields that are sent, in percent.
const OPTIONAL_PERCENT: usize = 25;
/// Values that are somebody else's, in percent.
const FOREIGN_PERCENT: usize = 45;
/// Values that are the caller's own, in percent.
const OWN_PERCENT: usize = 35;

/// A request before anybody signs it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

/// Fills in what a deed wants.
pub(crate) fn build(
    deed: &Deed,
    own: &Settler,
    foreign: &Settler,
    marks: &mut Marks,
    dice: &mut Dice,
    caller: usize,
) -> Asked {
    let (mut path_values, mut query, mut headers, mut body) =
        (Map::new(), Vec::new(), Vec::new(), Map::new());
    for input in &deed.inputs {
        if !input.is_required && !dice.chance(OPTIONAL_PERCENT) {
            continue;
        }
        let value = value(deed, input, own, foreign, marks, dice, caller);
        match input.place {
            Place::Path => drop(path_values.insert(input.name.clone(), value)),
            Place::Query => query.push(format!("{}={}", input.name, encoded(&value))),
            Place::Header => headers.push((input.name.clone(), bare(&value))),
            Place::Body => drop(body.insert(input.name.clone(), value)),
        }
    }
    let asked = match &deed.door {
        Door::Route { method, path } => {
            let mut path = filled(path, &path_values);
            if !query.is_empty() {
                path = format!("{path}?{}", query.join("&"));
            }
            let has_body = matches!(*method, Method::POST | Method::PATCH | Method::PUT);
            Asked { method: method.clone(), path, headers, body: has_body.then_some(Value::Object(body)) }
        }
        Door::Tool { name } => rpc("tools/call", json!({ "name": name, "arguments": body }), headers),
        Door::Prompt { name } => {
            let texts: Map<_, _> =
                body.into_iter().map(|(name, value)| (name, json!(bare(&value)))).collect();
            rpc("prompts/get", json!({ "name": name, "arguments": texts }), headers)
        }
        Door::Resource { template } => {
            rpc("resources/read", json!({ "uri": filled(template, &path_values) }), headers)
        }
        Door::Rpc { method } => rpc(method, opening(method), headers),
    };
    let mut asked = asked;
    asked.headers.extend(names_around(own, foreign, dice));
    marks.say(caller, &format!("{asked:?}"));
    asked
}

/// Now and then the request names a tenant beside its proof: the right one, another, or two.
fn names_around(own: &Settler, foreign: &Settler, dice: &mut Dice) -> Vec<(String, String)> {
    let host = |settler: &Settler| format!("{}.engram.test", settler.slug);
    let headers = match dice.below(20) {
        0 => vec![("x-engram-tenant", foreign.slug.clone())],
        1 => vec![("x-tenant-slug", foreign.slug.clone())],
        2 => vec![("host", host(foreign))],
        3 => vec![("x-engram-tenant", own.slug.clone()), ("x-tenant-slug", foreign.slug.clone())],
        4 => vec![("x-engram-tenant", own.slug.clone())],
        5 => vec![("host", host(own))],
        6 => vec![("x-forwarded-host", host(foreign))],
        7 => vec![("forwarded", format!("host={}", host(foreign)))],
        _ => Vec::new(),
    };
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Sends it, with the caller's own proof: a key, or a person's token.
pub(crate) async fn ask(
    house: &House,
    issuer: &Issuer,
    own: &Settler,
    asked: &Asked,
    dice: &mut Dice,
) -> Answer {
    let mut request = Request::builder().method(asked.method.clone()).uri(&asked.path);
    let token = issuer.token(&own.person, house.clock.now().as_second());
    let by_person = dice.chance(25);
    let proof = if by_person { &token } else { &own.key };
    request = request.header(header::AUTHORIZATION, format!("Bearer {proof}"));
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    let request = match &asked.body {
        Some(body) => {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
        }
        None => request.body(Body::empty()),
    };
    house.send(request.unwrap()).await
}

fn value(
    deed: &Deed,
    input: &Input,
    own: &Settler,
    foreign: &Settler,
    marks: &mut Marks,
    dice: &mut Dice,
    caller: usize,
) -> Value {
    let schema = &input.schema;
    if let Some(words) = schema["enum"].as_array().filter(|_| !dice.chance(5)) {
        return dice.pick(words).cloned().unwrap_or(Value::Null);
    }
    let roll = dice.below(100);
    let known = match roll {
        roll if roll < FOREIGN_PERCENT => foreign.pool.of(&deed.noun, &input.name),
        roll if roll < FOREIGN_PERCENT + OWN_PERCENT => own.pool.of(&deed.noun, &input.name),
        _ => &[],
    };
    let known = dice.pick(known).cloned();
    match (input.name.as_str(), kind(schema)) {
        ("filters" | "filter", _) => filter(foreign, own, dice),
        ("memories", "array") => {
            let memory = |marks: &mut Marks| json!({ "content": marks.mint(caller, "word", Class::Memory) });
            json!([memory(marks), memory(marks)])
        }
        ("content" | "query", _) => {
            let theirs = foreign.pool.of("memories", "user_id");
            let theirs = dice.pick(theirs).map(bare).unwrap_or_default();
            json!(format!("secret {theirs} {}", marks.mint(caller, "word", Class::Memory)))
        }
        ("role", _) => dice.pick(&[json!("member"), json!("viewer"), json!("admin")]).cloned().unwrap(),
        ("scopes", _) => json!(["search"]),
        ("budget_tokens", _) => json!(64 + dice.below(4_000)),
        ("order", _) if deed.name.contains("context") => json!("time"),
        ("limits", _) => json!({ "memories": 1 }),
        (_, "string") if input.place == Place::Path => {
            json!(known.as_ref().map_or_else(|| dice.below(40).to_string(), bare))
        }
        (_, "integer") => known.filter(Value::is_i64).unwrap_or_else(|| json!(1 + dice.below(30))),
        (_, "number") => json!(0.5),
        (_, "boolean") => json!(dice.chance(50)),
        (_, "array") => json!([known.as_ref().map_or_else(|| fresh(marks, caller), bare)]),
        (_, "object") => json!({ "place": fresh(marks, caller) }),
        (_, _) if input.name.ends_with("_at") || input.name.contains("time") => json!("2030-01-01T00:00:00Z"),
        (_, _) => known.filter(Value::is_string).unwrap_or_else(|| json!(fresh(marks, caller))),
    }
}

fn fresh(marks: &mut Marks, caller: usize) -> String {
    marks.mint(caller, "fresh", Class::Handle)
}

/// A filter that names what somebody else has.
fn filter(foreign: &Settler, own: &Settler, dice: &mut Dice) -> Value {
    let whose = if dice.chance(70) { foreign } else { own };
    let field =
        *dice.pick(&["user_id", "agent_id", "session_id", "actor", "custom_id", "workspace"]).unwrap();
    let value = dice.pick(whose.pool.of("memories", field)).cloned().unwrap_or(json!("x"));
    match dice.below(4) {
        0 => json!({ field: value }),
        1 => json!({ "or": [{ field: value }, { "importance": { "gte": 0.0 } }] }),
        2 => json!({ "not": { field: value } }),
        _ => json!({ field: { "in": [value, "x"] } }),
    }
}

/// The schema's type, without `null`.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("string")
        }
        _ => "string",
    }
}

fn rpc(method: &str, params: Value, headers: Vec<(String, String)>) -> Asked {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Asked { method: Method::POST, path: "/v1/mcp".to_owned(), headers, body: Some(body) }
}

fn opening(method: &str) -> Value {
    match method {
        "initialize" => json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" }
        }),
        _ => json!({}),
    }
}

/// A path or an address with its places filled in.
fn filled(template: &str, values: &Map<String, Value>) -> String {
    values.iter().fold(template.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), &encoded(value))
    })
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(value: &Value) -> String {
    let mut encoded = String::new();
    for byte in bare(value).bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
