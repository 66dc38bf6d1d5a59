//! Events on disk: appended by requests, read in order by the flusher, forgotten once the ledger has them.
//!
//! Segments are numbered files; the newest is appended to, all older ones are only read. The cursor says how far the
//! ledger has come. It may lag behind (a crash before it is written), never run ahead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stdx::atomic_file;
use tenancy::UsageEvent;

use crate::cursor::{self, Cursor};
use crate::hours::{Hours, SentHours};
use crate::segment::{self, Damage, HEADER_BYTES, Place};

/// A place in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// Bounds of a spool, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) segment_bytes_max: u64,
    pub(crate) spool_bytes_max: u64,
}

/// Events read in order, and what lay between them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Vec<UsageEvent>,
    /// Where the next batch starts.
    pub(crate) end: Position,
    pub(crate) damage: Vec<Damage>,
}

#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    bounds: Bounds,
    /// A request holds it for one write(2), about 3 us.
    writer: Mutex<Writer>,
    /// Segments found hurt in the middle; they are kept beside instead of removed.
    hurt: Mutex<BTreeSet<u64>>,
}

#[derive(Debug)]
struct Writer {
    file: Arc<File>,
    segment: u64,
    /// Intact bytes of the segment that is appended to.
    length: u64,
    /// A failed append may have left part of a frame that could not be cut off.
    torn: bool,
    /// Older segments by number, with their sizes in bytes.
    older: BTreeMap<u64, u64>,
    /// The sum of those sizes.
    older_bytes: u64,
    /// Segments that were closed since the last sync.
    unsynced: Vec<Arc<File>>,
    /// What was served and sent. Here, so that it is counted up to exactly the last frame.
    hours: Hours,
}

impl Spool {
    /// Opens the spool in `folder`, says from where its events are still to be sent, and shows each of them to
    /// `waiting`.
    pub(crate) fn open(
        folder: &Path,
        bounds: Bounds,
        mut waiting: impl FnMut(&UsageEvent),
    ) -> io::Result<(Self, Position)> {
        fs::create_dir_all(folder)?;
        let mut older: BTreeMap<u64, u64> = segment::list(folder)?.into_iter().collect();
        let cursor = cursor::read(folder);
        let named = cursor.as_ref().map(|cursor| cursor.sent_to.segment.max(cursor.served_to.segment));
        let last = older.keys().next_back().copied().max(named);
        let segment = last.map_or(1, |last| last + 1);
        let file = Arc::new(segment::create(folder, segment)?);
        atomic_file::sync_folder(folder)?;
        if let Some(cursor) = &cursor {
            // Left by a crash between the cursor and the removal.
            for sent in older.extract_if(..cursor.sent_to.segment, |_, _| true) {
                segment::retire(folder, sent.0, false)?;
            }
        }
        let oldest = older.keys().next().copied().unwrap_or(segment);
        let start = match &cursor {
            Some(cursor) if cursor.sent_to.segment == oldest => cursor.sent_to,
            _ => Position { segment: oldest, offset: 0 },
        };
        let (served_to, mut hours) = match cursor {
            Some(cursor) => (cursor.served_to, cursor.hours),
            None => (start, Hours::default()),
        };
        for (&number, &length) in &older {
            let from = if number == start.segment { start.offset } else { 0 };
            segment::visit(folder, number, from, length, |offset, event| {
                waiting(event);
                if (Position { segment: number, offset }) >= served_to {
                    hours.add_served(event);
                }
            })?;
        }
        let older_bytes = older.values().sum();
        let unsynced = Vec::new();
        let writer =
            Writer { file, segment, length: HEADER_BYTES, torn: false, older, older_bytes, unsynced, hours };
        let spool =
            Self { folder: folder.to_owned(), bounds, writer: Mutex::new(writer), hurt: Mutex::default() };
        Ok((spool, start))
    }

    /// Appends the frame of an event with one write(2); on return it survives the death of the process.
    ///
    /// `appended` runs before anybody can read the event back.
    pub(crate) fn append(&self, frame: &[u8], event: &UsageEvent, appended: impl FnOnce()) -> io::Result<()> {
        let frame_bytes = frame.len() as u64;
        let mut writer = self.writer.lock();
        if writer.bytes() + frame_bytes > self.bounds.spool_bytes_max {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "the usage spool is full"));
        }
        if writer.torn || writer.length + frame_bytes > self.bounds.segment_bytes_max {
            self.rotate(&mut writer)?;
        }
        if let Err(error) = (&*writer.file).write_all(frame) {
            writer.torn = writer.file.set_len(writer.length).is_err();
            return Err(error);
        }
        writer.length += frame_bytes;
        writer.hours.add_served(event);
        appended();
        Ok(())
    }

    /// Counts an event as served that the disk refused.
    pub(crate) fn count_refused(&self, event: &UsageEvent) {
        self.writer.lock().hours.add_served(event);
    }

    /// What was served and sent, by hour.
    pub(crate) fn hours(&self) -> Hours {
        self.writer.lock().hours.clone()
    }

    /// Shows `known` every event from `from` on while nothing can be appended; `from` must be near the end.
    pub(crate) fn recount(&self, from: Position, known: impl FnOnce(&[UsageEvent])) -> io::Result<()> {
        let writer = self.writer.lock();
        let batch = self.read_segments(&writer.segments_from(from.segment), from, usize::MAX)?;
        known(&batch.events);
        Ok(())
    }

    /// Makes everything appended so far survive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let (file, closed) = {
            let mut writer = self.writer.lock();
            (Arc::clone(&writer.file), std::mem::take(&mut writer.unsynced))
        };
        for file in &closed {
            file.sync_data()?;
        }
        file.sync_data()?;
        if closed.is_empty() { Ok(()) } else { atomic_file::sync_folder(&self.folder) }
    }

    /// Reads at most `events_max` events from `from` on.
    pub(crate) fn read(&self, from: Position, events_max: usize) -> io::Result<Batch> {
        let segments = self.writer.lock().segments_from(from.segment);
        self.read_segments(&segments, from, events_max)
    }

    /// Forgets everything before `to`, which the ledger has, and counts `sent`.
    pub(crate) fn advance(&self, to: Position, sent: &SentHours, damage: &[Damage]) -> io::Result<()> {
        self.hurt.lock().extend(
            damage.iter().filter(|damage| damage.place == Place::Middle).map(|damage| damage.segment),
        );
        let cursor = {
            let mut writer = self.writer.lock();
            writer.hours.add_sent(sent);
            Cursor { sent_to: to, served_to: writer.end(), hours: writer.hours.clone() }
        };
        cursor::write(&self.folder, &cursor)?;
        let done: Vec<u64> =
            self.writer.lock().older.range(..to.segment).map(|(number, _)| *number).collect();
        for number in done {
            let hurt = self.hurt.lock().remove(&number);
            segment::retire(&self.folder, number, hurt)?;
            self.writer.lock().forget(number);
        }
        Ok(())
    }

    /// Bytes on disk, sent ones of the segments still there included.
    pub(crate) fn bytes(&self) -> u64 {
        self.writer.lock().bytes()
    }

    fn rotate(&self, writer: &mut Writer) -> io::Result<()> {
        let segment = writer.segment + 1;
        let file = Arc::new(segment::create(&self.folder, segment)?);
        let closed = std::mem::replace(&mut writer.file, file);
        writer.unsynced.push(closed);
        writer.older.insert(writer.segment, writer.length);
        writer.older_bytes += writer.length;
        (writer.segment, writer.length, writer.torn) = (segment, HEADER_BYTES, false);
        Ok(())
    }

    fn read_segments(&self, segments: &[(u64, u64)], from: Position, events_max: usize) -> io::Result<Batch> {
        let mut batch = Batch { events: Vec::new(), end: from, damage: Vec::new() };
        for &(number, length) in segments {
            let start = if number == from.segment { from.offset } else { 0 };
            let wanted = events_max - batch.events.len();
            let contents = segment::read(&self.folder, number, start, length, wanted)?;
            batch.end = Position { segment: number, offset: contents.end };
            batch.events.extend(contents.events);
            batch.damage.extend(contents.damage);
            if batch.events.len() == events_max {
                break;
            }
        }
        Ok(batch)
    }
}

impl Writer {
    fn bytes(&self) -> u64 {
        self.length + self.older_bytes
    }

    /// Where the next frame will stand.
    fn end(&self) -> Position {
        Position { segment: self.segment, offset: self.length }
    }

    /// Segments from a number on, with the bytes that may be read of each.
    fn segments_from(&self, number: u64) -> Vec<(u64, u64)> {
        let older = self.older.range(number..).map(|(number, length)| (*number, *length));
        older.chain([(self.segment, self.length)]).collect()
    }

    fn forget(&mut self, segment: u64) {
        self.older_bytes -= self.older.remove(&segment).unwrap_or(0);
    }
}
