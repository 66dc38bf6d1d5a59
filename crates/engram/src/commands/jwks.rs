//! `engram jwks`: the keys of the identity provider that people's tokens are proven with.

use api::JwksStatus;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::{Reach, Shared};
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram jwks status       where the keys come from, how many there are, when they were read
  engram jwks refresh      read them anew, now

A token with an unknown key makes the service look for new keys by itself. Refresh when a key was withdrawn. The
settings are jwt.issuer, jwt.audience and jwt.jwks_url (see `engram config check`).";

/// Show and refresh the identity provider's keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Jwks {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Deed {
    /// Show what is known of the keys
    Status,
    /// Read the keys anew
    Refresh,
}

impl Jwks {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let outcome = match self.deed {
            Deed::Status => door.get("/jwks").await,
            Deed::Refresh => door.post("/jwks/refresh", &json!({})).await,
        };
        door.close().await;
        show(shared.format(), &outcome?)
    }
}

fn show(format: Format, status: &JwksStatus) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(status);
    }
    let time = |at: &Option<jiff::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let rows = [
        ("from", status.url.clone()),
        ("keys", status.keys.to_string()),
        ("read", time(&status.read_at)),
        ("tried", time(&status.tried_at)),
        ("error", status.error.clone().unwrap_or_else(|| "none".to_owned())),
    ];
    terminal::table(["", ""], &[], rows.map(|(name, value)| [name.to_owned(), value]));
    Ok(())
}
