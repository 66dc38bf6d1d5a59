//! What a caller shows at the door, as the door found it in the request.

use std::net::IpAddr;

use crate::jwt::is_token;
use crate::{AuthFailure, Refusal};

/// The headers that say who is asking and for which tenant, and where the connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `X-API-Key` header.
    pub x_api_key: Option<&'a str>,
    /// The tenant the request names in `X-Engram-Tenant`.
    pub tenant_header: Option<&'a str>,
    /// The tenant it names in `X-Tenant-Slug`.
    pub slug_header: Option<&'a str>,
    /// The host it was sent to, perhaps with a port.
    pub host: Option<&'a str>,
    /// Who is at the other end of the connection.
    pub peer: Peer,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on a network.
    Network(IpAddr),
    /// A process that could open the 0600 socket in the data folder, and so owns the data already.
    LocalSocket,
}

/// The one proof among the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof<'a> {
    ApiKey(&'a str),
    Token(&'a str),
    LocalSocket,
}

impl<'a> Credentials<'a> {
    /// Nothing but where the connection comes from.
    pub fn none(peer: Peer) -> Self {
        Self {
            authorization: None,
            x_api_key: None,
            tenant_header: None,
            slug_header: None,
            host: None,
            peer,
        }
    }

    /// Credentials of a process on the local socket that names a tenant, or means the default one.
    pub fn local(tenant: Option<&'a str>) -> Self {
        Self { tenant_header: tenant, ..Self::none(Peer::LocalSocket) }
    }

    /// Finds the one proof; two at once are refused even when they agree.
    pub(crate) fn proof(&self) -> Result<Proof<'a>, Refusal> {
        match (self.authorization, self.x_api_key, self.peer) {
            (Some(_), Some(_), _) => Err(Refusal::ConflictingCredentials),
            (Some(header), None, _) => {
                let token = token_of(header)?;
                Ok(if is_token(token) { Proof::Token(token) } else { Proof::ApiKey(token) })
            }
            (None, Some(key), _) => Ok(Proof::ApiKey(key.trim())),
            (None, None, Peer::LocalSocket) => Ok(Proof::LocalSocket),
            (None, None, Peer::Network(_)) => Err(AuthFailure::Missing.into()),
        }
    }
}

/// The token of `Bearer <token>`, or of `Token <token>` as some clients write it.
fn token_of(header: &str) -> Result<&str, AuthFailure> {
    let (scheme, token) = header.trim().split_once(' ').ok_or(AuthFailure::UnsupportedScheme)?;
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        Ok(token.trim())
    } else {
        Err(AuthFailure::UnsupportedScheme)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn check(
        authorization: Option<&str>,
        x_api_key: Option<&str>,
        peer: Peer,
        want: Result<Proof<'_>, &str>,
    ) {
        let credentials = Credentials { authorization, x_api_key, ..Credentials::none(peer) };
        let got = credentials.proof().map_err(|refusal| match refusal {
            Refusal::Unauthenticated { reason } => reason.name(),
            other => other.code(),
        });
        assert_eq!(got, want, "{credentials:?}");
    }

    #[test]
    fn exactly_one_proof_is_taken() {
        let network = Peer::Network(Ipv4Addr::LOCALHOST.into());
        let local = Peer::LocalSocket;
        check(Some("Bearer k"), None, network, Ok(Proof::ApiKey("k")));
        check(Some("bearer   k "), None, network, Ok(Proof::ApiKey("k")));
        check(Some("Token k"), None, network, Ok(Proof::ApiKey("k")));
        check(None, Some(" k"), network, Ok(Proof::ApiKey("k")));
        check(Some("Bearer a.b.c"), None, network, Ok(Proof::Token("a.b.c")));
        check(None, Some("a.b.c"), network, Ok(Proof::ApiKey("a.b.c")));
        check(Some("Bearer a.b.c"), Some("k"), network, Err("conflicting_credentials"));
        check(None, Some("k"), local, Ok(Proof::ApiKey("k")));
        check(None, None, local, Ok(Proof::LocalSocket));
        check(None, None, network, Err("missing"));
        check(Some("Basic k"), None, network, Err("unsupported_scheme"));
        check(Some("k"), None, network, Err("unsupported_scheme"));
        check(Some(""), None, local, Err("unsupported_scheme"));
        check(Some("Bearer k"), Some("k"), network, Err("conflicting_credentials"));
        check(Some(""), Some(""), local, Err("conflicting_credentials"));
    }
}
