//! How columns become words of tenancy, and back.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Error, Row};

/// A time column: milliseconds since 1970.
pub(crate) fn timestamp(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    parsed(row, column, |ms: i64| Timestamp::from_millisecond(ms))
}

/// A time column that may be null.
pub(crate) fn timestamp_or_null(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    match row.get::<_, Option<i64>>(column)? {
        Some(_) => timestamp(row, column).map(Some),
        None => Ok(None),
    }
}

/// A column whose value must parse; a value that does not is damage, told with the column's name.
pub(crate) fn parsed<S, T, E>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(S) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    S: rusqlite::types::FromSql,
    E: std::fmt::Display,
{
    parse(row.get(column)?).map_err(|error| {
        Error::FromSqlConversionFailure(0, Type::Text, format!("column {column}: {error}").into())
    })
}

/// A column that holds one of our words.
pub(crate) fn word<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    parsed(row, column, |word: String| parse(&word).ok_or_else(|| format!("unknown word {word:?}")))
}

/// A counter as SQLite stores it; one that large would be 9 million million million calls.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A counter as it was stored.
pub(crate) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    parsed(row, column, |count: i64| u64::try_from(count))
}

/// Whether an insert failed because a unique name is taken.
pub(crate) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(failure, _)
        if matches!(failure.extended_code,
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY))
}
