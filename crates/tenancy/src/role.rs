//! What a person may do in a tenant they are a member of.

use crate::Scopes;
use crate::words::words;

words! {
    /// A member's place in a tenant, from most to least.
    Role {
        /// All there is, other owners included.
        Owner = "owner",
        /// Everything but owners: keys, members, invites, usage, audit log.
        Admin = "admin",
        /// Stores and finds memories.
        Member = "member",
        /// Reads and finds memories.
        Viewer = "viewer",
    }
}

impl Role {
    /// Every role, from most to least.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// What the role may do; with [`may_manage`](Self::may_manage) the whole table of roles.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Owner | Self::Admin => Scopes::ALL,
            Self::Member => Scopes::DEFAULT,
            Self::Viewer => Scopes::READ_ONLY,
        }
    }

    /// Whether the role may make, change or remove a member of role `other`, or invite one.
    pub fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => other != Self::Owner,
            Self::Member | Self::Viewer => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn the_table_of_roles() {
        for (role, scopes, manages) in [
            (Role::Owner, "memories:read,memories:write,search,admin", "owner admin member viewer"),
            (Role::Admin, "memories:read,memories:write,search,admin", "admin member viewer"),
            (Role::Member, "memories:read,memories:write,search", ""),
            (Role::Viewer, "memories:read,search", ""),
        ] {
            assert_eq!(role.scopes().to_string(), scopes);
            let managed: Vec<_> =
                Role::ALL.into_iter().filter(|other| role.may_manage(*other)).map(Role::as_str).collect();
            assert_eq!(managed.join(" "), manages);
            assert_eq!(role.scopes().contains(Scope::Admin), !managed.is_empty());
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
    }
}
