//! `engram tenant`: create, list, show, suspend, resume and delete tenants.

mod delete;

use api::{CreateTenant, TenantDetails, TenantList, UpdateTenant};
use clap::{Args, Subcommand, ValueEnum};

use super::plan;
use crate::cli::{Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram tenant create acme --name \"Acme Inc.\"
  engram tenant list --status active
  engram tenant show acme           with its plan and limits
  engram tenant set-plan acme team
  engram tenant suspend acme        requests are refused with 403, nothing is lost
  engram tenant resume acme
  engram tenant delete acme --yes   for ever; shows the receipt of what was removed
  engram tenant deletion acme       how far a deletion is

They work beside a running service with the same --data-dir, without one, and with --url and an operator's key.";

/// Create, list, show, suspend, resume and delete tenants
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
    List {
        /// Only those of this status
        #[arg(long, value_enum)]
        status: Option<Status>,
    },
    /// Show a tenant, its plan and its limits
    Show {
        /// The tenant
        slug: String,
    },
    /// Put a tenant on another plan
    SetPlan {
        /// The tenant
        slug: String,
        /// The plan
        plan: String,
    },
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
    /// Show how far a deletion is, or its receipt
    Deletion {
        /// The tenant's id, or the slug it had
        tenant: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Billed.
    Live,
    /// Never billed.
    Test,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// Served.
    Active,
    /// Refused until resumed.
    Suspended,
    /// Gone.
    Deleted,
}

impl Tenant {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        if let Deed::Delete { slug, yes: false } = &self.deed {
            delete::confirm(slug)?;
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
            Self::List { status } => list(door, format, status).await,
            Self::Show { slug } => show_details(format, &door.get(&path_of(&slug)?).await?),
            Self::SetPlan { slug, plan } => {
                let change = UpdateTenant { plan: Some(plan), ..UpdateTenant::default() };
                let changed: api::Tenant = door.patch(&path_of(&slug)?, &change).await?;
                show(format, &changed, &format!("tenant {} is on the plan {}", changed.slug, changed.plan))
            }
            Self::Suspend { slug } => set_status(door, format, &slug, "suspended").await,
            Self::Resume { slug } => set_status(door, format, &slug, "active").await,
            Self::Delete { slug, yes: _ } => delete::delete(door, format, &path_of(&slug)?).await,
            Self::Deletion { tenant } => {
                delete::show(format, &door.get(&format!("/tenants/{}/deletion", encode(&tenant))).await?)
            }
        }
    }
}

/// Read first, so that an odd slug meets the parser of slugs and not the path of another route.
fn path_of(slug: &str) -> Result<String, Failure> {
    tenancy::Slug::parse(slug).map_err(Failure::usage)?;
    Ok(format!("/tenants/{slug}"))
}

async fn set_status(door: &Door, format: Format, slug: &str, status: &str) -> Result<(), Failure> {
    let change = UpdateTenant { status: Some(status.to_owned()), ..UpdateTenant::default() };
    let changed: api::Tenant = door.patch(&path_of(slug)?, &change).await?;
    show(format, &changed, &format!("tenant {} is {}", changed.slug, changed.status))
}

/// Every page as one list.
async fn list(door: &Door, format: Format, status: Option<Status>) -> Result<(), Failure> {
    let status = match status {
        None => "",
        Some(Status::Active) => "&status=active",
        Some(Status::Suspended) => "&status=suspended",
        Some(Status::Deleted) => "&status=deleted",
    };
    let first = format!("/tenants?limit=100{status}");
    let mut tenants: TenantList = door.get(&first).await?;
    while let Some(cursor) = tenants.next_cursor.take() {
        let page: TenantList = door.get(&format!("{first}&cursor={}", encode(&cursor))).await?;
        tenants.items.extend(page.items);
        tenants.next_cursor = page.next_cursor;
    }
    if format == Format::Json {
        return terminal::json(&tenants);
    }
    let rows = tenants.items.into_iter().map(|tenant| {
        let created = tenant.created_at.to_string();
        [tenant.slug, tenant.name, tenant.status, tenant.kind, tenant.plan, created]
    });
    terminal::table(["SLUG", "NAME", "STATUS", "KIND", "PLAN", "CREATED"], &[], rows);
    Ok(())
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

fn show_details(format: Format, details: &TenantDetails) -> Result<(), Failure> {
    if format == Format::Json {
        return terminal::json(details);
    }
    let tenant = &details.tenant;
    let [memories, workspaces, bytes, calls, read, write, search] = plan::cells(&details.limits);
    let rows = [
        ("slug", tenant.slug.clone()),
        ("name", tenant.name.clone()),
        ("id", tenant.id.clone()),
        ("status", tenant.status.clone()),
        ("kind", tenant.kind.clone()),
        ("created", tenant.created_at.to_string()),
        ("plan", tenant.plan.clone()),
        ("memories", memories),
        ("workspaces", workspaces),
        ("stored bytes", bytes),
        ("calls a day", calls),
        ("reads a second", read),
        ("writes a second", write),
        ("searches a second", search),
    ];
    terminal::table(["", ""], &[], rows.map(|(name, value)| [name.to_owned(), value]));
    Ok(())
}
