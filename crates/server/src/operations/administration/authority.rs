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
        self.principal.is_operator()
    }

    /// The person, if it is one.
    pub fn person(&self) -> Option<Person> {
        let user = self.principal.user()?;
        Some(Person { user_id: user.user_id.clone(), email: user.email.clone() })
    }
}

/// Refuses who may not make, change or remove somebody of `role`.
pub(super) fn require_may_manage(principal: &Principal, role: Role) -> Result<(), Failure> {
    if principal.role().is_some_and(|own| own.may_manage(role)) {
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
