//! Brings a model's folder from a hub such as huggingface.co, once: checked, then put in place whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Proxy, Response, StatusCode, Url, header, redirect};
use sha2::{Digest, Sha256};
use stdx::hex;
use thiserror::Error;

use crate::config::ApiKey;

/// Where models are, unless a mirror is named.
pub const HUB_URL: &str = "https://huggingface.co";

/// The files of a model's folder that are read, and whether it can be used without each.
const FILES: &[(&str, Need)] = &[
    ("config.json", Need::Always),
    ("modules.json", Need::IfThere),
    ("1_Pooling/config.json", Need::IfThere),
    ("sentence_bert_config.json", Need::IfThere),
    ("config_sentence_transformers.json", Need::IfThere),
    ("tokenizer_config.json", Need::IfThere),
    ("tokenizer.json", Need::IfThere),
    ("vocab.txt", Need::IfThere),
    ("model.safetensors", Need::Always),
];

/// From the hub to where the bytes are it is one; a loop is longer.
const REDIRECTS_MAX: usize = 5;

/// Larger than any encoder that a CPU should run, and no more than a disk may lose to a mistake.
const FILE_BYTES_MAX: u64 = 8 << 30;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of a file; a slow line may take its time, a dead one may not.
const SILENCE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    IfThere,
}

/// A model on a hub and the folder where it is kept.
#[derive(Debug, Clone)]
pub struct HubModel {
    /// Such as `sentence-transformers/all-MiniLM-L6-v2`.
    pub name: String,
    /// A branch, a tag or a commit; a commit is the only one that never changes.
    pub revision: String,
    /// The hub, such as [`HUB_URL`].
    pub url: String,
    /// Under it each model has a folder.
    pub cache: PathBuf,
    /// Sent to the hub, and to nobody it points to.
    pub token: Option<ApiKey>,
    /// An HTTP proxy's URL; none is used when `None`, whatever the environment says.
    pub proxy: Option<String>,
}

/// Why a model could not be brought; what to do stands in each.
#[derive(Debug, Error)]
pub enum HubError {
    /// A name, a revision or a URL that cannot be.
    #[error("{what} {problem}")]
    Setting {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The hub did not answer, or broke off.
    #[error(
        "cannot bring {file} from {url}: {problem}; without a network, copy the model's folder here and give its path"
    )]
    Unreachable {
        /// Which file.
        file: String,
        /// From where.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The hub says no.
    #[error("the hub answers HTTP {status} to {url}: {hint}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// For what.
        url: String,
        /// What to do.
        hint: &'static str,
    },
    /// What came is not what the hub had announced.
    #[error(
        "{file} came damaged ({problem}): start again; if it stays so, copy the model's folder here and give its path"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// How that is known.
        problem: String,
    },
    /// The cache cannot be written.
    #[error("cannot write {path}: {error}", path = path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl HubModel {
    /// Whether `text` is a hub name: `org/name`, and no path of a folder.
    pub fn is_name(text: &str) -> bool {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        text.split_once('/').is_some_and(|(org, name)| is_part(org) && is_part(name))
    }

    /// Where the model lies once it was brought.
    pub fn folder(&self) -> PathBuf {
        let plain = |text: &str| text.replace('/', "--");
        self.cache.join(plain(&self.name)).join(plain(&self.revision))
    }

    /// Brings the model unless its folder is there. The folder appears whole or not at all: a start that is cut off
    /// begins again.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn fetch(&self) -> Result<(), HubError> {
        let folder = self.folder();
        if folder.is_dir() {
            return Ok(());
        }
        let hub = Hub::of(self)?;
        let parent = folder.parent().unwrap_or(&self.cache);
        fs::create_dir_all(parent).map_err(|error| disk(parent, error))?;
        let part = parent.join(format!(".part-{}", stdx::random::token(8)));
        let outcome = match hub.bring(&part).await {
            Ok(()) => put_in_place(&part, &folder),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            let _ = fs::remove_dir_all(&part);
        }
        outcome
    }
}

/// Another process may have been quicker; its folder is as good.
fn put_in_place(part: &Path, folder: &Path) -> Result<(), HubError> {
    match fs::rename(part, folder) {
        Err(_) if folder.is_dir() => fs::remove_dir_all(part).map_err(|error| disk(part, error)),
        Err(error) => Err(disk(folder, error)),
        Ok(()) => {
            let parent = folder.parent().unwrap_or(folder);
            stdx::atomic_file::sync_folder(parent).map_err(|error| disk(parent, error))
        }
    }
}

struct Hub<'a> {
    client: Client,
    base: Url,
    model: &'a HubModel,
}

/// What the hub announced of a file before any redirect, and the answer that carries it.
struct Found {
    response: Response,
    commit: Option<String>,
    sha256: Option<String>,
    bytes: Option<u64>,
}

impl<'a> Hub<'a> {
    fn of(model: &'a HubModel) -> Result<Self, HubError> {
        let refuse = |what, problem: &str| HubError::Setting { what, problem: problem.to_owned() };
        if !HubModel::is_name(&model.name) {
            return Err(refuse("embedding.model", "is no hub name (org/name)"));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if model.revision.is_empty() || model.revision.contains("..") || !model.revision.chars().all(is_plain)
        {
            return Err(refuse("embedding.revision", "is no branch, tag or commit"));
        }
        let base = Url::parse(model.url.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| refuse("embedding.hub_url", "is no http:// or https:// URL"))?;
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_MAX)
            // Followed by hand: the hash is in the hub's own answer, and the token is for the hub alone.
            .redirect(redirect::Policy::none())
            .no_proxy();
        if let Some(proxy) = &model.proxy {
            let proxy = Proxy::all(proxy).map_err(|_| refuse("embedding.proxy", "is no URL"))?;
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|error| refuse("the HTTP client", &format!("cannot be made: {error}")))?;
        Ok(Self { client, base, model })
    }

    /// Every file into `part`, all of one edition.
    async fn bring(&self, part: &Path) -> Result<(), HubError> {
        let mut revision = self.model.revision.clone();
        for (file, need) in FILES {
            let Some(found) = self.find(file, &revision, *need).await? else { continue };
            // A branch that moves meanwhile must not mix two editions.
            if let Some(commit) = &found.commit {
                revision.clone_from(commit);
            }
            let path = part.join(file);
            let folder = path.parent().unwrap_or(part);
            fs::create_dir_all(folder).map_err(|error| disk(folder, error))?;
            tracing::info!(
                model = self.model.name,
                file,
                bytes = found.bytes,
                "bringing a file of the model"
            );
            self.write(file, found, &path).await?;
        }
        stdx::atomic_file::sync_folder(part).map_err(|error| disk(part, error))
    }

    /// The answer that carries `file`; `None` if there is none and none is needed.
    async fn find(&self, file: &str, revision: &str, need: Need) -> Result<Option<Found>, HubError> {
        let base = self.base.as_str().trim_end_matches('/');
        let text = format!("{base}/{}/resolve/{revision}/{file}", self.model.name);
        let mut url = Url::parse(&text).map_err(|error| unreachable(file, &text, &error.to_string()))?;
        let (mut commit, mut sha256, mut bytes) = (None, None, None);
        for _ in 0..=REDIRECTS_MAX {
            let response =
                self.ask(&url).await.map_err(|problem| unreachable(file, url.as_str(), &problem))?;
            commit = commit.or_else(|| word(&response, "x-repo-commit").filter(|commit| is_hex(commit)));
            let linked = word(&response, "x-linked-etag").filter(|etag| etag.len() == 64 && is_hex(etag));
            sha256 = sha256.or(linked);
            bytes = bytes.or_else(|| word(&response, "x-linked-size")?.parse().ok());
            let status = response.status();
            if status.is_redirection() {
                url = redirected(&url, &response)
                    .map_err(|problem| unreachable(file, url.as_str(), problem))?;
            } else if status.is_success() {
                bytes = bytes.or_else(|| response.content_length());
                return Ok(Some(Found { response, commit, sha256, bytes }));
            } else if status == StatusCode::NOT_FOUND && need == Need::IfThere {
                return Ok(None);
            } else {
                return Err(refused(status, &url));
            }
        }
        Err(unreachable(file, url.as_str(), "it redirects without end"))
    }

    async fn ask(&self, url: &Url) -> Result<Response, String> {
        let mut request = self.client.get(url.clone());
        if let Some(token) = self.model.token.as_ref().filter(|_| url.origin() == self.base.origin()) {
            request = request.bearer_auth(token.reveal());
        }
        request.send().await.map_err(|error| in_words(&error))
    }

    /// Writes the body to `path` and proves it against what was announced.
    async fn write(&self, file: &str, found: Found, path: &Path) -> Result<(), HubError> {
        let Found { mut response, sha256, bytes, .. } = found;
        let (mut hasher, mut written) = (Sha256::new(), 0u64);
        let mut to = File::create(path).map_err(|error| disk(path, error))?;
        loop {
            let piece = response.chunk().await;
            let piece =
                piece.map_err(|error| unreachable(file, response.url().as_str(), &in_words(&error)))?;
            let Some(piece) = piece else { break };
            written += piece.len() as u64;
            if written > bytes.unwrap_or(FILE_BYTES_MAX).min(FILE_BYTES_MAX) {
                return Err(damaged(
                    file,
                    format!("it goes on after {} bytes", written - piece.len() as u64),
                ));
            }
            hasher.update(&piece);
            to.write_all(&piece).map_err(|error| disk(path, error))?;
        }
        if let Some(bytes) = bytes.filter(|bytes| *bytes != written) {
            return Err(damaged(file, format!("{written} of {bytes} bytes")));
        }
        let digest = hex::encode(&hasher.finalize());
        if sha256.is_some_and(|sha256| sha256 != digest) {
            return Err(damaged(file, format!("its SHA-256 is {digest}")));
        }
        to.sync_all().map_err(|error| disk(path, error))
    }
}

/// The place a redirect names; never from a private line to an open one.
fn redirected(from: &Url, response: &Response) -> Result<Url, &'static str> {
    let to = word(response, header::LOCATION.as_str()).ok_or("a redirect to nowhere")?;
    let to = from.join(&to).map_err(|_| "a redirect to nowhere")?;
    match (from.scheme(), to.scheme()) {
        ("https", "https") | ("http", "http" | "https") => Ok(to),
        _ => Err("a redirect away from https"),
    }
}

/// A header's value, without the quotes of an ETag.
fn word(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn refused(status: StatusCode, url: &Url) -> HubError {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "there is no such model, or it wants a token in embedding.api_key"
        }
        StatusCode::NOT_FOUND => {
            "there is no such model, revision or file; it must hold config.json and model.safetensors"
        }
        StatusCode::TOO_MANY_REQUESTS => "it was asked too often, try later",
        _ => "try later, or name a mirror in embedding.hub_url",
    };
    HubError::Refused { status: status.as_u16(), url: without_query(url), hint }
}

/// Where redirected to, the query is a signature.
fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

fn unreachable(file: &str, url: &str, problem: &str) -> HubError {
    let url = Url::parse(url).map_or_else(|_| url.to_owned(), |url| without_query(&url));
    HubError::Unreachable { file: file.to_owned(), url, problem: problem.to_owned() }
}

fn damaged(file: &str, problem: String) -> HubError {
    HubError::Damaged { file: file.to_owned(), problem }
}

fn disk(path: &Path, error: io::Error) -> HubError {
    HubError::Disk { path: path.to_owned(), error }
}

/// The innermost cause: what stands around it names the URL, which may be signed.
fn in_words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() }
}
