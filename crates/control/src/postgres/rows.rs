//! How columns become words of tenancy, and back.

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;

use super::{Answer, Trouble};
use crate::ControlError;

/// A column whose value must parse; a value that does not is damage, told with the column's name.
pub(crate) fn parsed<'r, S, T, E>(
    row: &'r Row,
    column: &str,
    parse: impl FnOnce(S) -> Result<T, E>,
) -> Answer<T>
where
    S: FromSql<'r>,
    E: std::fmt::Display,
{
    parse(row.try_get(column)?)
        .map_err(|error| Trouble::Refused(ControlError::Unavailable(format!("column {column}: {error}"))))
}

/// A column that holds one of our words.
pub(crate) fn word<T>(row: &Row, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> Answer<T> {
    parsed(row, column, |word: &str| parse(word).ok_or_else(|| format!("unknown word {word:?}")))
}

/// A counter as the database stores it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A counter as it was stored.
pub(crate) fn unsigned(row: &Row, column: &str) -> Answer<u64> {
    parsed(row, column, |count: i64| u64::try_from(count))
}

/// What a failed insert tells: the conflict, when a unique name is taken.
pub(crate) fn unless_taken(error: tokio_postgres::Error, taken: impl FnOnce() -> ControlError) -> Trouble {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) { Trouble::Refused(taken()) } else { error.into() }
}
