//! The one issuer whose tokens are taken: its keys as they are known, and the tokens they have proven.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;
use parking_lot::RwLock;
use stdx::clock::SharedClock;
use tokio::sync::Mutex;

use super::SigningAlgorithm;
use super::claims::{Claims, User};
use super::jwks::{self, Served};
use super::key_set::{KeySet, VerifyingKey};
use super::token::{PresentedToken, TOKEN_BYTES_MAX};
use crate::{AuthFailure, Refusal, metrics};

/// Keys are read anew after this, unless their server names another time in these bounds.
const FRESH: Duration = Duration::from_secs(15 * 60);
const FRESH_MIN: Duration = Duration::from_secs(10 * 60);
const FRESH_MAX: Duration = Duration::from_secs(30 * 60);
/// Keys whose server has been away for so long are not believed any more.
const STALE_MS_MAX: i64 = 24 * 3_600_000;
/// A token with an unknown key causes at most one fetch in this time, whatever comes of it.
const MISS_COOLDOWN_MS: i64 = 30_000;
/// Wait before the next try after a fetch that failed.
const AFTER_FAILURE_MS: i64 = 30_000;
/// The same while no key is known at all.
const AFTER_FIRST_FAILURE_MS: i64 = 5_000;
/// Tokens whose proof is remembered; about 500 bytes each.
const TOKENS_MAX: u64 = 50_000;
/// When to try again while there is no key to check with.
const RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// Whose tokens are taken, and what they must say.
#[derive(Debug, Clone)]
pub struct JwtOptions {
    /// What `iss` must be, letter for letter.
    pub issuer: String,
    /// One of these must be in `aud`.
    pub audiences: Vec<String>,
    /// Where the issuer's public keys are.
    pub jwks_url: String,
    /// Algorithms that are taken.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The claim that makes an operator when it is `true`.
    pub operator_claim: String,
    /// How far two clocks may disagree.
    pub clock_skew: Duration,
}

/// What is known of an issuer's keys; for those who look after the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksStatus {
    /// Where they come from.
    pub url: String,
    /// Keys in use.
    pub keys: usize,
    /// When they were last read.
    pub read_at: Option<Timestamp>,
    /// When they were last asked for.
    pub tried_at: Option<Timestamp>,
    /// What went wrong the last time; `None` when nothing did.
    pub error: Option<String>,
}

pub(crate) struct Issuer {
    options: JwtOptions,
    client: reqwest::Client,
    clock: SharedClock,
    keys: RwLock<Option<Arc<Known>>>,
    /// Held by whoever fetches; the others wait for what comes of it.
    fetching: Mutex<()>,
    /// When a fetch was last begun; moved forward before it, so that only one begins.
    tried_at_ms: AtomicI64,
    failure: RwLock<Option<String>>,
    proven: Cache<blake3::Hash, Arc<Proven>>,
}

/// Keys, and since when they are known.
struct Known {
    set: KeySet,
    /// Grows whenever the keys change; a proof by older keys is none.
    generation: u64,
    read_at_ms: i64,
    due_at_ms: i64,
}

/// A token that held.
struct Proven {
    user: Arc<User>,
    until_ms: i64,
    generation: u64,
}

impl JwtOptions {
    /// The usual claims and algorithms, with the keys at `<issuer>/.well-known/jwks.json`.
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audiences: vec![audience.to_owned()],
            jwks_url: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            algorithms: vec![SigningAlgorithm::Rs256, SigningAlgorithm::Es256],
            tenant_claim: "tenant".to_owned(),
            operator_claim: "engram_operator".to_owned(),
            clock_skew: Duration::from_secs(60),
        }
    }
}

impl Issuer {
    pub(crate) fn new(options: JwtOptions, clock: SharedClock) -> Self {
        Self {
            options,
            client: jwks::client(),
            clock,
            keys: RwLock::default(),
            fetching: Mutex::default(),
            tried_at_ms: AtomicI64::new(i64::MIN),
            failure: RwLock::default(),
            proven: Cache::new(TOKENS_MAX),
        }
    }

    pub(crate) fn options(&self) -> &JwtOptions {
        &self.options
    }

    /// The bearer of a token.
    pub(crate) async fn user_of(&self, text: &str) -> Result<Arc<User>, Refusal> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(AuthFailure::TokenTooLarge.into());
        }
        let now_ms = self.clock.now_ms();
        let digest = blake3::hash(text.as_bytes());
        if let Some(user) = self.remembered(&digest, now_ms) {
            return Ok(user);
        }
        let token = PresentedToken::parse(text)?;
        let algorithm = SigningAlgorithm::parse(&token.header.alg)
            .filter(|algorithm| self.options.algorithms.contains(algorithm))
            .ok_or(AuthFailure::AlgorithmRefused)?;
        let (key, generation) = self.key(token.header.kid.as_deref(), algorithm).await?;
        if !key.proves(token.signed, token.signature, algorithm) {
            return Err(AuthFailure::BadSignature.into());
        }
        let Claims { user, until_ms } = Claims::check(&token.claims()?, &self.options, now_ms)?;
        let user = Arc::new(user);
        let proven = Proven { user: Arc::clone(&user), until_ms, generation };
        self.proven.insert(digest, Arc::new(proven));
        Ok(user)
    }

    /// Reads the keys anew, now.
    ///
    /// # Errors
    /// What went wrong; the keys known before stay in use.
    pub(crate) async fn refresh(&self) -> Result<(), String> {
        let _one = self.fetching.lock().await;
        self.tried_at_ms.store(self.clock.now_ms(), Ordering::Release);
        self.fetch().await
    }

    /// Reads the keys anew if it is time; returns at once otherwise. For a task that calls it every few seconds.
    pub(crate) async fn refresh_if_due(&self) {
        let now_ms = self.clock.now_ms();
        let (due_at_ms, pause_ms) = match self.known() {
            Some(known) => (known.due_at_ms, AFTER_FAILURE_MS),
            None => (now_ms, AFTER_FIRST_FAILURE_MS),
        };
        let tried_at_ms = self.tried_at_ms.load(Ordering::Acquire);
        if now_ms >= due_at_ms && now_ms.saturating_sub(tried_at_ms) >= pause_ms {
            let _ = self.refresh().await;
        }
        metrics::jwks_age(self.known().map(|known| (now_ms - known.read_at_ms) / 1_000));
    }

    pub(crate) fn status(&self) -> JwksStatus {
        let at = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let known = self.known();
        let tried_at_ms = self.tried_at_ms.load(Ordering::Acquire);
        JwksStatus {
            url: self.options.jwks_url.clone(),
            keys: known.as_ref().map_or(0, |known| known.set.len()),
            read_at: known.and_then(|known| at(known.read_at_ms)),
            tried_at: at(tried_at_ms),
            error: self.failure.read().clone(),
        }
    }

    fn remembered(&self, digest: &blake3::Hash, now_ms: i64) -> Option<Arc<User>> {
        let proven = self.proven.get(digest)?;
        let known = self.believed(now_ms)?;
        let holds = proven.generation == known.generation && now_ms < proven.until_ms;
        holds.then(|| Arc::clone(&proven.user))
    }

    /// The key a token points at, and the generation of its set. One nobody has seen may be new: the keys are read
    /// anew for it, unless that was just done.
    async fn key(
        &self,
        key_id: Option<&str>,
        algorithm: SigningAlgorithm,
    ) -> Result<(VerifyingKey, u64), Refusal> {
        let find = |known: &Known| match known.set.find(key_id, algorithm) {
            Ok(key) => Ok((key.clone(), known.generation)),
            Err(failure) => Err(failure),
        };
        let before = self.believed(self.clock.now_ms());
        match before.as_deref().map(find) {
            Some(Ok(found)) => return Ok(found),
            Some(Err(failure @ (AuthFailure::AlgorithmRefused | AuthFailure::MissingKid))) => {
                return Err(failure.into());
            }
            Some(Err(_)) | None => {}
        }
        self.refresh_for_a_miss(before.map(|known| known.read_at_ms)).await;
        match self.believed(self.clock.now_ms()) {
            Some(known) => Ok(find(&known)?),
            None => Err(Refusal::Unavailable { retry_after: RETRY_WITHOUT_KEYS }),
        }
    }

    /// At most one fetch in 30 s, however many ask; who asks while it is under way waits for it.
    async fn refresh_for_a_miss(&self, read_at_ms: Option<i64>) {
        let now_ms = self.clock.now_ms();
        let tried_at_ms = self.tried_at_ms.load(Ordering::Acquire);
        let due = now_ms.saturating_sub(tried_at_ms) >= MISS_COOLDOWN_MS;
        let claimed = due
            && self
                .tried_at_ms
                .compare_exchange(tried_at_ms, now_ms, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        let _one = self.fetching.lock().await;
        let renewed = self.known().map(|known| known.read_at_ms) != read_at_ms;
        if claimed && !renewed {
            let _ = self.fetch().await;
        }
    }

    /// Fetches and takes over what comes. Only for whoever holds `fetching`.
    async fn fetch(&self) -> Result<(), String> {
        let fetched = jwks::fetch(&self.client, &self.options.jwks_url).await;
        let parsed = fetched.and_then(|Served { text, max_age }| {
            Ok((KeySet::parse(&text, &self.options.algorithms)?, max_age))
        });
        metrics::jwks_refreshed(parsed.is_ok());
        match parsed {
            Ok((set, max_age)) => {
                self.take_over(set, max_age.unwrap_or(FRESH).clamp(FRESH_MIN, FRESH_MAX));
                *self.failure.write() = None;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(
                    url = self.options.jwks_url,
                    error,
                    "the keys of the identity provider cannot be read"
                );
                *self.failure.write() = Some(error.clone());
                Err(error)
            }
        }
    }

    fn take_over(&self, set: KeySet, fresh: Duration) {
        let now_ms = self.clock.now_ms();
        let mut keys = self.keys.write();
        let same = keys.as_ref().is_some_and(|known| known.set.is_same(&set));
        let generation = keys.as_ref().map_or(0, |known| known.generation) + u64::from(!same);
        let fresh_ms = i64::try_from(fresh.as_millis()).unwrap_or(i64::MAX);
        let due_at_ms = now_ms.saturating_add(fresh_ms);
        *keys = Some(Arc::new(Known { set, generation, read_at_ms: now_ms, due_at_ms }));
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.keys.read().clone()
    }

    fn believed(&self, now_ms: i64) -> Option<Arc<Known>> {
        self.known().filter(|known| now_ms - known.read_at_ms < STALE_MS_MAX)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("options", &self.options).finish_non_exhaustive()
    }
}
