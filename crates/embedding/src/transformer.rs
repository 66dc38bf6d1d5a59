//! A BERT-family sentence encoder from a folder, run here: text to vector in milliseconds, in pure Rust.
//!
//! Reads the folders that sentence-transformers writes (`config.json`, `tokenizer.json` or `vocab.txt`,
//! `model.safetensors`, `1_Pooling/config.json`, and so on). A text longer than the model reads at once is read in
//! windows; its vector is the mean of theirs, weighted by their pieces.

mod encoder;
mod flaw;
mod folder;
mod kernels;
mod weights;

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use encoder::{Abandoned, Encoder};
pub use flaw::ModelFlaw;
use folder::{Folder, Pooling, Prompts};

use crate::identity::ModelIdentity;
use crate::unit::normalise;
use crate::wordpiece::WordPiece;

/// Windows of a text that are read, from its start: about 4 kB of English at the usual 256 pieces. A mean over more
/// is a blur, and each costs tens of milliseconds.
pub const WINDOWS_MAX: usize = 4;

/// Rows that go through the encoder together: weights are fetched once for all of them, and what is between two layers
/// stays within a processor's cache.
const ROWS_AT_ONCE: usize = 256;

/// Changes whenever the same files would give other vectors than before.
const READER: &str = "mean of 4 windows";

/// What a text is to the model; some models were taught to expect a prompt before either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A search's query.
    Query,
    /// A text to be stored.
    Stored,
}

/// A transformer from files.
pub struct Transformer {
    encoder: Encoder,
    wordpiece: WordPiece,
    pooling: Pooling,
    prompts: Prompts,
    /// Pieces of a window, `[CLS]` and `[SEP]` not counted.
    window: usize,
    ends: (u32, u32),
    identity: ModelIdentity,
}

impl Transformer {
    /// Reads the model in `folder`; all of it stays in memory. The revision is the start of a hash over its files.
    ///
    /// # Errors
    /// [`ModelFlaw`], a sentence that says what to do.
    pub fn read(name: &str, folder: &Path) -> Result<Self, ModelFlaw> {
        if !folder.is_dir() {
            return Err(ModelFlaw::NoFolder);
        }
        let Folder { shape, pooling, prompts, pieces_at_once, wordpiece, mut said } = Folder::read(folder)?;
        let encoder = weights::read(folder, &shape, &mut said)?;
        said.update(READER.as_bytes());
        let piece = |text| wordpiece.vocabulary().whole(text).unwrap_or_default();
        Ok(Self {
            ends: (piece("[CLS]"), piece("[SEP]")),
            window: pieces_at_once - 2,
            identity: ModelIdentity {
                name: name.to_owned(),
                revision: said.finalize().to_hex()[..12].to_owned(),
                dimensions: shape.width,
            },
            encoder,
            wordpiece,
            pooling,
            prompts,
        })
    }

    /// What is stored beside each of its vectors.
    pub fn identity(&self) -> ModelIdentity {
        self.identity.clone()
    }

    /// Its tokenizer.
    pub fn wordpiece(&self) -> &WordPiece {
        &self.wordpiece
    }

    /// The unit vector of each text, in order; all zero for one with nothing but blanks. `None` when `abandoned` was
    /// set meanwhile, which is looked at between layers. Works on the calling thread, about 0.2 ms a piece.
    pub fn embed(&self, texts: &[&str], kind: TextKind, abandoned: &AtomicBool) -> Option<Vec<Vec<f32>>> {
        let mut vectors = vec![vec![0.0; self.identity.dimensions]; texts.len()];
        let mut windows = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            for pieces in self.windows(text, kind) {
                windows.push((number, pieces));
            }
        }
        let mut rest = windows.as_slice();
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = rest.iter().take_while(|(_, pieces)| {
                rows += pieces.len();
                rows <= ROWS_AT_ONCE
            });
            let (now, later) = rest.split_at(fits.count().max(1));
            self.add_windows(now, &mut vectors, abandoned).ok()?;
            rest = later;
        }
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Some(vectors)
    }

    /// The pieces of each window of `text`, between `[CLS]` and `[SEP]`.
    fn windows(&self, text: &str, kind: TextKind) -> Vec<Vec<u32>> {
        let prompt = match kind {
            TextKind::Query => &self.prompts.query,
            TextKind::Stored => &self.prompts.text,
        };
        let mut prompt = self.wordpiece.pieces(prompt);
        // A window is mostly text, whatever the prompt.
        prompt.truncate(self.window / 2);
        let room = self.window - prompt.len();
        let mut pieces = Vec::new();
        self.wordpiece.visit(text, |piece| {
            pieces.push(piece);
            if pieces.len() < room * WINDOWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let (first, last) = self.ends;
        pieces.chunks(room).map(|window| [&[first], &*prompt, window, &[last]].concat()).collect()
    }

    /// Adds the pooled states of each window to the vector of its text.
    fn add_windows(
        &self,
        windows: &[(usize, Vec<u32>)],
        vectors: &mut [Vec<f32>],
        abandoned: &AtomicBool,
    ) -> Result<(), Abandoned> {
        let pieces: Vec<&[u32]> = windows.iter().map(|(_, pieces)| pieces.as_slice()).collect();
        for ((number, pieces), states) in windows.iter().zip(self.encoder.encode(&pieces, abandoned)?) {
            let mut pooled = self.pool(&states);
            normalise(&mut pooled);
            let weight = pieces.len() as f32;
            vectors[*number].iter_mut().zip(pooled).for_each(|(x, more)| *x += weight * more);
        }
        Ok(())
    }

    fn pool(&self, states: &[f32]) -> Vec<f32> {
        let mut rows = states.chunks_exact(self.encoder.width);
        let mut pooled = rows.next().unwrap_or_default().to_vec();
        match self.pooling {
            Pooling::First => {}
            // Divided by the number of pieces it would have the same direction.
            Pooling::Mean => rows.for_each(|row| pooled.iter_mut().zip(row).for_each(|(x, more)| *x += more)),
            Pooling::Max => {
                rows.for_each(|row| pooled.iter_mut().zip(row).for_each(|(x, other)| *x = x.max(*other)));
            }
        }
        pooled
    }
}

impl fmt::Debug for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transformer({})", self.identity)
    }
}
