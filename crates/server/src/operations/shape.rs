//! From domain types to wire shapes. An engine field renamed does not change the API.

use engine::{Correction, Explanation, Hit, Memory, Revision, Signal};
use tenancy::{Limits, RateLimit, Tenant};

/// A memory as callers see it.
pub fn memory_to_wire(memory: Memory) -> api::Memory {
    api::Memory {
        id: memory.id,
        content: memory.content,
        kind: memory.kind,
        tags: memory.tags,
        metadata: memory.metadata,
        importance: memory.importance,
        workspace: memory.workspace,
        user_id: memory.user_id,
        agent_id: memory.agent_id,
        session_id: memory.session_id,
        actor: memory.actor,
        tier: memory.tier.as_str().to_owned(),
        expires_at: memory.expires_at,
        event_time: memory.event_time,
        valid_from: memory.valid_from,
        valid_to: memory.valid_to,
        superseded_by: memory.superseded_by,
        custom_id: memory.custom_id,
        version: memory.version,
        created_at: memory.created_at,
        updated_at: memory.updated_at,
        embedding: memory.embedding.as_str().to_owned(),
    }
}

/// A tenant as operators see it.
pub fn tenant_to_wire(tenant: Tenant) -> api::Tenant {
    api::Tenant {
        id: tenant.id.to_string(),
        slug: tenant.slug.to_string(),
        name: tenant.name,
        status: tenant.status.as_str().to_owned(),
        kind: tenant.kind.as_str().to_owned(),
        plan: tenant.plan.as_str().to_owned(),
        created_at: tenant.created_at,
        role: None,
    }
}

pub(super) fn revision_to_wire(revision: Revision) -> api::MemoryRevision {
    api::MemoryRevision {
        version: revision.memory.version,
        change: revision.change.as_str().to_owned(),
        memory: memory_to_wire(revision.memory),
    }
}

pub(super) fn hit_to_wire(hit: Hit) -> api::SearchHit {
    api::SearchHit {
        memory: memory_to_wire(hit.memory),
        score: hit.score,
        explain: hit.explanation.map(explanation_to_wire),
    }
}

pub(super) fn limits_to_wire(limits: &Limits) -> api::UsageLimits {
    api::UsageLimits {
        memories: limits.memories,
        workspaces: limits.workspaces,
        storage_bytes: limits.storage_bytes,
        api_calls_per_day: limits.api_calls_per_day,
        rates: api::RateLimits {
            read: limits.rates.read.map(bucket_to_wire),
            write: limits.rates.write.map(bucket_to_wire),
            search: limits.rates.search.map(bucket_to_wire),
        },
    }
}

/// A misspelt word, and what was searched instead.
pub(super) fn correction_to_wire(correction: Correction) -> api::CorrectedWord {
    api::CorrectedWord { from: correction.from, to: correction.to }
}

fn explanation_to_wire(explanation: Explanation) -> api::Explanation {
    let signal = |s: Signal| api::Signal {
        name: s.name,
        value: s.value,
        weight: s.weight,
        contribution: s.contribution,
    };
    api::Explanation {
        raw: explanation.raw,
        signals: explanation.signals.into_iter().map(signal).collect(),
        matched_terms: explanation.matched_terms,
        repeats: explanation.repeats,
    }
}

fn bucket_to_wire(limit: RateLimit) -> api::TokenBucket {
    api::TokenBucket { per_second: limit.per_second.get(), burst: limit.burst.get() }
}
