//! What every control plane must do, whatever it is stored in.

mod deletions;
mod files;
mod keys;
mod ledger;
mod people;
mod postgres;
mod safekeeping;
mod tenants;
mod transfer;
mod usage_proof;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use control::{
    Actor, AuditQuery, AuditRecord, Change, Changes, Control, Migrate, NewTenant, PostgresOptions,
};
use futures::FutureExt;
use jiff::Timestamp;
use stdx::clock::ManualClock;
use tempfile::TempDir;
use tenancy::{Environment, PlanName, Slug, Tenant, TenantKind};
use testkit::postgres::Server;

/// 2026-11-23T10:00:00Z.
const START_MS: i64 = 1_795_428_000_000;

/// Runs the cases of a file on SQLite, each as a test, and lists them for the one test that runs all on PostgreSQL.
macro_rules! contract {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::plane().await).await;
            })+
        }

        pub(crate) async fn on_postgres(server: &std::sync::Arc<testkit::postgres::Server>) {
            $(crate::on_postgres(server, stringify!($case), $case).await;)+
        }
    };
}
pub(crate) use contract;

struct Plane {
    control: Control,
    clock: Arc<ManualClock>,
    place: Place,
}

/// Where a plane is stored.
enum Place {
    Folder(TempDir),
    Database(Arc<Server>, String),
}

async fn plane() -> Plane {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap());
    let path = folder.path().join("control/control.db");
    let control = Control::open(&path, clock.clone(), Environment::Dev).await.unwrap();
    Plane { control, clock, place: Place::Folder(folder) }
}

/// A plane in a new database of the server.
async fn plane_on(server: &Arc<Server>, database: &str) -> Plane {
    let clock = ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap());
    let options = PostgresOptions::new(server.database(database));
    let control = Control::open_postgres(options, clock.clone(), Environment::Dev, Migrate::Require).await;
    Plane {
        control: control.unwrap(),
        clock,
        place: Place::Database(Arc::clone(server), database.to_owned()),
    }
}

/// Runs one case, and says which one failed.
async fn on_postgres<F: Future<Output = ()>>(server: &Arc<Server>, name: &str, case: fn(Plane) -> F) {
    let plane = plane_on(server, name).await;
    if AssertUnwindSafe(case(plane)).catch_unwind().await.is_err() {
        panic!("{name} does not hold on PostgreSQL");
    }
}

#[tokio::test]
async fn everything_holds_on_postgres_too() {
    let server = Arc::new(Server::start());
    tenants::on_postgres(&server).await;
    people::on_postgres(&server).await;
    keys::on_postgres(&server).await;
    deletions::on_postgres(&server).await;
    ledger::on_postgres(&server).await;
    usage_proof::on_postgres(&server).await;
    safekeeping::on_postgres(&server).await;
    transfer::on_postgres(&server).await;
}

impl Plane {
    /// The one value of a statement, asked past the control plane.
    fn query(&self, sql: &str) -> String {
        match &self.place {
            Place::Folder(_) => {
                let other = rusqlite::Connection::open(self.file()).unwrap();
                other.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Place::Database(server, database) => server.query(database, sql),
        }
    }

    /// Runs a statement past the control plane, as somebody with bad intentions would.
    fn execute(&self, sql: &str) {
        match &self.place {
            Place::Folder(_) => {
                rusqlite::Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
            }
            Place::Database(server, database) => _ = server.query(database, sql),
        }
    }

    /// The file of a plane in SQLite.
    fn file(&self) -> std::path::PathBuf {
        match &self.place {
            Place::Folder(folder) => folder.path().join("control/control.db"),
            Place::Database(..) => panic!("this plane is no file"),
        }
    }

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
