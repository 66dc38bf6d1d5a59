//! API keys on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to make.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateApiKey {
    /// The tenant's slug; a tenant's own key may leave it out.
    pub tenant: Option<String>,
    /// What it may do; everything but `admin` unless said.
    #[schema(example = json!(["memories:read", "search"]))]
    pub scopes: Option<Vec<String>>,
    /// A name for people.
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// From when on it is refused; never unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// What may be shown of a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its id, for revoking it.
    #[schema(example = "key_0190b6d3e0b87b6f9a3c5d1e2f405162")]
    pub id: String,
    /// The tenant's slug; absent for an operator's key.
    pub tenant: Option<String>,
    /// The name people gave it.
    pub name: String,
    /// The part of the key that is stored in the clear.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, within a minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// The id of the key that takes its place, once it is rotated.
    pub rotated_to: Option<String>,
}

/// How a key is replaced.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RotateApiKey {
    /// The tenant's slug, for operators; or name it in `X-Engram-Tenant`.
    pub tenant: Option<String>,
    /// Seconds for which the old key still opens: 0 to 30 days, a day unless said.
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub overlap_s: Option<u64>,
}

/// A new key, with the secret that is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    /// The key itself; it is not stored and cannot be shown again.
    #[schema(example = "eng_live_...")]
    pub key: String,
    /// Everything else.
    #[serde(flatten)]
    pub api_key: ApiKey,
}

/// Keys, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyList {
    /// The keys.
    pub items: Vec<ApiKey>,
}
