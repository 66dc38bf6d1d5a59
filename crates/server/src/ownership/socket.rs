//! Where the private socket lies: in the data folder, or in a private folder of short name when that path is
//! too long for a socket.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Name of the socket in the data folder.
const SOCKET_NAME: &str = "engram.sock";
/// Longest path of a socket: `sun_path` is 108 bytes on Linux, 104 on macOS and BSD, one of them the final NUL.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The path to listen on.
pub(super) fn place(data_folder: &Path) -> io::Result<PathBuf> {
    let preferred = data_folder.join(SOCKET_NAME);
    if fits(&preferred) {
        return Ok(preferred);
    }
    let name = format!("{}.sock", stdx::random::token(12));
    let temporary = std::env::temp_dir();
    let private = private_folder(&temporary);
    let private = if fits(&private.join(&name)) { private } else { private_folder(Path::new("/tmp")) };
    let made = DirBuilder::new().mode(0o700).create(&private);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let found = fs::symlink_metadata(&private)?;
    if !found.is_dir() || found.uid() != own_user() || found.mode() & 0o077 != 0 {
        let message = format!("{} is not a private folder of this user", private.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(private.join(name))
}

/// Listens at `path`, for this user alone. Whatever socket lies there is one of a dead owner.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path)
        && found.file_type().is_socket()
    {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes a socket of ours; anything else that a damaged record names is left alone.
pub(super) fn remove(data_folder: &Path, path: &Path) {
    let ours = path == data_folder.join(SOCKET_NAME)
        || path.parent().is_some_and(|parent| {
            parent == private_folder(&std::env::temp_dir()) || parent == private_folder(Path::new("/tmp"))
        });
    if ours && fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        let _ = fs::remove_file(path);
    }
}

/// The user this process acts as.
pub(super) fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn private_folder(parent: &Path) -> PathBuf {
    parent.join(format!("engram-{}", own_user()))
}

fn fits(path: &Path) -> bool {
    path.as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES_MAX
}
