//! A large file goes to a vault and back in bounded memory. Alone in its process, whose high-water mark is measured.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use backup::{BackupId, DataKey, Description, Facts, Kind, Reason, Subject, Vault, VaultOptions};
use jiff::Timestamp;

const FILE_MIB: usize = 200;
/// Parts of an upload on their way, a chunk each way, zstd's window, and what the allocator keeps.
const GROWTH_MIB_MAX: u64 = 96;

#[tokio::test]
async fn two_hundred_mebibytes_pass_in_less_than_one_hundred() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/vault", folder.path().display());
    let vault = Vault::open(&VaultOptions { url, ..VaultOptions::default() }).unwrap();
    let (file, back) = (folder.path().join("store.db"), folder.path().join("back.db"));
    write_noise(&file);
    let (key, subject) = (DataKey::generate(), Subject::parse("ten_1").unwrap());
    let before = high_water_mib();
    let manifest = backup::ship(&vault, &key, &file, description(subject), &|_, _| {}).await.unwrap();
    assert!(manifest.stored_bytes > (FILE_MIB as u64) << 20, "noise does not compress");
    let shipped = high_water_mib() - before;
    backup::fetch(&vault, &key, &manifest, &back, &|_, _| {}).await.unwrap();
    assert_eq!(std::fs::metadata(&back).unwrap().len(), (FILE_MIB as u64) << 20);
    let fetched = high_water_mib() - before;
    assert!(fetched <= GROWTH_MIB_MAX, "{shipped} MiB more to ship, {fetched} in all");
}

fn write_noise(path: &Path) {
    let mut file = File::create(path).unwrap();
    for _ in 0..FILE_MIB * 16 {
        file.write_all(&stdx::random::bytes::<{ 1 << 16 }>()).unwrap();
    }
}

/// The most memory that the process has held (proc_pid_status(5)).
fn high_water_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

fn description(subject: Subject) -> Description {
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    Description {
        id: BackupId::at(now),
        subject,
        kind: Kind::Database,
        ts_ms: now.as_millisecond(),
        reason: Reason::Scheduled,
        facts: Facts {
            schema_version: 1,
            written_by: "noise".into(),
            ids_handed_out: 0,
            tables: BTreeMap::new(),
            content_hash: String::new(),
        },
        made_by: "tests".into(),
    }
}
