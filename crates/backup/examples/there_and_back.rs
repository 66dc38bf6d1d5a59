//! How long a file takes to a vault and back, over HTTP to an S3 server on this machine and to a folder:
//! `cargo run -p backup --example there_and_back -- 100` (MiB; half noise, half text that compresses).
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use backup::{BackupId, DataKey, Description, Facts, Kind, Reason, Subject, Vault, VaultOptions};
use stdx::clock::{Clock, SystemClock};
use testkit::s3;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mib = std::env::args().nth(1).unwrap_or_else(|| "100".into()).parse()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("store.db");
    write(&file, mib)?;
    let server = s3::Server::start();
    let bucket = VaultOptions {
        url: server.bucket("timed"),
        endpoint: Some(server.endpoint()),
        region: "auto".into(),
        access_key_id: Some(s3::ACCESS_KEY_ID.into()),
        secret_access_key: Some(s3::SECRET_ACCESS_KEY.into()),
    };
    let url = format!("file://{}/vault", folder.path().display());
    for options in [bucket, VaultOptions { url, ..VaultOptions::default() }] {
        let vault = Vault::open(&options)?;
        let back = folder.path().join("back.db");
        let (shipped, fetched, stored) = there_and_back(&vault, &file, &back).await?;
        std::fs::remove_file(&back)?;
        println!(
            "{:<20} {mib} MiB, {} MiB stored: there {:.1} s, back {:.1} s",
            vault.shown().split("://").next().unwrap_or_default(),
            stored >> 20,
            shipped.as_secs_f64(),
            fetched.as_secs_f64()
        );
    }
    Ok(())
}

async fn there_and_back(
    vault: &Vault,
    file: &Path,
    back: &Path,
) -> Result<(Duration, Duration, u64), Box<dyn Error>> {
    let (key, now) = (DataKey::generate(), SystemClock.now());
    let facts = Facts {
        schema_version: 1,
        written_by: "noise".into(),
        ids_handed_out: 0,
        tables: BTreeMap::new(),
        content_hash: String::new(),
    };
    let description = Description {
        id: BackupId::at(now),
        subject: Subject::parse("ten_timed")?,
        kind: Kind::Database,
        ts_ms: now.as_millisecond(),
        reason: Reason::OnDemand,
        facts,
        made_by: "there_and_back".into(),
    };
    let begun = Instant::now();
    let manifest = backup::ship(vault, &key, file, description, &|_, _| {}).await?;
    let shipped = begun.elapsed();
    let begun = Instant::now();
    backup::fetch(vault, &key, &manifest, back, &|_, _| {}).await?;
    Ok((shipped, begun.elapsed(), manifest.stored_bytes))
}

fn write(path: &Path, mib: usize) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    for number in 0..mib {
        if number % 2 == 0 {
            for _ in 0..16 {
                file.write_all(&stdx::random::bytes::<{ 1 << 16 }>())?;
            }
        } else {
            let line = format!("{number}: Priya moved to Lisbon in March and likes the light there.\n");
            file.write_all(&line.repeat((1 << 20) / line.len() + 1).as_bytes()[..1 << 20])?;
        }
    }
    Ok(())
}
