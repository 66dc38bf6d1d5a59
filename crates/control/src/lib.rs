//! The control plane: who the tenants are, which keys they hold, what their plans allow, what they used, and who
//! changed what. One table, one file. Today it is embedded in one SQLite file.
//!
//! Every method that changes state takes an [`Actor`] and writes the audit log in the same transaction; whoever
//! caches what was read here follows [`Control::changes`].

mod api_keys;
mod audit;
mod changes;
mod database;
mod deletions;
mod error;
mod invites;
mod members;
mod plans;
mod rows;
mod tenants;
mod usage;

use std::path::Path;
use std::sync::Arc;

use stdx::clock::SharedClock;
use tenancy::Environment;

pub use api_keys::{ApiKey, KeyOwner, NewApiKey, StoredApiKey};
pub use audit::{Actor, AuditQuery, AuditRecord};
pub use changes::{Change, Changes};
pub use deletions::Deletion;
pub use error::ControlError;
pub use invites::{Invite, NewInvite, Spent};
pub use members::{Member, NewMember};
pub use plans::Plan;
pub use tenants::{NewOwner, NewTenant, TenantWithLimits};
pub use usage::{Conflict, Recorded, UsageDay};

use changes::Feed;
use database::{Database, WriteTransaction};

/// The control plane of one installation.
#[derive(Debug)]
pub struct Control {
    database: Database,
    feed: Arc<Feed>,
    clock: SharedClock,
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
        let path = path.to_owned();
        let database = tokio::task::spawn_blocking(move || Database::open(&path, environment))
            .await
            .map_err(ControlError::worker)??;
        Ok(Self { database, feed: Arc::new(Feed::default()), clock })
    }

    /// Follows every later change of tenants, keys and plans.
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
        self.read(|reader| Ok(reader.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }

    pub(crate) async fn read<T, F>(&self, question: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, ControlError> + Send + 'static,
    {
        self.database.read(question).await
    }

    /// Runs `deed` in one transaction; what it announces is told to followers after the commit, even when the
    /// caller has stopped waiting.
    pub(crate) async fn write<T, F>(&self, deed: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let now = self.clock.now();
        let feed = Arc::clone(&self.feed);
        self.database.write(now, deed, move |changes| feed.publish(changes)).await
    }
}
