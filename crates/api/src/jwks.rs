//! The identity provider's keys on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known of the keys that prove people's tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JwksStatus {
    /// Where they come from.
    pub url: String,
    /// Keys in use.
    pub keys: usize,
    /// When they were last read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub read_at: Option<Timestamp>,
    /// When they were last asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tried_at: Option<Timestamp>,
    /// What went wrong the last time; the keys known before stay in use.
    pub error: Option<String>,
}
