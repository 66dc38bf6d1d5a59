//! What every control plane must do, whatever it is stored in.

mod deletions;
mod files;
mod keys;
mod ledger;
mod people;
mod tenants;

use std::sync::Arc;

use control::{Actor, AuditQuery, AuditRecord, Change, Changes, Control, NewTenant};
use jiff::Timestamp;
use stdx::clock::ManualClock;
use tempfile::TempDir;
use tenancy::{Environment, PlanName, Slug, Tenant, TenantKind};

/// 2026-11-23T10:00:00Z.
const START_MS: i64 = 1_795_428_000_000;

struct Plane {
    control: Control,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

async fn plane() -> Plane {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap());
    let path = folder.path().join("control/control.db");
    let control = Control::open(&path, clock.clone(), Environment::Dev).await.unwrap();
    Plane { control, clock, folder }
}

impl Plane {
    async fn tenant(&self, name: &str) -> Tenant {
        let new = NewTenant {
            slug: slug(name),
            name: name.to_owned(),
            kind: TenantKind::Live,
            plan: PlanName::new("free"),
            owner: None,
        };
        self.control.create_tenant(new, &Actor::system()).await.unwrap()
    }

    /// The audit log, newest first.
    async fn log(&self) -> Vec<AuditRecord> {
        self.control.audit_log(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap()
    }

    async fn audited(&self) -> Vec<String> {
        let mut log = self.log().await;
        log.reverse();
        log.into_iter().map(|r| format!("{} {} {}", r.actor, r.action, r.details)).collect()
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn taken(changes: &mut Changes) -> Vec<Change> {
    std::iter::from_fn(|| changes.take()).collect()
}
