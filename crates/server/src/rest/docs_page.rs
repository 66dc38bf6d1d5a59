//! The readable API page: the OpenAPI document as one HTML page, without scripts, for light and dark.

use std::fmt::Write;
use std::sync::LazyLock;

use api::ErrorCode;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{Redirect, Response};
use axum::routing::get;
use http::{HeaderValue, header};
use serde_json::Value;

use super::openapi;

/// The page needs its own style and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router {
    Router::new().route("/docs", get(docs)).route("/", get(async || Redirect::temporary("/docs")))
}

async fn docs() -> Response {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| page(openapi::document()).into());
    let mut response = Response::new(Body::from(PAGE.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn page(document: &Value) -> String {
    let mut html = String::with_capacity(128 * 1024);
    let style = include_str!("docs_page.css");
    let title = text(&document["info"]["title"]);
    let version = text(&document["info"]["version"]);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{style}</style></head><body>"
    );
    let operations = operations(document);
    write_contents(&mut html, document, &operations);
    let _ = write!(
        html,
        "<main><h1>{title} API <small>{version}</small></h1><p>{}</p>\
         <p>The same as <a href=\"/openapi.json\">OpenAPI 3.1</a>. Agents speak MCP at <code>/v1/mcp</code>.</p>",
        prose(&document["info"]["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(html, "<h2>{} <small>{}</small></h2>", text(&tag["name"]), text(&tag["description"]));
        for operation in operations.iter().filter(|operation| operation.value["tags"][0] == tag["name"]) {
            write_operation(&mut html, document, operation);
        }
    }
    write_errors(&mut html);
    html.push_str("</main></body></html>");
    html
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    value: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, value)| Operation { path, method, value })
        })
        .collect()
}

fn write_contents(html: &mut String, document: &Value, operations: &[Operation<'_>]) {
    html.push_str("<nav><strong>Engram</strong>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(html, "<h3>{}</h3><ul>", text(&tag["name"]));
        for Operation { value, .. } in
            operations.iter().filter(|operation| operation.value["tags"][0] == tag["name"])
        {
            let (id, summary) = (text(&value["operationId"]), text(&value["summary"]));
            let _ = write!(html, "<li><a href=\"#{id}\">{summary}</a></li>");
        }
        html.push_str("</ul>");
    }
    html.push_str("<h3><a href=\"#errors\">errors</a></h3></nav>");
}

fn write_operation(html: &mut String, document: &Value, operation: &Operation<'_>) {
    let Operation { path, method, value } = operation;
    let (id, summary, path) = (text(&value["operationId"]), text(&value["summary"]), escaped(path));
    let _ = write!(
        html,
        "<section id=\"{id}\"><h3>{summary}</h3><p class=\"route\"><b class=\"{method}\">{}</b> <code>{path}</code></p>",
        method.to_uppercase()
    );
    if value["description"].is_string() {
        let _ = write!(html, "<p>{}</p>", prose(&value["description"]));
    }
    let parameters = value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if !parameters.is_empty() {
        html.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            write_row(html, &name, &place, parameter["required"] == true, &prose(&parameter["description"]));
        }
        html.push_str("</table>");
    }
    let body = &value["requestBody"]["content"]["application/json"]["schema"];
    if let Some(schema) = resolved(document, body) {
        html.push_str("<h4>Body</h4>");
        write_fields(html, document, schema);
    }
    html.push_str("<h4>Answers</h4>");
    for (status, response) in value["responses"].as_object().into_iter().flatten() {
        if !status.starts_with('2') {
            continue;
        }
        let _ = write!(html, "<p><b>{}</b> {}</p>", escaped(status), prose(&response["description"]));
        if let Some(schema) = resolved(document, &response["content"]["application/json"]["schema"]) {
            write_fields(html, document, schema);
        }
    }
    html.push_str("</section>");
}

fn write_fields(html: &mut String, document: &Value, schema: &Value) {
    let parts = schema["allOf"].as_array().map_or(vec![schema], |all| all.iter().collect());
    html.push_str("<table>");
    for part in parts.into_iter().filter_map(|part| resolved(document, part)) {
        let required = part["required"].as_array();
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            let needed = required.is_some_and(|required| required.iter().any(|one| one == name));
            write_row(html, &escaped(name), &escaped(&kind(field)), needed, &prose(&field["description"]));
        }
    }
    html.push_str("</table>");
}

fn write_row(html: &mut String, name: &str, kind: &str, is_needed: bool, words: &str) {
    let mark = if is_needed { " <b>*</b>" } else { "" };
    let _ = write!(html, "<tr><td><code>{name}</code>{mark}</td><td>{kind}</td><td>{words}</td></tr>");
}

fn write_errors(html: &mut String) {
    html.push_str("<section id=\"errors\"><h2>errors</h2><table>");
    for code in ErrorCode::ALL {
        write_row(html, code.as_str(), &code.status().to_string(), false, &prose_text(code.meaning()));
    }
    html.push_str("</table></section>");
}

/// The schema a reference names, or the schema itself.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer),
        None => schema.is_object().then_some(schema),
    }
}

/// A field's type in a word or two.
fn kind(field: &Value) -> String {
    if let Some(reference) = field["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for union in ["oneOf", "anyOf"] {
        if let Some(kinds) = field[union].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" | ");
        }
    }
    let word = match &field["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        Value::String(kind) => kind.clone(),
        _ => "any".to_owned(),
    };
    match word.strip_prefix("array") {
        Some(rest) => format!("array of {}{rest}", kind(&field["items"])),
        None => word,
    }
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Text with `code` in backticks.
fn prose(value: &Value) -> String {
    prose_text(value.as_str().unwrap_or_default())
}

fn prose_text(words: &str) -> String {
    let mut html = String::new();
    for (at, piece) in escaped(words).split('`').enumerate() {
        if at > 0 {
            html.push_str(if at % 2 == 1 { "<code>" } else { "</code>" });
        }
        html.push_str(piece);
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_needs_nothing_from_elsewhere() {
        let html = page(openapi::document());
        for operation in operations(openapi::document()) {
            assert!(html.contains(&format!("id=\"{}\"", text(&operation.value["operationId"]))));
        }
        assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
        assert!(html.contains("array of string"));
    }

    #[test]
    fn words_are_escaped_and_code_is_marked() {
        assert_eq!(prose_text("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
    }
}
