//! Every error a caller can meet: one row each, with its stable code, its status and what it means.

use serde::Serialize;
use utoipa::ToSchema;

macro_rules! error_codes {
    ($($variant:ident, $code:literal, $status:literal, $meaning:literal;)+) => {
        /// A stable code; callers may branch on it, its text never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ErrorCode {
            /// Every code there is, in the order of their statuses.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code on the wire, such as `memory_not_found`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// What happened and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

error_codes! {
    InvalidRequest, "invalid_request", 400, "The request breaks rules; `details` lists every one of them. Nothing was written.";
    MalformedJson, "malformed_json", 400, "The body is not JSON, is empty, or is nested too deeply.";
    InvalidHeader, "invalid_header", 400, "A header has a value that cannot be read.";
    ConflictingCredentials, "conflicting_credentials", 400, "Two credentials were sent at once; send one.";
    ConflictingTenant, "conflicting_tenant", 400, "The host and the headers name different tenants; name one.";
    InvalidHost, "invalid_host", 400, "The host is below the service's domain and is no tenant's; put the tenant's slug before the domain.";
    TenantRequired, "tenant_required", 400, "The credential reaches several tenants, or none; name one by the host or in X-Engram-Tenant.";
    Unauthorized, "unauthorized", 401, "There is no valid credential: missing, malformed, unknown, expired or revoked.";
    QuotaExceeded, "quota_exceeded", 402, "The plan's quota is used up; `metric`, `current` and `limit` say which.";
    Forbidden, "forbidden", 403, "The credential is valid but lacks the scope or the role this needs.";
    TenantMismatch, "tenant_mismatch", 403, "The request names a tenant that is not the key's own; leave the tenant header out.";
    NotAMember, "not_a_member", 403, "The person does not belong to the tenant; an admin of it can invite them.";
    TenantSuspended, "tenant_suspended", 403, "The tenant is suspended; its operator can resume it.";
    RouteNotFound, "route_not_found", 404, "There is no such path.";
    MemoryNotFound, "memory_not_found", 404, "The tenant has no such memory, or it has expired.";
    VersionNotFound, "version_not_found", 404, "The memory has no such version.";
    TenantNotFound, "tenant_not_found", 404, "There is no such tenant.";
    NotFound, "not_found", 404, "There is no such thing.";
    MethodNotAllowed, "method_not_allowed", 405, "The path exists, but not with this method; `Allow` lists those it has.";
    RequestTimeout, "request_timeout", 408, "The request's body did not arrive in time.";
    VersionConflict, "version_conflict", 409, "The memory has changed since you read it; read it again.";
    CustomIdTaken, "custom_id_taken", 409, "Another memory of the workspace has this custom_id.";
    IdempotencyKeyReused, "idempotency_key_reused", 409, "The Idempotency-Key was used before with another body.";
    Conflict, "conflict", 409, "The name is taken.";
    LastOwner, "last_owner", 409, "A tenant keeps at least one owner; make somebody else an owner first.";
    InviteSpent, "invite_spent", 409, "The invite has expired, was accepted or was taken back; ask for another.";
    BodyTooLarge, "body_too_large", 413, "The body is larger than the service takes.";
    UnsupportedMediaType, "unsupported_media_type", 415, "The body must be sent as application/json.";
    RateLimited, "rate_limited", 429, "Too many requests; wait `retry_after` seconds.";
    Internal, "internal", 500, "A defect of ours; the request id finds it in the log.";
    Overloaded, "overloaded", 503, "More requests are in flight than the service takes; try again after `Retry-After`.";
    Draining, "draining", 503, "The service is shutting down; try again, another one answers.";
    Timeout, "timeout", 503, "The work took longer than it may; try again, or ask for less.";
    TenantUnavailable, "tenant_unavailable", 503, "The tenant's store cannot be opened at the moment.";
    Maintenance, "maintenance", 503, "The tenant is being restored: reads go on, writes in a moment.";
    Unavailable, "unavailable", 503, "Something this needs does not answer at the moment; try again.";
    VolumeFull, "volume_full", 507, "The volume is nearly full; deletes and reads still work.";
}

/// The one shape of every error.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Stable code, such as `memory_not_found`.
    #[schema(example = "invalid_request")]
    pub error: &'static str,
    /// What went wrong, for people.
    pub message: String,
    /// The same text as `message`, for clients that read `detail`.
    pub detail: String,
    /// The request's id; also in `X-Request-Id`.
    pub request_id: String,
    /// Every problem of the request, when it breaks rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
    /// Seconds to wait (429 and 503).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The quota that is used up (402).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// How much of it is used (402).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// How much of it the plan allows (402).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// One problem of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Path of the value, such as `memories[3].content`.
    pub field: String,
    /// The rule it breaks.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_ordered_by_status() {
        let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.status()));
        assert!(ErrorCode::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
