//! Failures in the words of JSON-RPC and of tools.
//!
//! What the gateway refuses is a protocol error, for the client. What a model can mend (a blank content, an id that
//! is not there) is the answer of a tool with `isError`, for the model: clients seldom show it protocol errors.

use api::ErrorCode;
use rmcp::model::{CallToolResult, ContentBlock, ErrorCode as RpcCode, ErrorData};
use tenancy::RequestId;

use crate::operations::Failure;

/// Refused for another reason, which `data.error` says.
const REFUSED: RpcCode = RpcCode(-32_000);
/// No valid credential.
const UNAUTHORIZED: RpcCode = RpcCode(-32_001);
/// No such tenant. MCP uses the number for unknown resources too; `data.error` tells them apart.
const TENANT_NOT_FOUND: RpcCode = RpcCode(-32_002);
/// The tenant is suspended.
const TENANT_SUSPENDED: RpcCode = RpcCode(-32_003);
/// The plan's quota is used up.
const QUOTA_EXCEEDED: RpcCode = RpcCode(-32_004);
/// Too many requests.
const RATE_LIMITED: RpcCode = RpcCode(-32_005);

/// The failure as a protocol error; `data` is the body that REST answers with.
pub(super) fn protocol_error(failure: &Failure, request: &RequestId) -> ErrorData {
    failure.log(request);
    let body = failure.to_body(request);
    let code = match (refusal_code(failure.code()), failure) {
        (Some(code), _) => code,
        (None, Failure::Refused(_)) => REFUSED,
        (None, _) => rpc_code(failure.code()),
    };
    let message = body.message.clone();
    ErrorData::new(code, message, serde_json::to_value(&body).ok())
}

/// The failure as the answer of a tool.
///
/// # Errors
/// What is not the model's to mend stays a protocol error.
pub(super) fn tool_failure(failure: &Failure, request: &RequestId) -> Result<CallToolResult, ErrorData> {
    let code = failure.code();
    if refusal_code(code).is_some() || code == ErrorCode::Internal {
        return Err(protocol_error(failure, request));
    }
    failure.log(request);
    let text = match advice(code) {
        "" => failure.message(),
        advice => format!("{}. {advice}", failure.message()),
    };
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = serde_json::to_value(failure.to_body(request)).ok();
    Ok(result)
}

/// The failure of a resource or prompt; an id that is not there is what MCP calls an unknown resource.
pub(super) fn reading_error(failure: &Failure, request: &RequestId) -> ErrorData {
    let mut error = protocol_error(failure, request);
    if failure.code() == ErrorCode::MemoryNotFound {
        error.code = RpcCode::RESOURCE_NOT_FOUND;
    }
    error
}

/// The number of a gateway's refusal; `None` for everything else.
fn refusal_code(code: ErrorCode) -> Option<RpcCode> {
    match code {
        ErrorCode::Unauthorized => Some(UNAUTHORIZED),
        ErrorCode::ConflictingCredentials | ErrorCode::Forbidden | ErrorCode::TenantMismatch => Some(REFUSED),
        ErrorCode::TenantNotFound => Some(TENANT_NOT_FOUND),
        ErrorCode::TenantSuspended => Some(TENANT_SUSPENDED),
        ErrorCode::QuotaExceeded => Some(QUOTA_EXCEEDED),
        ErrorCode::RateLimited => Some(RATE_LIMITED),
        _ => None,
    }
}

/// JSON-RPC's own number of a failure that is no refusal.
fn rpc_code(code: ErrorCode) -> RpcCode {
    match code.status() {
        500.. => RpcCode::INTERNAL_ERROR,
        _ if code == ErrorCode::MalformedJson => RpcCode::PARSE_ERROR,
        400 | 404 => RpcCode::INVALID_PARAMS,
        _ => RpcCode::INVALID_REQUEST,
    }
}

/// What a model can do next.
fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "Nothing was done; mend the arguments and call again.",
        ErrorCode::MemoryNotFound => {
            "It may have been deleted or have expired; find ids with memory_search or memory_list."
        }
        ErrorCode::VersionConflict => {
            "Nothing was changed; read it again with memory_get and repeat the update with the version you find."
        }
        ErrorCode::CustomIdTaken => {
            "Nothing was changed; update that memory instead, or choose another custom_id."
        }
        ErrorCode::VolumeFull => "Nothing was written; reads and deletes still work.",
        ErrorCode::Timeout | ErrorCode::TenantUnavailable | ErrorCode::Unavailable | ErrorCode::Draining => {
            "This passes; try again in a moment."
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use engine::{EngineError, Problem};
    use gateway::{AuthFailure, Needed, Refusal};

    use super::*;

    #[test]
    fn every_refusal_has_its_number_and_its_stable_code() {
        let request = RequestId::from_uuid(uuid::Uuid::nil());
        let named = || "acme".to_owned();
        for (refusal, number, code) in [
            (Refusal::Unauthenticated { reason: AuthFailure::Missing }, -32_001, "unauthorized"),
            (Refusal::ConflictingCredentials, -32_000, "conflicting_credentials"),
            (Refusal::ContradictingTenant { named: named() }, -32_000, "tenant_mismatch"),
            (Refusal::Forbidden { needed: Needed::TenantKey }, -32_000, "forbidden"),
            (Refusal::TenantUnknown { named: named() }, -32_002, "tenant_not_found"),
            (Refusal::Suspended, -32_003, "tenant_suspended"),
            (Refusal::QuotaExceeded { metric: "memories", current: 5, limit: 5 }, -32_004, "quota_exceeded"),
            (Refusal::Unavailable { retry_after: std::time::Duration::from_secs(2) }, -32_000, "unavailable"),
        ] {
            let error = protocol_error(&refusal.into(), &request);
            assert_eq!((error.code.0, error.data.unwrap()["error"].as_str()), (number, Some(code)));
        }
    }

    #[test]
    fn what_a_model_can_mend_is_told_to_the_model() {
        let request = RequestId::from_uuid(uuid::Uuid::nil());
        let told = |failure: Failure| {
            let result = tool_failure(&failure, &request).unwrap();
            assert_eq!(result.is_error, Some(true));
            let text = result.content[0].as_text().unwrap().text.clone();
            (text, result.structured_content.unwrap())
        };
        let (text, body) = told(Failure::Invalid(vec![Problem::new("content", "must not be blank")]));
        assert_eq!(text, "content must not be blank. Nothing was done; mend the arguments and call again.");
        assert_eq!(
            (&body["error"], &body["details"][0]["field"]),
            (&"invalid_request".into(), &"content".into())
        );
        let (text, body) = told(EngineError::MemoryNotFound(7).into());
        assert!(text.starts_with("there is no memory 7. "), "{text}");
        assert_eq!(body["error"], "memory_not_found");
        let defect = tool_failure(&EngineError::Internal("secret".into()).into(), &request).unwrap_err();
        assert_eq!(defect.code, RpcCode::INTERNAL_ERROR);
        assert!(!defect.message.contains("secret"));
        let full = EngineError::BoundReached { what: engine::Bound::Memories, current: 5, limit: 5 };
        assert!(tool_failure(&full.into(), &request).is_err_and(|e| e.code == QUOTA_EXCEEDED));
    }
}
