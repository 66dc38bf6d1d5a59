//! A file on its way into the vault: compress, encrypt, put the object, then the manifest. A crash in between leaves
//! litter, and never something that looks like a backup.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::manifest::{Facts, Manifest, Reason};
use crate::name::{Kind, Place};
use crate::sealed::{Measured, Sealer};
use crate::{BackupError, BackupId, DataKey, OnProgress, Subject, Vault};

/// zstd's own default: more halves the speed and saves a few percent of a file of text.
const COMPRESSION_LEVEL: i32 = 3;

/// What a file is, besides its bytes.
#[derive(Debug, Clone)]
pub struct Description {
    /// Which backup this becomes.
    pub id: BackupId,
    /// Whose.
    pub subject: Subject,
    /// What kind of file.
    pub kind: Kind,
    /// The moment it shows, in milliseconds since 1970.
    pub ts_ms: i64,
    /// Why it is made.
    pub reason: Reason,
    /// What is in it.
    pub facts: Facts,
    /// Version of this program.
    pub made_by: String,
}

/// Puts `file` into the vault. The encrypted form lies beside it meanwhile (`<file>.sealed`).
///
/// # Errors
/// [`BackupError`]; no backup is promised then. Another try takes another id and moment: under these there may be litter.
pub async fn ship(
    vault: &Vault,
    key: &DataKey,
    file: &Path,
    description: Description,
    on_progress: OnProgress<'_>,
) -> Result<Manifest, BackupError> {
    let Description { id, subject, kind, ts_ms, reason, facts, made_by } = description;
    let sealed = Scratch::beside(file, "sealed");
    let (from, to, cipher) = (file.to_owned(), sealed.0.clone(), key.for_file(id.as_str())?);
    let (named, owner) = (id.clone(), subject.clone());
    let sealing = tokio::task::spawn_blocking(move || seal(&from, &to, cipher, &owner, &named));
    let sizes = sealing.await.map_err(|panic| BackupError::Defect(panic.to_string()))??;

    let place = Place::of(kind, &subject, ts_ms, facts.schema_version);
    let manifest = Manifest {
        format: Manifest::FORMAT,
        id,
        subject,
        kind,
        ts_ms,
        reason,
        made_by,
        object: place.object.clone(),
        stored_bytes: sizes.stored_bytes,
        stored_sha256: sizes.stored_sha256,
        plain_bytes: sizes.plain_bytes,
        plain_sha256: sizes.plain_sha256,
        facts,
    };
    let content = (manifest.stored_bytes, manifest.stored_sha256.as_str());
    vault.put_file(&place.object, &sealed.0, content, on_progress).await?;
    vault.put_new(&place.manifest, &manifest.to_bytes(key)?).await?;
    Ok(manifest)
}

struct Sizes {
    plain_bytes: u64,
    plain_sha256: String,
    stored_bytes: u64,
    stored_sha256: String,
}

fn seal(
    from: &Path,
    to: &Path,
    cipher: aws_lc_rs::aead::LessSafeKey,
    subject: &Subject,
    id: &BackupId,
) -> Result<Sizes, BackupError> {
    let reading = |error: io::Error| BackupError::disk(from, &error);
    let writing = |error: io::Error| BackupError::disk(to, &error);
    let source = File::open(from).map_err(reading)?;
    let mut source = Measured::new(BufReader::new(source));
    let target =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to).map_err(writing)?;
    let target = Measured::new(BufWriter::new(target));
    let sealer = Sealer::new(target, cipher, subject, id).map_err(writing)?;
    let mut encoder = zstd::Encoder::new(sealer, COMPRESSION_LEVEL).map_err(writing)?;
    encoder.include_checksum(true).map_err(writing)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = source.read(&mut buffer).map_err(reading)?;
        if read == 0 {
            break;
        }
        encoder.write_all(&buffer[..read]).map_err(writing)?;
    }
    let target = encoder.finish().and_then(Sealer::finish).map_err(writing)?;
    let (_, plain_bytes, plain_sha256) = source.finish();
    let (_, stored_bytes, stored_sha256) = target.finish();
    Ok(Sizes { plain_bytes, plain_sha256, stored_bytes, stored_sha256 })
}

/// A file that is removed whatever happens.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn beside(file: &Path, ending: &str) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        Self(name.into())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
