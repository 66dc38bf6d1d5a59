//! Everything that can go wrong with a request, and the row of the error table it belongs to.

use api::{ErrorBody, ErrorCode, ErrorDetail};
use control::ControlError;
use engine::{EngineError, Problem};
use fleet::FleetError;
use gateway::Refusal;
use tenancy::RequestId;

use super::quota;
use crate::telemetry::note_error;

/// Why a request was not answered.
#[derive(Debug)]
pub enum Failure {
    /// The gateway did not let it in.
    Refused(Refusal),
    /// It breaks rules, all of which are listed; nothing was done.
    Invalid(Vec<Problem>),
    /// A row of the error table says it all; the text is safe to show.
    Coded(ErrorCode, String),
    /// The tenant's store refused or failed.
    Store(FleetError),
    /// The control plane refused or failed.
    Control(ControlError),
}

impl Failure {
    /// One problem with one field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(field, message)])
    }

    /// The row of the error table.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal_code(refusal),
            Self::Invalid(_) => ErrorCode::InvalidRequest,
            Self::Coded(code, _) => *code,
            Self::Store(error) => store_code(error),
            Self::Control(error) => control_code(error),
        }
    }

    /// The quota that a write met in the tenant's file.
    pub fn quota(&self) -> Option<&'static str> {
        match self {
            Self::Store(FleetError::Engine(EngineError::BoundReached { what, .. })) => {
                Some(quota::metric(*what))
            }
            Self::Refused(_) | Self::Invalid(_) | Self::Coded(..) | Self::Store(_) | Self::Control(_) => None,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code().status()
    }

    /// Seconds after which trying again makes sense, if that is known.
    pub fn retry_after_s(&self) -> Option<u64> {
        if let Self::Refused(refusal) = self {
            return refusal.retry_after_s();
        }
        (self.status() == 503).then_some(1)
    }

    /// The body that a caller gets. Texts of our own defects stay in the log.
    pub fn to_body(&self, request: &RequestId) -> ErrorBody {
        let code = self.code();
        let message = self.message();
        let (metric, current, limit) = match self {
            Self::Refused(Refusal::QuotaExceeded { metric, current, limit, .. }) => {
                (Some((*metric).to_owned()), Some(*current), Some(*limit))
            }
            Self::Store(FleetError::Engine(EngineError::BoundReached { what, current, limit })) => {
                (Some(quota::metric(*what).to_owned()), Some(*current), Some(*limit))
            }
            _ => (None, None, None),
        };
        let problems: &[Problem] = match self {
            Self::Invalid(problems) | Self::Store(FleetError::Engine(EngineError::Invalid(problems))) => {
                problems
            }
            _ => &[],
        };
        let detail = |problem: &Problem| ErrorDetail {
            field: problem.field.clone(),
            message: problem.message.clone(),
        };
        ErrorBody {
            error: code.as_str(),
            detail: message.clone(),
            message,
            request_id: request.to_string(),
            details: problems.iter().map(detail).collect(),
            retry_after: self.retry_after_s(),
            metric,
            current,
            limit,
        }
    }

    /// What went wrong, for people; safe to show.
    pub fn message(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::Invalid(problems) | Self::Store(FleetError::Engine(EngineError::Invalid(problems))) => {
                let told: Vec<_> =
                    problems.iter().take(PROBLEMS_IN_MESSAGE).map(ToString::to_string).collect();
                let more = problems.len().saturating_sub(PROBLEMS_IN_MESSAGE);
                let more = if more > 0 { format!("; and {more} more, see details") } else { String::new() };
                format!("{}{more}", told.join("; "))
            }
            Self::Coded(_, message) => message.clone(),
            Self::Store(FleetError::Engine(EngineError::BoundReached { what, current, limit })) => {
                let metric = quota::metric(*what);
                Refusal::QuotaExceeded { metric, current: *current, limit: *limit }.to_string()
            }
            Self::Store(FleetError::Engine(error)) if self.is_safe_to_show() => error.to_string(),
            Self::Control(error) if self.is_safe_to_show() => error.to_string(),
            Self::Store(_) | Self::Control(_) => self.code().meaning().to_owned(),
        }
    }

    /// Notes the failure for the request's own line, and writes what the caller is not told to the log.
    pub fn log(&self, request: &RequestId) {
        note_error(self.code().as_str());
        if self.is_safe_to_show() {
            return;
        }
        match self {
            Self::Store(error) => tracing::error!(request_id = %request, %error, "a store failed"),
            Self::Control(error) => {
                tracing::error!(request_id = %request, %error, "the control plane failed")
            }
            Self::Refused(refusal) => {
                tracing::warn!(request_id = %request, ?refusal, "a request could not be judged")
            }
            Self::Coded(code, message) => {
                tracing::error!(request_id = %request, code = code.as_str(), message)
            }
            Self::Invalid(_) => {}
        }
    }

    fn is_safe_to_show(&self) -> bool {
        self.status() < 500
    }
}

/// Problems that are repeated in the message; `details` has them all.
const PROBLEMS_IN_MESSAGE: usize = 10;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        Self::Store(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Store(FleetError::Engine(error))
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(problems)
    }
}

fn refusal_code(refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::Unauthenticated { .. } => ErrorCode::Unauthorized,
        Refusal::ConflictingCredentials => ErrorCode::ConflictingCredentials,
        Refusal::ContradictingTenant { .. } => ErrorCode::TenantMismatch,
        Refusal::TenantUnknown { .. } => ErrorCode::TenantNotFound,
        Refusal::ConflictingTenants { .. } => ErrorCode::ConflictingTenant,
        Refusal::MalformedHost { .. } => ErrorCode::InvalidHost,
        Refusal::TenantRequired => ErrorCode::TenantRequired,
        Refusal::NotAMember => ErrorCode::NotAMember,
        Refusal::Overloaded { .. } | Refusal::Shed { .. } => ErrorCode::Overloaded,
        Refusal::Forbidden { .. } => ErrorCode::Forbidden,
        Refusal::Suspended => ErrorCode::TenantSuspended,
        Refusal::RateLimited { .. } => ErrorCode::RateLimited,
        Refusal::QuotaExceeded { .. } => ErrorCode::QuotaExceeded,
        Refusal::Unavailable { .. } => ErrorCode::Unavailable,
    }
}

fn store_code(error: &FleetError) -> ErrorCode {
    match error {
        FleetError::Missing | FleetError::Open(_) | FleetError::NotKept(_) => ErrorCode::TenantUnavailable,
        FleetError::Removed => ErrorCode::TenantNotFound,
        FleetError::Closed => ErrorCode::Draining,
        FleetError::Quarantined(_) => ErrorCode::TenantUnavailable,
        FleetError::Maintenance | FleetError::InMaintenance => ErrorCode::Maintenance,
        FleetError::VolumeFull => ErrorCode::VolumeFull,
        FleetError::Swap(_) | FleetError::Folder(_) => ErrorCode::Internal,
        FleetError::Engine(error) => match error {
            EngineError::Invalid(_) => ErrorCode::InvalidRequest,
            EngineError::MemoryNotFound(_) => ErrorCode::MemoryNotFound,
            EngineError::VersionNotFound { .. } => ErrorCode::VersionNotFound,
            EngineError::VersionConflict { .. } => ErrorCode::VersionConflict,
            EngineError::CustomIdTaken { .. } => ErrorCode::CustomIdTaken,
            EngineError::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
            EngineError::BoundReached { .. } => ErrorCode::QuotaExceeded,
            EngineError::Disk(_) => ErrorCode::VolumeFull,
            EngineError::Damaged(_) | EngineError::NewerSchema { .. } => ErrorCode::TenantUnavailable,
            EngineError::DeadlineExceeded => ErrorCode::Timeout,
            EngineError::Internal(_) => ErrorCode::Internal,
        },
    }
}

fn control_code(error: &ControlError) -> ErrorCode {
    match error {
        ControlError::Conflict { .. } | ControlError::NotEmpty { .. } => ErrorCode::Conflict,
        ControlError::LastOwner => ErrorCode::LastOwner,
        ControlError::InviteSpent { .. } => ErrorCode::InviteSpent,
        ControlError::NotFound { what: "tenant", .. } => ErrorCode::TenantNotFound,
        ControlError::NotFound { .. } => ErrorCode::NotFound,
        ControlError::Invalid(_) | ControlError::BadExport { .. } => ErrorCode::InvalidRequest,
        ControlError::Unavailable(_) => ErrorCode::Unavailable,
        ControlError::NewerSchema { .. }
        | ControlError::OlderSchema { .. }
        | ControlError::NotOurs { .. }
        | ControlError::WrongEnvironment { .. }
        | ControlError::UntrustedSqlite { .. }
        | ControlError::Io { .. } => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use gateway::{AuthFailure, Needed, RateState};

    #[test]
    fn the_table_and_the_gateway_agree_on_every_refusal() {
        let retry_after = Duration::from_millis(1_500);
        let named = String::from("acme");
        for refusal in [
            Refusal::Unauthenticated { reason: AuthFailure::Missing },
            Refusal::ConflictingCredentials,
            Refusal::ContradictingTenant { named: named.clone() },
            Refusal::TenantUnknown { named: named.clone() },
            Refusal::ConflictingTenants { one: named.clone(), other: "other".into() },
            Refusal::MalformedHost { host: named.clone(), domain: named },
            Refusal::TenantRequired,
            Refusal::NotAMember,
            Refusal::Overloaded { retry_after },
            Refusal::Shed { class: "search", retry_after },
            Refusal::Forbidden { needed: Needed::OperatorKey },
            Refusal::Suspended,
            Refusal::RateLimited { class: "read", retry_after, rate: RateState::default() },
            Refusal::QuotaExceeded { metric: "memories", current: 5, limit: 5 },
            Refusal::Unavailable { retry_after },
        ] {
            let code = refusal_code(&refusal);
            assert_eq!((code.as_str(), code.status()), (refusal.code(), refusal.status()));
        }
    }

    #[test]
    fn what_is_ours_is_not_shown() {
        let id = RequestId::from_uuid(uuid::Uuid::nil());
        for failure in [
            Failure::from(EngineError::Internal("SELECT secret".into())),
            Failure::from(EngineError::Disk("/var/lib/secret".into())),
            Failure::from(ControlError::Unavailable("secret".into())),
            Failure::from(FleetError::Open(EngineError::Damaged("secret".into()))),
        ] {
            let body = serde_json::to_string(&failure.to_body(&id)).unwrap();
            assert!(!body.contains("secret"), "{body}");
            assert!(failure.status() >= 500);
        }
    }

    #[test]
    fn a_quota_says_what_is_used_up() {
        let id = RequestId::from_uuid(uuid::Uuid::nil());
        let refusal = Refusal::QuotaExceeded { metric: "memories", current: 5, limit: 5 };
        let body = serde_json::to_value(Failure::from(refusal).to_body(&id)).unwrap();
        assert_eq!((&body["error"], &body["metric"]), (&"quota_exceeded".into(), &"memories".into()));
        assert_eq!((&body["current"], &body["limit"]), (&5.into(), &5.into()));
    }
}
