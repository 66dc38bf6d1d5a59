//! A service inside this process, asked through its router without a socket.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Body;
use gateway::{Credentials, Peer};
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use server::app::App;
use server::config::{Config, Enforcement};
use stdx::clock::SharedClock;
use tower::ServiceExt;

const NETWORK: Peer = Peer::Network(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST));

/// A service on a folder of its own.
pub(super) struct Service {
    pub(super) app: Arc<App>,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Service {
    /// A service that enforces what plans say, with more settings changed.
    pub(super) async fn open(
        folder: &Path,
        clock: SharedClock,
        change: impl FnOnce(&mut Config),
    ) -> Result<Self> {
        let mut config = Config::dev(folder);
        (config.limits.rates, config.limits.quotas) = (Enforcement::Enforced, Enforcement::Enforced);
        change(&mut config);
        let app = App::open_with_clock(config, clock).await?;
        Ok(Self { router: app.router(), app })
    }

    /// `Authorization` of the default tenant's key.
    pub(super) fn authorization(&self) -> Result<String> {
        let dev = self.app.dev.as_ref().context("the service has no default tenant")?;
        Ok(format!("Bearer {}", dev.api_key))
    }

    /// Asks as the bearer of `authorization`; `Value::Null` is no body.
    pub(super) async fn ask(
        &self,
        authorization: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer> {
        let request =
            Request::builder().method(method).uri(path).header(header::AUTHORIZATION, authorization);
        self.send(request.extension(NETWORK), body).await
    }

    /// Asks as whoever runs the service.
    pub(super) async fn ask_locally(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = Request::builder().method(method).uri(path).extension(Peer::LocalSocket);
        self.send(request, body).await?.expect_success()
    }

    /// A new tenant.
    pub(super) async fn create_tenant(&self, slug: &str) -> Result<()> {
        self.ask_locally(Method::POST, "/tenants", &json!({ "slug": slug })).await.map(drop)
    }

    /// `Authorization` of a new key of a tenant.
    pub(super) async fn issue_key(&self, slug: &str) -> Result<String> {
        let wanted =
            json!({ "tenant": slug, "scopes": ["memories:read", "memories:write", "search", "admin"] });
        let issued = self.ask_locally(Method::POST, "/api-keys", &wanted).await?;
        Ok(format!("Bearer {}", issued["key"].as_str().context("a key was issued without its text")?))
    }

    /// Stores a memory and returns the path it is read at.
    pub(super) async fn remember(&self, authorization: &str, content: &str) -> Result<String> {
        let body = json!({ "content": content });
        let stored = self.ask(authorization, Method::POST, "/v1/memories", &body).await?.expect_success()?;
        Ok(format!("/v1/memories/{}", stored["id"]))
    }

    /// Reads a memory.
    pub(super) async fn get(&self, authorization: &str, path: &str) -> Result<()> {
        self.ask(authorization, Method::GET, path, &Value::Null).await?.expect_success().map(drop)
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Result<Answer> {
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
        };
        let response = self.router.clone().oneshot(request?).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of an answer that is none of a failure.
    pub(super) fn expect_success(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "the service answered {}: {}", self.status, self.body);
        Ok(self.body)
    }
}

/// What a request with that `Authorization` header shows the gateway.
pub(super) fn credentials(authorization: &str) -> Credentials<'_> {
    Credentials { authorization: Some(authorization), ..Credentials::none(NETWORK) }
}
