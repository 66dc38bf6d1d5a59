//! The control plane in PostgreSQL: a pool for queries, a connection of its own for notifications, and what happens
//! when the server is away.
//!
//! Suits poolers that share a connection between transactions (such as Neon's): a query leaves nothing behind on
//! its connection but prepared statements, which the pooler must pass on (PgBouncer 1.21 and later do).

mod connect;
mod follow;
mod outage;
mod owed;
mod rows;
mod schema;
mod transaction;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use jiff::Timestamp;
use stdx::clock::SharedClock;
use stdx::stage::stage;
use tenancy::Environment;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use crate::ControlError;
use crate::changes::Feed;

pub use connect::PostgresOptions;
pub(crate) use outage::{Answer, Trouble};
pub(crate) use rows::{parsed, signed, unless_taken, unsigned, word};
pub use schema::{Inspected, Migrate, Migrated};
pub(crate) use schema::{inspect, migrate, needed as schema_version};
pub(crate) use transaction::WriteTransaction;

use follow::Follower;
use outage::Outage;
use owed::Owed;

/// The longest a look-up may take, connecting included.
pub(crate) const READ_MAX: Duration = Duration::from_secs(3);
/// The longest a change may take. A batch of usage events is the longest of them.
pub(crate) const WRITE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Database {
    pool: Pool,
    clock: SharedClock,
    feed: Arc<Feed>,
    outage: Arc<Outage>,
    owed: Arc<Owed>,
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
        let (outage, owed) = (Arc::new(Outage::default()), Arc::new(Owed::default()));
        let origin = uuid::Uuid::from_bytes(stdx::random::bytes());
        let follower = Follower {
            pool: pool.clone(),
            options,
            outage: Arc::clone(&outage),
            owed: Arc::clone(&owed),
            feed: Arc::clone(&feed),
            origin,
        };
        let following = follower.start().await?;
        Ok(Self { pool, clock, feed, outage, owed, origin, following })
    }

    /// Room for one question or change; see [`ask`] and [`change`].
    pub(crate) fn attempt(&self, longest: Duration) -> Result<Attempt<'_>, ControlError> {
        self.outage.refuse_while_away()?;
        Ok(Attempt { database: self, deadline: Instant::now() + longest, tries: 0 })
    }

    /// The time now, by the clock of whoever opened it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn client(&self) -> Answer<Object> {
        Ok(self.pool.get().await?)
    }

    pub(crate) async fn begin<'a>(&self, client: &'a mut Object) -> Answer<WriteTransaction<'a>> {
        // Times in the database have milliseconds in every backend.
        let now = Timestamp::from_millisecond(self.clock.now().as_millisecond())
            .map_err(|error| ControlError::Invalid(error.to_string()))?;
        Ok(WriteTransaction::new(client.transaction().await?, now))
    }

    /// Commits, and tells followers.
    pub(crate) async fn commit(&self, transaction: WriteTransaction<'_>) -> Answer<()> {
        let changes = transaction.commit(self.origin, &self.owed).await?;
        self.owed.settle(changes, &self.feed);
        Ok(())
    }
}

/// What cut one connection has likely cut the others too, and one whose answer is late is busy with it still.
fn drop_connections_after(pool: &Pool, trouble: &Trouble) {
    if trouble.is_lost_connection() || matches!(trouble, Trouble::Late) {
        pool.retain(|_, _| false);
    }
}

/// Whether the server answers.
pub(crate) async fn ping(client: &Object) -> Answer<()> {
    client.simple_query("").await?;
    Ok(())
}

/// A question or change on its way, tried at most twice.
pub(crate) struct Attempt<'a> {
    database: &'a Database,
    deadline: Instant,
    tries: u32,
}

impl Attempt<'_> {
    /// Waits for a try. `Continue`: nothing was done, and another try may do it.
    pub(crate) async fn settle<T>(
        &mut self,
        work: impl Future<Output = Answer<T>>,
    ) -> ControlFlow<Result<T, ControlError>> {
        self.tries += 1;
        let answer = tokio::time::timeout_at(self.deadline, work).await.unwrap_or(Err(Trouble::Late));
        if let Err(trouble) = &answer {
            drop_connections_after(&self.database.pool, trouble);
        }
        match answer {
            Err(trouble) if self.tries == 1 && trouble.may_be_tried_again() => ControlFlow::Continue(()),
            answer => ControlFlow::Break(self.database.outage.judge(answer)),
        }
    }
}

/// Answers a question: `ask!(database, |reader| list(reader, tenant))`.
///
/// A macro, because closures that borrow and return futures that are `Send` cannot be named yet.
macro_rules! ask {
    ($database:ident, |$reader:ident| $question:expr) => {
        $crate::postgres::asked(async {
            let mut attempt = $database.attempt($crate::postgres::READ_MAX)?;
            loop {
                let work = async {
                    let $reader = &$database.client().await?;
                    $question.await
                };
                if let std::ops::ControlFlow::Break(answer) = attempt.settle(work).await {
                    break answer;
                }
            }
        })
        .await
    };
}

/// Runs a change in one transaction, and tells followers after its commit: `change!(database, |deed| add(deed, by))`.
///
/// An error after COMMIT was sent leaves open whether it happened; whoever must know asks.
macro_rules! change {
    ($database:ident, |$deed:ident| $change:expr) => {
        $crate::postgres::asked(async {
            let mut attempt = $database.attempt($crate::postgres::WRITE_MAX)?;
            loop {
                let work = async {
                    let mut client = $database.client().await?;
                    let transaction = $database.begin(&mut client).await?;
                    let $deed = &transaction;
                    let value = $change.await?;
                    $database.commit(transaction).await?;
                    Ok(value)
                };
                if let std::ops::ControlFlow::Break(done) = attempt.settle(work).await {
                    break done;
                }
            }
        })
        .await
    };
}

pub(crate) use {ask, change};

/// Shows the time of a question or a change in traces.
pub(crate) fn asked<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.instrument(stage!("control_plane"))
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
