//! Who stands where: the role in which somebody manages people, and the person behind a token.

use api::ErrorCode;
use control::Actor;
use gateway::{Needed, Peer, Principal, Refusal};
use tenancy::Role;

use crate::operations::Failure;

/// Somebody whose proof held, and where they call from.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// From where.
    pub peer: Peer,
}

/// A person who signed in, whether or not they belong to a tenant yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who, as the identity provider names them.
    pub user_id: String,
    /// The address they proved to have.
    pub email: Option<String>,
}

impl Caller {
    /// The name and address under which the audit log knows them.
    pub fn actor(&self) -> Actor {
        let actor = self.principal.actor();
        match self.peer {
            Peer::Network(address) => actor.from_address(address),
            Peer::LocalSocket => actor,
        }
    }

    /// Whether they run the service.
    pub fn is_operator(&self) -> bool {
        match &self.principal {
            Principal::OperatorKey { .. } | Principal::Local => true,
            Principal::TenantKey { .. } => false,
        }
    }

    /// The person, if it is one.
    pub fn person(&self) -> Option<Person> {
        match &self.principal {
            Principal::OperatorKey { .. } | Principal::Local | Principal::TenantKey { .. } => None,
        }
    }
}

/// The role in which a principal manages the members of a tenant it was admitted to.
///
/// A key has scopes and no role: one with `admin` manages as an admin does, so that a leaked key makes no owner.
pub(super) fn role_of(principal: &Principal) -> Role {
    match principal {
        Principal::OperatorKey { .. } | Principal::Local => Role::Owner,
        Principal::TenantKey { .. } => Role::Admin,
    }
}

/// Refuses who may not make, change or remove somebody of `role`.
pub(super) fn require_may_manage(principal: &Principal, role: Role) -> Result<(), Failure> {
    if role_of(principal).may_manage(role) {
        return Ok(());
    }
    let message = format!("only an owner or an operator may do this with a member who is {}", article(role));
    Err(Failure::Coded(ErrorCode::Forbidden, message))
}

/// Refuses everybody but operators.
pub(super) fn operators_only() -> Failure {
    Refusal::Forbidden { needed: Needed::OperatorKey }.into()
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Admin => "an admin",
        Role::Member => "a member",
        Role::Viewer => "a viewer",
    }
}
