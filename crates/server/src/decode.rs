//! From JSON to what the engine takes, for every door: all problems of a request are found in one go, and
//! nothing a caller sent is dropped in silence.

mod fields;
mod memories;
#[cfg(test)]
mod properties;
mod search;
mod tenants;
mod values;

pub use fields::{Fields, Form, Problems};
pub use memories::{
    BatchRow, DeleteInput, LIST_LIMIT_DEFAULT, PAGE_LIMIT_MAX, RevertInput, UpdateInput, create_memory,
    create_memory_batch, delete_memories, list_memories, next_cursor, revert_memory, update_memory,
};
pub use search::{SEARCH_LIMIT_DEFAULT, SearchInput, search};
pub use tenants::{
    KeyInput, PlanInput, PlanTarget, TenantChange, TenantInput, create_api_key, create_tenant, set_plan,
    update_tenant,
};
pub use values::{boolean, integer, number, object, positive, text, texts, time, word};
