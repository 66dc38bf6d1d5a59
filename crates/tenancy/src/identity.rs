//! Names that are parsed once at the door: a tenant's id and slug, a workspace, a request.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A name that breaks its own rule; the text says which rule, and is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct InvalidIdentity {
    what: &'static str,
    rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentity;

            fn try_from(text: String) -> Result<Self, InvalidIdentity> {
                Self::parse(&text)
            }
        }
    };
}

name_type! {
    /// A tenant for ever: `ten_` and 32 hexadecimal digits. Slugs may change hands, ids never do.
    TenantId
}

name_type! {
    /// A tenant's name in host names and headers: 1-63 of `a-z`, `0-9`, `-`, with no dash at either end.
    Slug
}

name_type! {
    /// A workspace inside a tenant: 1-64 of `a-z`, `0-9`, `.`, `_`, `-`, after lower-casing.
    WorkspaceName
}

impl TenantId {
    const PREFIX: &str = "ten_";

    /// The id of a new tenant.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(format!("{}{}", Self::PREFIX, uuid.simple()).into())
    }

    /// Reads an id that was given out before.
    ///
    /// # Errors
    /// When the text is not `ten_` and 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let hex = text.strip_prefix(Self::PREFIX).unwrap_or("");
        if hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidIdentity { what: "a tenant id", rule: "is `ten_` and 32 hexadecimal digits" })
        }
    }
}

impl Slug {
    const LENGTH_MAX: usize = 63; // one DNS label

    /// Reads a slug exactly as given; nothing is lower-cased or trimmed.
    ///
    /// # Errors
    /// When the text is not one DNS label of lower-case letters, digits and inner dashes.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let letters = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if letters
            && (1..=Self::LENGTH_MAX).contains(&text.len())
            && !text.starts_with('-')
            && !text.ends_with('-')
        {
            Ok(Self(text.into()))
        } else {
            Err(InvalidIdentity {
                what: "a tenant slug",
                rule: "is 1-63 lower-case letters, digits and dashes, with no dash at either end",
            })
        }
    }
}

impl WorkspaceName {
    const LENGTH_MAX: usize = 64;

    /// Reads a workspace name, lower-casing it.
    ///
    /// # Errors
    /// When the lower-cased text does not match `[a-z0-9._-]{1,64}`.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let name = text.to_ascii_lowercase();
        let letters = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if letters && (1..=Self::LENGTH_MAX).contains(&name.len()) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidIdentity { what: "a workspace name", rule: "matches [a-z0-9._-]{1,64}" })
        }
    }

    /// The workspace of writes that name none.
    pub fn default_workspace() -> Self {
        Self("default".into())
    }
}

/// One request, named once at the edge; a UUIDv7, so ids sort by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Names a request that arrived at `now`.
    pub fn at(now: Timestamp) -> Self {
        let unix_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &stdx::random::bytes::<10>()).into_uuid())
    }

    /// The id of an event read back from disk.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads an id as it is printed.
    ///
    /// # Errors
    /// When the text is no UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let uuid = Uuid::try_parse(text);
        uuid.map(Self).map_err(|_| InvalidIdentity { what: "a request id", rule: "is a UUID" })
    }

    /// The id as a UUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_dns_labels() {
        let long = "a".repeat(63);
        for good in ["a", "default", "acme-2", &long] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        for bad in ["", "-a", "a-", "Acme", "a_b", "a.b", "ä", "a b", "../x", "a\0", &too_long] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn workspace_names_are_lower_cased_and_checked() {
        for (given, want) in [("Team.A_1-x", "team.a_1-x"), ("default", "default"), ("..", "..")] {
            assert_eq!(WorkspaceName::parse(given).unwrap().as_str(), want);
        }
        let too_long = "a".repeat(65);
        for bad in ["", " ", "a b", "a/b", "ä", "K\u{212a}", &too_long] {
            assert!(WorkspaceName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tenant_id_reads_back() {
        let id = TenantId::from_uuid(RequestId::at(Timestamp::UNIX_EPOCH).as_uuid());
        assert_eq!(TenantId::parse(id.as_str()).unwrap(), id);
        for bad in ["", "ten_", "ten_xyz", &id.as_str().to_uppercase(), &format!("{id}0")] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn request_ids_are_version_7_and_sort_by_arrival() {
        let early = RequestId::at(Timestamp::from_millisecond(1_000).unwrap());
        let late = RequestId::at(Timestamp::from_millisecond(2_000).unwrap());
        assert_eq!(early.as_uuid().get_version_num(), 7);
        assert!(early.to_string() < late.to_string());
    }
}
