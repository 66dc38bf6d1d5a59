//! Wire shapes and the table of error codes. No logic: what a caller sends and gets, word for word.

mod error_code;
mod keys;
mod memories;
mod search;
mod service;
mod tenants;
mod usage;

pub use error_code::{ErrorBody, ErrorCode, ErrorDetail};
pub use keys::{ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey};
pub use memories::{
    CreateMemory, CreateMemoryBatch, DeleteMemories, DeletedMemories, Memory, MemoryHistory, MemoryList,
    MemoryPage, MemoryRevision, RevertMemory, UpdateMemory,
};
pub use search::{CorrectedWord, Explanation, Search, SearchAnswer, SearchHit, Signal};
pub use service::{Health, KindCount, Readiness, ReadinessCheck, Stats, Workspace, WorkspaceList};
pub use tenants::{CreateTenant, Plan, PlanList, SetPlan, Tenant, TenantList, UpdateTenant};
pub use usage::{RateLimits, TokenBucket, Usage, UsageDay, UsageLimits};
