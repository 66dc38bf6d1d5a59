//! A model behind any OpenAI-compatible `/v1/embeddings` endpoint: batched, bounded, retried, remembered.

mod answer;
mod circuit;
mod endpoint;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use stdx::backoff::Backoff;
use stdx::clock::SharedClock;
use tokio::sync::Semaphore;

pub use circuit::Health;
use circuit::{Circuit, Down};
use endpoint::{Endpoint, Failure, Remedy};

use crate::config::RemoteConfig;
use crate::error::{AnswerFlaw, EmbedError, OpenError};
use crate::identity::ModelIdentity;
use crate::query_cache::QueryCache;

/// One call takes at most 96 texts: the smallest limit among the hosted endpoints, and small enough
/// that an answer stays under its cap at 4,096 dimensions.
pub const TEXTS_PER_CALL_MAX: usize = 96;

/// Requests under way at once: enough to hide the latency of a hosted endpoint, few enough not to be what
/// overloads a local one.
const CALLS_IN_FLIGHT_MAX: usize = 8;

const BACKOFF_BASE: Duration = Duration::from_millis(200);
const BACKOFF_CAP: Duration = Duration::from_secs(5);

/// What is embedded to learn how many dimensions a model has.
const PROBE_TEXT: &str = "dimension";

/// Makes vectors by asking somebody else; dimensions are unknown until configured or learnt.
#[derive(Debug)]
pub struct RemoteModel {
    config: RemoteConfig,
    endpoint: Endpoint,
    circuit: Circuit,
    /// Set once; an answer with any other number of dimensions is refused from then on.
    dimensions: OnceLock<usize>,
    calls: Semaphore,
    cache: QueryCache,
}

impl RemoteModel {
    /// Prepares to call the endpoint; calls nothing yet.
    ///
    /// # Errors
    /// [`OpenError::Setting`] when a setting cannot work.
    pub fn new(config: RemoteConfig, clock: SharedClock) -> Result<Self, OpenError> {
        let refuse =
            |setting, problem: &str| Err(OpenError::Setting { setting, problem: problem.to_owned() });
        if config.model.trim().is_empty() {
            return refuse("model", "is blank");
        }
        if config.dimensions == Some(0) {
            return refuse("dimensions", "must be at least 1");
        }
        if config.text_chars_max == 0 {
            return refuse("text_chars_max", "must be at least 1");
        }
        let dimensions = config.dimensions.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self {
            endpoint: Endpoint::new(&config)?,
            circuit: Circuit::new(config.cool_down, clock),
            dimensions,
            calls: Semaphore::new(CALLS_IN_FLIGHT_MAX),
            cache: QueryCache::new(),
            config,
        })
    }

    /// The unit vector of each text, in order; all zero for a blank one. Any number of texts.
    ///
    /// # Errors
    /// [`EmbedError`]; then none of the texts has a vector, though some may have been paid for.
    pub async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(TEXTS_PER_CALL_MAX) {
            // Many endpoints refuse a whole batch for one blank text.
            let sent: Vec<&str> = batch.iter().copied().filter(|text| !is_blank(text)).collect();
            let answers =
                if sent.is_empty() { Vec::new() } else { self.call(&sent, self.config.deadline).await? };
            let dimensions = self.learn_identity().await?.dimensions;
            let mut answers = answers.into_iter();
            for text in batch {
                let answer = if is_blank(text) { None } else { answers.next() };
                vectors.push(answer.unwrap_or_else(|| vec![0.0; dimensions]));
            }
        }
        Ok(vectors)
    }

    /// The unit vector of a query: from memory if it was asked before, else within the query deadline.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        if let Some(known) = self.cache.get(text) {
            return Ok(known);
        }
        if is_blank(text) {
            return Ok(vec![0.0; self.learn_identity().await?.dimensions]);
        }
        let vectors = self.call(&[text], self.config.query_deadline).await?;
        let vector = vectors.into_iter().next().unwrap_or_default();
        self.cache.remember(text, &vector);
        Ok(vector)
    }

    /// Which model this is; `None` until its dimensions are known.
    pub fn identity(&self) -> Option<ModelIdentity> {
        let dimensions = *self.dimensions.get()?;
        Some(ModelIdentity {
            name: self.config.model.clone(),
            revision: self.config.revision.clone(),
            dimensions,
        })
    }

    /// Which model this is, embedding one word to find out if need be.
    ///
    /// # Errors
    /// [`EmbedError`].
    pub async fn learn_identity(&self) -> Result<ModelIdentity, EmbedError> {
        if self.identity().is_none() {
            self.call(&[PROBE_TEXT], self.config.query_deadline).await?;
        }
        self.identity().ok_or(EmbedError::BadAnswer(AnswerFlaw::NotTheShape))
    }

    /// Whether the endpoint answered lately.
    pub fn health(&self) -> Health {
        self.circuit.health()
    }

    /// At most [`TEXTS_PER_CALL_MAX`] texts, none blank, retried for at most `patience`.
    async fn call(&self, texts: &[&str], patience: Duration) -> Result<Vec<Vec<f32>>, EmbedError> {
        let deadline = Instant::now() + patience;
        let texts: Vec<&str> =
            texts.iter().map(|text| first_chars(text, self.config.text_chars_max)).collect();
        let mut backoff = Backoff::new(BACKOFF_BASE, BACKOFF_CAP);
        loop {
            let failure = match self.attempt(&texts, deadline).await {
                Ok(vectors) => return Ok(vectors),
                Err(failure) => failure,
            };
            let Remedy::TryAgain { asked_for } = failure.remedy else { return Err(failure.error) };
            let pause = backoff.next_delay().max(asked_for.unwrap_or_default());
            if backoff.attempts() >= self.config.attempts_max || pause >= left_until(deadline) {
                return Err(failure.error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One request, unless the endpoint is known to be down.
    async fn attempt(&self, texts: &[&str], deadline: Instant) -> Result<Vec<Vec<f32>>, Failure> {
        // Looked at before queueing too: nobody queues for an endpoint that is down.
        self.circuit.refusal().map_or(Ok(()), |down| Err(skipped(down)))?;
        let turn = tokio::time::timeout(left_until(deadline), self.calls.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(unavailable("too many requests are under way", None)) };
        let permit = self.circuit.admit().map_err(skipped)?;
        let started = Instant::now();
        let timeout = self.config.request_timeout.min(left_until(deadline));
        let outcome =
            self.endpoint.request(texts, timeout).await.and_then(|body| self.believe(&body, texts.len()));
        metrics::histogram!("engram_embedding_seconds").record(started.elapsed().as_secs_f64());
        count(outcome.as_ref().map_or_else(|failure| failure.error.outcome(), |_| "ok"));
        match &outcome {
            // An endpoint that refuses some texts is well itself.
            Ok(_) | Err(Failure { error: EmbedError::TextsRefused { .. }, .. }) => permit.succeeded(),
            Err(failure) => permit.failed(&failure.error.to_string(), failure.error.retry_after()),
        }
        outcome
    }

    fn believe(&self, body: &[u8], texts: usize) -> Result<Vec<Vec<f32>>, Failure> {
        let vectors =
            answer::vectors(body, texts, self.dimensions.get().copied()).map_err(Failure::of_answer)?;
        let got = vectors.first().map_or(0, Vec::len);
        // Of two first answers at once, one sets the number and the other must agree.
        let expected = *self.dimensions.get_or_init(|| got);
        if got == expected {
            Ok(vectors)
        } else {
            Err(Failure::of_answer(AnswerFlaw::Dimensions { expected, got }))
        }
    }
}

fn skipped(Down { last_error, retry_after }: Down) -> Failure {
    count("skipped");
    unavailable(&format!("it is down ({last_error})"), Some(retry_after))
}

fn unavailable(reason: &str, retry_after: Option<Duration>) -> Failure {
    Failure {
        error: EmbedError::Unavailable { reason: reason.to_owned(), retry_after },
        remedy: Remedy::GiveUp,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("engram_embedding_requests_total", "outcome" => outcome).increment(1);
}

fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn first_chars(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}
