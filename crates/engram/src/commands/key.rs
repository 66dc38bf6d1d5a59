//! `engram key`: create, list, rotate and revoke API keys.

use api::{ApiKeyList, CreateApiKey, CreatedApiKey, RotateApiKey};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use stdx::clock::{Clock, SystemClock};

use super::span::{expiry, seconds};
use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram key create --tenant acme
  engram key create --tenant acme --scopes memories:read,search --name reader --expires 90d
  engram key create --operator --name ci
  engram key list --tenant acme
  engram key rotate key_0190b6d3e0b87b6f9a3c5d1e2f405162 --overlap 2h
  engram key revoke key_0190b6d3e0b87b6f9a3c5d1e2f405162

A key is shown once, when it is made; only a digest of it is kept. Rotating makes a new key with the same name and
scopes, and lets the old one open until the overlap is over.";

/// Create, list, rotate and revoke API keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Key {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make a key and show it, once
    Create(Create),
    /// List keys; the secret parts are not kept
    List {
        /// Only this tenant's keys
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Replace a key: make a new one, and let the old one end
    Rotate {
        /// The old key's id, as `key list` shows it
        id: String,
        /// How long the old key still opens, 0s to 30d [default: 1d]
        #[arg(long, value_name = "SPAN")]
        overlap: Option<String>,
    },
    /// Refuse a key from now on
    Revoke {
        /// The key's id, as `key list` shows it
        id: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The tenant it opens [default: default]
    #[arg(long, conflicts_with = "operator")]
    tenant: Option<String>,
    /// An operator's key, which manages tenants and keys
    #[arg(long)]
    operator: bool,
    /// What it may do: memories:read, memories:write, search, admin [default: all but admin]
    #[arg(long, value_delimiter = ',', conflicts_with = "operator")]
    scopes: Option<Vec<String>>,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// When it ends: a time such as 2027-01-31T00:00:00Z, or a while from now such as 90d
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

impl Key {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let now = SystemClock.now();
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.deed.run(&door, shared.format(), now).await;
        door.close().await;
        outcome
    }
}

impl Deed {
    async fn run(self, door: &Door, format: Format, now: Timestamp) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(door, format, now).await,
            Self::List { tenant } => {
                let query = tenant.map(|slug| format!("?tenant={}", encode(&slug))).unwrap_or_default();
                let keys: ApiKeyList = door.get(&format!("/api-keys{query}")).await?;
                if format == Format::Json {
                    return terminal::json(&keys);
                }
                let rows = keys.items.into_iter().map(|key| {
                    let state = match (key.revoked_at, key.expires_at) {
                        (Some(at), _) => format!("revoked {at}"),
                        (None, Some(at)) if at <= now => format!("expired {at}"),
                        (None, Some(at)) => format!("until {at}"),
                        (None, None) => "valid".to_owned(),
                    };
                    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                    [
                        key.id,
                        key.tenant.unwrap_or_else(|| "(operator)".to_owned()),
                        key.name,
                        key.scopes.join(" "),
                        state,
                        used,
                    ]
                });
                terminal::table(["ID", "TENANT", "NAME", "SCOPES", "STATE", "LAST USED"], &[], rows);
                Ok(())
            }
            Self::Rotate { id, overlap } => {
                let overlap_s = overlap.map(|text| seconds("--overlap", &text)).transpose()?;
                let wanted = RotateApiKey { tenant: None, overlap_s };
                show_made(format, &door.post(&format!("/api-keys/{}/rotate", encode(&id)), &wanted).await?)
            }
            Self::Revoke { id } => {
                let answer = door.delete(&format!("/api-keys/{}", encode(&id))).await?;
                match format {
                    Format::Json => terminal::json(
                        &answer.unwrap_or_else(|| serde_json::json!({"id": id, "revoked": true})),
                    ),
                    Format::People => {
                        terminal::line(format!("revoked {id}"));
                        Ok(())
                    }
                }
            }
        }
    }
}

impl Create {
    async fn run(self, door: &Door, format: Format, now: Timestamp) -> Result<(), Failure> {
        let expires_at = self.expires.as_deref().map(|text| expiry("--expires", text, now)).transpose()?;
        let tenant =
            self.tenant.or_else(|| (!self.operator && door.is_local()).then(|| "default".to_owned()));
        let wanted = CreateApiKey { tenant, scopes: self.scopes, name: self.name, expires_at };
        let path = if self.operator { "/operator-keys" } else { "/api-keys" };
        let made: CreatedApiKey = door.post(path, &wanted).await?;
        show_made(format, &made)
    }
}

/// The key itself on standard output, so that it can be piped; the rest beside it.
fn show_made(format: Format, made: &CreatedApiKey) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(made);
    }
    terminal::line(&made.key);
    let owner = made.api_key.tenant.as_deref().unwrap_or("the operator");
    let scopes = made.api_key.scopes.join(", ");
    terminal::remark(format!("{} for {owner} ({scopes}); it is not shown again", made.api_key.id));
    Ok(())
}
