//! What one process changes, the others hear: each change once, in time, whatever became of whoever made it.

use std::sync::Arc;
use std::time::Duration;

use control::{Actor, Change, Changes, KeyOwner, Migrate, PostgresOptions};
use tenancy::TenantStatus;
use testkit::postgres::Server;

use super::{eventually, open};
use crate::keys::new_key;
use crate::{plane_on, taken};

/// Time in which a change that is told twice would be.
const QUIET: Duration = Duration::from_secs(3);

#[tokio::test]
async fn what_one_process_changes_another_hears_with_and_without_notifications() {
    let server = Arc::new(Server::start());
    let here = plane_on(&server, "shared").await;
    let key = here.control.insert_api_key(new_key(KeyOwner::Operator, "p0"), &Actor::local()).await.unwrap();
    let deaf = PostgresOptions {
        url: server.url("shared"),
        // A database that knows of no control plane: notifications never come from there.
        direct_url: Some(server.database("elsewhere")),
    };
    let listening = open(&PostgresOptions::new(server.url("shared")), Migrate::Require).await.unwrap();
    let deaf = open(&deaf, Migrate::Auto).await.unwrap();
    for (other, within) in [(listening, Duration::from_millis(1_500)), (deaf, Duration::from_secs(5))] {
        let mut changes = other.changes();
        let before = other.revision();
        let fresh = format!("p{before}{}", within.as_millis());
        let issued =
            here.control.insert_api_key(new_key(KeyOwner::Operator, &fresh), &Actor::local()).await.unwrap();
        taken(&mut changes);
        here.control.revoke_api_key(&issued.id, &Actor::local()).await.unwrap();
        let told = Change::ApiKey { prefix: fresh };
        let took = eventually("the news", async || taken(&mut changes).contains(&told)).await;
        assert!(took < within, "{took:?}");
        assert!(other.revision() > before);
    }
    assert!(here.control.api_key(&key.id).await.unwrap().unwrap().revoked_at.is_none());
}

#[tokio::test]
async fn too_many_changes_at_once_are_told_as_one() {
    let server = Arc::new(Server::start());
    let here = plane_on(&server, "many").await;
    let other = open(&PostgresOptions::new(server.url("many")), Migrate::Require).await.unwrap();
    let mut changes = other.changes();
    here.query(
        "UPDATE change_counter SET revision = revision + 5000; SELECT pg_notify('engram_changes', '')",
    );
    let mut told = Vec::new();
    eventually("the news", async || {
        told.extend(taken(&mut changes));
        told.contains(&Change::Everything)
    })
    .await;
}

/// Everything told from now on, once `want` changes have been and nothing more comes.
async fn told(changes: &mut Changes, want: usize) -> usize {
    let mut told = 0;
    eventually("all the news", async || {
        told += taken(changes).len();
        told >= want
    })
    .await;
    tokio::time::sleep(QUIET).await;
    told + taken(changes).len()
}

#[tokio::test]
async fn changes_at_once_from_two_processes_are_told_once_in_each() {
    let server = Arc::new(Server::start());
    let here = plane_on(&server, "busy").await;
    let there = open(&PostgresOptions::new(server.url("busy")), Migrate::Require).await.unwrap();
    let (mut heard_here, mut heard_there) = (here.control.changes(), there.changes());
    let by = Actor::local();
    let issue = async |control: &control::Control, prefix: String| {
        control.insert_api_key(new_key(KeyOwner::Operator, &prefix), &by).await.unwrap();
    };
    let both = (0..40).map(|n| async move { (n, n % 2 == 0) });
    let (issue, here_control, there_control) = (&issue, &here.control, &there);
    let issuing = both.map(async |place| {
        let (n, at_home) = place.await;
        issue(if at_home { here_control } else { there_control }, format!("p{n}")).await;
    });
    futures::future::join_all(issuing).await;
    assert_eq!(told(&mut heard_here, 40).await, 40);
    assert_eq!(told(&mut heard_there, 40).await, 40);
}

#[tokio::test]
async fn a_change_whose_maker_stopped_waiting_is_told_if_it_was_made() {
    let server = Arc::new(Server::start());
    let here = plane_on(&server, "impatient").await;
    let acme = here.tenant("acme").await;
    let mut changes = here.control.changes();
    for patience_us in (0..15_000).step_by(100) {
        // Whichever it is now, this changes it.
        for status in [TenantStatus::Suspended, TenantStatus::Active] {
            let by = Actor::system();
            let change = here.control.set_tenant_status(&acme.slug, status, &by);
            let _ = tokio::time::timeout(Duration::from_micros(patience_us), change).await;
        }
    }
    here.control.ping().await.unwrap();
    let made = here.query("SELECT count(*) FROM audit_log WHERE action = 'set_tenant_status'");
    assert_eq!(told(&mut changes, made.parse().unwrap()).await.to_string(), made);
}
