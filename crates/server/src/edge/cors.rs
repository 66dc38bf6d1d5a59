//! Which web pages may use the service from a browser.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tenancy::Environment;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::{Config, is_loopback};

/// Browsers ask again after this long whether they may.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// The origins of pages that may use the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    listed: Vec<String>,
    others: Others,
}

/// Pages beyond those that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    None,
    /// Those a developer serves on this machine.
    Loopback,
    All,
}

impl Origins {
    /// What the configuration and its environment allow.
    pub fn of(config: &Config) -> Self {
        let others = match (config.cors.allows_any(), config.service.environment) {
            (true, _) => Others::All,
            (false, Environment::Dev) => Others::Loopback,
            (false, Environment::Staging | Environment::Prod) => Others::None,
        };
        let mut listed = config.cors.origins.clone();
        listed.extend(config.service.public_origin());
        Self { listed, others }
    }

    /// Whether a page of this origin may.
    pub fn allow(&self, origin: &str) -> bool {
        let beyond = match self.others {
            Others::None => false,
            Others::Loopback => origin.starts_with("http") && is_loopback(origin),
            Others::All => true,
        };
        beyond || self.listed.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
    }
}

/// Answers preflights and tells browsers who may read an answer. Without credentials: keys travel in headers that a
/// page has to set, so no page can borrow its visitor's.
pub(crate) fn cors(config: &Config) -> CorsLayer {
    let origins = Origins::of(config);
    let known = move |origin: &HeaderValue, _: &http::request::Parts| {
        origin.to_str().is_ok_and(|origin| origins.allow(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(known))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(SENT.map(HeaderName::from_static))
        .expose_headers(READ.map(HeaderName::from_static))
        .max_age(PREFLIGHT_AGE)
        .vary([header::ORIGIN])
}

/// Headers that a page may send.
const SENT: [&str; 10] = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "mcp-protocol-version",
    "x-api-key",
    "x-engram-tenant",
    "x-request-id",
    "x-tenant-slug",
];

/// Headers that a page may read.
const READ: [&str; 8] = [
    "deprecation",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "server-timing",
    "www-authenticate",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(environment: Environment, listed: &[&str], origin: &str, want: bool) {
        let mut config = Config::dev("x");
        config.service.environment = environment;
        config.service.public_url = Some("https://Memory.example.com/base".to_owned());
        config.cors.origins = listed.iter().map(|origin| (*origin).to_owned()).collect();
        assert_eq!(Origins::of(&config).allow(origin), want, "{environment:?} {listed:?} {origin}");
    }

    #[test]
    fn pages_of_this_machine_may_in_dev_and_listed_ones_anywhere() {
        let (dev, prod) = (Environment::Dev, Environment::Prod);
        let app = "https://app.example.com";
        check(dev, &[], "http://localhost:3000", true);
        check(dev, &[], "http://[::1]:3000", true);
        check(dev, &[], "http://localhost.example.com", false);
        check(dev, &[], app, false);
        check(dev, &["*"], app, true);
        check(dev, &[], "null", false);
        check(prod, &[], "http://localhost:3000", false);
        check(prod, &[app], app, true);
        check(prod, &[app], "https://app.example.com:444", false);
        check(prod, &[app], "https://app.example.com.evil.example", false);
        check(prod, &[app], "null", false);
        check(prod, &[], "https://memory.example.com", true);
    }
}
