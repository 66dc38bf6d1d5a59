//! Invites: a token, known only by its hash, makes whoever shows it first a member.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{RequestId, Role, TenantId};

use crate::members::{self, Member, NewMember, check_email};
use crate::rows::{parsed, timestamp, timestamp_or_null, word};
use crate::{Actor, Control, ControlError, tenants};

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
        let by = by.clone();
        self.write(move |deed| {
            if new.expires_at <= deed.now() {
                return Err(ControlError::Invalid("an invite expires in the future".to_owned()));
            }
            tenants::require(deed, &new.tenant_id)?;
            let invite = Invite {
                id: format!("inv_{}", RequestId::at(deed.now()).as_uuid().simple()),
                tenant_id: new.tenant_id,
                email: new.email,
                role: new.role,
                created_at: deed.now(),
                expires_at: new.expires_at,
                accepted_at: None,
                accepted_by: None,
                revoked_at: None,
            };
            insert(deed.tx(), &invite, &new.token_hash)?;
            let details =
                json!({ "email": invite.email, "role": invite.role.as_str(), "expires_at": invite.expires_at });
            deed.note_for(&invite.tenant_id, &by, "create_invite", &invite.id, &details, None)?;
            Ok(invite)
        })
        .await
    }

    /// The invites of a tenant, newest first, spent ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_invites(&self, tenant: &TenantId) -> Result<Vec<Invite>, ControlError> {
        let tenant = tenant.clone();
        self.read(move |reader| {
            let mut all = reader.prepare_cached(
                "SELECT * FROM invites WHERE tenant_id = ?1 ORDER BY created_at DESC, id DESC",
            )?;
            let invites = all.query_map([tenant.as_str()], invite)?.collect::<rusqlite::Result<_>>()?;
            Ok(invites)
        })
        .await
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
        let (tenant, id, by) = (tenant.clone(), id.to_owned(), by.clone());
        self.write(move |deed| {
            let found = deed
                .tx()
                .prepare_cached("SELECT * FROM invites WHERE id = ?1 AND tenant_id = ?2")?
                .query_row([&id, tenant.as_str()], invite)
                .optional()?;
            let invite = found.ok_or(ControlError::NotFound { what: "invite", name: id })?;
            match invite.spent(deed.now()) {
                Some(Spent::Revoked) => return Ok(invite),
                Some(Spent::Accepted) => return Err(ControlError::InviteSpent { why: Spent::Accepted }),
                Some(Spent::Expired) | None => {}
            }
            deed.tx()
                .prepare_cached("UPDATE invites SET revoked_at = ?2 WHERE id = ?1")?
                .execute(params![invite.id, deed.now().as_millisecond()])?;
            deed.note_for(&tenant, &by, "revoke_invite", &invite.id, &json!({}), None)?;
            Ok(Invite { revoked_at: Some(deed.now()), ..invite })
        })
        .await
    }

    /// The invite of a token, spent or not; `None` when there is none.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn invite_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Invite>, ControlError> {
        let token_hash = *token_hash;
        self.read(move |reader| by_token(reader, &token_hash)).await
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
        let (token_hash, user_id, email, by) =
            (*token_hash, user_id.to_owned(), email.map(str::to_owned), by.clone());
        self.write(move |deed| {
            let unknown = || ControlError::NotFound { what: "invite", name: "of this token".to_owned() };
            let invite = by_token(deed.tx(), &token_hash)?.ok_or_else(unknown)?;
            if let Some(why) = invite.spent(deed.now()) {
                return Err(ControlError::InviteSpent { why });
            }
            deed.tx()
                .prepare_cached("UPDATE invites SET accepted_at = ?2, accepted_by = ?3 WHERE id = ?1")?
                .execute(params![invite.id, deed.now().as_millisecond(), user_id])?;
            let details = json!({ "role": invite.role.as_str(), "accepted_by": user_id });
            deed.note_for(&invite.tenant_id, &by, "accept_invite", &invite.id, &details, None)?;
            let new = NewMember { tenant_id: invite.tenant_id, user_id, email, role: invite.role };
            new.check()?;
            members::add(deed, new, &by)
        })
        .await
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

fn insert(tx: &Connection, invite: &Invite, token_hash: &[u8; 32]) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO invites (id, tenant_id, email, role, token_hash, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        invite.id,
        invite.tenant_id.as_str(),
        invite.email,
        invite.role.as_str(),
        token_hash,
        invite.created_at.as_millisecond(),
        invite.expires_at.as_millisecond(),
    ])?;
    Ok(())
}

fn by_token(connection: &Connection, token_hash: &[u8; 32]) -> Result<Option<Invite>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM invites WHERE token_hash = ?1")?
        .query_row([token_hash], invite)
        .optional()?)
}

fn invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        id: row.get("id")?,
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        email: row.get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        accepted_at: timestamp_or_null(row, "accepted_at")?,
        accepted_by: row.get("accepted_by")?,
        revoked_at: timestamp_or_null(row, "revoked_at")?,
    })
}
