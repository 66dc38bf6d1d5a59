//! Where an MCP client learns whose tokens are taken here (OAuth 2.0 Protected Resource Metadata, RFC 9728).

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::json;

use super::router::no_such_route;
use crate::app::App;
use crate::config::Config;
use crate::edge::{Transport, json_answer};

/// The path of the document; what follows it is the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
/// The MCP door, as a resource.
const MCP: &str = "/v1/mcp";

/// The documents of the service as a whole and of its MCP door. No such paths where no tokens are taken.
pub(super) fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .route(WELL_KNOWN, get(describe))
        .route(&format!("{WELL_KNOWN}{MCP}"), get(describe))
        .with_state(Arc::clone(app))
}

async fn describe(State(app): State<Arc<App>>, OriginalUri(uri): OriginalUri, request: Request) -> Response {
    let Some(issuer) = &app.config.jwt.issuer else { return no_such_route(request).await };
    let transport = request.extensions().get::<Transport>().copied();
    let base = base(&app.config, request.headers(), transport);
    let path = uri.path().strip_prefix(WELL_KNOWN).unwrap_or("");
    let document = json!({
        "resource": format!("{base}{path}"),
        "resource_name": "Engram",
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
    });
    json_answer(200, &document)
}

/// What the MCP door says to somebody without a valid credential: where tokens are to be had, if any are taken.
pub(crate) fn challenge(config: &Config, headers: &HeaderMap, transport: Option<Transport>) -> HeaderValue {
    let plain = HeaderValue::from_static("Bearer realm=\"engram\"");
    if !config.jwt.is_on() {
        return plain;
    }
    let document = format!("{}{WELL_KNOWN}{MCP}", base(config, headers, transport));
    HeaderValue::from_str(&format!("Bearer realm=\"engram\", resource_metadata=\"{document}\""))
        .unwrap_or(plain)
}

/// The address that clients know: as configured, else as this one wrote it, who alone reads the answer.
fn base(config: &Config, headers: &HeaderMap, transport: Option<Transport>) -> String {
    if let Some(known) = config.service.known_url() {
        return known;
    }
    let scheme = match transport {
        Some(Transport::Tls) => "https",
        Some(Transport::Plain) | None => "http",
    };
    let written = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let url = written.map(|host| format!("{scheme}://{host}")).filter(|url| is_bare(url));
    url.unwrap_or_else(|| format!("{scheme}://{}", config.service.listen))
}

/// Whether a URL is a scheme and a host, and nothing that could end the quotes around it.
fn is_bare(url: &str) -> bool {
    let parsed = url.parse::<Uri>();
    parsed.is_ok_and(|url| url.path() == "/" && url.query().is_none()) && !url.contains(['"', '@', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_own_word_for_us_is_taken_only_if_it_is_a_host_and_nothing_is_configured() {
        let check = |known: Option<&str>, host: &str, want: &str| {
            let mut config = Config::dev("x");
            config.service.public_url = known.map(str::to_owned);
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
            assert_eq!(base(&config, &headers, Some(Transport::Tls)), want, "{host}");
        };
        check(None, "127.0.0.1:9", "https://127.0.0.1:9");
        check(None, "a\"b", "https://127.0.0.1:8080");
        check(None, "a/b?c", "https://127.0.0.1:8080");
        check(None, "user@evil.example", "https://127.0.0.1:8080");
        check(Some("https://memory.example.com"), "evil.example", "https://memory.example.com");
    }
}
