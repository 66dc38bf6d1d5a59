//! Stores what an export holds: with its ids, versions and times.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::ErrorCode;
use axum::body::Body;
use engine::{EngineError, ImportIds, Imported};
use gateway::Pass;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tenancy::Work;
use tokio::io::AsyncWriteExt;

use super::{Done, Failure, quota};
use crate::app::App;
use crate::backups::{Scratch, Trouble, erase_again};

/// Reads the whole export first and refuses it if a line of it is bad; then stores it. What was erased stays away.
///
/// # Errors
/// 400 with the line that is bad (`line 17.content`) or whose id is another memory's, 402, [`Failure::Store`]. Batches that
/// were stored by then stay, and are counted.
pub async fn import_memories(
    app: &App,
    pass: &Pass,
    ids: ImportIds,
    body: Body,
) -> Result<Done<api::Imported>, Failure> {
    let scratch = Scratch::new(&app.fleet).map_err(Trouble::into_failure)?;
    let file = scratch.file("import.jsonl");
    receive(app, body, &file).await?;
    let lease = app.fleet.store(pass.tenant()).await?;
    let (path, bounds) = (file.clone(), quota::bounds(app, pass));
    let opened = move || {
        let file = File::open(&path).map_err(|error| EngineError::Disk(error.to_string()))?;
        Ok::<_, EngineError>(BufReader::with_capacity(256 * 1024, file))
    };
    let again = opened.clone();
    lease.read(move |_| engine::check_export(&mut opened()?).map(drop)).await?;
    let stored = Arc::new(Mutex::new(Imported::default()));
    let told = Arc::clone(&stored);
    let outcome = lease
        .write(move |store| store.import(&mut again()?, ids, bounds, &mut |so_far, _| *told.lock() = so_far))
        .await;
    let so_far = *stored.lock();
    pass.stays(counted(&so_far));
    let imported = outcome?;
    let mut work = counted(&imported);
    if ids == ImportIds::Keep {
        let erasures = app.control.erasures(pass.tenant()).await?;
        work.storage_bytes_delta +=
            lease.remove(move |store| erase_again(store, &erasures)).await?.storage_bytes_delta;
    }
    quota::measure(app, pass, &lease);
    let value = api::Imported {
        memories: imported.memories,
        versions: imported.memories + imported.earlier_versions,
        already_there: imported.already_there,
        expired: imported.expired,
        ids_raised_by: imported.ids_raised_by,
    };
    Ok(Done { value, work, workspace: None })
}

fn counted(imported: &Imported) -> Work {
    Work { memories_created: imported.memories, storage_bytes_delta: imported.storage_bytes_delta }
}

/// Writes the body to a file as it comes.
async fn receive(app: &App, body: Body, file: &Path) -> Result<(), Failure> {
    let disk = |error: std::io::Error| Failure::from(EngineError::Disk(error.to_string()));
    let mut to = tokio::fs::File::create(file).await.map_err(disk)?;
    let (mut body, patience): (_, Duration) = (body, app.config.limits.body_timeout);
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        let cut_off = |message: &str| Failure::Coded(ErrorCode::InvalidRequest, message.to_owned());
        let Some(frame) = frame.map_err(|_| cut_off("the body stopped coming"))? else { break };
        let frame = frame.map_err(|_| cut_off("the body was cut off"))?;
        if let Ok(data) = frame.into_data() {
            app.fleet.expect_room()?;
            to.write_all(&data).await.map_err(disk)?;
        }
    }
    to.flush().await.map_err(disk)
}
