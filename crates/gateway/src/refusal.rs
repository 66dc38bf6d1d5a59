//! Why a request is not admitted, and what its sender can do about it. Every text here is safe to show.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tenancy::Scope;

use crate::{RateState, metrics};

/// Why no pass was given. [`code`](Self::code) is stable; the display text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody we know: 401.
    #[error("{}", .reason.advice())]
    Unauthenticated {
        /// What was wrong with the credentials.
        reason: AuthFailure,
    },
    /// Two credentials at once: 400.
    #[error("send either an Authorization header or an X-API-Key header, not both")]
    ConflictingCredentials,
    /// The key is of one tenant and the request names another: 403.
    #[error(
        "this key does not belong to the tenant {named:?} that the request names; leave the tenant header out"
    )]
    ContradictingTenant {
        /// What the request named.
        named: String,
    },
    /// No such tenant: 404.
    #[error("there is no tenant {named:?}")]
    TenantUnknown {
        /// What the request named.
        named: String,
    },
    /// The request names one tenant here and another there: 400.
    #[error("the request names two tenants, {one:?} and {other:?}; name one")]
    ConflictingTenants {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// The host cannot be read as a tenant's: 400.
    #[error("the host {host:?} is not <slug>.{domain}; a slug has lower-case letters, digits and hyphens")]
    MalformedHost {
        /// What was asked for.
        host: String,
        /// Where tenants live.
        domain: String,
    },
    /// Somebody with several tenants, or none, who names none: 400.
    #[error("name a tenant: by the host, in X-Engram-Tenant, or in the token")]
    TenantRequired,
    /// A person who does not belong to the tenant: 403.
    #[error("you are not a member of this tenant; ask one of its admins for an invite")]
    NotAMember,
    /// Known, but not allowed to do this: 403.
    #[error("{}", .needed.advice())]
    Forbidden {
        /// What would be needed.
        needed: Needed,
    },
    /// The tenant is suspended: 403.
    #[error("this tenant is suspended; ask whoever runs the service to resume it")]
    Suspended,
    /// Too many requests in a short time: 429.
    #[error("too many requests ({class}); try again in {} s", seconds(*.retry_after))]
    RateLimited {
        /// The bucket that is empty: a rate class, or `address`.
        class: &'static str,
        /// When a request may succeed again.
        retry_after: Duration,
        /// For the rate headers.
        rate: RateState,
    },
    /// The plan allows no more: 402.
    #[error("the plan's limit of {limit} for {metric} is reached; {}", quota_advice(.metric))]
    QuotaExceeded {
        /// What is limited, such as `memories`.
        metric: &'static str,
        /// How much there is.
        current: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The tenant has as many requests at work as it may: 503.
    #[error("this tenant has too many requests at work; try again in {} s", seconds(*.retry_after))]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// Whoever runs the service turns this class of requests away for now: 503.
    #[error("the service serves no {class} requests right now; try again in {} s", seconds(*.retry_after))]
    Shed {
        /// The rate class.
        class: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// Not decidable now: 503.
    #[error("the service cannot check this request right now; try again in {} s", seconds(*.retry_after))]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// What a refused caller would have needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// A key with this scope.
    Scope(Scope),
    /// An operator's key.
    OperatorKey,
    /// A key of a tenant; operator keys reach no memories.
    TenantKey,
}

/// What was wrong with the credentials; the `reason` label of `engram_auth_failures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthFailure {
    /// There were none.
    Missing,
    /// The `Authorization` header is neither `Bearer` nor `Token`.
    UnsupportedScheme,
    /// Not written like a key.
    Malformed,
    /// Written like a key, with a checksum that does not match.
    BadChecksum,
    /// No key has this prefix.
    UnknownKey,
    /// A key has this prefix, and another secret.
    WrongSecret,
    /// Revoked.
    Revoked,
    /// Past its time.
    Expired,
    /// The key's tenant is deleted.
    TenantDeleted,
    /// Two credentials at once.
    Conflicting,
    /// A token, and no identity provider is configured.
    TokensNotTaken,
    /// Longer than any token.
    TokenTooLarge,
    /// Not written like a token.
    MalformedToken,
    /// Signed in a way that is not taken: `none`, a shared secret, or not the key's own.
    AlgorithmRefused,
    /// The token names no key, and several could be meant.
    MissingKid,
    /// The token names a key that its provider does not have.
    UnknownKid,
    /// The signature is not the key's.
    BadSignature,
    /// Of another provider.
    WrongIssuer,
    /// Meant for somebody else.
    WrongAudience,
    /// Without a bearer or an end.
    MissingClaim,
    /// Past its end.
    TokenExpired,
    /// Before its beginning.
    NotYetValid,
}

impl Refusal {
    /// The stable error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated { .. } => "unauthorized",
            Self::ConflictingCredentials => "conflicting_credentials",
            Self::ContradictingTenant { .. } => "tenant_mismatch",
            Self::TenantUnknown { .. } => "tenant_not_found",
            Self::ConflictingTenants { .. } => "conflicting_tenant",
            Self::MalformedHost { .. } => "invalid_host",
            Self::TenantRequired => "tenant_required",
            Self::NotAMember => "not_a_member",
            Self::Forbidden { .. } => "forbidden",
            Self::Suspended => "tenant_suspended",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::Overloaded { .. } | Self::Shed { .. } => "overloaded",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::ConflictingCredentials
            | Self::ConflictingTenants { .. }
            | Self::MalformedHost { .. }
            | Self::TenantRequired => 400,
            Self::Unauthenticated { .. } => 401,
            Self::QuotaExceeded { .. } => 402,
            Self::ContradictingTenant { .. }
            | Self::NotAMember
            | Self::Forbidden { .. }
            | Self::Suspended => 403,
            Self::TenantUnknown { .. } => 404,
            Self::RateLimited { .. } => 429,
            Self::Overloaded { .. } | Self::Shed { .. } | Self::Unavailable { .. } => 503,
        }
    }

    /// What a machine can use of it: the fields beside `error` and `message`.
    pub fn details(&self) -> Map<String, Value> {
        let details = match self {
            Self::Unauthenticated { .. }
            | Self::ConflictingCredentials
            | Self::TenantRequired
            | Self::NotAMember
            | Self::Suspended => json!({}),
            Self::ConflictingTenants { one, other } => json!({ "tenants": [one, other] }),
            Self::MalformedHost { host, .. } => json!({ "host": host }),
            Self::ContradictingTenant { named } | Self::TenantUnknown { named } => json!({ "tenant": named }),
            Self::Forbidden { needed: Needed::Scope(scope) } => json!({ "scope": scope.as_str() }),
            Self::Forbidden { needed: Needed::OperatorKey | Needed::TenantKey } => json!({}),
            Self::RateLimited { class, retry_after, .. } | Self::Shed { class, retry_after } => {
                json!({ "retry_after": seconds(*retry_after), "class": class })
            }
            Self::QuotaExceeded { metric, current, limit } => {
                json!({ "metric": metric, "current": current, "limit": limit })
            }
            Self::Overloaded { retry_after } | Self::Unavailable { retry_after } => {
                json!({ "retry_after": seconds(*retry_after) })
            }
        };
        match details {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Whole seconds for the `Retry-After` header, when there is a use in trying again.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::Overloaded { retry_after }
            | Self::Shed { retry_after, .. }
            | Self::Unavailable { retry_after } => Some(seconds(*retry_after)),
            Self::Unauthenticated { .. }
            | Self::ConflictingCredentials
            | Self::ContradictingTenant { .. }
            | Self::TenantUnknown { .. }
            | Self::ConflictingTenants { .. }
            | Self::MalformedHost { .. }
            | Self::TenantRequired
            | Self::NotAMember
            | Self::Forbidden { .. }
            | Self::Suspended
            | Self::QuotaExceeded { .. } => None,
        }
    }

    /// For the rate headers, where the rate was looked at.
    pub fn rate(&self) -> Option<&RateState> {
        match self {
            Self::RateLimited { rate, .. } => Some(rate),
            Self::Unauthenticated { .. }
            | Self::ConflictingCredentials
            | Self::ContradictingTenant { .. }
            | Self::TenantUnknown { .. }
            | Self::ConflictingTenants { .. }
            | Self::MalformedHost { .. }
            | Self::TenantRequired
            | Self::NotAMember
            | Self::Forbidden { .. }
            | Self::Suspended
            | Self::QuotaExceeded { .. }
            | Self::Overloaded { .. }
            | Self::Shed { .. }
            | Self::Unavailable { .. } => None,
        }
    }
}

impl Needed {
    fn advice(self) -> String {
        match self {
            Self::Scope(scope) => format!("this key lacks the scope {scope}; use a key that has it"),
            Self::OperatorKey => "this needs an operator key (eng_op_...)".to_owned(),
            Self::TenantKey => {
                "an operator key reaches no memories; use a key of the tenant (eng_live_... or eng_test_...)"
                    .to_owned()
            }
        }
    }
}

impl AuthFailure {
    pub(crate) const ALL: [Self; 22] = [
        Self::Missing,
        Self::UnsupportedScheme,
        Self::Malformed,
        Self::BadChecksum,
        Self::UnknownKey,
        Self::WrongSecret,
        Self::Revoked,
        Self::Expired,
        Self::TenantDeleted,
        Self::Conflicting,
        Self::TokensNotTaken,
        Self::TokenTooLarge,
        Self::MalformedToken,
        Self::AlgorithmRefused,
        Self::MissingKid,
        Self::UnknownKid,
        Self::BadSignature,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::MissingClaim,
        Self::TokenExpired,
        Self::NotYetValid,
    ];

    /// The stable name, in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UnsupportedScheme => "unsupported_scheme",
            Self::Malformed => "malformed",
            Self::BadChecksum => "bad_checksum",
            Self::UnknownKey => "unknown_key",
            Self::WrongSecret => "wrong_secret",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::TenantDeleted => "tenant_deleted",
            Self::Conflicting => "conflicting",
            Self::TokensNotTaken => "tokens_not_taken",
            Self::TokenTooLarge => "token_too_large",
            Self::MalformedToken => "malformed_token",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::MissingKid => "missing_kid",
            Self::UnknownKid => "unknown_kid",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim => "missing_claim",
            Self::TokenExpired => "token_expired",
            Self::NotYetValid => "not_yet_valid",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Missing => {
                "send an API key, as `Authorization: Bearer eng_...` or `X-API-Key: eng_...`, or a token where tokens are taken"
            }
            Self::UnsupportedScheme => "the Authorization header must read `Bearer eng_...`",
            Self::Malformed => {
                "this is neither an Engram API key, which starts with eng_live_, eng_test_ or eng_op_, nor a token (JWT)"
            }
            Self::BadChecksum => "this API key is mistyped or cut off; copy it again",
            // One text for all three: whoever guesses learns nothing.
            Self::UnknownKey | Self::WrongSecret | Self::TenantDeleted => {
                "this API key is not known here; check the key and the address of the service"
            }
            Self::Revoked => "this API key was revoked; use another one",
            Self::Expired => "this API key has expired; use another one",
            Self::Conflicting => "send one credential",
            Self::TokensNotTaken => {
                "this service takes API keys only; tokens need jwt.issuer and jwt.audience in its settings"
            }
            Self::TokenTooLarge => "this token is longer than 8 KiB; ask for one with fewer claims",
            Self::MalformedToken => "this token cannot be read; send it whole, as the provider gave it",
            Self::AlgorithmRefused => {
                "this token is signed with an algorithm that is not taken here; the provider must use one of jwt.algorithms"
            }
            Self::MissingKid => "this token names no key (kid) and its provider has several",
            // One text for both: whoever forges learns nothing.
            Self::UnknownKid | Self::BadSignature => {
                "this token is not signed by the provider that is trusted here; sign in again"
            }
            Self::WrongIssuer => "this token is of another provider than the one that is trusted here (iss)",
            Self::WrongAudience => {
                "this token is meant for another service (aud); ask the provider for one for this"
            }
            Self::MissingClaim => "this token has no usable sub or exp claim",
            Self::TokenExpired => "this token has expired; sign in again",
            Self::NotYetValid => "this token is not valid yet (nbf, iat); check the clocks",
        }
    }
}

impl From<AuthFailure> for Refusal {
    fn from(reason: AuthFailure) -> Self {
        Self::Unauthenticated { reason }
    }
}

fn quota_advice(metric: &str) -> &'static str {
    match metric {
        metrics::API_CALLS_PER_DAY => "it starts anew at 00:00 UTC; ask for a larger plan if it is too small",
        _ => "delete something, or ask for a larger plan",
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}
