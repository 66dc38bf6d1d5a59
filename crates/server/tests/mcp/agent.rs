//! A service and a plain client of it, which sends what the tests say and nothing else.

use std::ops::Deref;

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use server::config::Config;

use crate::house::{Answer, House};

/// A service with an agent in front of it.
pub(crate) struct Agent {
    house: House,
}

impl Deref for Agent {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl Agent {
    pub(crate) async fn new() -> Self {
        Self { house: House::new().await }
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self { house: House::with(change).await }
    }

    /// Posts a body with these headers, and a key unless it is empty.
    pub(crate) async fn post_raw(&self, key: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::post("/v1/mcp");
        if !key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.house.send(request.body(Body::from(body)).unwrap()).await
    }

    /// The plainest request there is, with the development key.
    pub(crate) async fn bare(&self, method: &str, params: Value) -> Answer {
        self.bare_as(&self.key, method, params).await
    }

    /// The same with another key.
    pub(crate) async fn bare_as(&self, key: &str, method: &str, params: Value) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post_raw(key, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Calls a tool; returns the whole `result`.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.bare("tools/call", json!({"name": tool, "arguments": arguments})).await;
        let body = answer.expect(200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!(1)), "{body}");
        assert!(body.get("error").is_none(), "{body}");
        body["result"].clone()
    }

    /// Calls a tool that must succeed; returns what it answers.
    pub(crate) async fn tool(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        let structured = result["structuredContent"].clone();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), structured, "the text says the same");
        structured
    }

    /// Calls a tool that must fail in a way a model can mend; returns what it reads and the body.
    pub(crate) async fn failing_tool(&self, tool: &str, arguments: Value) -> (String, Value) {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        (result["content"][0]["text"].as_str().unwrap().to_owned(), result["structuredContent"].clone())
    }
}

/// The JSON-RPC error of an answer.
#[track_caller]
pub(crate) fn rpc_error(answer: &Answer, status: u16) -> Value {
    let body = answer.expect(status);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    assert!(body.get("id").is_some() && body.get("result").is_none(), "{body}");
    assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{body}");
    body["error"].clone()
}
