//! `engram key`: create, list and revoke API keys.

use api::{ApiKeyList, CreateApiKey, CreatedApiKey};
use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo, Timestamp};
use stdx::clock::{Clock, SystemClock};

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
  engram key revoke key_0190b6d3e0b87b6f9a3c5d1e2f405162

A key is shown once, when it is made; only a digest of it is kept.";

/// Create, list and revoke API keys
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
        let expires_at = self.expires.as_deref().map(|text| expiry(text, now)).transpose()?;
        let tenant =
            self.tenant.or_else(|| (!self.operator && door.is_local()).then(|| "default".to_owned()));
        let wanted = CreateApiKey { tenant, scopes: self.scopes, name: self.name, expires_at };
        let path = if self.operator { "/operator-keys" } else { "/api-keys" };
        let made: CreatedApiKey = door.post(path, &wanted).await?;
        if format == Format::Json {
            return terminal::json(&made);
        }
        terminal::line(&made.key);
        let owner = made.api_key.tenant.as_deref().unwrap_or("the operator");
        let scopes = made.api_key.scopes.join(", ");
        terminal::remark(format!("{} for {owner} ({scopes}); it is not shown again", made.api_key.id));
        Ok(())
    }
}

/// A time, or a span such as `90d` or `12h` from `now`; a day has 24 hours.
fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let later = text
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .and_then(|duration| now.checked_add(duration));
    later.map_err(|_| {
        Failure::usage(format!("--expires {text} is no time: write 90d, 12h or 2027-01-31T00:00:00Z"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_or_a_while() {
        let now = Timestamp::UNIX_EPOCH;
        for (text, want) in [
            ("90d", "1970-04-01T00:00:00Z"),
            ("12h", "1970-01-01T12:00:00Z"),
            ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ] {
            assert_eq!(expiry(text, now).unwrap().to_string(), want);
        }
        assert!(expiry("soon", now).unwrap_err().to_string().contains("90d"));
    }
}
