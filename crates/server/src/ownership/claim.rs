//! Becoming the owner of a data folder, or learning who is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::net::UnixListener;

use super::lock_file::{self, Owner};
use super::socket;

/// Name of the lock in the data folder.
const LOCK_NAME: &str = "engram.lock";
/// Tries before a lock counts as held: one who only looks holds it for microseconds.
const TRIES: u32 = 25;
/// Between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(4);

/// Who owns the folder now.
#[derive(Debug)]
pub enum Claim {
    /// The caller does, until it drops this.
    Granted(Ownership),
    /// Another process does.
    HeldBy(Owner),
}

/// The folder is ours while this lives. Dropping it removes the socket and gives the lock back.
#[derive(Debug)]
pub struct Ownership {
    folder: PathBuf,
    lock: File,
    owner: Owner,
}

/// Why a folder cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// The folder or a file in it is out of reach.
    #[error("cannot use the data folder {}: {error}; make it writable or choose another with --data-dir", .folder.display())]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The private socket cannot be made.
    #[error("cannot listen on the socket {}: {error}", .socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl Ownership {
    /// Takes the folder, which must exist, if nobody has it. A lock or socket left by a killed process is no owner.
    ///
    /// Waits at most 100 ms, for a process that is just looking or just starting.
    ///
    /// # Errors
    /// When the lock file cannot be opened, locked or written.
    pub fn claim(folder: &Path) -> Result<Claim, OwnershipError> {
        let out_of_reach = |error| OwnershipError::Folder { folder: folder.to_owned(), error };
        let folder = &fs::canonicalize(folder).map_err(out_of_reach)?;
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK_NAME))
            .map_err(out_of_reach)?;
        let mut holder = None;
        for _ in 0..TRIES {
            if try_lock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(out_of_reach)? {
                return Self::begin(folder, lock).map(Claim::Granted).map_err(out_of_reach);
            }
            holder = lock_file::read(&lock).map_err(out_of_reach)?;
            if holder.as_ref().is_some_and(|owner| owner.socket.is_some()) {
                break;
            }
            thread::sleep(BETWEEN_TRIES);
        }
        // A holder that has not even written its name yet has no way in either.
        Ok(Claim::HeldBy(holder.unwrap_or(Owner { pid: 0, url: None, socket: None })))
    }

    /// Opens the private socket and makes it known. Called once, inside a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(&mut self) -> Result<UnixListener, OwnershipError> {
        let path = socket::place(&self.folder)
            .map_err(|error| OwnershipError::Folder { folder: self.folder.clone(), error })?;
        let listener =
            socket::bind(&path).map_err(|error| OwnershipError::Socket { socket: path.clone(), error })?;
        self.owner.socket = Some(path);
        self.record()?;
        Ok(listener)
    }

    /// Makes the address known at which the owner answers HTTP.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), OwnershipError> {
        self.owner.url = Some(url.to_owned());
        self.record()
    }

    /// What others learn about this process.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    fn begin(folder: &Path, lock: File) -> io::Result<Self> {
        if let Some(stale) = lock_file::read(&lock)?.and_then(|owner| owner.socket) {
            socket::remove(folder, &stale);
        }
        let owner = Owner { pid: std::process::id(), url: None, socket: None };
        lock_file::write(&lock, &owner)?;
        Ok(Self { folder: folder.to_owned(), lock, owner })
    }

    fn record(&self) -> Result<(), OwnershipError> {
        lock_file::write(&self.lock, &self.owner)
            .map_err(|error| OwnershipError::Folder { folder: self.folder.clone(), error })
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if let Some(path) = &self.owner.socket {
            socket::remove(&self.folder, path);
        }
        // Closing the file gives the lock back; an empty record says that the end was orderly.
        let _ = self.lock.set_len(0);
    }
}

/// Makes the folder, and its parents, for the eyes of this user alone.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn create_data_folder(folder: &Path) -> Result<(), OwnershipError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| OwnershipError::Folder { folder: folder.to_owned(), error })
}

/// The process that owns the folder now, if there is one. Takes nothing and creates nothing.
///
/// # Errors
/// When the lock file is there but out of reach.
pub fn running_owner(folder: &Path) -> Result<Option<Owner>, OwnershipError> {
    let out_of_reach = |error| OwnershipError::Folder { folder: folder.to_owned(), error };
    let lock = match File::open(folder.join(LOCK_NAME)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(out_of_reach(error)),
    };
    for _ in 0..TRIES {
        if try_lock(&lock, FlockOperation::NonBlockingLockShared).map_err(out_of_reach)? {
            return Ok(None);
        }
        if let Some(owner) = lock_file::read(&lock).map_err(out_of_reach)? {
            return Ok(Some(owner));
        }
        thread::sleep(BETWEEN_TRIES);
    }
    Ok(None)
}

/// Whether the lock was to be had.
fn try_lock(lock: &File, operation: FlockOperation) -> io::Result<bool> {
    loop {
        return match flock(lock, operation) {
            Ok(()) => Ok(true),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("engram-own-{}", stdx::random::token(10))).join(name);
            create_data_folder(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn granted(folder: &Folder) -> Ownership {
        match Ownership::claim(&folder.0).unwrap() {
            Claim::Granted(ownership) => ownership,
            Claim::HeldBy(owner) => panic!("held by {owner:?}"),
        }
    }

    #[tokio::test]
    async fn a_second_claim_learns_who_the_owner_is() {
        let folder = Folder::new("data");
        assert_eq!(running_owner(&folder.0).unwrap(), None);
        let mut ownership = granted(&folder);
        let _listener = ownership.listen().unwrap();
        ownership.announce("http://127.0.0.1:8080").unwrap();
        let Claim::HeldBy(owner) = Ownership::claim(&folder.0).unwrap() else { panic!("two owners") };
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(owner.url.as_deref(), Some("http://127.0.0.1:8080"));
        assert!(owner.socket.as_ref().unwrap().exists());
        assert_eq!(running_owner(&folder.0).unwrap(), Some(owner));

        drop(ownership);
        assert_eq!(running_owner(&folder.0).unwrap(), None);
        granted(&folder);
    }

    #[tokio::test]
    async fn what_a_killed_owner_left_behind_is_taken_over() {
        for name in ["short", &"long/".repeat(30)] {
            let folder = Folder::new(name);
            let mut killed = granted(&folder);
            let listener = killed.listen().unwrap();
            let socket = killed.owner().socket.clone().unwrap();
            // What SIGKILL does: the descriptors close, the files stay.
            drop(listener);
            flock(&killed.lock, FlockOperation::Unlock).unwrap();
            std::mem::forget(killed);

            let mut heir = granted(&folder);
            assert!(!socket.exists(), "{}", socket.display());
            let _listener = heir.listen().unwrap();
            tokio::net::UnixStream::connect(heir.owner().socket.as_ref().unwrap()).await.unwrap();
        }
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let error = create_data_folder(Path::new("/proc/engram")).unwrap_err().to_string();
        assert!(error.contains("/proc/engram") && error.contains("--data-dir"), "{error}");
    }
}
