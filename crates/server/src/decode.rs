//! From JSON to what the engine takes, for every door: all problems of a request are found in one go, and
//! nothing a caller sent is dropped in silence.

mod administration;
mod context;
mod fields;
mod memories;
#[cfg(test)]
mod properties;
mod search;
mod values;

pub use administration::{
    AdjustmentInput, AuditLogQuery, BackupQuery, InviteInput, KeyInput, LoadChange, MemberInput,
    OwnUsageQuery, PlanInput, PlanTarget, ReportFormat, RestoreInput, RestoreSource, Shedding, TenantChange,
    TenantInput, TenantQuery, UsageEventsInput, UsagePeriod, UsageQuery, accept_invite, add_member,
    adjust_usage, change_load, checks_of, create_api_key, create_invite, create_restore, create_restore_test,
    create_tenant, leave_tenant, list_backups, list_restore_tests, list_tenants, list_usage_events,
    of_tenant, reconcile_usage, report_usage, rotate_api_key, salvage_memories, set_plan, show_audit_log,
    show_usage, slug, tenants_cursor, update_member, update_tenant, usage_cursor,
};
pub use context::{CONTEXT_LIMIT_MAX, ContextInput, ContextOrder, recall_context};
pub use fields::{Fields, Form, Problems};
pub use memories::{
    BatchRow, DeleteInput, Deletion, LIST_LIMIT_DEFAULT, PAGE_LIMIT_MAX, RevertInput, UpdateInput,
    create_memory, create_memory_batch, delete_memories, delete_memory, import_memories, list_memories,
    next_cursor, revert_memory, update_memory,
};
pub use search::{Rerank, SEARCH_LIMIT_DEFAULT, SearchInput, search};
pub use values::{boolean, integer, number, object, positive, text, texts, time, word};
