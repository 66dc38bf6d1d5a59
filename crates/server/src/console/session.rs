//! Who is signed in: kept here, under the digest of a random name that only the browser's cookie knows.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::Secret;

/// Sessions kept at once; the one that was quiet longest makes room.
const SESSIONS_MAX: usize = 20_000;
/// Sessions of one credential; beyond that its oldest one ends.
const OF_ONE_CREDENTIAL_MAX: usize = 16;
/// Letters of a session's name: 256 bits.
const NAME_LETTERS: usize = 43;

/// The names of the sessions, digested, and what is known of each.
#[derive(Debug)]
pub(super) struct Sessions {
    open: Mutex<HashMap<blake3::Hash, Session>>,
    idle_ms: i64,
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// What they proved themselves with, as an `Authorization` header has it.
    pub(super) authorization: Secret,
    /// How they are called on the pages.
    pub(super) who: String,
    /// What the menu offers; what they may do is decided each time they do it.
    pub(super) menu: Menu,
    /// The tenant they look at.
    pub(super) tenant: Option<String>,
    /// When it ends, used or not.
    pub(super) until_ms: i64,
    used_ms: i64,
    begun_ms: i64,
}

/// The groups of pages that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Menu {
    /// Memories and search.
    pub(super) memories: bool,
    /// A tenant's keys, people, usage and audit log.
    pub(super) administration: bool,
    /// The service as a whole.
    pub(super) service: bool,
    /// Whether there may be other tenants to look at.
    pub(super) tenants: bool,
}

impl Session {
    pub(super) fn new(
        authorization: String,
        who: String,
        menu: Menu,
        tenant: Option<String>,
        until_ms: i64,
    ) -> Self {
        Self {
            authorization: Secret::new(authorization),
            who,
            menu,
            tenant,
            until_ms,
            used_ms: 0,
            begun_ms: 0,
        }
    }
}

impl Sessions {
    pub(super) fn new(idle: Duration) -> Self {
        let idle_ms = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        Self { open: Mutex::default(), idle_ms }
    }

    /// Begins a session under a name of our own choosing, never one that a browser brought; the name is for the
    /// cookie, and is not kept.
    pub(super) fn begin(&self, session: Session, now_ms: i64) -> String {
        let name = stdx::random::token(NAME_LETTERS);
        let session = Session { used_ms: now_ms, begun_ms: now_ms, ..session };
        let mut open = self.open.lock();
        make_room(&mut open, &session, now_ms, self.idle_ms);
        open.insert(digest(&name), session);
        name
    }

    /// The session of that name, if it is still open; looking at it keeps it from falling asleep.
    pub(super) fn of(&self, name: &str, now_ms: i64) -> Option<Session> {
        let mut open = self.open.lock();
        let digest = digest(name);
        let session = open.get_mut(&digest)?;
        if is_over(session, now_ms, self.idle_ms) {
            open.remove(&digest);
            return None;
        }
        session.used_ms = now_ms;
        Some(session.clone())
    }

    /// Has the session look at another tenant.
    pub(super) fn choose_tenant(&self, name: &str, tenant: Option<String>) {
        if let Some(session) = self.open.lock().get_mut(&digest(name)) {
            session.tenant = tenant;
        }
    }

    pub(super) fn end(&self, name: &str) {
        self.open.lock().remove(&digest(name));
    }
}

fn digest(name: &str) -> blake3::Hash {
    blake3::hash(name.as_bytes())
}

fn is_over(session: &Session, now_ms: i64, idle_ms: i64) -> bool {
    now_ms >= session.until_ms || now_ms.saturating_sub(session.used_ms) >= idle_ms
}

fn make_room(open: &mut HashMap<blake3::Hash, Session>, new: &Session, now_ms: i64, idle_ms: i64) {
    let of_same = open.iter().filter(|(_, session)| session.authorization == new.authorization);
    if of_same.clone().count() >= OF_ONE_CREDENTIAL_MAX
        && let Some(oldest) = of_same.min_by_key(|(_, session)| session.begun_ms).map(|(name, _)| *name)
    {
        open.remove(&oldest);
    }
    if open.len() < SESSIONS_MAX {
        return;
    }
    open.retain(|_, session| !is_over(session, now_ms, idle_ms));
    if open.len() >= SESSIONS_MAX
        && let Some(quiet) = open.iter().min_by_key(|(_, session)| session.used_ms).map(|(name, _)| *name)
    {
        open.remove(&quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(key: &str, until_ms: i64) -> Session {
        let menu = Menu { memories: true, administration: true, service: false, tenants: false };
        Session::new(format!("Bearer {key}"), "key".to_owned(), menu, None, until_ms)
    }

    #[test]
    fn a_session_ends_at_its_time_and_when_nobody_uses_it() {
        let sessions = Sessions::new(Duration::from_millis(100));
        let name = sessions.begin(session("a", 250), 0);
        for (now, open) in [(99, true), (198, true), (249, true), (250, false), (200, false)] {
            assert_eq!(sessions.of(&name, now).is_some(), open, "at {now}");
        }
        let quiet = sessions.begin(session("a", 10_000), 0);
        assert!(sessions.of(&quiet, 100).is_none());
        let ended = sessions.begin(session("a", 10_000), 0);
        sessions.end(&ended);
        assert!(sessions.of(&ended, 1).is_none());
        assert!(sessions.of("made up", 1).is_none());
    }

    #[test]
    fn one_credential_has_only_so_many_sessions() {
        let sessions = Sessions::new(Duration::from_secs(60));
        let other = sessions.begin(session("b", 10_000), 0);
        let names: Vec<_> = (0..=OF_ONE_CREDENTIAL_MAX)
            .map(|at| sessions.begin(session("a", 10_000), i64::try_from(at).unwrap()))
            .collect();
        assert!(sessions.of(&names[0], 50).is_none());
        assert!(names[1..].iter().chain([&other]).all(|name| sessions.of(name, 50).is_some()));
    }
}
