//! What the tests of the house look at: the repository's files and its packages. The tests are in `tests/house`.

pub mod packages;
pub mod postgres;
pub mod repository;

pub use packages::metadata;
pub use repository::{tracked_files, workspace_root};
