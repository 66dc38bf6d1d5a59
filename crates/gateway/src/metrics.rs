//! Every metric of the gateway.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tenancy::RateClass;

use crate::{AuthFailure, Refusal};

const AUTH_FAILURES: &str = "engram_auth_failures_total";
const RATE_LIMITED: &str = "engram_rate_limited_total";
const QUOTA_EXCEEDED: &str = "engram_quota_exceeded_total";
/// Everything that has a quota.
const QUOTAS: &[&str] = &["memories", "workspaces", "storage_bytes", API_CALLS_PER_DAY];
pub(crate) const API_CALLS_PER_DAY: &str = "api_calls_per_day";
const SHED: &str = "engram_shed_total";
const SHEDDING: &str = "engram_shed_classes";
const REFUSED: &str = "engram_refused_total";
const JWKS_REFRESHES: &str = "engram_jwks_refreshes_total";
const JWKS_AGE: &str = "engram_jwks_age_seconds";
/// The class of the bucket that every client address has.
pub(crate) const ADDRESS: &str = "address";

/// Codes that [`Refusal::code`] gives.
const CODES: &[&str] = &[
    "unauthorized",
    "conflicting_credentials",
    "tenant_mismatch",
    "tenant_not_found",
    "forbidden",
    "tenant_suspended",
    "rate_limited",
    "quota_exceeded",
    "conflicting_tenant",
    "invalid_host",
    "tenant_required",
    "not_a_member",
    "overloaded",
    "unavailable",
];

/// Describes every metric of the gateway and sets it to zero; call it once the recorder is installed.
pub fn describe() {
    describe_counter!(AUTH_FAILURES, Unit::Count, "Requests whose credentials did not hold, by reason");
    describe_counter!(RATE_LIMITED, Unit::Count, "Requests over a tenant's rate, by rate class");
    describe_counter!(JWKS_REFRESHES, Unit::Count, "Readings of the identity provider's keys, by outcome");
    describe_gauge!(JWKS_AGE, Unit::Seconds, "Age of the identity provider's keys in use");
    for outcome in ["ok", "failed"] {
        counter!(JWKS_REFRESHES, "outcome" => outcome).increment(0);
    }
    describe_counter!(REFUSED, Unit::Count, "Requests that were not admitted, by error code");
    for reason in AuthFailure::ALL {
        counter!(AUTH_FAILURES, "reason" => reason.name()).increment(0);
    }
    for class in RateClass::ALL {
        counter!(RATE_LIMITED, "class" => class.name()).increment(0);
    }
    counter!(RATE_LIMITED, "class" => ADDRESS).increment(0);
    describe_counter!(
        QUOTA_EXCEEDED,
        Unit::Count,
        "Requests beyond a tenant's quota, refused or only measured"
    );
    describe_counter!(SHED, Unit::Count, "Requests turned away because an operator sheds their class");
    describe_gauge!(SHEDDING, Unit::Count, "Whether an operator sheds a class of requests: 0 or 1, by class");
    for class in RateClass::ALL {
        counter!(SHED, "class" => class.name()).increment(0);
        shedding(class, false);
    }
    gauge!(JWKS_AGE).set(0.0);
    for metric in QUOTAS {
        counter!(QUOTA_EXCEEDED, "metric" => *metric).increment(0);
    }
    for code in CODES {
        counter!(REFUSED, "code" => *code).increment(0);
    }
}

pub(crate) fn refused(refusal: &Refusal) {
    counter!(REFUSED, "code" => refusal.code()).increment(1);
    if let Refusal::QuotaExceeded { metric, .. } = refusal {
        quota_exceeded(metric);
    }
    let reason = match refusal {
        Refusal::Unauthenticated { reason } => *reason,
        Refusal::ConflictingCredentials => AuthFailure::Conflicting,
        Refusal::ContradictingTenant { .. }
        | Refusal::TenantUnknown { .. }
        | Refusal::ConflictingTenants { .. }
        | Refusal::MalformedHost { .. }
        | Refusal::TenantRequired
        | Refusal::NotAMember
        | Refusal::Overloaded { .. }
        | Refusal::Shed { .. }
        | Refusal::Forbidden { .. }
        | Refusal::Suspended
        | Refusal::RateLimited { .. }
        | Refusal::QuotaExceeded { .. }
        | Refusal::Unavailable { .. } => return,
    };
    counter!(AUTH_FAILURES, "reason" => reason.name()).increment(1);
}

pub(crate) fn rate_limited(class: &'static str) {
    counter!(RATE_LIMITED, "class" => class).increment(1);
}

/// Counts a request beyond a quota, for quotas that are found out after admission.
pub fn quota_exceeded(metric: &'static str) {
    counter!(QUOTA_EXCEEDED, "metric" => metric).increment(1);
}

pub(crate) fn shed(class: RateClass) {
    counter!(SHED, "class" => class.name()).increment(1);
}

pub(crate) fn shedding(class: RateClass, is_shed: bool) {
    gauge!(SHEDDING, "class" => class.name()).set(if is_shed { 1.0 } else { 0.0 });
}

pub(crate) fn jwks_refreshed(ok: bool) {
    counter!(JWKS_REFRESHES, "outcome" => if ok { "ok" } else { "failed" }).increment(1);
}

pub(crate) fn jwks_age(seconds: Option<i64>) {
    if let Some(seconds) = seconds {
        gauge!(JWKS_AGE).set(seconds as f64);
    }
}
