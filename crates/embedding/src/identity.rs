//! Which model made a vector.

use std::fmt;

/// Names a model so exactly that two vectors may be compared if, and only if, their identities are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelIdentity {
    /// The model's name, such as `static-minilm256-i8` or `text-embedding-3-small`.
    pub name: String,
    /// Which edition of it: a content hash for models in files, the operator's word for remote ones.
    pub revision: String,
    /// Numbers in each of its vectors.
    pub dimensions: usize,
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.name, self.revision, self.dimensions)
    }
}
