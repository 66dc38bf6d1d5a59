//! What a run found, as JSON for machines; people get a table of the same numbers.

use serde::Serialize;

/// Every number of a run. Times in `_us` are microseconds of one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Rounds of each timing.
    pub(crate) rounds: u64,
    /// Timed calls of a round.
    pub(crate) calls: u64,
    pub(crate) admission: Admission,
    pub(crate) strangers: Strangers,
    pub(crate) quota: Quota,
    pub(crate) tenants: Tenants,
}

/// What one request pays; each the median of the rounds' medians.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Admission {
    /// HMAC-SHA-256 of the key alone: what no check of it can beat.
    pub(crate) hmac_us: f64,
    /// A key that was seen before.
    pub(crate) key_us: f64,
    /// `key_us / hmac_us`.
    pub(crate) key_to_hmac: f64,
    /// A token that was proven before.
    pub(crate) token_us: f64,
    /// A token nobody has seen: its signature is checked.
    pub(crate) new_token_us: f64,
    /// `new_token_us / token_us`.
    pub(crate) new_token_to_token: f64,
    /// Admitted by key and settled: key, tenant, rate, daily calls, usage event on its way to the disk.
    pub(crate) admit_and_settle_us: f64,
    /// The same request through the router, from its headers to the body of the answer, without a socket.
    pub(crate) get_us: f64,
    /// `admit_and_settle_us / get_us`.
    pub(crate) admission_share_of_get: f64,
}

/// Tokens signed with keys that the identity provider does not publish.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Strangers {
    pub(crate) tokens: u64,
    /// Tokens that were refused; all of them, or something is wrong.
    pub(crate) refused: u64,
    /// Times the provider's keys were asked for meanwhile.
    pub(crate) fetches: u64,
    pub(crate) refusal_p50_us: f64,
    pub(crate) refusal_p99_us: f64,
}

/// Callers at once, of whom the quota lets half through.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Quota {
    pub(crate) callers: u64,
    pub(crate) limit: u64,
    /// Admitted out of the calls of a day.
    pub(crate) calls_admitted: u64,
    /// Stored out of the memories at one time.
    pub(crate) memories_stored: u64,
    /// Beyond the limit, of both together.
    pub(crate) overshoot: u64,
}

/// Many tenants in one process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Tenants {
    pub(crate) tenants: u64,
    /// Tenants that stored a memory and searched for it.
    pub(crate) active: u64,
    /// Making all tenants.
    pub(crate) create_seconds: f64,
    /// Storing and searching once for each active one.
    pub(crate) activate_seconds: f64,
    /// Resident memory with one tenant, with all, and with the active ones served; absent where it cannot be read.
    pub(crate) alone_mib: Option<f64>,
    pub(crate) created_mib: Option<f64>,
    pub(crate) active_mib: Option<f64>,
    /// Right after the active ones were served, and when the warm tenant had been measured: the surplus of a rush is
    /// closed behind it.
    pub(crate) stores_open_after_rush: u64,
    pub(crate) stores_open_later: u64,
    pub(crate) stores_open_max: u64,
    /// 95 of 100 `GET /v1/memories/{id}` of one warm tenant: while it was alone, and among all.
    pub(crate) get_p95_alone_us: f64,
    pub(crate) get_p95_among_us: f64,
    /// `get_p95_among_us / get_p95_alone_us`.
    pub(crate) among_to_alone: f64,
}

impl Report {
    /// What must hold on every machine, as sentences; empty when it does. Speed is for the reader to judge.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        let Self { strangers, quota, .. } = self;
        [
            (strangers.refused != strangers.tokens, "a token with an unknown key was not refused"),
            (strangers.fetches > 1, "tokens with unknown keys had the provider's keys read more than once"),
            (quota.overshoot > 0, "a quota let more through than it allows"),
            (
                quota.calls_admitted < quota.limit || quota.memories_stored < quota.limit,
                "a quota refused what it allows",
            ),
        ]
        .into_iter()
        .filter_map(|(is_broken, sentence)| is_broken.then_some(sentence))
        .collect()
    }
}
