//! What `engram.lock` says: who owns the folder and how to reach it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest record that is read; ours are a few hundred bytes.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// The process that owns a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Where it answers HTTP, once it does; an `engram mcp` has no such address.
    pub url: Option<String>,
    /// Its private socket, once it listens there.
    pub socket: Option<PathBuf>,
}

/// Replaces the record. Only the holder of the lock may call this; the file keeps its inode, which the lock is on.
pub(super) fn write(file: &File, owner: &Owner) -> io::Result<()> {
    let mut record = serde_json::to_vec(owner)?;
    record.push(b'\n');
    // The end of a longer old record is cut only after the new one is in place: readers retry what does not parse.
    file.write_all_at(&record, 0)?;
    file.set_len(record.len() as u64)
}

/// The record; `None` when it is empty or in the middle of being written.
pub(super) fn read(file: &File) -> io::Result<Option<Owner>> {
    let mut bytes = vec![0; RECORD_BYTES_MAX];
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(serde_json::from_slice(&bytes[..length]).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_record_replaces_a_longer_one() {
        let path = std::env::temp_dir().join(format!("engram-lock-{}", stdx::random::token(12)));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        assert_eq!(read(&file).unwrap(), None);
        for url in [Some("http://127.0.0.1:8080".to_owned()), None] {
            let owner = Owner { pid: 7, url, socket: Some("/run/engram.sock".into()) };
            write(&file, &owner).unwrap();
            assert_eq!(read(&file).unwrap(), Some(owner));
        }
        std::fs::remove_file(path).unwrap();
    }
}
