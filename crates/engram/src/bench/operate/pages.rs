//! Every page of the console, with many tenants and a tenant of many memories.

use std::sync::Arc;

use anyhow::{Context, Result};
use http::Method;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use server::console::{PAGES, Page, Side};

use super::Plan;
use super::browser::Browser;
use super::installation::{Installation, fill};
use super::report::PageRow;
use crate::bench::texts::Texts;

/// A page of the playbook.
const RUNBOOK: &str = "backup_stale";

/// What addresses name.
struct Things {
    memory: String,
    session: String,
    run: String,
    query: String,
}

pub(super) async fn measure(
    plan: &Plan,
    service: &Installation,
    progress: &ProgressBar,
) -> Result<Vec<PageRow>> {
    progress.set_message("filling the tenant whose pages are looked at");
    let things = prepare(plan, service).await?;
    let url = &service.target().url;
    let mut guest = Browser::new(url)?;
    let mut member = Browser::signed_in(url, &service.target().api_key).await?;
    let mut operator = Browser::signed_in(url, &service.operator).await?;
    let mut rows = Vec::new();
    for page in PAGES {
        let browser = match page.side {
            Side::Anybody => &mut guest,
            Side::Tenant => &mut member,
            Side::Person | Side::Operator => &mut operator,
        };
        for path in things.addresses(page) {
            progress.set_message(path.clone());
            rows.push(look(plan, browser, path).await?);
        }
    }
    Ok(rows)
}

async fn look(plan: &Plan, browser: &mut Browser, path: String) -> Result<PageRow> {
    let (mut taken, mut bytes, mut status) = (Vec::new(), 0, 0);
    for _ in 0..plan.looks {
        let seen = browser.look(&path).await?;
        taken.push(seen.server_ms);
        (bytes, status) = (bytes.max(seen.bytes), seen.status);
    }
    taken.sort_unstable_by(f64::total_cmp);
    let first_view_bytes = bytes + browser.assets_of(&path).await?;
    let server_p50_ms = taken[taken.len() / 2];
    let server_max_ms = taken.last().copied().unwrap_or_default();
    Ok(PageRow { path, status, server_p50_ms, server_max_ms, bytes, first_view_bytes })
}

/// Memories with a history, a backup, and a rehearsal of its restore.
async fn prepare(plan: &Plan, service: &Installation) -> Result<Things> {
    let texts = Arc::new(Texts::new(plan.seed));
    fill(service.target(), &texts, plan.memories).await?;
    let key = &service.target().api_key;
    let listed = service.ask(key, Method::GET, "/v1/memories?limit=1", &Value::Null).await?;
    let memory = &listed["items"][0];
    let id = memory["id"].to_string();
    let session = memory["session_id"].as_str().context("a memory without a session")?.to_owned();
    for importance in [0.1, 0.9] {
        let change = json!({ "content": texts.query(plan.memories), "importance": importance });
        service.ask(key, Method::PATCH, &format!("/v1/memories/{id}"), &change).await?;
    }
    let backup = service.ask_as_operator(Method::POST, "/tenants/default/backups", &json!({})).await?;
    service.finish(&backup).await?;
    let test =
        service.ask_as_operator(Method::POST, "/restore-tests", &json!({ "tenant": "default" })).await?;
    let run = service.finish(&test).await?;
    Ok(Things { memory: id, session, run, query: texts.query(0).replace(' ', "+") })
}

impl Things {
    /// A page as one comes to it, and with what people look for there.
    fn addresses(&self, page: &Page) -> Vec<String> {
        let segments = [
            ("{id}", self.memory.as_str()),
            ("{slug}", "default"),
            ("{name}", RUNBOOK),
            ("{run}", &self.run),
        ];
        let fill = |path: &str, (name, value): &(&str, &str)| path.replace(name, value);
        let plain = segments.iter().fold(page.path.to_owned(), |path, segment| fill(&path, segment));
        let more = match page.path {
            "/console/search" => format!("q={}", self.query),
            "/console/sessions" => format!("session_id={}", self.session),
            "/console/quickstart" => "for=mcp".to_owned(),
            "/console/service" => "last=6h".to_owned(),
            "/console/service/backups/{slug}/restore" => {
                return vec![format!("{plain}?latest_verified=true")];
            }
            _ => return vec![plain],
        };
        vec![plain.clone(), format!("{plain}?{more}")]
    }
}
