//! The control plane in PostgreSQL: a pool for queries, a connection of its own for notifications, and what happens
//! when the server is away.
//!
//! Suits poolers that share a connection between transactions (such as Neon's): a query leaves nothing behind on
//! its connection but prepared statements, which the pooler must pass on (PgBouncer 1.21 and later do).

mod connect;
mod follow;
mod outage;
mod rows;
mod schema;
mod transaction;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use jiff::Timestamp;
use stdx::clock::SharedClock;
use tenancy::Environment;
use tokio::task::JoinHandle;

use crate::ControlError;
use crate::changes::Feed;

pub use connect::PostgresOptions;
pub(crate) use outage::{Answer, Trouble};
pub(crate) use rows::{parsed, signed, unless_taken, unsigned, word};
pub(crate) use schema::migrate;
pub use schema::{Migrate, Migrated};
pub(crate) use transaction::WriteTransaction;

use follow::Follower;
use outage::Outage;

/// The longest a look-up may take, connecting included.
const READ_MAX: Duration = Duration::from_secs(5);
/// The longest a change may take. A batch of usage events is the longest of them.
const WRITE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Database {
    pool: Pool,
    clock: SharedClock,
    feed: Arc<Feed>,
    outage: Arc<Outage>,
    /// Names this process among those that change the same database.
    origin: uuid::Uuid,
    following: JoinHandle<()>,
}

impl Database {
    pub(crate) async fn open(
        options: PostgresOptions,
        environment: Environment,
        migrate: Migrate,
        clock: SharedClock,
        feed: Arc<Feed>,
    ) -> Result<Self, ControlError> {
        schema::migrate(&options, environment, migrate).await?;
        let pool = connect::pool(&options)?;
        let outage = Arc::new(Outage::default());
        let origin = uuid::Uuid::from_bytes(stdx::random::bytes());
        let follower = Follower {
            pool: pool.clone(),
            options,
            outage: Arc::clone(&outage),
            feed: Arc::clone(&feed),
            origin,
        };
        let following = follower.start().await?;
        Ok(Self { pool, clock, feed, outage, origin, following })
    }

    /// Answers a question; one that failed because its connection was dead is asked once more on another.
    pub(crate) async fn read<T>(
        &self,
        question: impl AsyncFn(&Object) -> Answer<T>,
    ) -> Result<T, ControlError> {
        self.outage.refuse_while_away()?;
        let asking = async {
            match self.ask(&question).await {
                Err(trouble) if trouble.is_lost_connection() => {
                    self.drop_idle_connections();
                    self.ask(&question).await
                }
                answered => answered,
            }
        };
        let answer = tokio::time::timeout(READ_MAX, asking).await.unwrap_or(Err(Trouble::Late));
        self.outage.judge(answer)
    }

    /// Runs `deed` in one transaction, tried again when its connection was dead before COMMIT was sent; what it
    /// announces is told to followers after the commit.
    ///
    /// An error after COMMIT was sent leaves open whether it happened; whoever must know asks.
    pub(crate) async fn write<T>(
        &self,
        deed: impl AsyncFn(&WriteTransaction<'_>) -> Answer<T>,
    ) -> Result<T, ControlError> {
        self.outage.refuse_while_away()?;
        // Times in the database have milliseconds in every backend.
        let now = Timestamp::from_millisecond(self.clock.now().as_millisecond())
            .map_err(|error| ControlError::Invalid(error.to_string()))?;
        let doing = async {
            match self.attempt(now, &deed).await {
                Err(trouble) if trouble.is_lost_before_commit() => {
                    self.drop_idle_connections();
                    self.attempt(now, &deed).await
                }
                done => done,
            }
        };
        let done = tokio::time::timeout(WRITE_MAX, doing).await.unwrap_or(Err(Trouble::Late));
        self.outage.judge(done)
    }

    /// What cut one connection has likely cut the others too.
    fn drop_idle_connections(&self) {
        self.pool.retain(|_, _| false);
    }

    async fn ask<T>(&self, question: &impl AsyncFn(&Object) -> Answer<T>) -> Answer<T> {
        question(&self.pool.get().await?).await
    }

    async fn attempt<T>(
        &self,
        now: Timestamp,
        deed: &impl AsyncFn(&WriteTransaction<'_>) -> Answer<T>,
    ) -> Answer<T> {
        let mut client = self.pool.get().await?;
        let transaction = WriteTransaction::new(client.transaction().await?, now);
        let value = deed(&transaction).await?;
        let changes = transaction.commit(self.origin).await?;
        self.feed.publish(changes);
        Ok(value)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}
