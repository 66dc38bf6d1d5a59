//! Whether the data folder is there, ours alone, and takes a write.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::app::App;

/// What nobody but the owner may do with the data folder.
const OTHERS: u32 = 0o077;
/// Written, synced and removed again.
const PROBE: &str = ".check";

pub(super) async fn look(app: &App) -> Finding {
    let folder = app.config.service.data_dir.clone();
    let looked = tokio::task::spawn_blocking(move || look_at(&folder)).await;
    looked.unwrap_or_else(|panic| Finding::Fail(panic.to_string()))
}

fn look_at(folder: &Path) -> Finding {
    let shown = folder.display();
    for path in [folder.to_owned(), folder.join("tenants")] {
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) => {
                return Finding::Fail(format!(
                    "{} cannot be entered: {error}; is it mounted?",
                    path.display()
                ));
            }
        };
        let own = rustix::process::geteuid().as_raw();
        if found.uid() != own && own != 0 {
            let owner = found.uid();
            return Finding::Fail(format!("{} belongs to user {owner}, not to {own}", path.display()));
        }
        if found.mode() & OTHERS != 0 {
            let mode = found.mode() & 0o777;
            return Finding::Warn(format!(
                "others may enter {} (mode {mode:o}); it should be 700",
                path.display()
            ));
        }
    }
    match write_and_remove(folder) {
        Ok(()) => Finding::Ok(format!("{shown} is there, private, and takes a write")),
        Err(error) => Finding::Fail(format!("{shown} takes no write: {error}")),
    }
}

fn write_and_remove(folder: &Path) -> io::Result<()> {
    let probe = folder.join(PROBE);
    let written = File::create(&probe).and_then(|mut file| {
        file.write_all(b"engram")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&probe);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_is_gone_or_open_to_others_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(look_at(folder.path()), Finding::Fail(why) if why.contains("mounted")));
        for path in [folder.path().to_owned(), folder.path().join("tenants")] {
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert!(matches!(look_at(folder.path()), Finding::Ok(_)));
        assert!(!folder.path().join(PROBE).exists());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(look_at(folder.path()), Finding::Warn(why) if why.contains("755")));
    }
}
