//! Reads an [export](crate::export) back: the same memories with the same ids, histories, times and versions.
//!
//! Lines come from anywhere and are checked like a caller's. They are written in batches, each in the place of an ordinary
//! write, so that an import of any size takes little memory and others write in between. One that was cut off is done
//! again from the start: what is there already, and is the same, is passed over.

use std::io::BufRead;

use jiff::Timestamp;

use crate::bounds::Bounds;
use crate::error::{EngineError, Problem};
use crate::export::line::{FORMAT, Header, ID_MAX, Kept, Line, Totals, Version, Workspace};
use crate::memory::{MemoryId, check_workspace};
use crate::schema::SCHEMA_VERSION;
use crate::store::Store;
use crate::write::{self, Analysed, Places};

/// Longest line, in bytes: the largest memory with every character escaped has fewer.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// Lines and bytes of one batch; bounds what an import holds in memory and what others wait for.
const BATCH_LINES_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Which ids imported memories get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImportIds {
    /// Those of the lines. One that another memory has is refused.
    #[default]
    Keep,
    /// All of them raised by the highest id given out so far; references among them are raised too. Doing it twice
    /// stores everything twice.
    Renumber,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Memories stored.
    pub memories: u64,
    /// Earlier versions stored.
    pub earlier_versions: u64,
    /// Memories that were there already, the same.
    pub already_there: u64,
    /// Memories left out because they have expired.
    pub expired: u64,
    /// What was added to the ids of the lines; 0 when they were kept.
    pub ids_raised_by: MemoryId,
    /// Bytes of content and metadata added.
    pub storage_bytes_delta: i64,
}

/// One line that was read and checked, on its way to the writer.
pub(crate) enum Item {
    Workspace(Workspace),
    Memory(Box<Kept>, Analysed, u64),
    Earlier(Box<Version>, u64),
}

/// What an import knows from one batch to the next.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) done: Imported,
    /// Where sessions that were there before begin for imported memories.
    pub(crate) places: Places,
    /// The memory the next earlier versions belong to, unless it was left out.
    pub(crate) open: Option<(MemoryId, i64)>,
}

impl Store {
    /// Stores the memories of an export, within `bounds`. `on_progress` gets what is stored so far and the bytes read,
    /// after every batch. [`check_export`] first tells whether the lines are whole: batches before a bad line stay.
    ///
    /// # Errors
    /// `Invalid` with the number of the line (`line 17.content`), also for an id that another memory has; `CustomIdTaken`,
    /// `BoundReached`, `Disk`.
    pub fn import(
        &self,
        lines: &mut dyn BufRead,
        ids: ImportIds,
        bounds: Bounds,
        on_progress: &mut dyn FnMut(Imported, u64),
    ) -> Result<Imported, EngineError> {
        let outcome = self.import_batches(lines, ids, bounds, on_progress);
        // An index takes new memories in the order of their ids only; the next search loads it again.
        self.release_memory();
        outcome
    }

    fn import_batches(
        &self,
        lines: &mut dyn BufRead,
        ids: ImportIds,
        bounds: Bounds,
        on_progress: &mut dyn FnMut(Imported, u64),
    ) -> Result<Imported, EngineError> {
        let mut reader = Reader::new(lines)?;
        let handed_out = reader.header.ids_handed_out;
        let raised_by = self.write(move |session| session.make_room_for_ids(handed_out, ids))?;
        let mut progress = Progress::default();
        progress.done.ids_raised_by = raised_by;
        let (mut batch, mut bytes_before) = (Vec::new(), 0);
        loop {
            let item = reader.next()?;
            let over = item.is_none();
            batch.extend(item);
            let full =
                batch.len() >= BATCH_LINES_MAX || reader.bytes - bytes_before >= BATCH_BYTES_MAX as u64;
            if (full || over) && !batch.is_empty() {
                let items = std::mem::take(&mut batch);
                progress = self.write(move |session| session.import(items, progress, bounds))?;
                bytes_before = reader.bytes;
                on_progress(progress.done, reader.bytes);
            }
            if over {
                return Ok(progress.done);
            }
        }
    }
}

/// What an export says of itself, after reading and checking all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFacts {
    /// When it was made.
    pub exported_at: Timestamp,
    /// The highest id its store had given out.
    pub ids_handed_out: MemoryId,
    /// Memories in it.
    pub memories: u64,
    /// Earlier versions in it.
    pub earlier_versions: u64,
}

/// Reads an export to its end and checks every line; stores nothing.
///
/// # Errors
/// `Invalid` with the number of the first bad line, also when the end is missing; `Disk`.
pub fn check_export(lines: &mut dyn BufRead) -> Result<ExportFacts, EngineError> {
    let mut reader = Reader::new(lines)?;
    while reader.next()?.is_some() {}
    let (header, totals) = (&reader.header, &reader.totals);
    Ok(ExportFacts {
        exported_at: header.exported_at,
        ids_handed_out: header.ids_handed_out,
        memories: totals.memories,
        earlier_versions: totals.earlier_versions,
    })
}

/// Reads lines, checks each and their order.
struct Reader<'r> {
    lines: &'r mut dyn BufRead,
    header: Header,
    number: u64,
    bytes: u64,
    totals: Totals,
    last_id: MemoryId,
    /// The memory or version before this line: its id and its version.
    before: Option<(MemoryId, i64)>,
}

impl<'r> Reader<'r> {
    fn new(lines: &'r mut dyn BufRead) -> Result<Self, EngineError> {
        let mut place = Place { number: 0, bytes: 0 };
        let header = match place.read(lines)? {
            Some(Line::Export(header)) => header,
            Some(_) | None => return Err(place.refuse("", "is not the first line of an export")),
        };
        if header.format != FORMAT || header.schema_version > SCHEMA_VERSION {
            let message = format!(
                "is of format {} and schema version {}; this program reads format {FORMAT} up to schema version \
                 {SCHEMA_VERSION}",
                header.format, header.schema_version
            );
            return Err(place.refuse("", message));
        }
        if !(0..=ID_MAX).contains(&header.ids_handed_out) {
            return Err(place.refuse("ids_handed_out", format!("must be between 0 and {ID_MAX}")));
        }
        let Place { number, bytes } = place;
        Ok(Self { lines, header, number, bytes, totals: Totals::default(), last_id: 0, before: None })
    }

    /// The next line that holds something; `None` after the end.
    fn next(&mut self) -> Result<Option<Item>, EngineError> {
        let mut place = Place { number: self.number, bytes: self.bytes };
        let line = place.read(self.lines)?;
        (self.number, self.bytes) = (place.number, place.bytes);
        match line {
            Some(Line::Workspace(workspace)) => {
                let mut problems = Vec::new();
                check_workspace(&workspace.name, &mut problems);
                place.accept(problems)?;
                Ok(Some(Item::Workspace(workspace)))
            }
            Some(Line::Memory(kept)) => {
                let current = &kept.current;
                if current.id <= self.last_id || current.id > self.header.ids_handed_out {
                    let message = "must be above those of the lines before, and at most ids_handed_out";
                    return Err(place.refuse("id", message));
                }
                place.accept(current.problems())?;
                (self.last_id, self.before) = (current.id, Some((current.id, current.version)));
                self.totals.memories += 1;
                let analysed = write::analyse(&current.content, current.actor.as_deref());
                Ok(Some(Item::Memory(kept, analysed, place.number)))
            }
            Some(Line::Earlier(version)) => {
                if !self.before.is_some_and(|(id, newer)| id == version.id && version.version < newer) {
                    return Err(place.refuse("version", "does not belong to the memory before, newest first"));
                }
                place.accept(version.problems())?;
                self.before = Some((version.id, version.version));
                self.totals.earlier_versions += 1;
                Ok(Some(Item::Earlier(version, place.number)))
            }
            Some(Line::End(totals)) => {
                // What a damaged file lost was in no line.
                self.totals.lost.clone_from(&totals.lost);
                if totals != self.totals {
                    return Err(
                        place.refuse("", format!("counts {totals:?}, but there were {:?}", self.totals))
                    );
                }
                let mut rest = Place { number: place.number, bytes: place.bytes };
                match rest.read(self.lines)? {
                    None => Ok(None),
                    Some(_) => Err(rest.refuse("", "comes after the end")),
                }
            }
            Some(Line::Export(_)) => Err(place.refuse("", "is a second first line")),
            None => Err(place.refuse("", "is missing: the export was cut off before its end")),
        }
    }
}

/// Where in the lines something was found.
struct Place {
    number: u64,
    bytes: u64,
}

impl Place {
    /// Reads the next line that is not blank; `None` when there is no more.
    fn read(&mut self, lines: &mut dyn BufRead) -> Result<Option<Line>, EngineError> {
        loop {
            self.number += 1;
            let mut line = Vec::new();
            let mut bounded = std::io::Read::take(&mut *lines, LINE_BYTES_MAX + 1);
            let read =
                bounded.read_until(b'\n', &mut line).map_err(|error| EngineError::Disk(error.to_string()))?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes += read as u64;
            if read as u64 > LINE_BYTES_MAX {
                return Err(self.refuse("", format!("is longer than {LINE_BYTES_MAX} bytes")));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(line) => Ok(Some(line)),
                Err(error) => Err(self.refuse("", format!("is no line of an export: {error}"))),
            };
        }
    }

    fn accept(&self, problems: Vec<Problem>) -> Result<(), EngineError> {
        if problems.is_empty() {
            return Ok(());
        }
        let place = line_named(self.number);
        Err(EngineError::Invalid(problems.into_iter().map(|problem| problem.within(&place)).collect()))
    }

    fn refuse(&self, field: &str, message: impl Into<String>) -> EngineError {
        EngineError::Invalid(vec![Problem::new(field, message).within(&line_named(self.number))])
    }
}

/// The name of a line in a problem.
pub(crate) fn line_named(number: u64) -> String {
    format!("line {number}")
}
