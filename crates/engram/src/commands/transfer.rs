//! `engram export`, `engram import` and `engram salvage`: all of a tenant's memories, with their ids, versions and times, as lines of JSON.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::Imported;
use axum::body::{Body, Bytes};
use clap::{Args, ValueEnum};
use futures::StreamExt;
use futures::stream::unfold;
use http::Method;
use http_body_util::BodyExt;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::fs::{File, OpenOptions};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
};

use crate::cli::{AsTenant, Reach, Shared};
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal::{self, Format};

const EXAMPLES: &str = "\
Examples:
  engram export acme.jsonl --tenant acme
  engram export - | gzip > memories.jsonl.gz
  engram import acme.jsonl --tenant other
  engram import acme.jsonl --ids renumber       beside memories that have these ids already

The lines hold every memory with its id, versions and times, so that what is imported is what was exported. A bad line is
named, and nothing is stored then. The same import twice changes nothing.";

const SALVAGE_EXAMPLES: &str = "\
Examples:
  engram salvage saved.jsonl --tenant acme           what the damaged file of acme still holds
  engram restore --tenant acme --latest-verified     first bring back the last good backup
  engram import saved.jsonl --tenant acme            then add what it did not have

Without --file it reads the file in quarantine, or the newest damaged one that a restore replaced. The last line names the
memories that are lost. The damaged file stays as it is.";

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// An export's last line is shorter than this.
const LAST_LINE_BYTES_MAX: u64 = 256 * 1_024;

/// Write every memory of a tenant, with its versions, as lines of JSON
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// A new file; - is standard output
    file: PathBuf,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

/// Store what an export holds
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The file; - is standard input
    file: PathBuf,
    /// Whether memories keep their ids
    #[arg(long, value_enum, default_value = "keep")]
    ids: Ids,
    #[command(flatten)]
    tenant: AsTenant,
    #[command(flatten)]
    reach: Reach,
}

/// Write what a tenant's damaged file still holds, as lines that `engram import` takes
#[derive(Debug, Args)]
#[command(after_help = SALVAGE_EXAMPLES)]
pub(crate) struct Salvage {
    /// A new file; - is standard output
    to: PathBuf,
    /// The tenant whose file is damaged
    #[arg(long, value_name = "SLUG")]
    tenant: String,
    /// A damaged file that a restore replaced, as `engram restore --list` names it
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ids {
    /// An id that another memory has is refused.
    Keep,
    /// All of them are raised above those there are; twice is two copies.
    Renumber,
}

impl Export {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?.acting_for(self.tenant.tenant.as_deref());
        let outcome = export(&door, shared.format(), "/v1/export", &self.file).await;
        door.close().await;
        outcome
    }
}

impl Salvage {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?;
        let file = self.file.map(|name| format!("?file={}", encode(&name))).unwrap_or_default();
        let path = format!("/tenants/{}/salvage{file}", encode(&self.tenant));
        let outcome = export(&door, shared.format(), &path, &self.to).await;
        door.close().await;
        outcome
    }
}

async fn export(door: &Door, format: Format, from: &str, file: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::refused(format!("{}: {error}", file.display()));
    let to_output = file == Path::new("-");
    let mut sink: Box<dyn AsyncWrite + Unpin> = if to_output {
        Box::new(tokio::io::stdout())
    } else {
        Box::new(
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).await.map_err(failed)?,
        )
    };
    let bar = bar(format, None);
    let written = write_lines(door, from, &mut sink, &bar).await;
    bar.finish_and_clear();
    if written.is_err() && !to_output {
        // Half an export is none.
        let _ = tokio::fs::remove_file(file).await;
    }
    let written = written?;
    if to_output {
        return Ok(());
    }
    let last = last_line(file).await.map_err(failed)?;
    match format {
        Format::Json => terminal::json(&json!({"file": file, "bytes": written, "end": last})),
        Format::People => {
            let memories = &last["end"]["memories"];
            let bytes = indicatif::HumanBytes(written);
            terminal::line(format!("wrote {memories} memories ({bytes}) to {}", file.display()));
            if let Some(lost) = last["end"]["lost"].as_array() {
                terminal::line(format!("lost: {} memories, named in the last line", lost.len()));
            }
            Ok(())
        }
    }
}

async fn write_lines(
    door: &Door,
    from: &str,
    sink: &mut (dyn AsyncWrite + Unpin),
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut body = door.stream(Method::GET, from, Body::empty()).await?.into_body();
    let mut written = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::refused(format!("the export was cut off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            sink.write_all(&data).await.map_err(Failure::refused)?;
            written += data.len() as u64;
            bar.set_position(written);
        }
    }
    sink.flush().await.map_err(Failure::refused)?;
    Ok(written)
}

/// What the export says of itself at its end.
async fn last_line(file: &Path) -> io::Result<Value> {
    let mut file = File::open(file).await?;
    let length = file.metadata().await?.len();
    file.seek(io::SeekFrom::Start(length.saturating_sub(LAST_LINE_BYTES_MAX))).await?;
    let mut lines = BufReader::new(file).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        last = line;
    }
    Ok(serde_json::from_str(&last).unwrap_or_default())
}

impl Import {
    pub(crate) async fn run(self, shared: &Shared) -> Result<(), Failure> {
        let door = Door::open(&self.reach, shared).await?.acting_for(self.tenant.tenant.as_deref());
        let outcome = import(&door, shared.format(), &self.file, self.ids).await;
        door.close().await;
        outcome
    }
}

async fn import(door: &Door, format: Format, file: &Path, ids: Ids) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::refused(format!("{}: {error}", file.display()));
    let (source, length): (Box<dyn AsyncRead + Send + Unpin>, _) = if file == Path::new("-") {
        (Box::new(tokio::io::stdin()), None)
    } else {
        let file = File::open(file).await.map_err(failed)?;
        let length = file.metadata().await.map_err(failed)?.len();
        (Box::new(file), Some(length))
    };
    let bar = bar(format, length);
    let counted = bar.clone();
    let pieces = unfold(source, async |mut source| {
        let mut piece = vec![0; PIECE_BYTES];
        match source.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok::<_, io::Error>(Bytes::from(piece)), source))
            }
            Err(error) => Some((Err(error), source)),
        }
    });
    let pieces = pieces.inspect(move |piece| {
        if let Ok(piece) = piece {
            counted.inc(piece.len() as u64);
        }
    });
    let word = match ids {
        Ids::Keep => "keep",
        Ids::Renumber => "renumber",
    };
    let answer =
        door.stream(Method::POST, &format!("/v1/import?ids={word}"), Body::from_stream(pieces)).await;
    bar.finish_and_clear();
    let body = answer?.into_body().collect().await.map_err(Failure::refused)?.to_bytes();
    let imported: Imported = serde_json::from_slice(&body).map_err(Failure::refused)?;
    match format {
        Format::Json => terminal::json(&imported),
        Format::People => {
            terminal::line(format!(
                "imported {} memories ({} versions); {} were there already",
                imported.memories, imported.versions, imported.already_there
            ));
            Ok(())
        }
    }
}

/// To standard error, and only where somebody looks.
fn bar(format: Format, length: Option<u64>) -> ProgressBar {
    let bar = match (format, length) {
        (Format::Json, _) => return ProgressBar::hidden(),
        (Format::People, Some(length)) => ProgressBar::new(length),
        (Format::People, None) => ProgressBar::new_spinner(),
    };
    bar.enable_steady_tick(Duration::from_millis(120));
    let style = indicatif::ProgressStyle::with_template("{spinner} {bytes} {elapsed}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
