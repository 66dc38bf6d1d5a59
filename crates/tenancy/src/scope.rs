//! What a key may do inside its own tenant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One permission of a key. None of them reaches beyond the key's own tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Read, list and walk the history of memories.
    #[serde(rename = "memories:read")]
    MemoriesRead,
    /// Create, change and delete memories.
    #[serde(rename = "memories:write")]
    MemoriesWrite,
    /// Search.
    #[serde(rename = "search")]
    Search,
    /// Manage the tenant itself: its keys, its members, its usage.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 4] = [Self::MemoriesRead, Self::MemoriesWrite, Self::Search, Self::Admin];

    /// The scope's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemoriesRead => "memories:read",
            Self::MemoriesWrite => "memories:write",
            Self::Search => "search",
            Self::Admin => "admin",
        }
    }

    /// Reads a scope's name.
    ///
    /// # Errors
    /// When no scope has that name; the error lists those that exist.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| InvalidScope(text.to_owned()))
    }

    fn bit(self) -> u8 {
        match self {
            Self::MemoriesRead => 1,
            Self::MemoriesWrite => 2,
            Self::Search => 4,
            Self::Admin => 8,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A scope nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope {0:?}: the scopes are memories:read, memories:write, search, admin")]
pub struct InvalidScope(String);

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// No permission at all.
    pub const NONE: Self = Self(0);
    /// Everything inside the tenant.
    pub const ALL: Self = Self(15);
    /// What a key gets unless said: all of the tenant's own scopes but `admin`.
    pub const DEFAULT: Self = Self(7);

    /// Managing a tenant without a look at its memories.
    pub const ADMIN: Self = Self(8);
    /// Reading and searching, without a trace.
    pub const READ_ONLY: Self = Self(5);

    /// Whether `scope` is in the set.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether every scope of `other` is in the set.
    pub fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The scopes in the set, in their usual order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |s| self.contains(*s))
    }

    /// Reads names separated by commas or blanks, as in `memories:read,search`.
    ///
    /// # Errors
    /// At the first name that is no scope.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        text.split([',', ' ']).filter(|word| !word.is_empty()).map(Scope::parse).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_scopes_reads_back() {
        for (text, want) in [
            ("memories:read, search", "memories:read,search"),
            ("admin,memories:write", "memories:write,admin"),
            ("", ""),
        ] {
            assert_eq!(Scopes::parse(text).unwrap().to_string(), want);
        }
        assert!(Scopes::parse("search,sudo").unwrap_err().to_string().contains("\"sudo\""));
    }

    #[test]
    fn a_new_key_may_do_all_but_administer() {
        assert!(!Scopes::DEFAULT.contains(Scope::Admin));
        assert!(Scopes::ALL.contains_all(Scopes::DEFAULT));
        assert_eq!(Scopes::ALL, Scope::ALL.into_iter().collect());
    }
}
