//! Invites: a token, known only by its hash, makes whoever shows it first a member.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::{RequestId, Role, TenantId};

use crate::members::{Member, NewMember, check_email};
use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// An invitation to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// `inv_` and 32 hexadecimal digits.
    pub id: String,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whom it is for; anybody who has the token when `None`.
    pub email: Option<String>,
    /// The role it gives.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// The instant from which it is refused.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// Who accepted it.
    pub accepted_by: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// An invitation that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whom it is for.
    pub email: Option<String>,
    /// The role it gives.
    pub role: Role,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// The instant from which it is refused.
    pub expires_at: Timestamp,
}

/// Why an invite opens nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// Past its time.
    Expired,
    /// Somebody has accepted it.
    Accepted,
    /// Taken back.
    Revoked,
}

impl Control {
    /// Stores an invite.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the tenant does not exist or is deleted, [`ControlError::Invalid`] for an
    /// odd address or a past expiry, [`ControlError::Unavailable`].
    pub async fn create_invite(&self, new: NewInvite, by: &Actor) -> Result<Invite, ControlError> {
        check_email(new.email.as_deref())?;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::create(deed, new, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::create(deed, new.clone(), by))
            }
        }
    }

    /// The invites of a tenant, newest first, spent ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_invites(&self, tenant: &TenantId) -> Result<Vec<Invite>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::list(reader, &tenant)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::list(reader, tenant))
            }
        }
    }

    /// Takes an invite back. One that was taken back before stays as it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the tenant has no such invite, [`ControlError::InviteSpent`] when it was
    /// accepted, [`ControlError::Unavailable`].
    pub async fn revoke_invite(
        &self,
        tenant: &TenantId,
        id: &str,
        by: &Actor,
    ) -> Result<Invite, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, id, by) = (tenant.clone(), id.to_owned(), by.clone());
                database.write(move |deed| sqlite::revoke(deed, &tenant, &id, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::revoke(deed, tenant, id, by))
            }
        }
    }

    /// The invite of a token, spent or not; `None` when there is none.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn invite_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Invite>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let token_hash = *token_hash;
                database.read(move |reader| sqlite::by_token(reader, &token_hash)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::by_token(reader, token_hash))
            }
        }
    }

    /// Makes the holder of a token a member, once.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown token or a deleted tenant, [`ControlError::InviteSpent`],
    /// [`ControlError::Conflict`] when they are a member already, [`ControlError::Unavailable`].
    pub async fn accept_invite(
        &self,
        token_hash: &[u8; 32],
        user_id: &str,
        email: Option<&str>,
        by: &Actor,
    ) -> Result<Member, ControlError> {
        let guest = Guest { user_id: user_id.to_owned(), email: email.map(str::to_owned) };
        match &self.backend {
            Backend::Sqlite(database) => {
                let (token_hash, by) = (*token_hash, by.clone());
                database.write(move |deed| sqlite::accept(deed, &token_hash, guest, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::accept(deed, token_hash, guest.clone(), by))
            }
        }
    }
}

/// Whoever accepts an invite.
#[derive(Debug, Clone)]
struct Guest {
    user_id: String,
    email: Option<String>,
}

impl Guest {
    /// The member they become.
    fn joining(self, invite: &Invite) -> Result<NewMember, ControlError> {
        let Self { user_id, email } = self;
        let new = NewMember { tenant_id: invite.tenant_id.clone(), user_id, email, role: invite.role };
        new.check()?;
        Ok(new)
    }
}

impl NewInvite {
    fn at(self, now: Timestamp) -> Result<Invite, ControlError> {
        if self.expires_at <= now {
            return Err(ControlError::Invalid("an invite expires in the future".to_owned()));
        }
        Ok(Invite {
            id: format!("inv_{}", RequestId::at(now).as_uuid().simple()),
            tenant_id: self.tenant_id,
            email: self.email,
            role: self.role,
            created_at: now,
            expires_at: self.expires_at,
            accepted_at: None,
            accepted_by: None,
            revoked_at: None,
        })
    }
}

impl Invite {
    /// Why it is refused at `now`; `None` when it still opens the door.
    pub fn spent(&self, now: Timestamp) -> Option<Spent> {
        if self.revoked_at.is_some() {
            Some(Spent::Revoked)
        } else if self.accepted_at.is_some() {
            Some(Spent::Accepted)
        } else if self.expires_at <= now {
            Some(Spent::Expired)
        } else {
            None
        }
    }
}

impl Spent {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
        }
    }
}

/// What the audit log says of a new one.
fn creation(invite: &Invite) -> Value {
    json!({ "email": invite.email, "role": invite.role.as_str(), "expires_at": invite.expires_at })
}

fn acceptance(invite: &Invite, guest: &Guest) -> Value {
    json!({ "role": invite.role.as_str(), "accepted_by": guest.user_id })
}

fn unknown(name: &str) -> ControlError {
    ControlError::NotFound { what: "invite", name: name.to_owned() }
}

/// A token is not repeated.
const OF_TOKEN: &str = "of this token";
