//! Everything that can be asked of the service, read from what it says of itself: its OpenAPI document and its
//! MCP lists.

use http::Method;
use serde_json::{Value, json};

use crate::house::House;
use crate::pool::plural;

/// Routes of no protocol, which the OpenAPI document does not describe.
const UNDESCRIBED: &[&str] = &["/metrics", "/openapi.json", "/docs", "/"];
/// References are followed this deep; no request is nested deeper.
const DEPTH_MAX: usize = 8;

/// One thing to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// As the tally and failures name it.
    pub(crate) name: String,
    /// What it is about, such as `memories`.
    pub(crate) noun: String,
    pub(crate) door: Door,
    pub(crate) inputs: Vec<Input>,
}

/// How it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    /// An HTTP request to a path with places for values.
    Route { method: Method, path: String },
    /// An MCP tool.
    Tool { name: String },
    /// An MCP prompt.
    Prompt { name: String },
    /// An MCP resource's address with places for values.
    Resource { template: String },
    /// An MCP method without arguments.
    Rpc { method: &'static str },
}

/// One value of a request.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) is_required: bool,
}

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    /// A field of the body, or an argument of a tool or prompt.
    Body,
}

/// Everything the service offers.
pub(crate) async fn all(house: &House) -> Vec<Deed> {
    let document = house.get("/openapi.json").await.expect(200);
    let mut deeds = routes(&document);
    deeds.extend(UNDESCRIBED.iter().map(|path| Deed {
        name: format!("GET {path}"),
        noun: "service".to_owned(),
        door: Door::Route { method: Method::GET, path: (*path).to_owned() },
        inputs: Vec::new(),
    }));
    deeds.extend(mcp(house).await);
    deeds
}

fn routes(document: &Value) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let mut inputs: Vec<_> =
                operation["parameters"].as_array().into_iter().flatten().map(parameter).collect();
            let body =
                inlined(&operation["requestBody"]["content"]["application/json"]["schema"], document, 0);
            inputs.extend(fields(&body));
            deeds.push(Deed {
                name: format!("{method} {path}"),
                noun: path
                    .split('/')
                    .find(|part| !matches!(*part, "" | "v1"))
                    .unwrap_or("service")
                    .to_owned(),
                door: Door::Route { method, path: path.clone() },
                inputs,
            });
        }
    }
    deeds
}

async fn mcp(house: &House) -> Vec<Deed> {
    let list = async |method: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}});
        house.post("/v1/mcp", body).await.expect(200)["result"].clone()
    };
    let deed = |name: String, noun: String, door: Door, inputs: Vec<Input>| Deed { name, noun, door, inputs };
    let mut deeds = Vec::new();
    for tool in list("tools/list").await["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap().to_owned();
        let mut inputs = fields(&tool["inputSchema"]);
        inputs.push(Input {
            place: Place::Header,
            name: "Idempotency-Key".to_owned(),
            schema: json!({"type": "string"}),
            is_required: false,
        });
        let noun = plural(name.split('_').next().unwrap());
        deeds.push(deed(format!("tool {name}"), noun, Door::Tool { name }, inputs));
    }
    for prompt in list("prompts/list").await["prompts"].as_array().unwrap() {
        let name = prompt["name"].as_str().unwrap().to_owned();
        let argument = |argument: &Value| Input {
            place: Place::Body,
            name: argument["name"].as_str().unwrap().to_owned(),
            schema: json!({"type": "string"}),
            is_required: argument["required"] == true,
        };
        let inputs = prompt["arguments"].as_array().into_iter().flatten().map(argument).collect();
        deeds.push(deed(format!("prompt {name}"), "memories".to_owned(), Door::Prompt { name }, inputs));
    }
    let resource = |uri: &Value| {
        let template = uri.as_str().unwrap().to_owned();
        let kind = template.split("://").nth(1).unwrap_or("").split('/').next().unwrap();
        let inputs = template.match_indices('{').map(|(at, _)| Input {
            place: Place::Path,
            name: template[at + 1..].split('}').next().unwrap().to_owned(),
            schema: json!({"type": "string"}),
            is_required: true,
        });
        let inputs = inputs.collect();
        deed(format!("resource {template}"), plural(kind), Door::Resource { template }, inputs)
    };
    let fixed = list("resources/list").await;
    deeds.extend(fixed["resources"].as_array().unwrap().iter().map(|one| resource(&one["uri"])));
    let open = list("resources/templates/list").await;
    deeds.extend(
        open["resourceTemplates"].as_array().unwrap().iter().map(|one| resource(&one["uriTemplate"])),
    );
    for method in ["initialize", "tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        deeds.push(deed(format!("mcp {method}"), "service".to_owned(), Door::Rpc { method }, Vec::new()));
    }
    deeds
}

fn parameter(parameter: &Value) -> Input {
    Input {
        place: match parameter["in"].as_str() {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            other => panic!("a parameter in {other:?}: teach it to this test"),
        },
        name: parameter["name"].as_str().unwrap().to_owned(),
        schema: parameter["schema"].clone(),
        is_required: parameter["required"] == true,
    }
}

fn fields(body: &Value) -> Vec<Input> {
    let required = body["required"].as_array().cloned().unwrap_or_default();
    let field = |(name, schema): (&String, &Value)| Input {
        place: Place::Body,
        name: name.clone(),
        schema: schema.clone(),
        is_required: required.contains(&json!(name)),
    };
    body["properties"].as_object().into_iter().flatten().map(field).collect()
}

/// The schema with what it refers to in the places of the references.
fn inlined(schema: &Value, document: &Value, depth: usize) -> Value {
    match schema {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                assert!(depth < DEPTH_MAX, "{name} refers to itself");
                let name = name.rsplit('/').next().unwrap();
                return inlined(&document["components"]["schemas"][name], document, depth + 1);
            }
            object.iter().map(|(name, value)| (name.clone(), inlined(value, document, depth))).collect()
        }
        Value::Array(items) => items.iter().map(|item| inlined(item, document, depth)).collect(),
        other => other.clone(),
    }
}
