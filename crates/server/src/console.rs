//! The console: pages for people at `/console`, rendered here. A session holds a credential on this side of the wire;
//! every page and every deed is admitted with it by the same gateway as REST and MCP.

mod alertmanager;
mod asked;
mod assets;
mod chart;
mod cookie;
mod fields;
mod layout;
mod markdown;
mod pages;
mod parts;
mod provider;
mod routes;
mod session;
mod sign_in;
mod words;

use std::time::Duration;

use gateway::{CodeFlow, CodeFlowOptions};
use stdx::clock::SharedClock;
use tenancy::Environment;

use crate::config::Config;

pub use routes::{PAGES, Page, Side};

pub(crate) use routes::router;

/// Who is signed in, and what forms are held against.
#[derive(Debug)]
pub struct Console {
    sessions: session::Sessions,
    /// Known to this process alone; what it signs is worthless after a restart, and so are the sessions.
    key: [u8; 32],
    provider: Option<CodeFlow>,
    alertmanager: Option<alertmanager::Alertmanager>,
    session: Duration,
    environment: Environment,
}

impl Console {
    pub(crate) fn new(config: &Config, clock: &SharedClock) -> Self {
        let settings = &config.console;
        let options = |client_id: &String| CodeFlowOptions {
            issuer: config.jwt.issuer.clone().unwrap_or_default(),
            client_id: client_id.clone(),
            client_secret: settings.client_secret.as_ref().map(|secret| secret.reveal().to_owned()),
            scopes: settings.scopes.clone(),
            resource: config.jwt.audience.first().cloned(),
        };
        let provider = settings.client_id.as_ref().map(options);
        Self {
            sessions: session::Sessions::new(settings.idle),
            key: stdx::random::bytes(),
            provider: provider.map(|options| CodeFlow::new(options, SharedClock::clone(clock))),
            alertmanager: settings.alertmanager_url.as_deref().map(alertmanager::Alertmanager::new),
            session: settings.session,
            environment: config.service.environment,
        }
    }

    /// Something that only this process can make of `text`, for one purpose.
    fn sign(&self, purpose: &str, text: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(purpose.as_bytes()).update(&[0]).update(text.as_bytes());
        hasher.finalize()
    }

    /// A token for the forms of a page: another one each time, so that a compressed page gives nothing away.
    fn form_token(&self, cookie: &str) -> String {
        let salt = stdx::random::token(16);
        let proof = self.sign("form", &format!("{salt}{cookie}"));
        format!("{salt}{}", proof.to_hex())
    }

    /// Whether a form came from a page that was made for whoever has this cookie.
    fn is_form_token(&self, token: &str, cookie: &str) -> bool {
        let Some((salt, proof)) = token.split_at_checked(16) else { return false };
        // Digests compare in constant time.
        blake3::Hash::from_hex(proof)
            .is_ok_and(|proof| proof == self.sign("form", &format!("{salt}{cookie}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_bound_to_the_cookie_it_was_made_for() {
        let console = Console::new(&Config::dev("x"), &stdx::clock::SystemClock::shared());
        let token = console.form_token("one");
        assert_ne!(token, console.form_token("one"));
        assert!(console.is_form_token(&token, "one"));
        let other = Console::new(&Config::dev("x"), &stdx::clock::SystemClock::shared());
        for (token, cookie) in
            [(token.as_str(), "two"), ("", "one"), ("äääääääääääääääää", "one"), (&token[1..], "one")]
        {
            assert!(!console.is_form_token(token, cookie), "{token} {cookie}");
        }
        assert!(!other.is_form_token(&token, "one"));
    }
}
