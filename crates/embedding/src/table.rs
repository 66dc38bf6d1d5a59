//! The file format of a static embedding table, read in place.
//!
//! `b"STATEMB1" | u32 rows | u32 dimensions | f32 scale[rows] | i8 code[rows * dimensions]`, little endian.
//! Row `i` belongs to line `i` of the vocabulary; its numbers are `scale[i] * code[i][..]`.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// A checked table over bytes that are never copied.
pub struct Table {
    bytes: Cow<'static, [u8]>,
    rows: usize,
    dimensions: usize,
}

/// Why bytes are no table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// The first eight bytes are not `STATEMB1`.
    #[error("this is no embedding table (it does not begin with STATEMB1)")]
    NotATable,
    /// The header's numbers and the size of the file do not agree.
    #[error("the table has {bytes} bytes where its header asks for {expected}")]
    WrongSize {
        /// Bytes there are.
        bytes: usize,
        /// Bytes the header asks for.
        expected: u64,
    },
    /// No dimensions, or more than anything behind this crate is made for.
    #[error("the table has {dimensions} dimensions, allowed are 1 to {DIMENSIONS_MAX}")]
    Dimensions {
        /// What the header says.
        dimensions: u32,
    },
    /// A scale that would make every vector it touches NaN or infinite.
    #[error("the scale of row {row} is not a finite number")]
    NotFinite {
        /// Row number, from 0.
        row: usize,
    },
}

const MAGIC: &[u8; 8] = b"STATEMB1";
const HEADER_BYTES: usize = 16;

/// Larger than the largest text embedding model in use (4,096), and small enough to multiply safely.
const DIMENSIONS_MAX: u32 = 8_192;

impl Table {
    /// Checks the header, the size and the scales; the rows are not touched.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn parse(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, TableError> {
        let bytes = bytes.into();
        if !bytes.starts_with(MAGIC) || bytes.len() < HEADER_BYTES {
            return Err(TableError::NotATable);
        }
        let (rows, dimensions) = (u32::from_le_bytes(four(&bytes, 8)), u32::from_le_bytes(four(&bytes, 12)));
        if dimensions == 0 || dimensions > DIMENSIONS_MAX {
            return Err(TableError::Dimensions { dimensions });
        }
        let expected = HEADER_BYTES as u64 + u64::from(rows) * (4 + u64::from(dimensions));
        if bytes.len() as u64 != expected {
            return Err(TableError::WrongSize { bytes: bytes.len(), expected });
        }
        let table = Self { bytes, rows: rows as usize, dimensions: dimensions as usize };
        match (0..table.rows).find(|row| !table.scale(*row).is_finite()) {
            Some(row) => Err(TableError::NotFinite { row }),
            None => Ok(table),
        }
    }

    /// Rows, one per line of the vocabulary.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in each row.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Adds row `row` to `sum`, which has [`dimensions`](Self::dimensions) numbers; a row past the end adds nothing.
    pub fn add_row(&self, row: usize, sum: &mut [f32]) {
        if row >= self.rows {
            return;
        }
        let start = HEADER_BYTES + 4 * self.rows + row * self.dimensions;
        let codes = &self.bytes[start..start + self.dimensions];
        let scale = self.scale(row);
        for (sum, code) in sum.iter_mut().zip(codes) {
            *sum += scale * f32::from(code.cast_signed());
        }
    }

    /// The bytes as they are in the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Read byte by byte, because the bytes of a table inside a binary are aligned to nothing.
    fn scale(&self, row: usize) -> f32 {
        f32::from_le_bytes(four(&self.bytes, HEADER_BYTES + 4 * row))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows of {})", self.rows, self.dimensions)
    }
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: u32, dimensions: u32, scales: &[f32], codes: &[i8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(rows.to_le_bytes());
        bytes.extend(dimensions.to_le_bytes());
        bytes.extend(scales.iter().flat_map(|s| s.to_le_bytes()));
        bytes.extend(codes.iter().map(|c| c.cast_unsigned()));
        bytes
    }

    fn check_refusal(bytes: Vec<u8>, expected: &TableError) {
        assert_eq!(Table::parse(bytes).unwrap_err(), *expected);
    }

    #[test]
    fn rows_are_scaled_codes() {
        let table = Table::parse(table(2, 3, &[0.5, 2.0], &[1, -2, 127, -128, 0, 3])).unwrap();
        let mut sum = [1.0, 1.0, 1.0];
        table.add_row(0, &mut sum);
        table.add_row(1, &mut sum);
        table.add_row(2, &mut sum);
        assert_eq!(sum, [-254.5, 0.0, 70.5]);
    }

    #[test]
    fn damaged_tables_are_refused() {
        check_refusal(b"STATEMB2xxxxxxxx".to_vec(), &TableError::NotATable);
        check_refusal(b"STATEMB1".to_vec(), &TableError::NotATable);
        check_refusal(vec![], &TableError::NotATable);
        check_refusal(table(1, 0, &[1.0], &[]), &TableError::Dimensions { dimensions: 0 });
        check_refusal(table(1, u32::MAX, &[1.0], &[]), &TableError::Dimensions { dimensions: u32::MAX });
        check_refusal(table(2, 3, &[1.0], &[1]), &TableError::WrongSize { bytes: 21, expected: 30 });
        check_refusal(
            table(u32::MAX, 1, &[], &[]),
            &TableError::WrongSize { bytes: 16, expected: 21_474_836_491 },
        );
        check_refusal(table(1, 1, &[f32::NAN], &[1]), &TableError::NotFinite { row: 0 });
    }
}
