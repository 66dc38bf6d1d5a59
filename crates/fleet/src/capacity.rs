//! How many stores may be open at once, from file descriptors and memory.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for sockets, logs, the control plane and the spool.
const DESCRIPTORS_RESERVED: u64 = 2_048;
/// Descriptors of an open store: database, WAL, shared memory, and a reader more.
const DESCRIPTORS_PER_STORE: u64 = 4;
/// Memory of an open, idle store, in bytes (measured: about 200 KiB).
const BYTES_PER_STORE: u64 = 256 * 1024;
/// Fewer than this many stores would thrash.
const STORES_MIN: u64 = 64;
/// Memory assumed where it cannot be read, in bytes.
const MEMORY_ASSUMED: u64 = 2 * 1024 * 1024 * 1024;

/// Raises the soft limit of open files to the hard one, and returns what holds now.
pub fn raise_open_files_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        return limit.current.unwrap_or(u64::MAX);
    }
    limit.maximum.unwrap_or(u64::MAX)
}

/// Stores that may be open at once on this machine.
pub(crate) fn stores_open_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(cap(descriptors, memory_bytes())).unwrap_or(usize::MAX)
}

fn cap(descriptors: u64, memory: u64) -> u64 {
    let by_descriptors = descriptors.saturating_sub(DESCRIPTORS_RESERVED) / DESCRIPTORS_PER_STORE;
    let by_memory = memory / 4 / BYTES_PER_STORE;
    by_descriptors.min(by_memory).max(STORES_MIN)
}

fn memory_bytes() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(MEMORY_ASSUMED, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_of_descriptors_and_memory_decides() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for (descriptors, memory, want) in
            [(1_024, 8 * GIB, 64), (1_048_576, 8 * GIB, 8_192), (10_048, 8 * GIB, 2_000), (u64::MAX, 0, 64)]
        {
            assert_eq!(cap(descriptors, memory), want, "{descriptors} {memory}");
        }
    }
}
