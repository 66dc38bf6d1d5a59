//! What an Alertmanager says is firing, for the page of alerts: asked once for a page, and never waited for long.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde::Deserialize;

/// The longest a page waits for it.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 2_000_000;
/// Alerts that are silenced or made superfluous by others are not shown.
const PATH: &str = "/api/v2/alerts?active=true&silenced=false&inhibited=false";

/// The way to one Alertmanager.
#[derive(Debug)]
pub(super) struct Alertmanager {
    client: Client,
    url: String,
}

/// An alert that fires (a part of what version 2 of the API tells).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Firing {
    pub(super) starts_at: Timestamp,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Alertmanager {
    /// `url` without a slash at its end.
    pub(super) fn new(url: &str) -> Self {
        let client = Client::builder()
            .timeout(ANSWER_MAX)
            // Only the place that was configured is asked, and only the configuration reads the environment.
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("engram")
            .build()
            .unwrap_or_default();
        Self { client, url: url.to_owned() }
    }

    /// What fires now, the newest first.
    ///
    /// # Errors
    /// Why it could not be asked, in a sentence for an operator.
    pub(super) async fn firing(&self) -> Result<Vec<Firing>, String> {
        let told = |error: reqwest::Error| match error.is_timeout() {
            true => format!("it did not answer within {} s", ANSWER_MAX.as_secs()),
            false => root_of(&error),
        };
        let mut answer = self.client.get(format!("{}{PATH}", self.url)).send().await.map_err(told)?;
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(format!("it answered with more than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        let mut firing: Vec<Firing> = serde_json::from_slice(&body)
            .map_err(|error| format!("its answer is not understood: {error}"))?;
        firing.sort_by_key(|alert| std::cmp::Reverse(alert.starts_at));
        Ok(firing)
    }
}

impl Firing {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.labels.get("alertname").map_or("an alert without a name", String::as_str)
    }

    /// How urgent it is, if it says so.
    pub(super) fn severity(&self) -> Option<&str> {
        self.labels.get("severity").map(String::as_str)
    }

    /// A sentence about it.
    pub(super) fn summary(&self) -> &str {
        let of = |name: &str| self.annotations.get(name).map(String::as_str);
        of("summary").or_else(|| of("description")).unwrap_or_default()
    }

    /// What tells it from others of its name: `job engram, instance a:1`.
    pub(super) fn others(&self) -> String {
        let others =
            self.labels.iter().filter(|(name, _)| !matches!(name.as_str(), "alertname" | "severity"));
        others.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }
}

/// The cause at the bottom, which says more than "error sending request".
fn root_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
