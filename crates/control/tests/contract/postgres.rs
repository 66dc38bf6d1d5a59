//! What only a server can do: be away, be shared, be older, be somebody else's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use control::{Actor, Change, Control, ControlError, KeyOwner, Migrate, Migrated, PostgresOptions};
use jiff::Timestamp;
use stdx::clock::{ManualClock, SharedClock};
use tenancy::{Environment, PlanName, TenantStatus};
use testkit::postgres::{Server, Stop};

use crate::keys::new_key;
use crate::{START_MS, plane_on, slug, taken};

fn clock() -> SharedClock {
    ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap())
}

async fn open(options: &PostgresOptions, migrate: Migrate) -> Result<Control, ControlError> {
    Control::open_postgres(options.clone(), clock(), Environment::Dev, migrate).await
}

/// Waits until `holds`, and returns how long that took.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(15), "{what} never happened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn a_server_that_goes_away_is_noticed_at_once_and_its_return_too() {
    let mut server = Server::start();
    let options = PostgresOptions::new(server.database("away"));
    let here = open(&options, Migrate::Auto).await.unwrap();
    let there = open(&options, Migrate::Auto).await.unwrap();
    let new = |name: &str| control::NewTenant {
        slug: slug(name),
        name: name.to_owned(),
        kind: tenancy::TenantKind::Live,
        plan: PlanName::new("free"),
        owner: None,
    };
    let acme = here.create_tenant(new("acme"), &Actor::system()).await.unwrap();
    server.stop(Stop::Immediate);

    let first = here.tenant_by_slug(&acme.slug).await.unwrap_err();
    assert!(first.is_unavailable(), "{first}");
    let started = Instant::now();
    for _ in 0..100 {
        assert!(here.tenant_by_slug(&acme.slug).await.unwrap_err().is_unavailable());
        assert!(here.touch_api_keys(Vec::new()).await.unwrap_err().is_unavailable());
    }
    assert!(started.elapsed() < Duration::from_millis(500), "nobody waits: {:?}", started.elapsed());

    server.run();
    let mut changes = here.changes();
    eventually("the return", async || here.tenant_by_slug(&acme.slug).await.is_ok()).await;
    eventually("its return there", async || there.ping().await.is_ok()).await;
    there.set_tenant_status(&acme.slug, TenantStatus::Suspended, &Actor::system()).await.unwrap();
    let told = Change::Tenant { id: acme.id.clone(), slug: acme.slug.clone() };
    eventually("news", async || taken(&mut changes).contains(&told)).await;
}

#[tokio::test]
async fn a_connection_that_was_cut_between_two_questions_is_not_noticed() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "cut").await;
    let acme = plane.tenant("acme").await;
    for _ in 0..5 {
        plane.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'engram'",
        );
        assert_eq!(plane.control.tenant_by_slug(&acme.slug).await.unwrap().unwrap(), acme);
        plane.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'engram'",
        );
        plane.control.set_tenant_plan(&acme.slug, &acme.plan, &Actor::system()).await.unwrap();
    }
}

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

#[tokio::test]
async fn an_older_schema_waits_for_a_command_and_a_newer_one_is_refused() {
    let server = Arc::new(Server::start());
    let options = PostgresOptions::new(server.database("old"));
    let made = Control::migrate_postgres(&options, Environment::Prod).await.unwrap();
    let Migrated { from: 0, to } = made else { panic!("{made:?}") };
    let wrong = open(&options, Migrate::Auto).await.unwrap_err();
    assert!(wrong.to_string().contains("stamped \"prod\""), "{wrong}");

    server.query(
        "old",
        "UPDATE meta SET value = 'dev'; UPDATE refinery_schema_history SET version = 99 WHERE version = 1",
    );
    let newer = open(&options, Migrate::Auto).await.unwrap_err();
    assert!(matches!(newer, ControlError::NewerSchema { found: 99, known } if known == to), "{newer}");

    let taken = PostgresOptions::new(server.database("taken"));
    server.query("taken", "CREATE TABLE tenants (name text)");
    let taken = open(&taken, Migrate::Auto).await.unwrap_err();
    assert!(matches!(taken, ControlError::NotOurs { .. }), "{taken}");

    let nobody = PostgresOptions::new("postgres://u:secret@127.0.0.1:1/none");
    let nobody = open(&nobody, Migrate::Auto).await.unwrap_err();
    assert!(nobody.is_unavailable() && !nobody.to_string().contains("secret"), "{nobody}");
}

#[tokio::test]
async fn two_processes_may_set_up_one_database_at_once() {
    let server = Server::start();
    let options = PostgresOptions::new(server.database("new"));
    let (one, two) = tokio::join!(open(&options, Migrate::Auto), open(&options, Migrate::Auto));
    assert_eq!(one.unwrap().list_plans().await.unwrap(), two.unwrap().list_plans().await.unwrap());
}
