//! Members: the people of a tenant, each with one role there.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{Role, TenantId};

use crate::database::WriteTransaction;
use crate::rows::{is_taken, parsed, timestamp, word};
use crate::{Actor, Change, Control, ControlError, tenants};

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
    pub created_at: jiff::Timestamp,
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
        let tenant = tenant.clone();
        self.read(move |reader| {
            let mut all = reader
                .prepare_cached("SELECT * FROM members WHERE tenant_id = ?1 ORDER BY created_at, user_id")?;
            let members = all.query_map([tenant.as_str()], member)?.collect::<rusqlite::Result<_>>()?;
            Ok(members)
        })
        .await
    }

    /// Where a person belongs, oldest membership first; deleted tenants are left out.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn memberships(&self, user_id: &str) -> Result<Vec<Member>, ControlError> {
        let user_id = user_id.to_owned();
        self.read(move |reader| {
            let mut all = reader.prepare_cached(
                "SELECT m.* FROM members m JOIN tenants t ON t.id = m.tenant_id
                 WHERE m.user_id = ?1 AND t.status <> 'deleted' ORDER BY m.created_at, m.tenant_id",
            )?;
            let members = all.query_map([user_id], member)?.collect::<rusqlite::Result<_>>()?;
            Ok(members)
        })
        .await
    }

    /// A person's place in one tenant; `None` when they have none.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn membership(&self, tenant: &TenantId, user_id: &str) -> Result<Option<Member>, ControlError> {
        let (tenant, user_id) = (tenant.clone(), user_id.to_owned());
        self.read(move |reader| find(reader, &tenant, &user_id)).await
    }

    /// Makes a person a member.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] when they are one already, [`ControlError::NotFound`] when the tenant does not
    /// exist or is deleted, [`ControlError::Invalid`] for a blank or long id or address, [`ControlError::Unavailable`].
    pub async fn add_member(&self, new: NewMember, by: &Actor) -> Result<Member, ControlError> {
        new.check()?;
        let by = by.clone();
        self.write(move |deed| add(deed, new, &by)).await
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
        let (tenant, user_id, by) = (tenant.clone(), user_id.to_owned(), by.clone());
        self.write(move |deed| {
            let member = required(deed.tx(), &tenant, &user_id)?;
            if member.role == role {
                return Ok(member);
            }
            require_another_owner(deed, &member)?;
            deed.tx()
                .prepare_cached("UPDATE members SET role = ?3 WHERE tenant_id = ?1 AND user_id = ?2")?
                .execute([tenant.as_str(), &user_id, role.as_str()])?;
            let details = json!({ "from": member.role.as_str(), "to": role.as_str() });
            deed.note_for(&tenant, &by, "set_member_role", &user_id, &details, Some(change(&member)))?;
            Ok(Member { role, ..member })
        })
        .await
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
        let (tenant, user_id, by) = (tenant.clone(), user_id.to_owned(), by.clone());
        self.write(move |deed| {
            let member = required(deed.tx(), &tenant, &user_id)?;
            require_another_owner(deed, &member)?;
            deed.tx()
                .prepare_cached("DELETE FROM members WHERE tenant_id = ?1 AND user_id = ?2")?
                .execute([tenant.as_str(), &user_id])?;
            let details = json!({ "role": member.role.as_str() });
            deed.note_for(&tenant, &by, "remove_member", &user_id, &details, Some(change(&member)))?;
            Ok(member)
        })
        .await
    }
}

impl NewMember {
    pub(crate) fn check(&self) -> Result<(), ControlError> {
        if self.user_id.trim().is_empty() || self.user_id.len() > USER_ID_BYTES_MAX {
            return Err(ControlError::Invalid(format!("a user's id has 1-{USER_ID_BYTES_MAX} bytes")));
        }
        check_email(self.email.as_deref())
    }
}

/// Fails with [`ControlError::Invalid`] when it cannot be an address.
pub(crate) fn check_email(email: Option<&str>) -> Result<(), ControlError> {
    let Some(email) = email else { return Ok(()) };
    let parts = email.split_once('@');
    let plausible = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if plausible && email.len() <= EMAIL_BYTES_MAX && !email.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(ControlError::Invalid(format!(
        "an email address has the form name@host and at most {EMAIL_BYTES_MAX} bytes"
    )))
}

/// Adds a member inside a transaction that does more.
pub(crate) fn add(deed: &WriteTransaction<'_>, new: NewMember, by: &Actor) -> Result<Member, ControlError> {
    tenants::require(deed, &new.tenant_id)?;
    let member = Member {
        tenant_id: new.tenant_id,
        user_id: new.user_id,
        email: new.email,
        role: new.role,
        created_at: deed.now(),
    };
    deed.tx()
        .prepare_cached(
            "INSERT INTO members (tenant_id, user_id, email, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            member.tenant_id.as_str(),
            member.user_id,
            member.email,
            member.role.as_str(),
            member.created_at.as_millisecond(),
        ])
        .map_err(|error| {
            if is_taken(&error) {
                ControlError::Conflict { what: "member", name: member.user_id.clone() }
            } else {
                error.into()
            }
        })?;
    let details = json!({ "role": member.role.as_str(), "email": member.email });
    deed.note_for(&member.tenant_id, by, "add_member", &member.user_id, &details, Some(change(&member)))?;
    Ok(member)
}

fn change(member: &Member) -> Change {
    Change::Member { tenant: member.tenant_id.clone(), user_id: member.user_id.clone() }
}

fn require_another_owner(deed: &WriteTransaction<'_>, member: &Member) -> Result<(), ControlError> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let others: bool = deed
        .tx()
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM members WHERE tenant_id = ?1 AND role = 'owner' AND user_id <> ?2)",
        )?
        .query_row([member.tenant_id.as_str(), &member.user_id], |row| row.get(0))?;
    if others { Ok(()) } else { Err(ControlError::LastOwner) }
}

fn required(connection: &Connection, tenant: &TenantId, user_id: &str) -> Result<Member, ControlError> {
    find(connection, tenant, user_id)?
        .ok_or_else(|| ControlError::NotFound { what: "member", name: user_id.to_owned() })
}

fn find(connection: &Connection, tenant: &TenantId, user_id: &str) -> Result<Option<Member>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM members WHERE tenant_id = ?1 AND user_id = ?2")?
        .query_row([tenant.as_str(), user_id], member)
        .optional()?)
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        user_id: row.get("user_id")?,
        email: row.get("email")?,
        role: word(row, "role", Role::parse)?,
        created_at: timestamp(row, "created_at")?,
    })
}
