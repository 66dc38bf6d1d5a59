//! What a command shows: tables for people, JSON for machines. The only place that writes to standard output.

use std::io::{self, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use owo_colors::{OwoColorize, Stream};
use serde::Serialize;

use crate::failure::Failure;

/// For whom a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    People,
    /// One JSON value.
    Json,
}

/// Writes one line. A reader that has gone away (`engram ... | head`) is no failure.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(io::stdout().lock(), "{}", text.as_ref());
}

/// Writes one JSON value on a line of its own.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value).map_err(Failure::refused)?);
    Ok(())
}

/// Tells people about something that is not the answer itself.
pub(crate) fn remark(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// The last line of a command that failed.
pub(crate) fn failure(failure: &Failure) {
    let label = "error:";
    remark(format!("{} {failure}", label.if_supports_color(Stream::Stderr, |label| label.red())));
}

/// Something to notice, where the terminal can show it.
pub(crate) fn strong(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.bold()).to_string()
}

/// A table, columns in `right` flush right.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    right: &[usize],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if header.iter().any(|name| !name.is_empty()) {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    line(table.to_string());
}
