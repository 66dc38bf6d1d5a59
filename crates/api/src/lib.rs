//! Wire shapes and the table of error codes. No logic: what a caller sends and gets, word for word.

mod audit_log;
mod backups;
mod checks;
mod context;
mod error_code;
mod jwks;
mod keys;
mod load;
mod members;
mod memories;
mod plans;
mod search;
mod service;
mod tenants;
mod usage;

pub use audit_log::{AuditLog, AuditRecord};
pub use backups::{
    Backup, BackupList, CreateRestore, CreateRestoreTest, Imported, ReplacedFile, ReplacedFileList, Restore,
    RestoreCheck, RestoreList, RestorePlan, RestoreTest, RestoreTestList, RestoreTestRun, Run,
};
pub use checks::{Check, Checks};
pub use context::{Context, ContextItem, ContextSource, LeftOut, RecallContext};
pub use error_code::{ErrorBody, ErrorCode, ErrorDetail};
pub use jwks::JwksStatus;
pub use keys::{ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey, RotateApiKey};
pub use load::{ChangeLoad, Load, RouteTime, ShedClasses, TenantCap};
pub use members::{
    AcceptInvite, AddMember, CreateInvite, CreatedInvite, Invite, InviteList, Member, MemberList,
    UpdateMember,
};
pub use memories::{
    CreateMemory, CreateMemoryBatch, DeleteMemories, DeletedMemories, Memory, MemoryHistory, MemoryList,
    MemoryPage, MemoryRevision, RevertMemory, UpdateMemory,
};
pub use plans::{Plan, PlanList, SetPlan};
pub use search::{CorrectedWord, Explanation, Search, SearchAnswer, SearchHit, Signal};
pub use service::{Health, KindCount, Readiness, ReadinessCheck, Stats, Workspace, WorkspaceList};
pub use tenants::{CreateTenant, Deletion, Tenant, TenantDetails, TenantList, UpdateTenant};
pub use usage::{
    AdjustUsage, RateLimits, ReconciledHour, TenantUsageDay, TokenBucket, Usage, UsageAdjustment, UsageDay,
    UsageEvent, UsageEventList, UsageLimits, UsageNow, UsageReconciliation, UsageReport,
};
