//! Backups from outside: into a vault and back, and everything that must be refused.

mod contract;
mod crash;
mod damage;
mod faulty;
mod round_trip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backup::{BackupId, DataKey, Description, Facts, Kind, Manifest, Reason, Subject, TableFacts, Vault};
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::memory::InMemory;

/// A moment from which tests count.
const NOON_MS: i64 = 1_700_000_000_000;

/// Somebody whose file is backed up.
struct Owner {
    subject: Subject,
    key: DataKey,
}

impl Owner {
    fn named(name: &str) -> Self {
        Self { subject: Subject::parse(name).unwrap(), key: DataKey::generate() }
    }
}

/// A vault in memory and a folder for files.
struct Bench {
    store: Arc<dyn ObjectStore>,
    vault: Vault,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    fn over(store: Arc<dyn ObjectStore>) -> Self {
        let vault = Vault::over(Arc::clone(&store), "memory");
        Self { store, vault, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn ship(&self, owner: &Owner, file: &Path, ts_ms: i64) -> Result<Manifest, backup::BackupError> {
        backup::ship(&self.vault, &owner.key, file, description(owner, ts_ms), &|_, _| {}).await
    }

    /// What is read back of the backup that `manifest` describes.
    async fn fetch(&self, owner: &Owner, manifest: &Manifest) -> Result<Vec<u8>, backup::BackupError> {
        let into = self.folder.path().join(format!("fetched-{}", stdx::random::token(8)));
        let (subject, object) = (&owner.subject, &manifest.object);
        let proven = backup::fetch_manifest(&self.vault, &owner.key, subject, Kind::Database, object).await?;
        let fetched = backup::fetch(&self.vault, &owner.key, &proven, &into, &|_, _| {}).await;
        assert_eq!(fetched.is_ok(), into.exists(), "nothing is left of what was refused");
        let fetched = fetched.map(drop);
        assert!(!into.with_added_extension("sealed").exists() && !into.with_added_extension("part").exists());
        fetched.map(|()| std::fs::read(&into).unwrap())
    }
}

fn description(owner: &Owner, ts_ms: i64) -> Description {
    let table = TableFacts { rows: 3, hash: "00".into() };
    Description {
        id: BackupId::at(Timestamp::from_millisecond(ts_ms).unwrap()),
        subject: owner.subject.clone(),
        kind: Kind::Database,
        ts_ms,
        reason: Reason::OnDemand,
        facts: Facts {
            schema_version: 3,
            written_by: "SQLite".into(),
            ids_handed_out: 7,
            tables: BTreeMap::from([("memory".into(), table)]),
            content_hash: "11".into(),
        },
        made_by: "tests".into(),
    }
}

/// Bytes that neither compress to nothing nor repeat.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(count)
    .collect()
}
