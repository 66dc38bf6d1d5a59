//! One HTTP request to an OpenAI-compatible `/v1/embeddings`, and what its failure means.

use std::time::Duration;

use reqwest::{Client, Proxy, Response, StatusCode, Url, header, redirect};
use serde::Serialize;

use super::answer;
use crate::config::RemoteConfig;
use crate::error::{AnswerFlaw, EmbedError, OpenError};

/// 96 vectors of 4,096 numbers written with 20 digits take 8 MB; twice that is no honest answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Error bodies are read for a code of a few bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A longer `Retry-After` is taken for this: somebody may mend the endpoint earlier.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Endpoint {
    client: Client,
    url: Url,
    model: String,
    dimensions: Option<usize>,
}

/// A request that brought no vectors.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: EmbedError,
    pub(crate) remedy: Remedy,
}

/// Whether the same request may succeed if made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Soon, and not before the pause the endpoint asked for.
    TryAgain { asked_for: Option<Duration> },
    /// Not until somebody mends something.
    GiveUp,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

impl Endpoint {
    pub(crate) fn new(config: &RemoteConfig) -> Result<Self, OpenError> {
        let refuse =
            |setting, problem: &dyn ToString| OpenError::Setting { setting, problem: problem.to_string() };
        let mut headers = header::HeaderMap::new();
        if let Some(key) = &config.api_key {
            let value = header::HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
            let mut value =
                value.map_err(|_| refuse("api_key", &"has characters that no HTTP header may have"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let mut builder = Client::builder()
            .default_headers(headers)
            .connect_timeout(config.connect_timeout)
            // A redirect would carry texts and key to a place nobody configured.
            .redirect(redirect::Policy::none())
            .no_proxy();
        if let Some(proxy) = &config.proxy {
            builder = builder.proxy(Proxy::all(proxy).map_err(|_| refuse("proxy", &"is no URL"))?);
        }
        let client = builder
            .build()
            .map_err(|error| refuse("HTTP client", &format!("cannot be made: {}", in_words(error))))?;
        let url = embeddings_url(&config.base_url).map_err(|problem| refuse("base_url", &problem))?;
        Ok(Self { client, url, model: config.model.clone(), dimensions: config.dimensions })
    }

    /// Asks for the vectors of `texts` and gives the body of the answer, unread.
    pub(crate) async fn request(&self, texts: &[&str], timeout: Duration) -> Result<Vec<u8>, Failure> {
        let body = Request { model: &self.model, input: texts, dimensions: self.dimensions };
        let sent = self.client.post(self.url.clone()).timeout(timeout).json(&body).send().await;
        let response = sent.map_err(failed_on_the_way)?;
        let status = response.status();
        if status.is_success() {
            return read(response, ANSWER_BYTES_MAX).await;
        }
        let asked_for = retry_after(&response);
        let body = read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        Err(refused(status, asked_for, answer::error_code(&body)))
    }
}

impl Failure {
    pub(crate) fn of_answer(flaw: AnswerFlaw) -> Self {
        Self { error: EmbedError::BadAnswer(flaw), remedy: Remedy::GiveUp }
    }
}

/// Where embeddings live under `base`: a full `.../embeddings` is taken as it is, a base that ends in a version
/// gets `/embeddings`, any other `/v1/embeddings`.
fn embeddings_url(base: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(base.trim()).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err("must begin with http:// or https://");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_version =
        last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if last == "embeddings" {
        url.set_path(&path);
    } else if is_version {
        url.set_path(&format!("{path}/embeddings"));
    } else {
        url.set_path(&format!("{path}/v1/embeddings"));
    }
    Ok(url)
}

async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::of_answer(AnswerFlaw::TooLarge { bytes_max });
    if response.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed_on_the_way)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn refused(status: StatusCode, asked_for: Option<Duration>, code: Option<String>) -> Failure {
    let number = status.as_u16();
    match number {
        408 | 425 | 429 | 500..=599 => {
            let code = code.map(|code| format!(", {code}")).unwrap_or_default();
            let error =
                EmbedError::Unavailable { reason: format!("HTTP {number}{code}"), retry_after: asked_for };
            Failure { error, remedy: Remedy::TryAgain { asked_for } }
        }
        400 | 413 | 422 => {
            Failure { error: EmbedError::TextsRefused { status: number, code }, remedy: Remedy::GiveUp }
        }
        _ => Failure { error: EmbedError::Misconfigured { status: number, code }, remedy: Remedy::GiveUp },
    }
}

fn failed_on_the_way(error: reqwest::Error) -> Failure {
    let error = EmbedError::Unavailable { reason: in_words(error), retry_after: None };
    Failure { error, remedy: Remedy::TryAgain { asked_for: None } }
}

/// The kind of failure and its root cause. The URL stays out: it may hold a password.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        return "timed out".to_owned();
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed"
    };
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("{kind}: {cause}")
}

/// `Retry-After` in seconds; the form with a date is rare among these endpoints and counts as none.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, expected: Result<&str, &str>) {
        assert_eq!(embeddings_url(base).as_ref().map(Url::as_str), expected.as_ref().copied(), "{base}");
    }

    #[test]
    fn bases_of_all_habits_lead_to_the_embeddings() {
        check("http://localhost:11434", Ok("http://localhost:11434/v1/embeddings"));
        check("http://localhost:11434/", Ok("http://localhost:11434/v1/embeddings"));
        check("https://api.openai.com/v1", Ok("https://api.openai.com/v1/embeddings"));
        check("https://api.openai.com/v1/", Ok("https://api.openai.com/v1/embeddings"));
        check("https://h/x/v1beta", Ok("https://h/x/v1beta/embeddings"));
        check("https://h/openai/embeddings", Ok("https://h/openai/embeddings"));
        check("https://h/tei?version=2", Ok("https://h/tei/v1/embeddings?version=2"));
        check("localhost", Err("is no URL"));
        check("ftp://h", Err("must begin with http:// or https://"));
    }
}
