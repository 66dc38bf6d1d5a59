//! Everything a tenant can ask for, and what each asks in return: a scope, a rate class, counters.

use crate::{Counters, Scope, Work};

/// One deed, by the name it has in files, spans, metrics and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Store one memory.
    CreateMemory,
    /// Store up to 1,000 memories, all or none.
    CreateMemoryBatch,
    /// Read one memory.
    GetMemory,
    /// Page through memories.
    ListMemories,
    /// Change fields of a memory.
    UpdateMemory,
    /// Delete one memory.
    DeleteMemory,
    /// Delete every memory a filter matches.
    DeleteMemoriesByFilter,
    /// Read the versions of a memory.
    MemoryHistory,
    /// Bring back an earlier version of a memory.
    RevertMemory,
    /// Find memories by words and meaning.
    Search,
    /// Pack the memories for a task into so many tokens.
    RecallContext,
    /// Name the workspaces.
    ListWorkspaces,
    /// Count what is stored.
    Stats,
    /// Talk MCP without touching a memory: initialise, list tools, read a prompt.
    DescribeMcp,
    /// Read the tenant's own usage.
    ShowUsage,
    /// Read the tenant itself: its plan, limits and status.
    ShowTenant,
    /// Delete the tenant itself, for ever.
    DeleteTenant,
    /// Name the people of the tenant.
    ListMembers,
    /// Give a member another role.
    UpdateMember,
    /// Remove a member.
    RemoveMember,
    /// End one's own membership.
    LeaveTenant,
    /// Invite somebody.
    CreateInvite,
    /// Name the invites.
    ListInvites,
    /// Take an invite back.
    RevokeInvite,
    /// Issue a key.
    CreateApiKey,
    /// Name the keys.
    ListApiKeys,
    /// Replace a key by another that may do the same.
    RotateApiKey,
    /// Revoke a key.
    RevokeApiKey,
    /// Read who changed what in the tenant.
    ShowAuditLog,
    /// Make a backup of the tenant.
    CreateBackup,
    /// Name the backups, the restores and the files that restores replaced.
    ListBackups,
    /// Put a backup in the place of what is there.
    RestoreTenant,
    /// Look at how far a backup or a restore is.
    ShowRun,
    /// Read every memory with its versions, as lines.
    ExportMemories,
    /// Store what an export holds.
    ImportMemories,
}

/// Operations that draw from one token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateClass {
    /// Cheap look-ups.
    Read,
    /// Everything that commits.
    Write,
    /// Searches, which cost the most.
    Search,
}

impl RateClass {
    /// Every class there is.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Search];

    /// The class's name in metrics and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Search => "search",
        }
    }
}

impl Operation {
    /// Every operation there is.
    pub const ALL: [Self; 35] = [
        Self::CreateMemory,
        Self::CreateMemoryBatch,
        Self::GetMemory,
        Self::ListMemories,
        Self::UpdateMemory,
        Self::DeleteMemory,
        Self::DeleteMemoriesByFilter,
        Self::MemoryHistory,
        Self::RevertMemory,
        Self::Search,
        Self::RecallContext,
        Self::ListWorkspaces,
        Self::Stats,
        Self::DescribeMcp,
        Self::ShowUsage,
        Self::ShowTenant,
        Self::DeleteTenant,
        Self::ListMembers,
        Self::UpdateMember,
        Self::RemoveMember,
        Self::LeaveTenant,
        Self::CreateInvite,
        Self::ListInvites,
        Self::RevokeInvite,
        Self::CreateApiKey,
        Self::ListApiKeys,
        Self::RotateApiKey,
        Self::RevokeApiKey,
        Self::ShowAuditLog,
        Self::CreateBackup,
        Self::ListBackups,
        Self::RestoreTenant,
        Self::ShowRun,
        Self::ExportMemories,
        Self::ImportMemories,
    ];

    /// The operation's name in spans, metrics and usage events.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateMemory => "create_memory",
            Self::CreateMemoryBatch => "create_memory_batch",
            Self::GetMemory => "get_memory",
            Self::ListMemories => "list_memories",
            Self::UpdateMemory => "update_memory",
            Self::DeleteMemory => "delete_memory",
            Self::DeleteMemoriesByFilter => "delete_memories_by_filter",
            Self::MemoryHistory => "memory_history",
            Self::RevertMemory => "revert_memory",
            Self::Search => "search",
            Self::RecallContext => "recall_context",
            Self::ListWorkspaces => "list_workspaces",
            Self::Stats => "stats",
            Self::DescribeMcp => "describe_mcp",
            Self::ShowUsage => "show_usage",
            Self::ShowTenant => "show_tenant",
            Self::DeleteTenant => "delete_tenant",
            Self::ListMembers => "list_members",
            Self::UpdateMember => "update_member",
            Self::RemoveMember => "remove_member",
            Self::LeaveTenant => "leave_tenant",
            Self::CreateInvite => "create_invite",
            Self::ListInvites => "list_invites",
            Self::RevokeInvite => "revoke_invite",
            Self::CreateApiKey => "create_api_key",
            Self::ListApiKeys => "list_api_keys",
            Self::RotateApiKey => "rotate_api_key",
            Self::RevokeApiKey => "revoke_api_key",
            Self::ShowAuditLog => "show_audit_log",
            Self::CreateBackup => "create_backup",
            Self::ListBackups => "list_backups",
            Self::RestoreTenant => "restore_tenant",
            Self::ShowRun => "show_run",
            Self::ExportMemories => "export_memories",
            Self::ImportMemories => "import_memories",
        }
    }

    /// The scope a caller needs; `None`: any key or member of the tenant will do.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::CreateMemory
            | Self::CreateMemoryBatch
            | Self::UpdateMemory
            | Self::DeleteMemory
            | Self::DeleteMemoriesByFilter
            | Self::RevertMemory
            | Self::ImportMemories => Some(Scope::MemoriesWrite),
            Self::GetMemory
            | Self::ListMemories
            | Self::MemoryHistory
            | Self::ListWorkspaces
            | Self::Stats
            | Self::ExportMemories => Some(Scope::MemoriesRead),
            Self::Search | Self::RecallContext => Some(Scope::Search),
            Self::ShowUsage
            | Self::ShowTenant
            | Self::DeleteTenant
            | Self::ListMembers
            | Self::UpdateMember
            | Self::RemoveMember
            | Self::CreateInvite
            | Self::ListInvites
            | Self::RevokeInvite
            | Self::CreateApiKey
            | Self::ListApiKeys
            | Self::RotateApiKey
            | Self::RevokeApiKey
            | Self::ShowAuditLog
            | Self::CreateBackup
            | Self::ListBackups
            | Self::RestoreTenant
            | Self::ShowRun => Some(Scope::Admin),
            // Whoever came may go, whatever they may do meanwhile.
            Self::DescribeMcp | Self::LeaveTenant => None,
        }
    }

    /// Whether it manages the tenant, or leaves it: what is let through when the day's calls are used up or load is
    /// shed.
    pub fn is_administration(self) -> bool {
        self.scope() == Some(Scope::Admin) || self == Self::LeaveTenant
    }

    /// The token bucket the operation draws from.
    pub fn rate_class(self) -> RateClass {
        match self {
            Self::CreateMemory
            | Self::CreateMemoryBatch
            | Self::UpdateMemory
            | Self::DeleteMemory
            | Self::DeleteMemoriesByFilter
            | Self::RevertMemory
            | Self::DeleteTenant
            | Self::UpdateMember
            | Self::RemoveMember
            | Self::LeaveTenant
            | Self::CreateInvite
            | Self::RevokeInvite
            | Self::CreateApiKey
            | Self::RotateApiKey
            | Self::RevokeApiKey
            | Self::CreateBackup
            | Self::RestoreTenant
            | Self::ImportMemories => RateClass::Write,
            Self::GetMemory
            | Self::ListMemories
            | Self::MemoryHistory
            | Self::ListWorkspaces
            | Self::Stats
            | Self::DescribeMcp
            | Self::ShowUsage
            | Self::ShowTenant
            | Self::ListMembers
            | Self::ListInvites
            | Self::ListApiKeys
            | Self::ShowAuditLog
            | Self::ListBackups
            | Self::ShowRun
            | Self::ExportMemories => RateClass::Read,
            Self::Search | Self::RecallContext => RateClass::Search,
        }
    }

    /// What a successful call counts, given the work it did.
    pub fn counters(self, work: Work) -> Counters {
        let call = Counters { api_calls: 1, ..Counters::default() };
        match self {
            Self::CreateMemory | Self::CreateMemoryBatch | Self::ImportMemories => Counters {
                memories_created: work.memories_created,
                storage_bytes_delta: work.storage_bytes_delta,
                ..call
            },
            Self::UpdateMemory | Self::DeleteMemory | Self::DeleteMemoriesByFilter | Self::RevertMemory => {
                Counters { storage_bytes_delta: work.storage_bytes_delta, ..call }
            }
            Self::Search | Self::RecallContext => Counters { search_queries: 1, ..call },
            Self::GetMemory
            | Self::ListMemories
            | Self::MemoryHistory
            | Self::ListWorkspaces
            | Self::Stats
            | Self::DescribeMcp
            | Self::ShowUsage
            | Self::ShowTenant
            | Self::DeleteTenant
            | Self::ListMembers
            | Self::UpdateMember
            | Self::RemoveMember
            | Self::LeaveTenant
            | Self::CreateInvite
            | Self::ListInvites
            | Self::RevokeInvite
            | Self::CreateApiKey
            | Self::ListApiKeys
            | Self::RotateApiKey
            | Self::RevokeApiKey
            | Self::ShowAuditLog
            | Self::CreateBackup
            | Self::ListBackups
            | Self::RestoreTenant
            | Self::ShowRun
            | Self::ExportMemories => call,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_listed_once_under_its_own_name() {
        let names: BTreeSet<_> = Operation::ALL.iter().map(|o| o.name()).collect();
        assert_eq!(names.len(), Operation::ALL.len());
    }

    #[test]
    fn a_batch_counts_its_rows_and_a_search_counts_itself() {
        let work = Work { memories_created: 40, storage_bytes_delta: 9_000 };
        let batch = Operation::CreateMemoryBatch.counters(work);
        assert_eq!((batch.api_calls, batch.memories_created, batch.storage_bytes_delta), (1, 40, 9_000));
        for asked in [Operation::Search, Operation::RecallContext] {
            let counted = asked.counters(Work::default());
            assert_eq!((counted.api_calls, counted.search_queries, counted.memories_created), (1, 1, 0));
        }
    }

    #[test]
    fn managing_and_leaving_come_through_and_work_with_memories_waits() {
        for operation in [Operation::RemoveMember, Operation::LeaveTenant, Operation::RestoreTenant] {
            assert!(operation.is_administration(), "{operation:?}");
        }
        for operation in [Operation::CreateMemory, Operation::Search, Operation::DescribeMcp] {
            assert!(!operation.is_administration(), "{operation:?}");
        }
    }

    #[test]
    fn whatever_writes_needs_a_scope_that_may() {
        for operation in Operation::ALL {
            let scope = operation.scope();
            if operation == Operation::LeaveTenant {
                assert_eq!(scope, None, "a viewer may go, too");
            } else if operation.rate_class() == RateClass::Write {
                assert!(matches!(scope, Some(Scope::MemoriesWrite | Scope::Admin)), "{operation:?}");
            } else {
                assert_ne!(scope, Some(Scope::MemoriesWrite), "{operation:?}");
            }
        }
    }
}
