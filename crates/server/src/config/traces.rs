//! Traces: where they are sent, and how many.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::secret::Secret;
use super::setting::{Setting, filled, in_ms, items, milliseconds};
use super::url::http_url;
use crate::percent;

/// Where an OTLP collector takes traces over HTTP, below its base URL.
const TRACES_PATH: &str = "/v1/traces";

/// Where traces are sent, and how many.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// Base URL of a collector that takes OTLP in protobuf over HTTP; no traces without one.
    pub endpoint: Option<String>,
    /// Sent with each batch; names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// The longest one batch may take.
    pub timeout: Duration,
    /// The part of requests that is traced, from 0 to 1; a caller's own trace decides for itself.
    pub sample_ratio: f64,
    /// What the service is called in the collector.
    pub service_name: String,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "telemetry.otlp_endpoint",
        "base URL of a collector of traces, OTLP in protobuf over HTTP, such as http://localhost:4318 (none)",
        |config, text| {
            config.traces.endpoint = Some(http_url(text)?.trim_end_matches('/').to_owned());
            Ok(())
        },
        |config| config.traces.endpoint.clone(),
    ),
    Setting::list(
        "telemetry.otlp_headers",
        "name=value, sent with each batch of traces, such as a key; better as a variable",
        |config, text| {
            config.traces.headers = items(text).map(header).collect::<Result<_, _>>()?;
            Ok(())
        },
        |config| (!config.traces.headers.is_empty()).then(|| "(set)".to_owned()),
    ),
    Setting::new(
        "telemetry.otlp_timeout_ms",
        "longest sending of one batch of traces (10000)",
        |config, text| {
            config.traces.timeout = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.traces.timeout),
    ),
    Setting::new(
        "telemetry.sample_ratio",
        "part of requests that is traced, 0 to 1; a caller's traceparent decides for itself (1)",
        |config, text| {
            let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            config.traces.sample_ratio = ratio.ok_or("must be a number between 0 and 1")?;
            Ok(())
        },
        |config| Some(config.traces.sample_ratio.to_string()),
    ),
    Setting::new(
        "telemetry.service_name",
        "what the service is called in the collector (engram)",
        |config, text| {
            config.traces.service_name = filled(text)?;
            Ok(())
        },
        |config| Some(config.traces.service_name.clone()),
    ),
];

impl TraceSettings {
    /// Where batches are posted.
    pub(crate) fn traces_url(&self) -> Option<String> {
        let base = self.endpoint.as_deref()?;
        Some(if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}{TRACES_PATH}") })
    }
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            sample_ratio: 1.0,
            service_name: "engram".to_owned(),
        }
    }
}

/// A header as OpenTelemetry writes it; the value may be percent-encoded. What is wrong is never repeated: it may be a
/// key.
fn header(item: &str) -> Result<(String, Secret), String> {
    let rule = || "must be name=value, with commas between".to_owned();
    let (name, value) = item.split_once('=').ok_or_else(rule)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| rule())?;
    let value = percent::decoded(value.trim()).ok_or_else(rule)?;
    HeaderValue::try_from(&value).map_err(|_| rule())?;
    Ok((name.as_str().to_owned(), Secret::new(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_taken_as_opentelemetry_writes_them() {
        let check = |item: &str, wanted: Option<(&str, &str)>| {
            let read = header(item).ok();
            let read = read.as_ref().map(|(name, value)| (name.as_str(), value.reveal()));
            assert_eq!(read, wanted, "{item}");
        };
        check("X-Key=a=b", Some(("x-key", "a=b")));
        check(" authorization = Bearer%20abc ", Some(("authorization", "Bearer abc")));
        check("nothing", None);
        check("a b=c", None);
        check("a=%0d%0ab", None);
        check("a=%2", None);
    }

    #[test]
    fn batches_go_to_the_path_of_traces() {
        let check = |endpoint: &str, wanted: &str| {
            let settings = TraceSettings { endpoint: Some(endpoint.to_owned()), ..TraceSettings::default() };
            assert_eq!(settings.traces_url().unwrap(), wanted);
        };
        check("http://localhost:4318", "http://localhost:4318/v1/traces");
        check("https://otlp.example/base", "https://otlp.example/base/v1/traces");
        check("https://otlp.example/v1/traces", "https://otlp.example/v1/traces");
        assert_eq!(TraceSettings::default().traces_url(), None);
    }
}
