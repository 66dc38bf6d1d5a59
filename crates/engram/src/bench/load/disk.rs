//! What the bare disk gives: the same bytes appended to a file, with one `fdatasync` a row or one for sixteen.
//! No durable store can write faster, one commit at a time or in groups of sixteen.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

/// Rows that share one `fdatasync` in the second figure: the connections of the create scenario.
const GROUP_ROWS: usize = 16;

/// Durable rows a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Disk {
    pub(crate) one_at_a_time_per_s: f64,
    pub(crate) groups_of_16_per_s: f64,
}

/// Measures for `duration` each, in a file of `folder`; `row(n)` makes the n-th row.
pub(super) fn measure(folder: &Path, duration: Duration, row: impl Fn(u64) -> Vec<u8>) -> Result<Disk> {
    let rate = |name: &str, rows_per_sync: usize| -> Result<f64> {
        let path = folder.join(name);
        let mut file = File::create(&path)?;
        let (started, mut rows) = (Instant::now(), 0_u64);
        while started.elapsed() < duration {
            let mut bytes = Vec::new();
            for _ in 0..rows_per_sync {
                bytes.extend(row(rows));
                rows += 1;
            }
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        let rate = rows as f64 / started.elapsed().as_secs_f64();
        std::fs::remove_file(path)?;
        Ok(rate)
    };
    Ok(Disk {
        one_at_a_time_per_s: rate("disk-one-at-a-time", 1)?,
        groups_of_16_per_s: rate("disk-groups", GROUP_ROWS)?,
    })
}
