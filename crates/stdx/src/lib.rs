//! What could have been in the standard library: one idea a file, no word of the product's domain.

pub mod atomic_file;
pub mod backoff;
pub mod clock;
pub mod hex;
pub mod random;
pub mod stage;
