//! The OpenAPI 3.1 document: made from the handlers, completed from the table of error codes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use api::ErrorCode;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::router;

/// Answers of the operations that anybody may ask for.
const PUBLIC_STATUSES: &[u16] = &[400, 405, 408, 413, 500, 503];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Engram",
        description = "Persistent memory with semantic search for AI agents. Send the key as \
            `Authorization: Bearer eng_live_...` or `X-API-Key`. Times are RFC 3339 in UTC. Every answer carries \
            `X-Request-Id`; every error has one shape and lists all problems of the request.",
    ),
    components(schemas(api::ErrorBody, api::ErrorDetail)),
    tags(
        (name = "memories", description = "Store, read, change and delete"),
        (name = "search", description = "Find by words and meaning"),
        (name = "workspaces", description = "What there is"),
        (name = "usage", description = "What was used"),
        (name = "administration", description = "Tenants, keys and plans"),
        (name = "backups", description = "Backups, restores, and the rehearsals that prove them"),
        (name = "service", description = "The service itself; without a key"),
    )
)]
struct Preamble;

pub(super) fn preamble() -> utoipa::openapi::OpenApi {
    Preamble::openapi()
}

/// The whole document.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let (_, described) = router::described().split_for_parts();
        let mut document = serde_json::to_value(described).unwrap_or_default();
        complete(&mut document);
        document
    });
    &DOCUMENT
}

pub(super) fn routes() -> Router {
    Router::new().route("/openapi.json", get(openapi_json))
}

async fn openapi_json() -> Response {
    static TEXT: LazyLock<Bytes> =
        LazyLock::new(|| serde_json::to_vec(document()).unwrap_or_default().into());
    let mut response = Response::new(Body::from(TEXT.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Adds what holds for every operation: security, errors, and that unknown fields are refused.
fn complete(document: &mut Value) {
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key." },
        "api_key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
    });
    let mut requests = Vec::new();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        let is_public = operation["tags"][0] == "service";
        if !is_public {
            operation["security"] = json!([{ "bearer": [] }, { "api_key": [] }]);
        }
        if let Some(schema) =
            operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
        {
            requests.extend(schema.rsplit('/').next().map(str::to_owned));
        }
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        for (status, meanings) in errors() {
            if !is_public || PUBLIC_STATUSES.contains(&status) {
                responses.entry(status.to_string()).or_insert_with(|| {
                    json!({
                        "description": meanings.join("\n\n"),
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } } },
                    })
                });
            }
        }
    }
    // The rows of a batch are requests too, though no operation takes one alone by that name.
    for name in requests {
        document["components"]["schemas"][name]["additionalProperties"] = json!(false);
    }
}

/// What each error status can mean.
fn errors() -> BTreeMap<u16, Vec<String>> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        by_status.entry(code.status()).or_default().push(format!("`{}`: {}", code.as_str(), code.meaning()));
    }
    by_status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_a_tag_and_the_errors() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 17, "{}", paths.len());
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                let place = format!("{method} {path}");
                assert!(operation["operationId"].is_string(), "{place}");
                assert!(operation["tags"][0].is_string(), "{place}");
                assert!(operation["responses"]["500"].is_object(), "{place}");
                assert!(operation["summary"].is_string(), "{place}");
            }
        }
        let create = &document["paths"]["/v1/memories"]["post"];
        assert!(create["responses"]["507"].is_object() && create["responses"]["201"].is_object());
        assert_eq!(document["components"]["schemas"]["CreateMemory"]["additionalProperties"], false);
    }
}
