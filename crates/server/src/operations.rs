//! What the service does, one deed a file. The doors meet here: REST and MCP decode, call one of these with
//! the [`Visit`] that `gateway::admit` allowed, and settle it with the answer.

mod administration;
mod create_memory;
mod create_memory_batch;
mod delete_memories_by_filter;
mod delete_memory;
mod erase_memories;
mod export_memories;
mod failure;
mod get_memory;
mod import_memories;
mod list_memories;
mod list_sessions;
mod list_workspaces;
mod memory_history;
mod quota;
mod recall_context;
mod revert_memory;
mod search;
mod shape;
mod show_usage;
mod stats;
mod update_memory;
mod visit;

pub(crate) use administration::tenant_shown;
pub use administration::{
    Caller, Person, Reach, accept_invite, add_member, adjust_usage, change_load, create_all_backups,
    create_api_key, create_backup, create_invite, create_operator_key, create_restore, create_restore_test,
    create_tenant, delete_tenant, leave_tenant, list_api_keys, list_backups, list_invites, list_members,
    list_plans, list_replaced, list_restore_tests, list_restores, list_runs, list_tenants, list_usage_events,
    newest_backups, plan_restore, reconcile_usage, refresh_jwks, remove_member, repair, report_usage,
    revoke_api_key, revoke_invite, rotate_api_key, rotate_operator_key, run_checks, salvage_memories,
    set_plan, show_audit_log, show_deletion, show_jwks, show_load, show_run, show_tenant, show_tenant_run,
    update_member, update_tenant,
};
pub use create_memory::{StoredMemory, create_memory};
pub use create_memory_batch::create_memory_batch;
pub use delete_memories_by_filter::delete_memories_by_filter;
pub use delete_memory::delete_memory;
pub use erase_memories::{erase_memories_by_filter, erase_memory};
pub use export_memories::{Export, export_memories};
pub use failure::Failure;
pub use get_memory::get_memory;
pub use import_memories::import_memories;
pub use list_memories::list_memories;
pub use list_sessions::list_sessions;
pub use list_workspaces::list_workspaces;
pub use memory_history::memory_history;
pub use recall_context::recall_context;
pub use revert_memory::revert_memory;
pub use search::search;
pub use shape::{memory_to_wire, tenant_to_wire};
pub use show_usage::show_usage;
pub use stats::stats;
pub use update_memory::update_memory;
pub use visit::{Done, Settled, Visit};
