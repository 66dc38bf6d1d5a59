//! The file that says how far the ledger has come, and what this node had served and sent by then.
//!
//! Line 1: segment and offset of the first event still to be sent. Line 2: segment and offset up to which events
//! count as served in the lines after it, one an hour. A file of an earlier version has line 1 only.

use std::fs;
use std::io;
use std::path::Path;

use stdx::atomic_file;

use crate::hours::Hours;
use crate::spool::Position;

const FILE: &str = "cursor";

/// What the file says.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// From here on nothing was sent.
    pub(crate) sent_to: Position,
    /// From here on nothing is in `hours`.
    pub(crate) served_to: Position,
    pub(crate) hours: Hours,
}

/// Reads the cursor of a folder. One that cannot be read is none: everything there is sent again, and counted once.
pub(crate) fn read(folder: &Path) -> Option<Cursor> {
    let text = match fs::read_to_string(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(%error, "the usage spool's cursor cannot be read; what is there is sent again");
            return None;
        }
    };
    let cursor = parse(&text);
    if cursor.is_none() {
        tracing::error!("the usage spool's cursor makes no sense; what is there is sent again");
    }
    cursor
}

/// Writes the cursor of a folder, whole or not at all.
pub(crate) fn write(folder: &Path, cursor: &Cursor) -> io::Result<()> {
    let Cursor { sent_to, served_to, hours } = cursor;
    let mut text = String::new();
    for at in [sent_to, served_to] {
        text.push_str(&format!("{} {}\n", at.segment, at.offset));
    }
    text.push_str(&hours.to_text());
    atomic_file::write(&folder.join(FILE), text.as_bytes(), 0o600)
}

fn parse(text: &str) -> Option<Cursor> {
    let mut lines = text.lines();
    let sent_to = position(lines.next()?)?;
    let served_to = match lines.next() {
        Some(line) => position(line)?,
        None => sent_to,
    };
    Some(Cursor { sent_to, served_to, hours: Hours::parse(lines)? })
}

fn position(line: &str) -> Option<Position> {
    let (segment, offset) = line.split_once(' ')?;
    Some(Position { segment: segment.parse().ok()?, offset: offset.parse().ok()? })
}
