//! Whether this program may work on a control plane of a newer schema: the database says so, in words of the migration
//! that made it.
//!
//! Each migration after those of today writes into the table `meta` which schema version a program must know to go on
//! working: the row `reader_min`. What such a migration adds has defaults, so that programs that do not know it neither
//! fill nor lose it.

use crate::ControlError;

/// The row of `meta`.
pub(crate) const READER_MIN: &str = "SELECT value FROM meta WHERE name = 'reader_min'";

/// Refuses a schema of version `found` unless its own word `reader_min` says that this program may work on it.
pub(crate) fn require_readable(
    found: i64,
    known: i64,
    reader_min: Option<String>,
) -> Result<(), ControlError> {
    let needed = reader_min.and_then(|version| version.parse().ok()).unwrap_or(found);
    if found <= known || needed <= known {
        Ok(())
    } else {
        Err(ControlError::NewerSchema { found, needed, known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_taken_at_its_word() {
        let check = |found, reader_min: Option<&str>, wanted: Option<i64>| {
            let needed = match require_readable(found, 4, reader_min.map(str::to_owned)) {
                Ok(()) => None,
                Err(ControlError::NewerSchema { needed, .. }) => Some(needed),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(needed, wanted, "{found} {reader_min:?}");
        };
        check(4, None, None);
        check(3, Some("9"), None);
        check(5, Some("4"), None);
        check(6, Some("3"), None);
        check(5, Some("5"), Some(5));
        check(6, Some("5"), Some(5));
        check(5, None, Some(5));
        check(5, Some("soon"), Some(5));
    }
}
