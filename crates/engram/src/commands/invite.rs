//! `engram invite`: how people come into a tenant.

use api::{CreateInvite, CreatedInvite, InviteList};
use clap::{Args, Subcommand};

use super::member::RoleWord;
use super::span::seconds;
use crate::cli::{AsTenant, Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram invite create --tenant acme --role member
  engram invite create --tenant acme --role admin --email anna@example.com --expires 48h
  engram invite list --tenant acme
  engram invite revoke inv_0190b6d3e0b87b6f9a3c5d1e2f405162 --tenant acme

The token is shown once; whoever gets it signs in and sends it to POST /invites/accept. With --email only the person
who proves to have that address may accept.";

/// Invite people into a tenant, list and revoke invites
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Invite {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make an invite and show its token, once
    Create {
        /// What they will be allowed to do
        #[arg(long, value_enum)]
        role: RoleWord,
        /// Only whoever proves to have this address may accept
        #[arg(long)]
        email: Option<String>,
        /// How long it holds, 1h to 30d [default: 7d]
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
        #[command(flatten)]
        tenant: AsTenant,
    },
    /// List invites, whatever became of them
    List {
        #[command(flatten)]
        tenant: AsTenant,
    },
    /// Refuse an invite from now on
    Revoke {
        /// The invite's id, as `invite list` shows it
        id: String,
        #[command(flatten)]
        tenant: AsTenant,
    },
}

impl Invite {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?.acting_for(self.deed.tenant());
        let outcome = self.deed.run(&door, shared.format()).await;
        door.close().await;
        outcome
    }
}

impl Deed {
    fn tenant(&self) -> Option<&str> {
        match self {
            Self::Create { tenant, .. } | Self::List { tenant } | Self::Revoke { tenant, .. } => {
                tenant.tenant.as_deref()
            }
        }
    }

    async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        match self {
            Self::Create { role, email, expires, tenant: _ } => {
                let expires_in_s = expires.map(|text| seconds("--expires", &text)).transpose()?;
                let wanted = CreateInvite { tenant: None, email, role: role.word().to_owned(), expires_in_s };
                let made: CreatedInvite = door.post("/invites", &wanted).await?;
                if format == Format::Json {
                    return terminal::json(&made);
                }
                terminal::line(&made.token);
                let invite = made.invite;
                terminal::remark(format!(
                    "{} makes a {} of {} until {}; the token is not shown again",
                    invite.id, invite.role, invite.tenant, invite.expires_at
                ));
                Ok(())
            }
            Self::List { tenant: _ } => {
                let invites: InviteList = door.get("/invites").await?;
                if format == Format::Json {
                    return terminal::json(&invites);
                }
                let rows = invites.items.into_iter().map(|invite| {
                    let email = invite.email.unwrap_or_else(|| "(anybody)".to_owned());
                    let by = invite.accepted_by.unwrap_or_default();
                    [invite.id, email, invite.role, invite.status, invite.expires_at.to_string(), by]
                });
                terminal::table(["ID", "FOR", "ROLE", "STATUS", "EXPIRES", "ACCEPTED BY"], &[], rows);
                Ok(())
            }
            Self::Revoke { id, tenant: _ } => {
                let answer = door.delete(&format!("/invites/{}", encode(&id))).await?;
                match format {
                    Format::Json => terminal::json(&answer),
                    Format::People => {
                        terminal::line(format!("revoked {id}"));
                        Ok(())
                    }
                }
            }
        }
    }
}
