//! `engram status`: who serves the data folder, where, and how much is in it.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use server::ownership::running_owner;

use crate::cli::{AsTenant, Reach, Shared};
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

/// Who serves the data folder, where, and how much is in it
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

impl Status {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let mut status = json!({"running": true});
        if let Some(url) = &self.reach.url {
            status["url"] = url.clone().into();
        } else {
            let folder = shared.configuration()?.service.data_dir;
            status["data_dir"] = folder.display().to_string().into();
            match owner(&folder)? {
                Some(owner) => {
                    status["pid"] = owner.pid.into();
                    status["url"] = owner.url.into();
                }
                None => {
                    status["running"] = false.into();
                    return show(shared, &status);
                }
            }
        }
        let door = Door::open(&self.reach, shared).await?.acting_for(self.tenant.tenant.as_deref());
        status["health"] = door.get("/health").await?;
        // A service that is not ready answers 503 with the reasons; both are worth showing.
        let ready: Result<Value, Failure> = door.get("/ready").await;
        status["ready"] = ready.is_ok().into();
        match door.get("/v1/stats").await {
            Ok(stats) => status["stats"] = stats,
            Err(failure) => status["stats_refused"] = failure.to_string().into(),
        }
        door.close().await;
        show(shared, &status)
    }
}

fn owner(folder: &Path) -> Result<Option<server::ownership::Owner>, Failure> {
    Ok(if folder.exists() { running_owner(folder)? } else { None })
}

fn show(shared: &Shared, status: &Value) -> Result<(), Failure> {
    if shared.format() == Format::Json {
        return terminal::json(status);
    }
    let folder = status["data_dir"].as_str().unwrap_or_default();
    if status["running"] == false {
        terminal::line(format!("no service runs on {folder}; start one with `engram serve`"));
        return Ok(());
    }
    let mut rows = Vec::new();
    for (name, value) in [
        ("data folder", &status["data_dir"]),
        ("process", &status["pid"]),
        ("url", &status["url"]),
        ("version", &status["health"]["version"]),
        ("ready", &status["ready"]),
        ("memories", &status["stats"]["memories"]),
        ("waiting for a vector", &status["stats"]["pending_embeddings"]),
        ("workspaces", &status["stats"]["workspaces"]),
        ("bytes", &status["stats"]["storage_bytes"]),
        ("model", &status["stats"]["embedding_model"]),
        ("statistics", &status["stats_refused"]),
    ] {
        if !value.is_null() {
            rows.push([name.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)]);
        }
    }
    terminal::table(["", ""], &[], rows);
    Ok(())
}
