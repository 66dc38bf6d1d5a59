//! Watches the free space of the volume, so that writes stop before the disk does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use stdx::clock::SharedClock;

/// A look at the volume is good for this long, in milliseconds.
const LOOK_LIFETIME_MS: i64 = 1_000;
/// Free space below which writes are refused, if a twentieth of the volume is more than that, in bytes.
const FREE_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeSpace {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes there are in all.
    pub size_bytes: u64,
    /// Whether writes are refused.
    pub is_nearly_full: bool,
}

#[derive(Debug)]
pub(crate) struct Volume {
    path: PathBuf,
    clock: SharedClock,
    looked_at_ms: AtomicI64,
    full: AtomicBool,
}

impl Volume {
    pub(crate) fn of(path: &Path, clock: SharedClock) -> Self {
        Self {
            path: path.to_owned(),
            clock,
            looked_at_ms: AtomicI64::new(i64::MIN),
            full: AtomicBool::new(false),
        }
    }

    /// How much room there is, asked now.
    ///
    /// # Errors
    /// What the operating system says of a volume that cannot be asked.
    pub(crate) fn look(&self) -> std::io::Result<VolumeSpace> {
        let found = rustix::fs::statvfs(&self.path)?;
        let (free, total) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
        self.looked_at_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        self.full.store(too_little(free, total), Ordering::Relaxed);
        metrics::gauge!("engram_volume_free_bytes").set(free as f64);
        metrics::gauge!("engram_volume_size_bytes").set(total as f64);
        Ok(VolumeSpace { free_bytes: free, size_bytes: total, is_nearly_full: too_little(free, total) })
    }

    /// Whether writes must be refused.
    pub(crate) fn is_nearly_full(&self) -> bool {
        let now = self.clock.now_ms();
        let last = self.looked_at_ms.load(Ordering::Relaxed);
        if now.saturating_sub(last).unsigned_abs() >= LOOK_LIFETIME_MS.unsigned_abs() {
            self.looked_at_ms.store(now, Ordering::Relaxed);
            // A volume that cannot be asked is taken as fine: the write itself will tell.
            let _ = self.look();
        }
        self.full.load(Ordering::Relaxed)
    }
}

fn too_little(free: u64, total: u64) -> bool {
    free < FREE_BYTES_MIN.min(total / 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_or_two_gibibytes_stay_free() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for (free, total, want) in [
            (GIB, 100 * GIB, true),
            (3 * GIB, 100 * GIB, false),
            (GIB, 10 * GIB, false),
            (GIB / 4, 10 * GIB, true),
        ] {
            assert_eq!(too_little(free, total), want, "{free} of {total}");
        }
    }
}
