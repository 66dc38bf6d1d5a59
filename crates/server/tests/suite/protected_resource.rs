//! What an MCP client needs to find out whose tokens are taken (RFC 9728).

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use crate::house::House;

const ISSUER: &str = "https://id.example.com";
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

async fn with_tokens() -> House {
    House::with(|config| {
        config.service.public_url = Some("https://memory.example.com".to_owned());
        config.jwt.issuer = Some(ISSUER.to_owned());
        config.jwt.audience = vec!["https://memory.example.com/v1/mcp".to_owned()];
    })
    .await
}

#[tokio::test]
async fn a_client_without_a_credential_is_led_to_the_identity_provider() {
    let house = with_tokens().await;
    let ping = Body::from(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string());
    let refused = house.send(Request::post("/v1/mcp").body(ping).unwrap()).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate");
    let document = "https://memory.example.com/.well-known/oauth-protected-resource/v1/mcp";
    assert_eq!(challenge, format!("Bearer realm=\"engram\", resource_metadata=\"{document}\""));

    for (path, resource) in
        [("/v1/mcp", "https://memory.example.com/v1/mcp"), ("", "https://memory.example.com")]
    {
        let request = Request::get(format!("{WELL_KNOWN}{path}")).header("host", "evil.example");
        let described = house.send(request.body(Body::empty()).unwrap()).await.expect(200);
        assert_eq!(described["resource"], resource);
        assert_eq!(described["authorization_servers"], json!([ISSUER]));
    }
}

#[tokio::test]
async fn where_no_tokens_are_taken_there_is_no_such_document() {
    let house = House::new().await;
    let ask = |path: String| {
        let house = &house;
        async move { house.ask(Method::GET, &path, json!(null)).await }
    };
    ask(WELL_KNOWN.to_owned()).await.expect_error(404, "route_not_found");
    ask(format!("{WELL_KNOWN}/v1/mcp")).await.expect_error(404, "route_not_found");
}
