//! `engram tenant`: create, list, suspend, resume and delete tenants.

use std::io::{self, IsTerminal, Write};

use api::{CreateTenant, TenantList, UpdateTenant};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{Reach, Shared};
use crate::door::Door;
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram tenant create acme --name \"Acme Inc.\"
  engram tenant list
  engram tenant suspend acme        requests are refused with 403, nothing is lost
  engram tenant resume acme
  engram tenant delete acme --yes   for ever

They work beside a running service with the same --data-dir, without one, and with --url and an operator's key.";

/// Create, list, suspend, resume and delete tenants
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Tenant {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Create a tenant
    Create {
        /// Its name in hosts and headers: lower-case letters, digits and hyphens
        slug: String,
        /// The name people read
        #[arg(long)]
        name: Option<String>,
        /// Whether it is billed
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Plan whose limits apply
        #[arg(long)]
        plan: Option<String>,
    },
    /// List tenants
    List,
    /// Refuse a tenant's requests until it is resumed
    Suspend {
        /// The tenant
        slug: String,
    },
    /// Serve a suspended tenant again
    Resume {
        /// The tenant
        slug: String,
    },
    /// Delete a tenant for ever
    Delete {
        /// The tenant
        slug: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Billed.
    Live,
    /// Never billed.
    Test,
}

impl Tenant {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        if let Deed::Delete { slug, yes: false } = &self.deed {
            confirm(slug)?;
        }
        let door = Door::open(&self.reach, shared).await?;
        let outcome = self.deed.run(&door, shared.format()).await;
        door.close().await;
        outcome
    }
}

impl Deed {
    async fn run(self, door: &Door, format: Format) -> Result<(), Failure> {
        match self {
            Self::Create { slug, name, kind, plan } => {
                let kind = kind.map(|kind| match kind {
                    Kind::Live => "live".to_owned(),
                    Kind::Test => "test".to_owned(),
                });
                let made: api::Tenant =
                    door.post("/tenants", &CreateTenant { slug, name, kind, plan }).await?;
                show(format, &made, &format!("created tenant {} ({})", made.slug, made.id))
            }
            Self::List => {
                let tenants: TenantList = door.get("/tenants").await?;
                if format == Format::Json {
                    return terminal::json(&tenants);
                }
                let rows = tenants.items.into_iter().map(|tenant| {
                    [
                        tenant.slug,
                        tenant.name,
                        tenant.status,
                        tenant.kind,
                        tenant.plan,
                        tenant.created_at.to_string(),
                    ]
                });
                terminal::table(["SLUG", "NAME", "STATUS", "KIND", "PLAN", "CREATED"], &[], rows);
                Ok(())
            }
            Self::Suspend { slug } => set_status(door, format, &slug, "suspended").await,
            Self::Resume { slug } => set_status(door, format, &slug, "active").await,
            Self::Delete { slug, yes: _ } => set_status(door, format, &slug, "deleted").await,
        }
    }
}

async fn set_status(door: &Door, format: Format, slug: &str, status: &str) -> Result<(), Failure> {
    // Read first, so that an odd slug meets the parser of slugs and not the path of another route.
    tenancy::Slug::parse(slug).map_err(Failure::usage)?;
    let change = UpdateTenant { status: Some(status.to_owned()), ..UpdateTenant::default() };
    let changed: api::Tenant = door.patch(&format!("/tenants/{slug}"), &change).await?;
    show(format, &changed, &format!("tenant {} is {}", changed.slug, changed.status))
}

fn show(format: Format, tenant: &api::Tenant, sentence: &str) -> Result<(), Failure> {
    match format {
        Format::Json => terminal::json(tenant),
        Format::People => {
            terminal::line(sentence);
            Ok(())
        }
    }
}

/// Asks a person; a script is taken at its word.
fn confirm(slug: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let _ = write!(io::stderr(), "Delete tenant {slug} and everything it stored? Type its name: ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::refused)?;
    if answer.trim() == slug { Ok(()) } else { Err(Failure::refused("nothing was deleted")) }
}
