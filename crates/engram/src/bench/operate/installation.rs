//! A service of the run's own, with an operator's key, asked over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, anyhow, ensure};
use http::{Method, Request, header};
use serde_json::{Value, json};
use server::config::Config;
use tokio::time::{Duration, sleep, timeout};

use crate::bench::load::{BATCH_ROWS, Calls, Connection, Service, Target};
use crate::bench::texts::Texts;
use crate::door::Way;

/// Longest wait for a backup or a restore test.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at one.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running service and the ways into it.
pub(super) struct Installation {
    service: Service,
    client: reqwest::Client,
    /// The operator's key.
    pub(super) operator: String,
}

impl Installation {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let service = Service::start(folder).await?;
        let operator = operator_key(folder).await?;
        Ok(Self { service, client: reqwest::Client::new(), operator })
    }

    /// Where it is, with the key of the default tenant.
    pub(super) fn target(&self) -> &Target {
        &self.service.target
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.service.stop().await
    }

    /// Asks with a key; `Value::Null` is no body. The answer must be none of a failure.
    pub(super) async fn ask(&self, key: &str, method: Method, path: &str, body: &Value) -> Result<Value> {
        ask(&self.client, &self.target().url, key, method, path, body).await
    }

    /// Asks as the operator.
    pub(super) async fn ask_as_operator(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        self.ask(&self.operator, method, path, body).await
    }

    /// What makes tenants and fills them, for tasks of its own.
    pub(super) fn tenants(&self) -> Arc<Tenants> {
        let (client, url) = (self.client.clone(), self.target().url.clone());
        Arc::new(Tenants { client, url, operator: self.operator.clone() })
    }

    /// Waits for work that takes a while; its id.
    pub(super) async fn finish(&self, run: &Value) -> Result<String> {
        let id = run["id"].as_str().context("a run without an id")?.to_owned();
        let path = format!("/runs/{id}");
        let ended = async {
            loop {
                let run = self.ask_as_operator(Method::GET, &path, &Value::Null).await?;
                match run["state"].as_str() {
                    Some("running") => sleep(LOOK_EVERY).await,
                    Some("done") => return Ok(()),
                    _ => return Err(anyhow!("{} failed: {}", run["kind"], run["error"])),
                }
            }
        };
        timeout(PATIENCE, ended).await.with_context(|| format!("run {id} does not end"))??;
        Ok(id)
    }
}

/// Makes tenants and fills them.
pub(super) struct Tenants {
    client: reqwest::Client,
    url: String,
    operator: String,
}

impl Tenants {
    pub(super) async fn create(&self, slug: &str) -> Result<()> {
        self.ask(&self.operator, "/tenants", &json!({ "slug": slug })).await.map(drop)
    }

    /// A tenant that has just stored a memory and found it.
    pub(super) async fn store_and_search(&self, slug: &str) -> Result<()> {
        let wanted = json!({ "tenant": slug, "scopes": ["memories:read", "memories:write", "search"] });
        let issued = self.ask(&self.operator, "/api-keys", &wanted).await?;
        let key = issued["key"].as_str().context("a key was issued without its text")?;
        let memory = json!({ "content": format!("The harbour of {slug} opens at noon.") });
        self.ask(key, "/v1/memories", &memory).await?;
        let found = self.ask(key, "/v1/search", &json!({ "query": "when does the harbour open?" })).await?;
        let items = found["items"].as_array().map_or(0, Vec::len);
        ensure!(items == 1, "{slug} stored one memory and found {items}");
        Ok(())
    }

    async fn ask(&self, key: &str, path: &str, body: &Value) -> Result<Value> {
        ask(&self.client, &self.url, key, Method::POST, path, body).await
    }
}

/// Stores that many made-up memories in the tenant of the key.
pub(super) async fn fill(target: &Target, texts: &Arc<Texts>, memories: u64) -> Result<()> {
    let mut connection = Connection::open(target).await?;
    let calls = Calls { texts: Arc::clone(texts), next_memory: Arc::new(AtomicU64::new(0)), stored: 0 };
    let mut stored = 0;
    while stored < memories {
        let rows = BATCH_ROWS.min(memories - stored);
        let (status, body) = connection.call(&calls.batch(0, rows)).await?;
        ensure!(status == 201, "a batch was refused with {status}: {}", String::from_utf8_lossy(&body));
        stored += rows;
    }
    Ok(())
}

async fn ask(
    client: &reqwest::Client,
    url: &str,
    key: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value> {
    let mut request = client.request(method, format!("{url}{path}")).bearer_auth(key);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{path} was answered with {status}: {text}");
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}

/// Made through the private socket of the service, as `engram key create --operator` does.
async fn operator_key(folder: &Path) -> Result<String> {
    let way = Way::to_folder(&Config::dev(folder)).await.map_err(|failure| anyhow!("{failure}"))?;
    let request = Request::post("/operator-keys")
        .header(header::CONTENT_TYPE, "application/json")
        .body(json!({ "name": "bench" }).to_string().into())?;
    let answer = way.send(request).await;
    way.close().await;
    let answer = answer.map_err(|trouble| anyhow!("no operator's key: {trouble:?}"))?;
    let issued: Value = serde_json::from_slice(answer.body())?;
    issued["key"].as_str().map(str::to_owned).with_context(|| format!("no operator's key: {issued}"))
}
