//! `engram member`: who belongs to a tenant, and as what.

use api::{AddMember, Member as WireMember, MemberList, UpdateMember};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{AsTenant, Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram member add auth0|5f7c --tenant acme --role owner --email anna@example.com
  engram member list --tenant acme
  engram member set-role auth0|5f7c admin --tenant acme
  engram member remove auth0|5f7c --tenant acme

A user id is the `sub` of the tokens your identity provider gives out. Only operators add members directly; owners
and admins invite people (see `engram invite`). A tenant keeps at least one owner.";

/// List, add, change and remove the members of a tenant
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Member {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Add a person by the id your identity provider gives them
    Add {
        /// The `sub` of their tokens
        user_id: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleWord,
        /// Their address, for people
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        tenant: AsTenant,
    },
    /// List members, oldest first
    List {
        #[command(flatten)]
        tenant: AsTenant,
    },
    /// Give a member another role
    SetRole {
        /// The member
        user_id: String,
        /// What they may do from now on
        #[arg(value_enum)]
        role: RoleWord,
        #[command(flatten)]
        tenant: AsTenant,
    },
    /// End a membership at once
    Remove {
        /// The member
        user_id: String,
        #[command(flatten)]
        tenant: AsTenant,
    },
}

/// What a member may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    /// Everything, other owners included
    Owner,
    /// Everything but owners: keys, members, invites, usage, audit log
    Admin,
    /// Store and find memories
    Member,
    /// Read and find memories
    Viewer,
}

impl RoleWord {
    /// The word the service knows it by.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
}

impl Member {
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
            Self::Add { tenant, .. }
            | Self::List { tenant }
            | Self::SetRole { tenant, .. }
            | Self::Remove { tenant, .. } => tenant.tenant.as_deref(),
        }
    }

    async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        match self {
            Self::Add { user_id, role, email, tenant: _ } => {
                let wanted = AddMember { tenant: None, user_id, email, role: role.word().to_owned() };
                show(format, &door.post("/members", &wanted).await?)
            }
            Self::List { tenant: _ } => {
                let members: MemberList = door.get("/members").await?;
                if format == Format::Json {
                    return terminal::json(&members);
                }
                let rows = members.items.into_iter().map(|member| {
                    let email = member.email.unwrap_or_default();
                    [member.user_id, email, member.role, member.created_at.to_string()]
                });
                terminal::table(["USER ID", "EMAIL", "ROLE", "SINCE"], &[], rows);
                Ok(())
            }
            Self::SetRole { user_id, role, tenant: _ } => {
                let change = UpdateMember { tenant: None, role: role.word().to_owned() };
                show(format, &door.patch(&path_of(&user_id), &change).await?)
            }
            Self::Remove { user_id, tenant: _ } => {
                door.delete(&path_of(&user_id)).await?;
                match format {
                    Format::Json => terminal::json(&serde_json::json!({"user_id": user_id, "removed": true})),
                    Format::People => {
                        terminal::line(format!("{user_id} is no member any more"));
                        Ok(())
                    }
                }
            }
        }
    }
}

fn path_of(user_id: &str) -> String {
    format!("/members/{}", encode(user_id))
}

fn show(format: Format, member: &WireMember) -> Result<(), Failure> {
    match format {
        Format::Json => terminal::json(member),
        Format::People => {
            terminal::line(format!("{} is {} of {}", member.user_id, member.role, member.tenant));
            Ok(())
        }
    }
}
