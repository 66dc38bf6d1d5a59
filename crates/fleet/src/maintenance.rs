//! A tenant that is being restored: its writes are refused, its reads go on from the file that is there, until the
//! restored one takes its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{EngineError, Store, StoreOptions};
use stdx::clock::SharedClock;

use crate::slot::{NoWrites, Shut, Slot};
use crate::swap::{CORRUPT, Files, REPLACED, is_kept_name, step};
use crate::{FleetError, layout};

/// The maintenance of one tenant; over when this is dropped.
#[derive(Debug)]
pub struct Maintenance {
    slot: Arc<Slot>,
    options: StoreOptions,
    clock: SharedClock,
    _no_writes: NoWrites,
}

/// Files that a restore replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The name of their folder.
    pub name: String,
    /// When they were replaced, in milliseconds since 1970.
    pub at_ms: i64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether they were damaged.
    pub corrupt: bool,
}

impl Maintenance {
    pub(crate) async fn begin(
        slot: Arc<Slot>,
        options: StoreOptions,
        clock: SharedClock,
    ) -> Result<Self, FleetError> {
        if !slot.begin_maintenance() {
            return Err(FleetError::InMaintenance);
        }
        let no_writes = slot.stop_writes().await;
        Ok(Self { slot, options, clock, _no_writes: no_writes })
    }

    /// Moves `restored` (a store that nobody has open, on the same volume) into the tenant's place, opens it and lets
    /// `check` look at it. What was there is kept under the name that is returned; `None` when there was nothing.
    ///
    /// # Errors
    /// [`FleetError`]; the tenant is then as it was.
    pub async fn swap<F>(&self, restored: &Path, check: F) -> Result<Option<String>, FleetError>
    where
        F: FnOnce(&Store) -> Result<(), EngineError> + Send + 'static,
    {
        let swap = Swap {
            files: Files::of(&self.slot.database),
            options: self.options.clone(),
            now_ms: self.clock.now_ms(),
        };
        let (slot, restored) = (Arc::clone(&self.slot), restored.to_owned());
        // A task of its own: a caller that goes away in the middle must not let anybody in before the end.
        let done = tokio::spawn(async move { swap.run(&slot, restored, check).await }).await;
        done.unwrap_or_else(|panic| Err(FleetError::Swap(panic.to_string())))
    }
}

/// One swap, with what it needs.
struct Swap {
    files: Files,
    options: StoreOptions,
    now_ms: i64,
}

impl Swap {
    async fn run<F>(self, slot: &Slot, restored: PathBuf, check: F) -> Result<Option<String>, FleetError>
    where
        F: FnOnce(&Store) -> Result<(), EngineError> + Send + 'static,
    {
        let shut = slot.shut().await;
        let shut = shut.ok_or_else(|| FleetError::Swap("the store is still in use; try again".into()))?;
        if slot.is_removed() {
            return Err(FleetError::Removed);
        }
        let kind = if slot.quarantine().is_some() { CORRUPT } else { REPLACED };
        let (files, now_ms) = (self.files.clone(), self.now_ms);
        let moved = blocking(move || {
            let keep_as = files.free_name(kind, now_ms);
            files.swap(&restored, &keep_as).map_err(|error| FleetError::Swap(error.to_string()))
        });
        let outcome = match moved.await {
            Ok(kept) => self.confirm(&shut, check).await.map(|store| (store, kept)),
            Err(error) => Err(error),
        };
        match outcome {
            Ok((store, kept)) => {
                shut.open_with(store);
                Ok(kept)
            }
            Err(error) => {
                let files = self.files;
                // If even this fails, the next opening tries it again before it touches the file.
                blocking(move || files.recover().map_err(|error| FleetError::Swap(error.to_string())))
                    .await?;
                Err(error)
            }
        }
    }

    /// Opens the new file, lets `check` look at it, and ends the swap.
    async fn confirm<F>(&self, shut: &Shut<'_>, check: F) -> Result<Store, FleetError>
    where
        F: FnOnce(&Store) -> Result<(), EngineError> + Send + 'static,
    {
        let store = shut.try_open(self.options.clone()).await?;
        let files = self.files.clone();
        blocking(move || {
            step("opened");
            check(&store)?;
            files.confirm().map_err(|error| FleetError::Swap(error.to_string()))?;
            Ok(store)
        })
        .await
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.slot.end_maintenance();
    }
}

/// Files in a tenant's folder that restores replaced, newest first.
pub(crate) fn replaced_in(folder: &Path) -> std::io::Result<Vec<Replaced>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    // What a swap that was cut off has moved away is the tenant's own and will be put back.
    let on_its_way = Files::of(&layout::database_in(folder)).on_its_way();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_kept_name(&name) || on_its_way.as_ref() == Some(&name) {
            continue;
        }
        let at_ms = name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let bytes = crate::Holdings::of(&entry.path())?.bytes;
        found.push(Replaced { corrupt: name.starts_with(CORRUPT), name, at_ms, bytes });
    }
    found.sort_by_key(|replaced| std::cmp::Reverse(replaced.at_ms));
    Ok(found)
}

/// Copies a replaced set of files into `into` (a new folder), and returns its database.
pub(crate) fn copy_replaced(folder: &Path, name: &str, into: &Path) -> std::io::Result<PathBuf> {
    let kept = folder.join(name);
    let on_its_way = Files::of(&layout::database_in(folder)).on_its_way();
    if !is_kept_name(name) || !kept.is_dir() || on_its_way.as_deref() == Some(name) {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(&kept)? {
        let entry = entry?;
        fs::copy(entry.path(), into.join(entry.file_name()))?;
    }
    Ok(layout::database_in(into))
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FleetError> + Send + 'static,
) -> Result<T, FleetError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(FleetError::Swap(panic.to_string())))
}
