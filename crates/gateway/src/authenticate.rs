//! Who is asking: the proof among the credentials is checked, and a principal comes out.

use std::sync::Arc;

use control::{Actor, ApiKey, KeyOwner, StoredApiKey};
use subtle::ConstantTimeEq;
use tenancy::{Role, Scope, Scopes, TenantId};

use crate::credentials::Proof;
use crate::jwt::User;
use crate::key_text::PresentedKey;
use crate::last_use::LastUse;
use crate::refusal::AuthFailure;
use crate::seat::unavailable;
use crate::{Credentials, Gateway, Refusal};

/// Somebody whose proof held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of a tenant's API key.
    TenantKey {
        /// The key's id.
        key_id: Arc<str>,
        /// The tenant it speaks for.
        tenant: TenantId,
        /// What it may do there.
        scopes: Scopes,
    },
    /// The holder of an operator's key; no tenant.
    OperatorKey {
        /// The key's id.
        key_id: Arc<str>,
    },
    /// A process on the local socket: owner of the data folder, any tenant, all scopes.
    Local,
    /// Somebody who signed in with the identity provider, outside any tenant.
    User(Arc<User>),
    /// The same within a tenant they belong to.
    Member {
        /// Who.
        user: Arc<User>,
        /// Where.
        tenant: TenantId,
        /// As what.
        role: Role,
    },
}

/// A stored key, ready to be compared.
pub(crate) struct KnownKey {
    stored: StoredApiKey,
    principal: Principal,
    last_use: LastUse,
}

impl Principal {
    /// The name under which the audit log knows it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::TenantKey { key_id, .. } | Self::OperatorKey { key_id } => Actor::key(key_id),
            Self::Local => Actor::local(),
            Self::User(user) | Self::Member { user, .. } => Actor::user(&user.user_id),
        }
    }

    /// What it may do inside a tenant.
    pub fn scopes(&self) -> Scopes {
        match self {
            Self::TenantKey { scopes, .. } => *scopes,
            Self::OperatorKey { .. } => Scopes::ADMIN,
            Self::Local => Scopes::ALL,
            Self::User(user) if user.operator => Scopes::ADMIN,
            Self::User(_) => Scopes::NONE,
            Self::Member { role, .. } => role.scopes(),
        }
    }

    /// Whether they run the service, and act on tenants from outside.
    pub fn is_operator(&self) -> bool {
        match self {
            Self::OperatorKey { .. } | Self::Local => true,
            Self::User(user) => user.operator,
            Self::TenantKey { .. } | Self::Member { .. } => false,
        }
    }

    /// Whether they act on a tenant's account from outside: neither on its bill nor under its limits. A process of
    /// this machine is its user, and counts as the tenant's own.
    pub(crate) fn is_outsider(&self) -> bool {
        self.is_operator() && *self != Self::Local
    }

    /// The role in which they manage a tenant's people.
    ///
    /// A key has scopes and no role: one with `admin` manages as an admin does, so that a leaked key makes no owner.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::OperatorKey { .. } | Self::Local => Some(Role::Owner),
            Self::TenantKey { scopes, .. } => scopes.contains(Scope::Admin).then_some(Role::Admin),
            Self::User(user) => user.operator.then_some(Role::Owner),
            Self::Member { role, .. } => Some(*role),
        }
    }

    /// The person, if it is one.
    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::User(user) | Self::Member { user, .. } => Some(user),
            Self::TenantKey { .. } | Self::OperatorKey { .. } | Self::Local => None,
        }
    }
}

impl Gateway {
    /// Checks who is asking, without asking what for.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`], [`Refusal::ConflictingCredentials`], [`Refusal::Unavailable`].
    pub async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        self.catch_up();
        match credentials.proof()? {
            Proof::ApiKey(text) => self.authenticate_key(text).await,
            Proof::Token(text) => {
                let issuer = self.issuer.as_ref().ok_or(AuthFailure::TokensNotTaken)?;
                Ok(Principal::User(issuer.user_of(text).await?))
            }
            Proof::LocalSocket => Ok(Principal::Local),
        }
    }

    async fn authenticate_key(&self, text: &str) -> Result<Principal, Refusal> {
        let presented = PresentedKey::parse(text)?;
        let now = self.clock.now();
        let read = || async {
            let stored = self.control.api_key_by_prefix(presented.prefix).await?;
            Ok(stored.map(KnownKey::from))
        };
        let known = self
            .keys
            .get(presented.prefix, now.as_millisecond(), || self.control.announced(), read)
            .await
            .map_err(unavailable)?
            .ok_or(AuthFailure::UnknownKey)?;
        let KnownKey { stored, principal, last_use } = &known.value;
        let Some(hash) = self.peppers.hash(stored.pepper_version, presented.whole) else {
            tracing::error!(key_id = %stored.key.id, version = stored.pepper_version,
                "a key was hashed with a pepper that is not configured");
            return Err(Refusal::Unavailable { retry_after: crate::admit::RETRY_AFTER_OUTAGE });
        };
        if !bool::from(hash.ct_eq(&stored.hash)) {
            return Err(AuthFailure::WrongSecret.into());
        }
        require_valid(&stored.key, now)?;
        self.rehash_if_old(stored, presented.whole);
        self.last_uses.note(last_use, &stored.key.id, now);
        Ok(principal.clone())
    }
}

/// Only after the secret was proven: a guesser must not learn that a key was revoked.
fn require_valid(key: &ApiKey, now: jiff::Timestamp) -> Result<(), AuthFailure> {
    if key.revoked_at.is_some() {
        return Err(AuthFailure::Revoked);
    }
    if key.expires_at.is_some_and(|expiry| expiry <= now) {
        return Err(AuthFailure::Expired);
    }
    Ok(())
}

impl From<StoredApiKey> for KnownKey {
    fn from(stored: StoredApiKey) -> Self {
        let key_id: Arc<str> = stored.key.id.as_str().into();
        let principal = match &stored.key.owner {
            KeyOwner::Tenant(tenant) => {
                Principal::TenantKey { key_id, tenant: tenant.clone(), scopes: stored.key.scopes }
            }
            KeyOwner::Operator => Principal::OperatorKey { key_id },
        };
        let last_use = LastUse::from(stored.key.last_used_at);
        Self { stored, principal, last_use }
    }
}
