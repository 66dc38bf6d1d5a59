//! Fetches the public keys of an issuer: bounded in time and size, from the one address that is configured.

use std::time::Duration;

use reqwest::header::CACHE_CONTROL;
use reqwest::redirect::Policy;

/// The longest a fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(3);
/// The longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// The largest set; a usual one has two or three kilobytes.
const SET_BYTES_MAX: usize = 64 * 1024;

/// A set as it was served.
pub(super) struct Served {
    pub(super) text: Vec<u8>,
    /// How long the server thinks it may be kept.
    pub(super) max_age: Option<Duration>,
}

pub(super) fn client() -> reqwest::Client {
    // Only the settings can make this fail, and they are fixed.
    reqwest::Client::builder()
        .timeout(FETCH_MAX)
        .connect_timeout(CONNECT_MAX)
        // A redirect would let whoever answers choose the address.
        .redirect(Policy::none())
        // Only the configuration reads the environment.
        .no_proxy()
        .user_agent("engram")
        .build()
        .unwrap_or_default()
}

/// # Errors
/// What went wrong, in words for the log.
pub(super) async fn fetch(client: &reqwest::Client, url: &str) -> Result<Served, String> {
    read(client.get(url)).await
}

/// Sends a request and reads the answer, which must be a success of bounded size.
///
/// # Errors
/// What went wrong, in words for the log.
pub(super) async fn read(request: reqwest::RequestBuilder) -> Result<Served, String> {
    let mut answer = request.send().await.map_err(|error| told(&error))?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    let max_age = answer.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| told(&error))? {
        if text.len() + piece.len() > SET_BYTES_MAX {
            return Err(format!("it is larger than {SET_BYTES_MAX} bytes"));
        }
        text.extend_from_slice(&piece);
    }
    Ok(Served { text, max_age })
}

fn max_age(value: &str) -> Option<Duration> {
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// An error and what is behind it; the library's own text stops at the address.
fn told(error: &reqwest::Error) -> String {
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        told = format!("{told}: {deeper}");
        source = deeper.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_read_from_its_header() {
        for (value, want) in [
            ("public, max-age=600", Some(600)),
            ("max-age=0", Some(0)),
            ("no-store", None),
            ("max-age=soon", None),
        ] {
            assert_eq!(max_age(value), want.map(Duration::from_secs), "{value}");
        }
    }
}
