//! What only a server can do: be away, be shared, be older, be somebody else's.

mod changes;
mod load;
mod outage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use control::{Control, ControlError, Migrate, Migrated, PostgresOptions};
use jiff::Timestamp;
use stdx::clock::{ManualClock, SharedClock};
use tenancy::Environment;
use testkit::postgres::Server;

use crate::{Plane, START_MS, plane_on};

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
        assert!(started.elapsed() < Duration::from_secs(20), "{what} never happened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn an_older_schema_waits_for_a_command_and_a_newer_one_is_refused() {
    let server = Arc::new(Server::start());
    let options = PostgresOptions::new(server.database("old"));
    let made = Control::migrate_postgres(&options, Environment::Prod).await.unwrap();
    let Migrated { from: 0, to } = made else { panic!("{made:?}") };
    let wrong = open(&options, Migrate::Auto).await.unwrap_err();
    assert!(wrong.to_string().contains("stamped \"prod\""), "{wrong}");

    // As if this program had brought all of its migrations later.
    let older = format!("UPDATE refinery_schema_history SET version = version - {to} - 1");
    server.query("old", &format!("UPDATE meta SET value = 'dev'; {older}"));
    let older = open(&options, Migrate::Require).await.unwrap_err();
    assert!(matches!(older, ControlError::OlderSchema { known, .. } if known == to), "{older}");
    assert!(older.to_string().contains("engram control migrate"), "{older}");

    server.query("old", "UPDATE refinery_schema_history SET version = version + 100");
    let newer = open(&options, Migrate::Auto).await.unwrap_err();
    assert!(
        matches!(newer, ControlError::NewerSchema { found: 99, needed: 99, known } if known == to),
        "{newer}"
    );

    let taken = PostgresOptions::new(server.database("taken"));
    server.query("taken", "CREATE TABLE tenants (name text)");
    let taken = open(&taken, Migrate::Auto).await.unwrap_err();
    assert!(matches!(taken, ControlError::NotOurs { .. }), "{taken}");

    let nobody = PostgresOptions::new("postgres://u:secret@127.0.0.1:1/none");
    let nobody = open(&nobody, Migrate::Auto).await.unwrap_err();
    assert!(nobody.is_unavailable() && !nobody.to_string().contains("secret"), "{nobody}");
}

#[tokio::test]
async fn a_newer_schema_that_says_so_is_worked_on_and_nothing_of_it_is_lost() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "next").await;
    plane.tenant("acme").await;
    let options = PostgresOptions::new(server.url("next"));
    let known = Control::inspect_postgres(&options).await.unwrap().needed;
    let next = known + 1;
    let migrate = format!(
        "ALTER TABLE tenants ADD COLUMN region text NOT NULL DEFAULT 'here';
         ALTER TABLE usage_node_hours ADD COLUMN late bigint NOT NULL DEFAULT 0;
         UPDATE tenants SET region = 'there';
         INSERT INTO meta (name, value) VALUES ('reader_min', '{known}');
         INSERT INTO refinery_schema_history (version, name) VALUES ({next}, 'next')"
    );
    server.query("next", &migrate);
    // One that runs goes on, and one that is started anew does too.
    plane.tenant("meanwhile").await;
    let again = open(&options, Migrate::Require).await.unwrap();
    let again = Plane { control: again, ..plane };
    again.tenant("later").await;
    let regions = server.query("next", "SELECT slug, region FROM tenants ORDER BY slug");
    assert_eq!(regions.trim(), "acme|there\nlater|here\nmeanwhile|here");
    let found = Control::inspect_postgres(&options).await.unwrap();
    assert_eq!((found.version, found.usable), (next, true));
    let asked = Control::migrate_postgres(&options, Environment::Dev).await.unwrap();
    assert_eq!(asked, Migrated { from: next, to: next });

    server.query("next", &format!("UPDATE meta SET value = '{next}' WHERE name = 'reader_min'"));
    let refused = open(&options, Migrate::Auto).await.unwrap_err();
    let told = format!("takes an engram that knows version {next}; this one knows {known}");
    assert!(refused.to_string().contains(&told), "{refused}");
    assert!(!Control::inspect_postgres(&options).await.unwrap().usable);
}

#[tokio::test]
async fn two_processes_may_set_up_one_database_at_once() {
    let server = Server::start();
    let options = PostgresOptions::new(server.database("new"));
    let (one, two) = tokio::join!(open(&options, Migrate::Auto), open(&options, Migrate::Auto));
    assert_eq!(one.unwrap().list_plans().await.unwrap(), two.unwrap().list_plans().await.unwrap());
}

#[tokio::test]
async fn tls_is_checked_and_bound_to_the_password() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.unwrap();
    let server = Server::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem());
    server.query("postgres", "CREATE ROLE engram LOGIN PASSWORD 'pa55-word'");
    server.query("postgres", "CREATE DATABASE secure OWNER engram");
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("server.pem");
    std::fs::write(&trusted, made.cert.pem()).unwrap();
    let (port, trusted) = (server.port(), trusted.display());
    let url = |password: &str, more: &str| {
        PostgresOptions::new(format!("postgres://engram:{password}@127.0.0.1:{port}/secure?{more}"))
    };
    let root = format!("sslrootcert={trusted}");
    for modes in ["sslmode=verify-full", "sslmode=require&channel_binding=require", "sslmode=prefer"] {
        let options = url("pa55-word", &format!("{modes}&{root}"));
        let control = open(&options, Migrate::Auto).await.unwrap_or_else(|e| panic!("{modes}: {e}"));
        control.ping().await.unwrap();
    }
    for (options, why) in [
        (url("pa55-word", "sslmode=require"), "sslrootcert=FILE in the URL"),
        (url("pa55-word", "sslmode=disable"), "no pg_hba.conf entry"),
        (url("wrong-pa55-word", &format!("sslmode=require&{root}")), "password authentication failed"),
        (url("pa55-word", "sslmode=require&sslrootcert=/nowhere.pem"), "/nowhere.pem"),
    ] {
        let told = open(&options, Migrate::Auto).await.unwrap_err().to_string();
        assert!(told.contains(why) && !told.contains("pa55-word"), "{told}");
    }
}
