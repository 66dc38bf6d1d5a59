//! The files of the spool: their names, their header, and what can be read from one however it was hurt.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tenancy::UsageEvent;

use crate::frame::{self, Found};

const MAGIC: &[u8; 8] = b"ENGUSAGE";
/// Version of the segment format this program reads and writes.
const VERSION: u32 = 1;
/// Magic and version.
pub(crate) const HEADER_BYTES: u64 = 12;

const ACTIVE: &str = "usage";
/// Written by a newer version: kept until that version runs again.
const NEWER: &str = "newer";
/// Hurt in the middle: what was readable is sent, the file is kept for whoever wants to look.
const DAMAGED: &str = "damaged";
/// Damaged segments kept; the oldest goes first.
const DAMAGED_KEPT_MAX: usize = 16;

/// Bytes of a segment that hold no readable event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) place: Place,
}

/// Where in a segment the damage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the end: an append that a power cut tore.
    Tail,
    /// Before readable events: the disk or somebody changed bytes.
    Middle,
}

/// What a segment holds from some offset on.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) events: Vec<UsageEvent>,
    /// The offset after the last byte that was looked at.
    pub(crate) end: u64,
    pub(crate) damage: Vec<Damage>,
}

/// The numbers of the readable segments of a folder, ascending, with their sizes in bytes. Segments of a newer
/// version are set aside; those set aside before that this version can read come back.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut numbers = numbers_of(folder, ACTIVE)?;
    numbers.retain(|&number| {
        let newer = version_of(&path(folder, number)).is_some_and(|version| version > VERSION);
        if newer {
            set_aside(folder, number);
        }
        !newer
    });
    for number in numbers_of(folder, NEWER)? {
        let aside = path_as(folder, number, NEWER);
        if version_of(&aside).is_some_and(|version| version <= VERSION) {
            let last = numbers.last().map_or(number, |last| (*last).max(number));
            fs::rename(aside, path(folder, last + 1))?;
            numbers.push(last + 1);
        }
    }
    numbers.into_iter().map(|number| Ok((number, fs::metadata(path(folder, number))?.len()))).collect()
}

/// Starts a new segment; only ever appended to.
pub(crate) fn create(folder: &Path, number: u64) -> io::Result<File> {
    let path = path(folder, number);
    let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&VERSION.to_le_bytes());
    file.write_all(&header).inspect_err(|_| {
        // A full disk: the number must be free for the next try.
        let _ = fs::remove_file(&path);
    })?;
    Ok(file)
}

/// Reads at most `events_max` events between two offsets of a segment, passing over damage.
pub(crate) fn read(
    folder: &Path,
    number: u64,
    from: u64,
    to: u64,
    events_max: usize,
) -> io::Result<Contents> {
    let mut contents = Contents::default();
    let bytes = bytes_between(folder, number, from, to)?;
    let (end, damage) = scan(number, from, &bytes, events_max, |_, event| contents.events.push(event));
    (contents.end, contents.damage) = (end, damage);
    Ok(contents)
}

/// Shows every event between two offsets of a segment, with the offset it stands at.
pub(crate) fn visit(
    folder: &Path,
    number: u64,
    from: u64,
    to: u64,
    mut seen: impl FnMut(u64, &UsageEvent),
) -> io::Result<()> {
    let bytes = bytes_between(folder, number, from, to)?;
    scan(number, from, &bytes, usize::MAX, |offset, event| seen(offset, &event));
    Ok(())
}

/// Forgets a segment whose events are all in the ledger; keeps it beside when it is hurt.
pub(crate) fn retire(folder: &Path, number: u64, hurt: bool) -> io::Result<()> {
    if !hurt {
        return fs::remove_file(path(folder, number));
    }
    fs::rename(path(folder, number), path_as(folder, number, DAMAGED))?;
    let kept = numbers_of(folder, DAMAGED)?;
    for &old in &kept[..kept.len().saturating_sub(DAMAGED_KEPT_MAX)] {
        fs::remove_file(path_as(folder, old, DAMAGED))?;
    }
    Ok(())
}

fn bytes_between(folder: &Path, number: u64, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path(folder, number))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Shows at most `events_max` events of `bytes`, which stand at offset `from`; returns the offset after the last byte
/// that was looked at, and what could not be read.
fn scan(
    number: u64,
    from: u64,
    bytes: &[u8],
    events_max: usize,
    mut seen: impl FnMut(u64, UsageEvent),
) -> (u64, Vec<Damage>) {
    let mut hurt = Vec::new();
    let mut events = 0;
    let mut at = if from == 0 { header_bytes(bytes) } else { 0 };
    let mut hurt_from = None;
    while at < bytes.len() && events < events_max {
        match frame::decode(&bytes[at..]) {
            Found::Event(event, length) => {
                if let Some(start) = hurt_from.take() {
                    hurt.push(damage(number, from, start, at, Place::Middle));
                }
                seen(from + at as u64, *event);
                events += 1;
                at += length;
            }
            Found::Damage => {
                hurt_from.get_or_insert(at);
                // The length may be what is hurt: the next whole frame is looked for byte by byte.
                at += 1;
            }
        }
    }
    if let Some(start) = hurt_from {
        hurt.push(damage(number, from, start, at, Place::Tail));
    }
    (from + at as u64, hurt)
}

fn damage(segment: u64, from: u64, start: usize, end: usize, place: Place) -> Damage {
    Damage { segment, offset: from + start as u64, bytes: (end - start) as u64, place }
}

/// Bytes of an intact header, or none: then the first frame is looked for byte by byte.
fn header_bytes(bytes: &[u8]) -> usize {
    if bytes.starts_with(MAGIC) { (HEADER_BYTES as usize).min(bytes.len()) } else { 0 }
}

fn version_of(path: &Path) -> Option<u32> {
    let mut header = [0; HEADER_BYTES as usize];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    let (magic, version) = header.split_first_chunk::<8>()?;
    (magic == MAGIC).then(|| version.try_into().map(u32::from_le_bytes).ok()).flatten()
}

fn set_aside(folder: &Path, number: u64) {
    let outcome = fs::rename(path(folder, number), path_as(folder, number, NEWER));
    tracing::error!(
        segment = number,
        ?outcome,
        "a usage spool segment was written by a newer version; it is set aside until that version runs again"
    );
}

fn numbers_of(folder: &Path, kind: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = PathBuf::from(entry?.file_name());
        if path.extension().is_some_and(|extension| extension == kind) {
            numbers.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    path_as(folder, number, ACTIVE)
}

fn path_as(folder: &Path, number: u64, kind: &str) -> PathBuf {
    folder.join(format!("{number:020}.{kind}"))
}
