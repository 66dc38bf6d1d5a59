//! One owner per data folder: a lock that names the process which owns the folder, and a private socket through
//! which every other process of the same user reaches it.
//!
//! The lock is an `flock` on `engram.lock`, so the kernel gives it back however the owner ends; what the file
//! says is only believed while somebody holds the lock. The socket proves the caller by file permission and by
//! the user id of the other end: whoever gets through it has the rights of an operator.

mod claim;
mod local_door;
mod lock_file;
mod socket;

pub use claim::{Claim, Ownership, OwnershipError, create_data_folder, running_owner};
pub use local_door::serve_local;
pub use lock_file::Owner;
