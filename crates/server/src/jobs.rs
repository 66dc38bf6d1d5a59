//! Background work: each job is a file, the registry is the list.

mod close_idle_stores;
mod delete_tenants;
mod embed_pending_memories;
mod prune_usage;
mod purge_expired_memories;
mod reconcile_usage;
mod registry;
mod sample_history;

pub use delete_tenants::Deletions;
pub use reconcile_usage::ReconciledUsage;
pub use registry::{JOBS, Job, JobTasks};

pub(crate) use registry::start;
