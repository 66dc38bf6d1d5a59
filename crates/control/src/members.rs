//! Members: the people of a tenant, each with one role there.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::{Role, TenantId};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Change, Control, ControlError};

/// Longest id of a user, in bytes: the `sub` of a token has at most 255 (OpenID Connect Core, section 2).
const USER_ID_BYTES_MAX: usize = 255;
/// Longest address (RFC 5321, section 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// One person in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The person: the `sub` of their tokens.
    pub user_id: String,
    /// Their address, if it is known.
    pub email: Option<String>,
    /// What they may do there.
    pub role: Role,
    /// Since when they belong to it.
    pub created_at: Timestamp,
}

/// A person who is to belong to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The person; 1-255 bytes.
    pub user_id: String,
    /// Their address; at most 254 bytes.
    pub email: Option<String>,
    /// What they may do there.
    pub role: Role,
}

impl Control {
    /// The people of a tenant, in the order they came.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_members(&self, tenant: &TenantId) -> Result<Vec<Member>, ControlError> {
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

    /// Where a person belongs, oldest membership first; deleted tenants are left out.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn memberships(&self, user_id: &str) -> Result<Vec<Member>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let user_id = user_id.to_owned();
                database.read(move |reader| sqlite::of_user(reader, &user_id)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::of_user(reader, user_id))
            }
        }
    }

    /// A person's place in one tenant; `None` when they have none.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn membership(&self, tenant: &TenantId, user_id: &str) -> Result<Option<Member>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, user_id) = (tenant.clone(), user_id.to_owned());
                database.read(move |reader| sqlite::find(reader, &tenant, &user_id)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::find(reader, tenant, user_id))
            }
        }
    }

    /// Makes a person a member.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] when they are one already, [`ControlError::NotFound`] when the tenant does not
    /// exist or is deleted, [`ControlError::Invalid`] for a blank or long id or address, [`ControlError::Unavailable`].
    pub async fn add_member(&self, new: NewMember, by: &Actor) -> Result<Member, ControlError> {
        new.check()?;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::add(deed, new, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::add(deed, new.clone(), by))
            }
        }
    }

    /// Gives a member another role. A tenant keeps at least one owner.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::LastOwner`], [`ControlError::Unavailable`].
    pub async fn set_member_role(
        &self,
        tenant: &TenantId,
        user_id: &str,
        role: Role,
        by: &Actor,
    ) -> Result<Member, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, user_id, by) = (tenant.clone(), user_id.to_owned(), by.clone());
                database.write(move |deed| sqlite::set_role(deed, &tenant, &user_id, role, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::set_role(deed, tenant, user_id, role, by))
            }
        }
    }

    /// Removes a member; returns who it was. A tenant keeps at least one owner.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::LastOwner`], [`ControlError::Unavailable`].
    pub async fn remove_member(
        &self,
        tenant: &TenantId,
        user_id: &str,
        by: &Actor,
    ) -> Result<Member, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, user_id, by) = (tenant.clone(), user_id.to_owned(), by.clone());
                database.write(move |deed| sqlite::remove(deed, &tenant, &user_id, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::remove(deed, tenant, user_id, by))
            }
        }
    }
}

impl Member {
    fn change(&self) -> Change {
        Change::Member { tenant: self.tenant_id.clone(), user_id: self.user_id.clone() }
    }

    /// What the audit log says of one who is new.
    fn details(&self) -> Value {
        json!({ "role": self.role.as_str(), "email": self.email })
    }
}

impl NewMember {
    pub(crate) fn check(&self) -> Result<(), ControlError> {
        let fits = self.user_id.len() <= USER_ID_BYTES_MAX && !self.user_id.contains(char::is_control);
        if self.user_id.trim().is_empty() || !fits {
            return Err(ControlError::Invalid(format!(
                "a user's id has 1-{USER_ID_BYTES_MAX} bytes and no control characters"
            )));
        }
        check_email(self.email.as_deref())
    }

    fn at(self, created_at: Timestamp) -> Member {
        let Self { tenant_id, user_id, email, role } = self;
        Member { tenant_id, user_id, email, role, created_at }
    }
}

/// Fails with [`ControlError::Invalid`] when it cannot be an address.
pub(crate) fn check_email(email: Option<&str>) -> Result<(), ControlError> {
    let Some(email) = email else { return Ok(()) };
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let parts = email.split_once('@');
    let plausible = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if plausible && email.len() <= EMAIL_BYTES_MAX && !email.contains(odd) {
        return Ok(());
    }
    Err(ControlError::Invalid(format!(
        "an email address has the form name@host and at most {EMAIL_BYTES_MAX} bytes"
    )))
}

fn role_change(from: Role, to: Role) -> Value {
    json!({ "from": from.as_str(), "to": to.as_str() })
}

fn removal(member: &Member) -> Value {
    json!({ "role": member.role.as_str() })
}

fn taken(user_id: &str) -> ControlError {
    ControlError::Conflict { what: "member", name: user_id.to_owned() }
}

fn unknown(user_id: &str) -> ControlError {
    ControlError::NotFound { what: "member", name: user_id.to_owned() }
}
