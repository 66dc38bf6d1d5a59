//! From JSON to what the engine takes, for every door: all problems of a request are found in one go, and
//! nothing a caller sent is dropped in silence.

mod administration;
mod fields;
mod memories;
#[cfg(test)]
mod properties;
mod search;
mod values;

pub use administration::{
    AuditLogQuery, InviteInput, KeyInput, MemberInput, PlanInput, PlanTarget, TenantChange, TenantInput,
    TenantQuery, UsageQuery, accept_invite, add_member, create_api_key, create_invite, create_tenant,
    list_tenants, of_tenant, report_usage, rotate_api_key, set_plan, show_audit_log, slug, tenants_cursor,
    update_member, update_tenant,
};
pub use fields::{Fields, Form, Problems};
pub use memories::{
    BatchRow, DeleteInput, LIST_LIMIT_DEFAULT, PAGE_LIMIT_MAX, RevertInput, UpdateInput, create_memory,
    create_memory_batch, delete_memories, list_memories, next_cursor, revert_memory, update_memory,
};
pub use search::{SEARCH_LIMIT_DEFAULT, SearchInput, search};
pub use values::{boolean, integer, number, object, positive, text, texts, time, word};
