//! Where backups lie: a folder, or a bucket of an S3 server. Nothing in it is ever overwritten, except that a subject's
//! wrapped key may be put again.

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig,
};
use stdx::backoff::Backoff;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{BackupError, OnProgress};

/// Larger files go up in parts of this size; R2 wants all parts but the last to be equal.
const PART_BYTES: usize = 16 * 1024 * 1024;
/// Parts on their way at once: with the one that is being read, what an upload holds in memory.
const PARTS_AT_ONCE: usize = 3;
/// Tries of one request, the first included.
const TRIES_MAX: u32 = 5;
/// The longest of the waits between them.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Tries that the client makes by itself within one of ours, for parts of uploads above all; its own default of ten in
/// three minutes would make a vault that is gone known after a quarter of an hour.
const CLIENT_RETRIES_MAX: usize = 2;
/// A server that says nothing for this long is taken for gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where the vault is and who may use it.
#[derive(Clone, Default)]
pub struct VaultOptions {
    /// `file:///path` or `s3://bucket/prefix`.
    pub url: String,
    /// The S3 server's URL; Amazon's when `None`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Who signs; without one, requests are signed by what the machine's own identity gives.
    pub access_key_id: Option<String>,
    /// With what.
    pub secret_access_key: Option<String>,
}

/// Where backups lie. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
    shown: Arc<str>,
}

impl fmt::Debug for VaultOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = f.debug_struct("VaultOptions");
        options.field("url", &self.url).field("endpoint", &self.endpoint).field("region", &self.region);
        options.field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified_ms: i64,
}

impl Vault {
    /// The vault that `options` lead to; a folder is made if it is not there. No request is made yet.
    ///
    /// # Errors
    /// [`BackupError::NoVault`].
    pub fn open(options: &VaultOptions) -> Result<Self, BackupError> {
        let none = |why: String| BackupError::NoVault { url: options.url.clone(), why };
        if let Some(path) = options.url.strip_prefix("file://") {
            let folder = FilePath::new(path);
            if !folder.is_absolute() {
                return Err(none("a folder is named by file:///path".into()));
            }
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| none(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| none(error.to_string()))?;
            return Ok(Self::over(
                Arc::new(store.with_fsync(true).with_automatic_cleanup(true)),
                &options.url,
            ));
        }
        let Some(place) = options.url.strip_prefix("s3://") else {
            return Err(none("it must be file:///path or s3://bucket/prefix".into()));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(none("it names no bucket".into()));
        }
        let client = ClientOptions::new().with_timeout(SILENCE_MAX * 4).with_connect_timeout(SILENCE_MAX);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&options.region)
            .with_virtual_hosted_style_request(false)
            .with_client_options(client)
            .with_retry(RetryConfig {
                max_retries: CLIENT_RETRIES_MAX,
                retry_timeout: SILENCE_MAX,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(id), Some(secret)) = (&options.access_key_id, &options.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|error| none(error.to_string()))?;
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() {
            return Ok(Self::over(Arc::new(store), &options.url));
        }
        Ok(Self::over(Arc::new(PrefixStore::new(store, prefix)), &options.url))
    }

    /// A vault over any store; for tests, and for faults.
    pub fn over(store: Arc<dyn ObjectStore>, shown: &str) -> Self {
        Self { store, shown: shown.into() }
    }

    /// Where it is, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes, reads and removes a small object, so that a wrong setting is found before the first backup, and so is a
    /// server that overwrites what it was asked not to.
    ///
    /// # Errors
    /// [`BackupError::Vault`].
    pub async fn probe(&self) -> Result<(), BackupError> {
        let key = format!("probe/{}", stdx::random::token(16).to_ascii_lowercase());
        self.put_new(&key, b"engram").await?;
        let again = self.put_new(&key, b"another").await;
        let read = self.get(&key, 64).await;
        self.remove(&key).await?;
        match (again, read?.as_slice()) {
            (Err(BackupError::Taken { .. }), b"engram") => Ok(()),
            (Ok(()), _) => {
                Err(self.odd("it overwrites an object that it was asked to leave alone (If-None-Match)"))
            }
            (Err(BackupError::Taken { .. }), _) => Err(self.odd("what was written is not what is read")),
            (Err(error), _) => Err(error),
        }
    }

    /// Puts a small object that must not be there yet. One that is there with the same bytes is ours: its answer got lost.
    pub(crate) async fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BackupError> {
        self.put_payload(key, PutPayload::from(bytes.to_vec())).await
    }

    async fn put_payload(&self, key: &str, payload: PutPayload) -> Result<(), BackupError> {
        let put = || {
            let payload = payload.clone();
            async move {
                let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
                self.store.put_opts(&path(key)?, payload, options).await.map(drop)
            }
        };
        match self.retried(put).await {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                match self.get(key, payload.content_length() as u64).await {
                    Ok(there) if there.iter().eq(payload.iter().flatten()) => Ok(()),
                    Ok(_) | Err(BackupError::Damaged { .. } | BackupError::Missing { .. }) => {
                        Err(BackupError::Taken { key: key.to_owned() })
                    }
                    Err(error) => Err(error),
                }
            }
            done => done.map_err(|error| self.unusable(key, &error)),
        }
    }

    /// Puts a small object, in the place of what is there.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let put =
            || async move { self.store.put(&path(key)?, PutPayload::from(bytes.to_vec())).await.map(drop) };
        self.retried(put).await.map_err(|error| self.unusable(key, &error))
    }

    /// Puts a file that must not be there yet; `sha256` is the hash of its `bytes` bytes.
    pub(crate) async fn put_file(
        &self,
        key: &str,
        file: &FilePath,
        (bytes, sha256): (u64, &str),
        on_progress: OnProgress<'_>,
    ) -> Result<(), BackupError> {
        if bytes <= PART_BYTES as u64 {
            let all = tokio::fs::read(file).await.map_err(|error| BackupError::disk(file, &error))?;
            self.put_payload(key, PutPayload::from(all)).await?;
            on_progress(bytes, bytes);
            return Ok(());
        }
        // An upload in parts knows no condition that every server honours. A small object can be put on condition:
        // whoever made it owns the name, and the upload takes its place.
        let claim = format!("claimed for {sha256}");
        self.put_new(key, claim.as_bytes()).await?;
        let mut backoff = backoff();
        loop {
            match self.upload(key, file, bytes, on_progress).await {
                Err(Failed::Remote(error)) => {
                    // The end of an upload may have lost its answer alone.
                    if let Ok(there) =
                        self.store.head(&path(key).map_err(|error| self.unusable(key, &error))?).await
                        && there.size == bytes
                    {
                        return Ok(());
                    }
                    if backoff.attempts() + 1 >= TRIES_MAX {
                        return Err(self.unusable(key, &error));
                    }
                    tracing::warn!(vault = %self.shown, key, %error, "an upload broke off and starts again");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(Failed::Disk(error)) => return Err(BackupError::disk(file, &error)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// One try of an upload in equal parts; one that fails is taken back.
    async fn upload(
        &self,
        key: &str,
        file: &FilePath,
        bytes: u64,
        on_progress: OnProgress<'_>,
    ) -> Result<(), Failed> {
        let mut upload = self.store.put_multipart(&path(key)?).await?;
        let sent = send_parts(upload.as_mut(), file, bytes, on_progress).await;
        if sent.is_err() {
            let _ = upload.abort().await;
        }
        sent
    }

    /// A small object.
    pub(crate) async fn get(&self, key: &str, bytes_max: u64) -> Result<Vec<u8>, BackupError> {
        let get = || async move {
            let found = self.store.get(&path(key)?).await?;
            if found.meta.size > bytes_max {
                return Ok(None);
            }
            found.bytes().await.map(|bytes| Some(bytes.to_vec()))
        };
        let found = self.retried(get).await.map_err(|error| self.failed(key, error))?;
        found.ok_or_else(|| BackupError::damaged(key, "it is larger than it can be"))
    }

    /// Reads an object into a file of at most `bytes` bytes. A connection that breaks is taken up where it broke.
    pub(crate) async fn get_file(
        &self,
        key: &str,
        into: &FilePath,
        bytes: u64,
        on_progress: OnProgress<'_>,
    ) -> Result<(), BackupError> {
        let disk = |error| BackupError::disk(into, &error);
        let there = self.retried(|| async move { self.store.head(&path(key)?).await }).await;
        let there = there.map_err(|error| self.failed(key, error))?;
        if there.size != bytes {
            return Err(BackupError::damaged(key, format!("it has {} bytes instead of {bytes}", there.size)));
        }
        let mut file = File::create(into).await.map_err(disk)?;
        let (mut done, mut backoff) = (0, backoff());
        while done < bytes {
            let begun_at = done;
            match self.read_on(key, &mut file, into, &mut done, bytes, on_progress).await {
                Ok(()) if done == begun_at => return Err(BackupError::damaged(key, "it is cut off")),
                Ok(()) => {}
                Err(BackupError::Vault { why, .. }) if backoff.attempts() + 1 < TRIES_MAX => {
                    if done > begun_at {
                        backoff.reset();
                    }
                    tracing::warn!(vault = %self.shown, key, why, done, "a download broke off and goes on");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(error) => return Err(error),
            }
        }
        file.flush().await.map_err(disk)
    }

    async fn read_on(
        &self,
        key: &str,
        file: &mut File,
        into: &FilePath,
        done: &mut u64,
        bytes: u64,
        on_progress: OnProgress<'_>,
    ) -> Result<(), BackupError> {
        let failed = |error| self.failed(key, error);
        let range = object_store::GetRange::Bounded(*done..bytes);
        let options = object_store::GetOptions { range: Some(range), ..Default::default() };
        let found = self.store.get_opts(&path(key).map_err(failed)?, options).await.map_err(failed)?;
        let mut stream = found.into_stream();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(failed)?;
            let wanted = piece.len().min(usize::try_from(bytes - *done).unwrap_or(usize::MAX));
            file.write_all(&piece[..wanted]).await.map_err(|error| BackupError::disk(into, &error))?;
            *done += wanted as u64;
            on_progress(*done, bytes);
        }
        Ok(())
    }

    /// Every object whose name begins with the folder `under`.
    pub(crate) async fn list(&self, under: &str) -> Result<Vec<Object>, BackupError> {
        let folder = path(under).map_err(|error| self.unusable(under, &error))?;
        let folder = &folder;
        let list = || async move { self.store.list(Some(folder)).try_collect::<Vec<_>>().await };
        let found = self.retried(list).await.map_err(|error| self.unusable(under, &error))?;
        let object = |meta: object_store::ObjectMeta| Object {
            key: meta.location.to_string(),
            bytes: meta.size,
            modified_ms: meta.last_modified.timestamp_millis(),
        };
        Ok(found.into_iter().map(object).collect())
    }

    /// Names of the folders directly in `under`.
    pub(crate) async fn folders(&self, under: &str) -> Result<Vec<String>, BackupError> {
        let folder = path(under).map_err(|error| self.unusable(under, &error))?;
        let folder = &folder;
        let list = || async move { self.store.list_with_delimiter(Some(folder)).await };
        let found = self.retried(list).await.map_err(|error| self.unusable(under, &error))?;
        Ok(found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Removes an object; one that is not there is removed already.
    pub(crate) async fn remove(&self, key: &str) -> Result<(), BackupError> {
        match self.retried(|| async move { self.store.delete(&path(key)?).await }).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(key, error)),
        }
    }

    /// Tries again what may work later: anything but a clear answer.
    async fn retried<T, F>(&self, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut backoff = backoff();
        loop {
            match request().await {
                Err(Error::Generic { source, .. }) if backoff.attempts() + 1 < TRIES_MAX => {
                    tracing::debug!(vault = %self.shown, %source, "a request to the vault is tried again");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                answered => return answered,
            }
        }
    }

    fn failed(&self, key: &str, error: Error) -> BackupError {
        match error {
            Error::NotFound { .. } => BackupError::Missing { key: key.to_owned() },
            Error::AlreadyExists { .. } => BackupError::Taken { key: key.to_owned() },
            other => self.unusable(key, &other),
        }
    }

    /// Where nothing is looked for, "not found" speaks of the bucket.
    fn unusable(&self, key: &str, error: &Error) -> BackupError {
        self.odd(&format!("{key}: {error}"))
    }

    fn odd(&self, why: &str) -> BackupError {
        BackupError::Vault { vault: self.shown.to_string(), why: why.to_owned() }
    }
}

/// Why an upload broke off.
enum Failed {
    Disk(io::Error),
    Remote(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Remote(error)
    }
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    path: &FilePath,
    bytes: u64,
    on_progress: OnProgress<'_>,
) -> Result<(), Failed> {
    let mut file = File::open(path).await.map_err(Failed::Disk)?;
    let mut on_their_way = FuturesUnordered::new();
    let mut done = 0;
    loop {
        let mut part = Vec::with_capacity(PART_BYTES);
        (&mut file).take(PART_BYTES as u64).read_to_end(&mut part).await.map_err(Failed::Disk)?;
        if part.is_empty() {
            break;
        }
        let size = part.len() as u64;
        let sending = upload.put_part(PutPayload::from(part));
        on_their_way.push(async move { sending.await.map(|()| size) });
        if on_their_way.len() >= PARTS_AT_ONCE
            && let Some(sent) = on_their_way.next().await
        {
            done += sent?;
            on_progress(done, bytes);
        }
    }
    while let Some(sent) = on_their_way.next().await {
        done += sent?;
        on_progress(done, bytes);
    }
    upload.complete().await?;
    Ok(())
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(100), WAIT_MAX)
}

fn path(key: &str) -> Result<Path, Error> {
    Ok(Path::parse(key)?)
}
