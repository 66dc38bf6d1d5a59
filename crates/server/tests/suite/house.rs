//! A service on a temporary folder, and ways to ask it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use gateway::Peer;
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::app::App;
use server::config::Config;
use stdx::clock::{Clock, ManualClock};
use tower::ServiceExt;

/// A service of its own; everything is gone with it.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) key: String,
    pub(crate) folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl House {
    /// A fresh service with the defaults of a laptop.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A fresh service with some settings changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let house = Self::keyless(change).await;
        let key = house.app.dev.clone().unwrap().api_key;
        Self { key, ..house }
    }

    /// The same outside dev, where no key is made at the start.
    pub(crate) async fn keyless(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::dev(folder.path());
        change(&mut config);
        let clock = ManualClock::at(Timestamp::from_second(1_790_000_000).unwrap());
        let app = App::open_with_clock(config, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        Self { router: app.router(), app, clock, key: String::new(), folder }
    }

    /// Sends a request with the development key and a JSON body (`null` is none).
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask_as(&self.key, method, path, body).await
    }

    /// The same with another key.
    pub(crate) async fn ask_as(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"));
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
        };
        self.send(request.unwrap()).await
    }

    /// The same as a process that reached the private socket.
    pub(crate) async fn ask_locally(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(path).extension(Peer::LocalSocket);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Value::Null).await
    }

    /// Stores a memory and returns its id.
    pub(crate) async fn remember(&self, content: &str) -> i64 {
        self.post("/v1/memories", json!({ "content": content })).await.expect(201)["id"].as_i64().unwrap()
    }

    /// So many tenants more, each with so many memories.
    pub(crate) async fn more_tenants(&self, tenants: usize, memories: usize) {
        for tenant in 0..tenants {
            let key = self.another_tenant(&format!("t{tenant}")).await;
            let memory = |number| json!({"content": format!("memory {number} of {tenant}")});
            let batch = json!({ "memories": (0..memories).map(memory).collect::<Vec<_>>() });
            self.ask_as(&key, Method::POST, "/v1/memories/batch", batch).await.expect(201);
        }
    }

    /// Another tenant and a key of it.
    pub(crate) async fn another_tenant(&self, slug: &str) -> String {
        self.ask_locally(Method::POST, "/tenants", json!({ "slug": slug })).await.expect(201);
        let scopes = ["memories:read", "memories:write", "search", "admin"];
        let key =
            self.ask_locally(Method::POST, "/api-keys", json!({ "tenant": slug, "scopes": scopes })).await;
        key.expect(201)["key"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks an error: its status, its code, its one shape; returns the body.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["error"], code, "{body}");
        assert_eq!(body["message"], body["detail"], "{body}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
        body
    }

    /// Checks a 400 that names exactly these fields, in any order.
    #[track_caller]
    pub(crate) fn expect_problems(&self, fields: &[&str]) -> Value {
        let body = self.expect_error(400, "invalid_request");
        let mut told: Vec<_> =
            body["details"].as_array().unwrap().iter().map(|d| d["field"].as_str().unwrap()).collect();
        told.sort_unstable();
        let mut wanted = fields.to_vec();
        wanted.sort_unstable();
        assert_eq!(told, wanted, "{body}");
        body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
