//! What one request may take, how many may be in flight, and whether plans are enforced.

use std::time::Duration;

use tenancy::Environment;

use super::setting::{Setting, milliseconds, number, word};

/// What happens to a request beyond its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Nothing is counted.
    Off,
    /// Counted and told in headers, never refused.
    Soft,
    /// Refused.
    Enforced,
}

/// Bounds of the service.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Requests at work at once; more are refused with 503.
    pub in_flight: usize,
    /// The longest a client may take to send its headers.
    pub header_timeout: Duration,
    /// The longest a client may take to send its body.
    pub body_timeout: Duration,
    /// The longest one request may take in all.
    pub request_timeout: Duration,
    /// Rate limits of plans.
    pub rates: Enforcement,
    /// Quotas of plans.
    pub quotas: Enforcement,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("limits.body_bytes", "largest request body (4194304)", |config, text| {
        config.limits.body_bytes = number(text, 1_024, 64 * 1024 * 1024)?;
        Ok(())
    }),
    Setting::new("limits.in_flight", "requests at work at once, beyond which 503 (512)", |config, text| {
        config.limits.in_flight = number(text, 1, 100_000)?;
        Ok(())
    }),
    Setting::new(
        "limits.header_timeout_ms",
        "longest wait for a request's headers (10000)",
        |config, text| {
            config.limits.header_timeout = milliseconds(text)?;
            Ok(())
        },
    ),
    Setting::new("limits.body_timeout_ms", "longest wait for a request's body (15000)", |config, text| {
        config.limits.body_timeout = milliseconds(text)?;
        Ok(())
    }),
    Setting::new("limits.request_timeout_ms", "longest work on one request (30000)", |config, text| {
        config.limits.request_timeout = milliseconds(text)?;
        Ok(())
    }),
    Setting::new(
        "limits.rates",
        "off, soft or enforced (dev: off, staging: soft, prod: enforced)",
        |config, text| {
            config.limits.rates = word(text, &ENFORCEMENTS)?;
            Ok(())
        },
    ),
    Setting::new(
        "limits.quotas",
        "off, soft or enforced (dev: off, staging: soft, prod: enforced)",
        |config, text| {
            config.limits.quotas = word(text, &ENFORCEMENTS)?;
            Ok(())
        },
    ),
];

const ENFORCEMENTS: [(&str, Enforcement); 3] =
    [("off", Enforcement::Off), ("soft", Enforcement::Soft), ("enforced", Enforcement::Enforced)];

impl RequestLimits {
    pub(super) fn defaults(environment: Environment) -> Self {
        let enforcement = match environment {
            Environment::Dev => Enforcement::Off,
            Environment::Staging => Enforcement::Soft,
            Environment::Prod => Enforcement::Enforced,
        };
        Self {
            body_bytes: 4 * 1024 * 1024,
            in_flight: 512,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            rates: enforcement,
            quotas: enforcement,
        }
    }
}
