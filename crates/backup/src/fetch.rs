//! A backup on its way back: its manifest is proven, then every byte of the object, then every byte of the file.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::name::{Kind, Place};
use crate::sealed::{Measured, Opener};
use crate::ship::Scratch;
use crate::{BackupError, DataKey, OnProgress, Subject, Vault};

/// The manifest of a backup whose object lies at `object`, proven to be the one that `subject`'s key signed.
///
/// # Errors
/// [`BackupError::Missing`], [`BackupError::Damaged`], [`BackupError::NewerFormat`], [`BackupError::Vault`].
pub async fn fetch_manifest(
    vault: &Vault,
    key: &DataKey,
    subject: &Subject,
    kind: Kind,
    object: &str,
) -> Result<Manifest, BackupError> {
    let stem = object.strip_suffix(kind.extension());
    let stem = stem.ok_or_else(|| BackupError::damaged(object, "its name is not that of a backup"))?;
    let name = format!("{stem}{}", crate::name::MANIFEST);
    let bytes = vault.get(&name, MANIFEST_BYTES_MAX).await?;
    let manifest = Manifest::from_bytes(&name, &bytes, Some(key))?;
    if manifest.subject != *subject {
        return Err(BackupError::damaged(name, format!("it is of {}, not of {subject}", manifest.subject)));
    }
    let place = Place::of(kind, subject, manifest.ts_ms, manifest.facts.schema_version);
    if manifest.object != place.object || place.manifest != name || manifest.kind != kind {
        return Err(BackupError::damaged(name, "it describes another object"));
    }
    Ok(manifest)
}

/// A backup's encrypted form, as it came from the vault. Its file is removed with it.
pub struct Fetched {
    sealed: Scratch,
    manifest: Manifest,
}

/// Reads the file that `manifest` describes into `into`, which must not be there, and makes it durable. Beside it lies the
/// encrypted form (`<into>.sealed`) as long as the answer is kept, and meanwhile the file as far as it is (`<into>.part`); its
/// name it gets when all of it is proven.
///
/// # Errors
/// [`BackupError`]; there is nothing at `into` then.
pub async fn fetch(
    vault: &Vault,
    key: &DataKey,
    manifest: &Manifest,
    into: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Fetched, BackupError> {
    let fetched = Fetched { sealed: Scratch::beside(into, "sealed"), manifest: manifest.clone() };
    vault.get_file(&manifest.object, &fetched.sealed.0, manifest.stored_bytes, on_progress).await?;
    let (to, cipher) = (into.to_owned(), key.for_file(manifest.id.as_str())?);
    let opening = tokio::task::spawn_blocking(move || {
        let part = Scratch::beside(&to, "part");
        open(&fetched.sealed.0, &part.0, cipher, &fetched.manifest)?;
        give_its_name(&part.0, &to).map_err(|error| BackupError::disk(&to, &error))?;
        Ok(fetched)
    });
    opening.await.map_err(|panic| BackupError::Defect(panic.to_string()))?
}

impl Fetched {
    /// What describes it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Changes one bit of it, and tells whether it is refused then, as it must be.
    ///
    /// # Errors
    /// [`BackupError`] when it cannot be read at all.
    pub async fn refuses_damage(self, key: &DataKey) -> Result<bool, BackupError> {
        let Self { sealed, manifest } = self;
        let cipher = key.for_file(manifest.id.as_str())?;
        let trying = tokio::task::spawn_blocking(move || {
            let disk = |error: io::Error| BackupError::disk(&sealed.0, &error);
            let file = OpenOptions::new().read(true).write(true).open(&sealed.0).map_err(disk)?;
            let at = u64::from_le_bytes(stdx::random::bytes()) % manifest.stored_bytes.max(1);
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).map_err(disk)?;
            file.write_all_at(&[byte[0] ^ 1], at).map_err(disk)?;
            let opened = Scratch::beside(&sealed.0, "opened");
            match open(&sealed.0, &opened.0, cipher, &manifest) {
                Err(BackupError::Damaged { .. }) => Ok(true),
                Err(error) => Err(error),
                Ok(()) => Ok(false),
            }
        });
        trying.await.map_err(|panic| BackupError::Defect(panic.to_string()))?
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetched({})", self.manifest.object)
    }
}

fn open(
    from: &Path,
    to: &Path,
    cipher: aws_lc_rs::aead::LessSafeKey,
    manifest: &Manifest,
) -> Result<(), BackupError> {
    let damaged = |why: String| BackupError::damaged(&manifest.object, why);
    let writing = |error: io::Error| BackupError::disk(to, &error);
    let reading = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => {
            damaged(error.to_string())
        }
        _ => BackupError::disk(from, &error),
    };
    let source = File::open(from).map_err(|error| BackupError::disk(from, &error))?;
    let stored = Measured::new(BufReader::new(source));
    let opener = Opener::new(stored, cipher, &manifest.subject, &manifest.id).map_err(reading)?;
    let mut decoder = zstd::Decoder::new(opener).map_err(reading)?;
    let target =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to).map_err(writing)?;
    let mut target = Measured::new(target);
    let mut buffer = vec![0; 256 * 1024];
    let mut plain = 0;
    loop {
        let read = decoder.read(&mut buffer).map_err(reading)?;
        if read == 0 {
            break;
        }
        plain += read as u64;
        if plain > manifest.plain_bytes {
            return Err(damaged(format!("it unpacks to more than {} bytes", manifest.plain_bytes)));
        }
        target.write_all(&buffer[..read]).map_err(writing)?;
    }
    // What stands behind the compressed stream must be nothing, or the object is not what was sealed.
    let mut opener = decoder.finish();
    if opener.read(&mut buffer).map_err(reading)? > 0 {
        return Err(damaged("there is more behind its end".into()));
    }
    let (_, stored_bytes, stored_sha256) = opener.into_inner().into_inner().finish();
    if (stored_bytes, &stored_sha256) != (manifest.stored_bytes, &manifest.stored_sha256) {
        return Err(damaged("the object is not the one that the manifest describes".into()));
    }
    let (target, plain_bytes, plain_sha256) = target.finish();
    if (plain_bytes, &plain_sha256) != (manifest.plain_bytes, &manifest.plain_sha256) {
        return Err(damaged("the file is not the one that the manifest describes".into()));
    }
    target.sync_all().map_err(writing)
}

fn give_its_name(part: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(part, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    stdx::atomic_file::sync_folder(folder)
}
