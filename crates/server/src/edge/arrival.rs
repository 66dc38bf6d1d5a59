//! What is known of a request before anybody looks inside.

use std::net::{IpAddr, Ipv4Addr};

use gateway::{Credentials, Peer};
use http::{Extensions, HeaderMap, HeaderName, header};
use tenancy::RequestId;

use crate::app::App;

/// A request at the edge; in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Its id, in the ledger, the log and `X-Request-Id`.
    pub request: RequestId,
}

impl Arrival {
    /// The arrival of a request; a call inside the process that did not pass the edge gets an id here.
    pub(crate) fn of(extensions: &Extensions, app: &App) -> Self {
        match extensions.get::<Self>() {
            Some(arrival) => *arrival,
            None => Self { request: RequestId::at(app.clock.now()) },
        }
    }
}

/// What a request says of who sends it.
///
/// A header that is there but cannot be read as text, or is there twice, counts as an empty one: it is refused, never
/// ignored, and nobody on the way can have read another of the two.
pub fn credentials<'a>(headers: &'a HeaderMap, extensions: &Extensions) -> Credentials<'a> {
    Credentials {
        authorization: text(headers, &header::AUTHORIZATION),
        x_api_key: text(headers, &X_API_KEY),
        tenant_header: text(headers, &X_ENGRAM_TENANT),
        slug_header: text(headers, &X_TENANT_SLUG),
        host: text(headers, &header::HOST),
        // Calls inside the process that name no peer prove nothing.
        peer: extensions.get::<Peer>().copied().unwrap_or(Peer::Network(IpAddr::V4(Ipv4Addr::LOCALHOST))),
    }
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_ENGRAM_TENANT: HeaderName = HeaderName::from_static("x-engram-tenant");
const X_TENANT_SLUG: HeaderName = HeaderName::from_static("x-tenant-slug");

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    Some(if values.next().is_some() { "" } else { value.to_str().unwrap_or("") })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_header_that_is_there_twice_is_not_half_believed() {
        let mut headers = HeaderMap::new();
        headers.append(X_ENGRAM_TENANT, HeaderValue::from_static("acme"));
        assert_eq!(credentials(&headers, &Extensions::new()).tenant_header, Some("acme"));
        headers.append(X_ENGRAM_TENANT, HeaderValue::from_static("other"));
        let read = credentials(&headers, &Extensions::new());
        assert_eq!((read.tenant_header, read.slug_header), (Some(""), None));
    }
}
