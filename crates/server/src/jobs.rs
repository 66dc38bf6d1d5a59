//! Background work: each job is a file, the registry is the list.

mod back_up_control_plane;
mod back_up_tenants;
mod close_idle_stores;
mod delete_tenants;
mod embed_pending_memories;
mod finish_erasures;
mod measure_backups;
mod measure_stores;
mod migrate_stores;
mod prune_usage;
mod purge_expired_memories;
mod reconcile_usage;
mod registry;
mod retain_backups;
mod run_checks;
mod sample_history;
mod test_restores;

pub use delete_tenants::Deletions;
pub use embed_pending_memories::{EmbeddingBacklog, Waiting};
pub use reconcile_usage::ReconciledUsage;
pub use registry::{JOBS, Job, JobTasks};

pub(crate) use registry::start;
