//! Follows what other processes change: woken by LISTEN, and by a look every two seconds in case that is deaf.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool, Transaction};
use tenancy::{PlanName, Slug, TenantId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::Row;

use super::outage::Outage;
use super::owed::{Found, Numbered, Owed};
use super::{Answer, PostgresOptions, Trouble, connect, drop_connections_after, parsed};
use crate::changes::Feed;
use crate::{Change, ControlError};

/// Where changes are announced.
pub(super) const CHANNEL: &str = "engram_changes";
/// Longest time until a change of another process is known here when no notification arrives.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Time between looks whether a server that was away is back.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// Longest a look may take.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// Wait before listening again after the connection ended.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);
/// Changes read at once; who is further behind forgets everything.
const CHANGES_MAX: i64 = 1_000;
/// Idle connections older than this are closed: a scaled-to-zero server ends them after five minutes.
const IDLE_MAX: Duration = Duration::from_secs(240);
/// Time between closings of idle connections and removals of old changes.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Changes are kept this long, in hours; nobody who is alive is further behind.
const KEPT_HOURS: f64 = 1.0;

pub(super) struct Follower {
    pub(super) pool: Pool,
    pub(super) options: PostgresOptions,
    pub(super) outage: Arc<Outage>,
    pub(super) owed: Arc<Owed>,
    pub(super) feed: Arc<Feed>,
    pub(super) origin: uuid::Uuid,
}

impl Follower {
    /// Notes where the stream of changes is now and follows it from there.
    pub(super) async fn start(self) -> Result<JoinHandle<()>, ControlError> {
        let seen = self.outage.judge(self.newest().await)?;
        Ok(tokio::spawn(self.follow(seen)))
    }

    async fn follow(self, mut seen: i64) {
        let heard = Arc::new(Notify::new());
        let _listening = AbortOnDrop(tokio::spawn(listen_for_ever(self.options.clone(), Arc::clone(&heard))));
        let mut tidied = tokio::time::Instant::now();
        loop {
            let pause = if self.outage.is_away() { PROBE_EVERY } else { LOOK_EVERY };
            tokio::select! {
                () = heard.notified() => {}
                () = self.outage.noticed.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            match self.look_twice(seen).await {
                Ok(newest) => {
                    seen = newest;
                    // After the changes are told: whoever is let through again finds them told.
                    self.outage.is_back();
                }
                Err(trouble) => {
                    let _ = self.outage.judge::<()>(Err(trouble));
                }
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = tokio::time::Instant::now();
                self.pool.retain(|_, metrics| metrics.last_used() < IDLE_MAX);
                let _ = tokio::time::timeout(LOOK_MAX, self.forget_old()).await;
            }
        }
    }

    /// A look whose connection turns out to be dead says nothing of the server: the second one does.
    async fn look_twice(&self, seen: i64) -> Answer<i64> {
        let look = async || {
            let look = tokio::time::timeout(LOOK_MAX, self.look(seen)).await.unwrap_or(Err(Trouble::Late));
            look.inspect_err(|trouble| drop_connections_after(&self.pool, trouble))
        };
        match look().await {
            Err(trouble) if trouble.may_be_tried_again() => look().await,
            answer => answer,
        }
    }

    /// Tells what is newer than `seen`, and returns the newest number.
    async fn look(&self, seen: i64) -> Answer<i64> {
        let newest = self.newest().await?;
        if newest == seen {
            return Ok(seen);
        }
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached("SELECT * FROM changes WHERE revision > $1 ORDER BY revision LIMIT $2")
            .await?;
        let rows = client.query(&statement, &[&seen, &CHANGES_MAX]).await?;
        let last = rows.last().map_or(Ok(seen), |row| row.try_get("revision"))?;
        let whole = i64::try_from(rows.len()).is_ok_and(|read| seen + read == last);
        if newest < seen || last < newest || !whole {
            // A restored database, too many at once, or older than what is kept.
            self.owed.settle_all(newest, &self.feed);
            return Ok(newest);
        }
        let found = rows.iter().map(|row| self.found(row)).collect::<Answer<_>>()?;
        self.owed.settle_found(found, last, &self.feed);
        Ok(last)
    }

    fn found(&self, row: &Row) -> Answer<Found> {
        // One that cannot be read must not stop the others.
        let change = change(row).unwrap_or(Change::Everything);
        Ok(if row.try_get::<_, uuid::Uuid>("origin")? == self.origin {
            Found::Own((row.try_get("revision")?, change))
        } else {
            Found::Foreign(change)
        })
    }

    async fn newest(&self) -> Answer<i64> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached("SELECT revision FROM change_counter").await?;
        Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
    }

    async fn forget_old(&self) -> Answer<u64> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached("DELETE FROM changes WHERE changed_at < now() - $1 * interval '1 hour'")
            .await?;
        Ok(client.execute(&statement, &[&KEPT_HOURS]).await?)
    }
}

/// Gives changes their numbers, in the transaction that makes them.
pub(super) async fn number(
    tx: &Transaction<'_>,
    changes: Vec<Change>,
    origin: uuid::Uuid,
) -> Answer<Vec<Numbered>> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let statement =
        tx.prepare_cached("UPDATE change_counter SET revision = revision + $1 RETURNING revision").await?;
    let last: i64 = tx.query_one(&statement, &[&count]).await?.try_get(0)?;
    let statement = tx
        .prepare_cached(
            "INSERT INTO changes (revision, origin, kind, tenant_id, name) VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    let numbered: Vec<Numbered> = (last - count + 1..).zip(changes).collect();
    for (revision, change) in &numbered {
        let (kind, tenant, name) = columns(change);
        tx.execute(&statement, &[revision, &origin, &kind, &tenant, &name]).await?;
    }
    Ok(numbered)
}

fn columns(change: &Change) -> (&'static str, Option<&str>, &str) {
    match change {
        Change::Tenant { id, slug } => ("tenant", Some(id.as_str()), slug.as_str()),
        Change::ApiKey { prefix } => ("api_key", None, prefix),
        Change::Member { tenant, user_id } => ("member", Some(tenant.as_str()), user_id),
        Change::Plan { name } => ("plan", None, name.as_str()),
        Change::Everything => ("everything", None, ""),
    }
}

/// A change as another process wrote it; a kind that only a newer version knows is as good as any change.
fn change(row: &Row) -> Answer<Change> {
    let tenant = || parsed(row, "tenant_id", |text: &str| TenantId::parse(text));
    let name: String = row.try_get("name")?;
    Ok(match row.try_get("kind")? {
        "tenant" => {
            Change::Tenant { id: tenant()?, slug: parsed(row, "name", |text: &str| Slug::parse(text))? }
        }
        "api_key" => Change::ApiKey { prefix: name },
        "member" => Change::Member { tenant: tenant()?, user_id: name },
        "plan" => Change::Plan { name: PlanName::new(&name) },
        _ => Change::Everything,
    })
}

/// Wakes the follower whenever a change is announced. Deaf for a while is no harm: the follower looks by itself.
async fn listen_for_ever(options: PostgresOptions, heard: Arc<Notify>) {
    loop {
        if let Err(error) = connect::listen(&options, CHANNEL, &heard).await {
            tracing::debug!(%error, "cannot listen for changes of the control plane");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
        heard.notify_one();
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
