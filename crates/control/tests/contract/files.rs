//! Which files are opened, and which are refused untouched.

use std::fs;
use std::path::Path;

use control::{Actor, Control, ControlError};
use rusqlite::Connection;
use stdx::clock::SystemClock;
use tenancy::{Environment, TenantStatus};

use crate::{Plane, plane};

async fn open(path: &Path, environment: Environment) -> Result<Control, ControlError> {
    Control::open(path, SystemClock::shared(), environment).await
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_left() {
    let plane = plane().await;
    let made = plane.tenant("acme").await;
    let path = plane.file();
    drop(plane.control);
    let again = open(&path, Environment::Dev).await.unwrap();
    assert_eq!(again.tenant_by_slug(&made.slug).await.unwrap(), Some(made));
    again.ping().await.unwrap();
}

#[tokio::test]
async fn the_stamp_of_another_environment_is_refused() {
    let plane = plane().await;
    let path = plane.file();
    drop(plane.control);
    let error = open(&path, Environment::Prod).await.unwrap_err();
    assert!(error.to_string().contains("stamped \"dev\" and this service runs as \"prod\""), "{error}");
    open(&path, Environment::Dev).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let plane = plane().await;
    let path = plane.file();
    drop(plane.control);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = open(&path, Environment::Dev).await.unwrap_err();
    assert!(matches!(error, ControlError::NewerSchema { found: 99, needed: 99, known: 4 }), "{error}");
}

/// What the next migration may look like; the number is who may still read and write the file.
fn next(reader_min: &str) -> String {
    format!(
        "ALTER TABLE tenants ADD COLUMN region TEXT NOT NULL DEFAULT 'here';
         ALTER TABLE usage_node_hours ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE regions (name TEXT PRIMARY KEY, tenant_id TEXT REFERENCES tenants (id)) STRICT;
         UPDATE tenants SET region = 'there';
         INSERT INTO meta (name, value) VALUES ('reader_min', '{reader_min}');
         PRAGMA user_version = 5;"
    )
}

#[tokio::test]
async fn a_newer_schema_that_says_so_is_worked_on_and_nothing_of_it_is_lost() {
    let plane = plane().await;
    let made = plane.tenant("acme").await;
    let path = plane.file();
    drop(plane.control);
    Connection::open(&path).unwrap().execute_batch(&next("4")).unwrap();
    let control = open(&path, Environment::Dev).await.unwrap();
    let plane = Plane { control, ..plane };
    assert_eq!(plane.control.tenant_by_slug(&made.slug).await.unwrap(), Some(made.clone()));
    let suspended =
        plane.control.set_tenant_status(&made.slug, TenantStatus::Suspended, &Actor::local()).await;
    suspended.unwrap();
    plane.tenant("later").await;
    let inside = Connection::open(&path).unwrap();
    let region = |slug: &str| -> String {
        inside.query_row("SELECT region FROM tenants WHERE slug = ?", [slug], |row| row.get(0)).unwrap()
    };
    assert_eq!((region("acme").as_str(), region("later").as_str()), ("there", "here"));
    let version: i64 = inside.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 5);
}

#[tokio::test]
async fn a_newer_schema_that_wants_a_newer_program_is_refused_with_its_version() {
    let plane = plane().await;
    let path = plane.file();
    drop(plane.control);
    Connection::open(&path).unwrap().execute_batch(&next("5")).unwrap();
    let error = open(&path, Environment::Dev).await.unwrap_err();
    assert!(error.to_string().contains("takes an engram that knows version 5; this one knows 4"), "{error}");
}

#[tokio::test]
async fn somebody_elses_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("other.db");
    Connection::open(&database).unwrap().execute_batch("CREATE TABLE songs (title)").unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database at all, only some longer text".repeat(40)).unwrap();
    for path in [database, text] {
        let before = fs::read(&path).unwrap();
        let error = open(&path, Environment::Dev).await.unwrap_err();
        assert!(matches!(error, ControlError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn commits_are_durable_and_the_sqlite_is_a_trusted_one() {
    assert!(rusqlite::version_number() >= 3_051_003);
    let plane = plane().await;
    let other = Connection::open(plane.file()).unwrap();
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = open(&folder.path().join("file/control.db"), Environment::Dev).await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("cannot create"), "{error}");
}
