//! Who is calling, from where, and how protected: what the connection shows, or what the proxies in front of it say
//! when they are ours.

use std::net::{IpAddr, SocketAddr};

use gateway::Peer;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How a connection is protected; in a request's extensions, behind the edge the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Anybody on the way can read it.
    Plain,
    /// By TLS.
    Tls,
}

/// The client behind the proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// How its own connection is protected, to the first proxy or to us.
    pub transport: Transport,
}

impl Client {
    /// The client of a request; `None` when it did not come over a network.
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpNet]) -> Option<Self> {
        let Some(Peer::Network(peer)) = extensions.get::<Peer>() else { return None };
        let transport = extensions.get::<Transport>().copied().unwrap_or(Transport::Plain);
        let seen = Self { address: peer.to_canonical(), transport };
        Some(seen.behind(&entries(headers, &X_FORWARDED_FOR), &entries(headers, &X_FORWARDED_PROTO), trusted))
    }

    /// Walks from the connection towards the client: each proxy of ours wrote down, at the right end, whom it heard.
    /// What stands further left than the first stranger is the stranger's own word, and is not believed.
    fn behind(self, forwarded_for: &[&str], forwarded_proto: &[&str], trusted: &[IpNet]) -> Self {
        let is_ours = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut client = self;
        let mut hops = 0;
        for entry in forwarded_for.iter().rev() {
            if !is_ours(&client.address) {
                break;
            }
            // One that cannot be read hides whoever is behind it; the proxy that wrote it is all we know.
            let Some(address) = address_of(entry) else { break };
            client.address = address;
            hops += 1;
        }
        if hops == 0 && !is_ours(&self.address) {
            return self;
        }
        // A proxy that adds to the list keeps it as long as the other one; one that replaces it leaves one entry.
        let nth = forwarded_proto.len().saturating_sub(hops.max(1));
        match forwarded_proto.get(nth) {
            Some(proto) if proto.eq_ignore_ascii_case("https") => client.transport = Transport::Tls,
            Some(_) => client.transport = Transport::Plain,
            None => {}
        }
        client
    }
}

/// The entries of a list header, over all its lines.
fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

/// An address, with or without a port, as proxies write it.
fn address_of(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[&str] = &["10.0.0.0/8", "fd00::/8"];

    /// A plain connection from `peer` with these headers is `address`'s, over TLS or not.
    #[track_caller]
    fn check(peer: &str, forwarded_for: &str, forwarded_proto: &str, want: (&str, Transport)) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(X_FORWARDED_FOR, forwarded_for), (X_FORWARDED_PROTO, forwarded_proto)] {
            for line in value.split('\n').filter(|line| !line.is_empty()) {
                headers.append(&name, line.parse().unwrap());
            }
        }
        let mut extensions = Extensions::new();
        extensions.insert(Peer::Network(peer.parse().unwrap()));
        let trusted: Vec<IpNet> = OURS.iter().map(|network| network.parse().unwrap()).collect();
        let client = Client::of(&headers, &extensions, &trusted).unwrap();
        assert_eq!((client.address.to_string().as_str(), client.transport), want);
    }

    #[test]
    fn strangers_are_not_believed() {
        check("9.9.9.9", "", "", ("9.9.9.9", Transport::Plain));
        check("9.9.9.9", "1.1.1.1", "https", ("9.9.9.9", Transport::Plain));
        check("9.9.9.9", "10.0.0.1", "https", ("9.9.9.9", Transport::Plain));
    }

    #[test]
    fn the_first_stranger_behind_our_proxies_is_the_client() {
        check("10.0.0.1", "1.1.1.1", "https", ("1.1.1.1", Transport::Tls));
        check("10.0.0.1", "1.1.1.1", "http", ("1.1.1.1", Transport::Plain));
        check("10.0.0.1", "6.6.6.6, 1.1.1.1", "https", ("1.1.1.1", Transport::Tls));
        check("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "https, http", ("1.1.1.1", Transport::Tls));
        check("10.0.0.1", "6.6.6.6\n1.1.1.1\n10.0.0.2", "http\nhttps\nhttp", ("1.1.1.1", Transport::Tls));
        check("10.0.0.1", "10.0.0.3, 10.0.0.2", "", ("10.0.0.3", Transport::Plain));
        check("fd00::1", "[2001:db8::5]:443", "HTTPS", ("2001:db8::5", Transport::Tls));
        check("::ffff:10.0.0.1", "1.1.1.1:5000", "https", ("1.1.1.1", Transport::Tls));
    }

    #[test]
    fn a_proxy_that_names_nobody_is_the_client() {
        check("10.0.0.1", "", "https", ("10.0.0.1", Transport::Tls));
        check("10.0.0.1", "unknown", "https", ("10.0.0.1", Transport::Tls));
        check("10.0.0.1", "1.1.1.1, _hidden, 10.0.0.2", "https", ("10.0.0.2", Transport::Tls));
    }

    #[test]
    fn the_private_socket_has_no_address() {
        let mut extensions = Extensions::new();
        extensions.insert(Peer::LocalSocket);
        assert_eq!(Client::of(&HeaderMap::new(), &extensions, &[]), None);
    }
}
