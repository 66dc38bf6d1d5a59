//! The identity provider's keys: what is known of them, and reading them anew.

use api::ErrorCode;
use gateway::{JwksStatus, OperatorPass};

use crate::app::App;
use crate::operations::Failure;

/// What is known of the keys.
///
/// # Errors
/// 404 when no identity provider is configured.
pub fn show_jwks(app: &App, _: &OperatorPass) -> Result<api::JwksStatus, Failure> {
    app.gateway.jwks_status().map(status_to_wire).ok_or_else(no_provider)
}

/// Reads the keys anew, whatever is remembered; the status says what came of it.
///
/// # Errors
/// 404 when no identity provider is configured.
pub async fn refresh_jwks(app: &App, _: &OperatorPass) -> Result<api::JwksStatus, Failure> {
    app.gateway.refresh_jwks().await.map(status_to_wire).ok_or_else(no_provider)
}

fn no_provider() -> Failure {
    let message = "no identity provider is configured; set jwt.issuer and jwt.audience";
    Failure::Coded(ErrorCode::NotFound, message.to_owned())
}

fn status_to_wire(status: JwksStatus) -> api::JwksStatus {
    api::JwksStatus {
        url: status.url,
        keys: status.keys,
        read_at: status.read_at,
        tried_at: status.tried_at,
        error: status.error,
    }
}
