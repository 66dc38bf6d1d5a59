//! The control plane: who the tenants are, who their people are, which keys they hold, what their plans allow, what
//! they used, and who changed what. In one SQLite file, or in PostgreSQL; callers do not notice which.
//!
//! One table, one file: `members.rs` has the words, the rules and the methods, `members/sqlite.rs` and
//! `members/postgres.rs` the statements. Every method that changes state takes an [`Actor`] and writes the audit log
//! in the same transaction; whoever caches what was read here follows [`Control::changes`].

mod api_keys;
mod audit;
mod backup_keys;
mod backups;
mod changes;
mod compatibility;
mod deletions;
mod erasures;
mod error;
mod export;
mod import;
mod invites;
mod members;
mod plans;
mod postgres;
mod restore_tests;
mod restores;
mod sqlite;
mod tenants;
mod usage;
mod usage_adjustments;
mod usage_reconciliation;
mod usage_retention;

use std::path::Path;
use std::sync::Arc;

use stdx::clock::SharedClock;
use tenancy::Environment;

pub use api_keys::{ApiKey, KeyOwner, NewApiKey, StoredApiKey};
pub use audit::{Actor, AuditQuery, AuditRecord, Deed};
pub use backup_keys::{BackupKey, WrappedBackupKey};
pub use backups::Backup;
pub use changes::{Change, Changes};
pub use deletions::Deletion;
pub use erasures::Erasure;
pub use error::ControlError;
pub use export::{ExportedKeys, Transferred};
pub use import::{Imported, OtherEnvironment};
pub use invites::{Invite, NewInvite, Spent};
pub use members::{Member, NewMember};
pub use plans::Plan;
pub use postgres::{Inspected, Migrate, Migrated, PostgresOptions};
pub use restore_tests::RestoreTest;
pub use restores::{EndedRestore, NewRestore, Restore};
pub use tenants::{NewOwner, NewTenant, TenantWithLimits, TenantsQuery};
pub use usage::{Conflict, Recorded, UsageDay, UsageEventsQuery, UsageHour};
pub use usage_adjustments::{Adjustment, Correction, NewAdjustment};
pub use usage_reconciliation::{ReconciledHour, Reconciliation, Verdict};
pub use usage_retention::PruneStep;

use changes::Feed;

/// The control plane of one installation.
#[derive(Debug)]
pub struct Control {
    backend: Backend,
    feed: Arc<Feed>,
}

/// Where it is stored. An enum and not a trait object: both are known here, and a statement that one of them lacks is
/// a compile error.
#[derive(Debug)]
enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Control {
    /// Opens the embedded control plane at `path`, or creates it, and brings its schema up to date.
    ///
    /// A new database is stamped with `environment`; an old one must carry the same stamp.
    ///
    /// # Errors
    /// When the file belongs to another program, another environment or a newer version, when the SQLite in use
    /// is too old to be trusted, and when the disk says no.
    pub async fn open(
        path: &Path,
        clock: SharedClock,
        environment: Environment,
    ) -> Result<Self, ControlError> {
        let (path, feed) = (path.to_owned(), Arc::new(Feed::default()));
        let told = Arc::clone(&feed);
        let opening =
            tokio::task::spawn_blocking(move || sqlite::Database::open(&path, environment, clock, told));
        let database = opening.await.map_err(ControlError::worker)??;
        Ok(Self { backend: Backend::Sqlite(database), feed })
    }

    /// Connects to the control plane in PostgreSQL; an empty database is set up, an older one migrated if
    /// `migrate` says so. Follows the changes that other processes make. Needs a tokio runtime.
    ///
    /// A new database is stamped with `environment`; an old one must carry the same stamp.
    ///
    /// # Errors
    /// When the database does not answer, belongs to another environment or a newer version, or is older and
    /// `migrate` is [`Migrate::Require`].
    pub async fn open_postgres(
        options: PostgresOptions,
        clock: SharedClock,
        environment: Environment,
        migrate: Migrate,
    ) -> Result<Self, ControlError> {
        let feed = Arc::new(Feed::default());
        let database =
            postgres::Database::open(options, environment, migrate, clock, Arc::clone(&feed)).await?;
        Ok(Self { backend: Backend::Postgres(database), feed })
    }

    /// Brings the schema of a control plane in PostgreSQL up to date, and stamps an empty one.
    ///
    /// # Errors
    /// Those of [`open_postgres`](Self::open_postgres).
    pub async fn migrate_postgres(
        options: &PostgresOptions,
        environment: Environment,
    ) -> Result<Migrated, ControlError> {
        postgres::migrate(options, environment, Migrate::Auto).await
    }

    /// What the schema of a control plane in PostgreSQL is; changes nothing.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`] when the database does not answer.
    pub async fn inspect_postgres(options: &PostgresOptions) -> Result<Inspected, ControlError> {
        postgres::inspect(options).await
    }

    /// `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgres",
        }
    }

    /// Follows every later change of tenants, people, keys and plans.
    pub fn changes(&self) -> Changes {
        self.feed.follow()
    }

    /// A number that grows with each change; one atomic load.
    ///
    /// A change is in the feed before it shows here, so a follower that sees a new number finds it there.
    pub fn revision(&self) -> u64 {
        self.feed.revision()
    }

    /// A number that grows before each change is in the feed: what was read between two looks at it that differ
    /// may be old already, even if a follower has handled the change meanwhile.
    pub fn announced(&self) -> u64 {
        self.feed.announced()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database.read(|reader| Ok(reader.query_row("SELECT 1", [], |_| Ok(()))?)).await
            }
            Backend::Postgres(database) => postgres::ask!(database, |reader| postgres::ping(reader)),
        }
    }
}
