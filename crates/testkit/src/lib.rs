//! What the tests of the house look at: the repository's files and its packages. The tests are in `tests/house`.
//! And servers for the tests of others: PostgreSQL, S3, a collector of traces, an Alertmanager.

pub mod alertmanager;
pub mod collector;
pub mod packages;
pub mod postgres;
pub mod repository;
pub mod s3;

pub use packages::metadata;
pub use repository::{tracked_files, workspace_root};
