//! A model without a network of neurons: one stored vector per WordPiece, summed.
//!
//! `embed(text) = normalise(sum over the pieces of text of scale[piece] * code[piece])`. The stored vectors
//! are distilled from a transformer (see `tools/distill`), weights for rare words included.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;

use crate::error::OpenError;
use crate::identity::ModelIdentity;
use crate::table::Table;
use crate::unit::normalise;
use crate::vocabulary::Vocabulary;
use crate::wordpiece::WordPiece;

/// Pieces of a text that count, from its start: about 16 kB of English. The sum of a longer text is a blur
/// that more words no longer move, and the bound keeps one text under a millisecond.
pub const PIECES_COUNTED_MAX: usize = 4_096;

const BUILT_IN_TABLE: &[u8] = include_bytes!("../assets/static-minilm256-i8.bin");
const BUILT_IN_VOCABULARY: &str = include_str!("../assets/minilm-vocab.txt");
const BUILT_IN_NAME: &str = "static-minilm256-i8";

/// [`revision`] of the built-in assets; written down so that a start need not read all 8 MB of them.
const BUILT_IN_REVISION: &str = "e051502161f6";

/// Text to vector in a few microseconds: synchronous, deterministic, and it cannot fail.
#[derive(Debug)]
pub struct StaticModel {
    table: Table,
    wordpiece: WordPiece,
    identity: ModelIdentity,
}

impl StaticModel {
    /// The model inside the binary: 256 dimensions, English, distilled from all-MiniLM-L6-v2.
    ///
    /// Its vocabulary is indexed (about a millisecond) by the first call.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<StaticModel> = LazyLock::new(|| {
            let model = StaticModel::new(BUILT_IN_NAME, BUILT_IN_TABLE, BUILT_IN_VOCABULARY, |_, _| {
                BUILT_IN_REVISION.to_owned()
            });
            model.expect("the assets in the binary are whole, as a test shows")
        });
        &SHARED
    }

    /// Reads a table and its `vocab.txt` as `tools/distill` writes them; both stay in memory.
    ///
    /// The revision is the start of a hash over both files.
    ///
    /// # Errors
    /// [`OpenError`] when a file cannot be read, is damaged, or the two do not belong together.
    pub fn read(name: &str, table: &Path, vocabulary: &Path) -> Result<Self, OpenError> {
        let unreadable = |path: &Path, error| OpenError::Unreadable { path: path.to_owned(), error };
        let bytes = fs::read(table).map_err(|error| unreadable(table, error))?;
        let text = fs::read_to_string(vocabulary).map_err(|error| unreadable(vocabulary, error))?;
        Self::new(name, bytes, text, revision)
    }

    /// The unit vector of `text`; all zero when it has no piece the model knows.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.table.dimensions()];
        let mut counted = 0;
        self.wordpiece.visit(text, |piece| {
            self.table.add_row(piece as usize, &mut sum);
            counted += 1;
            if counted < PIECES_COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        normalise(&mut sum);
        sum
    }

    /// What is stored beside each of its vectors.
    pub fn identity(&self) -> ModelIdentity {
        self.identity.clone()
    }

    /// Its tokenizer.
    pub fn wordpiece(&self) -> &WordPiece {
        &self.wordpiece
    }

    fn new(
        name: &str,
        table: impl Into<std::borrow::Cow<'static, [u8]>>,
        vocabulary: impl Into<std::borrow::Cow<'static, str>>,
        revision: impl FnOnce(&Table, &Vocabulary) -> String,
    ) -> Result<Self, OpenError> {
        let (table, vocabulary) = (Table::parse(table)?, Vocabulary::new(vocabulary)?);
        if table.rows() != vocabulary.len() {
            return Err(OpenError::NotAPair { rows: table.rows(), lines: vocabulary.len() });
        }
        let revision = revision(&table, &vocabulary);
        let identity = ModelIdentity { name: name.to_owned(), revision, dimensions: table.dimensions() };
        Ok(Self { table, wordpiece: WordPiece::new(vocabulary), identity })
    }
}

/// The first 12 hexadecimal digits of BLAKE3 over the table, then the vocabulary.
fn revision(table: &Table, vocabulary: &Vocabulary) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(table.bytes()).update(vocabulary.text().as_bytes());
    hasher.finalize().to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_revision_is_that_of_the_assets() {
        let model = StaticModel::shared();
        assert_eq!(revision(&model.table, model.wordpiece.vocabulary()), BUILT_IN_REVISION);
        assert_eq!((model.table.rows(), model.table.dimensions()), (30_522, 256));
    }

    #[test]
    fn only_the_first_pieces_count() {
        let model = StaticModel::shared();
        let full = "memory ".repeat(PIECES_COUNTED_MAX);
        assert_eq!(model.embed(&full), model.embed(&format!("{full} banana")));
        let shorter = "memory ".repeat(PIECES_COUNTED_MAX - 1);
        assert_ne!(model.embed(&shorter), model.embed(&format!("{shorter} banana")));
    }
}
