//! Members and invites on the wire: who belongs to a tenant, and who may come to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A known person to add to a tenant; for operators.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AddMember {
    /// The tenant's slug; or name it in `X-Engram-Tenant`.
    pub tenant: Option<String>,
    /// Who: the `sub` of the tokens the identity provider gives them.
    #[schema(min_length = 1, max_length = 255)]
    pub user_id: String,
    /// Their address, for people.
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(pattern = "^(owner|admin|member|viewer)$")]
    pub role: String,
}

/// A change of a member.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct UpdateMember {
    /// The tenant's slug, for operators; or name it in `X-Engram-Tenant`.
    pub tenant: Option<String>,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(pattern = "^(owner|admin|member|viewer)$")]
    pub role: String,
}

/// A person in a tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The tenant's slug.
    pub tenant: String,
    /// Who: the `sub` of their tokens.
    pub user_id: String,
    /// Their address, if it is known.
    pub email: Option<String>,
    /// `owner`, `admin`, `member` or `viewer`.
    pub role: String,
    /// When they became a member.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The members of a tenant, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    /// The members.
    pub items: Vec<Member>,
}

/// An invitation to make.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateInvite {
    /// The tenant's slug, for operators; or name it in `X-Engram-Tenant`.
    pub tenant: Option<String>,
    /// Only whoever proves to have this address may accept; anybody with the token unless said.
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// The role they will have: `owner`, `admin`, `member` or `viewer`.
    #[schema(pattern = "^(owner|admin|member|viewer)$")]
    pub role: String,
    /// Seconds for which it holds: an hour to 30 days, 7 days unless said.
    #[schema(minimum = 3600, maximum = 2_592_000)]
    pub expires_in_s: Option<u64>,
}

/// An invitation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// Its id, for revoking it.
    pub id: String,
    /// The tenant's slug.
    pub tenant: String,
    /// Whom it is for, if it is for one address alone.
    pub email: Option<String>,
    /// The role it gives.
    pub role: String,
    /// `open`, `accepted`, `revoked` or `expired`.
    #[schema(pattern = "^(open|accepted|revoked|expired)$")]
    pub status: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub accepted_at: Option<Timestamp>,
    /// The user id of who accepted it.
    pub accepted_by: Option<String>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// A new invitation, with the token that is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedInvite {
    /// The token itself; it is not stored and cannot be shown again.
    #[schema(example = "eng_inv_...")]
    pub token: String,
    /// Everything else.
    #[serde(flatten)]
    pub invite: Invite,
}

/// The invitations of a tenant, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InviteList {
    /// The invitations.
    pub items: Vec<Invite>,
}

/// An invitation to accept.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct AcceptInvite {
    /// The token.
    pub token: String,
}
