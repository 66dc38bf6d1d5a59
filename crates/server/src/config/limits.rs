//! What one request may take, how many may be in flight, and whether plans are enforced.

use std::time::Duration;

use tenancy::Environment;

use super::setting::{Setting, in_ms, milliseconds, number, spelled, word};

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
    /// The same for one tenant.
    pub in_flight_per_tenant: usize,
    /// Requests a second from one client address, before anybody looks at who is asking; 0 is no limit.
    pub address_per_second: u32,
    /// Requests from one client address in a burst.
    pub address_burst: u32,
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
    Setting::new(
        "limits.body_bytes",
        "largest request body (4194304)",
        |config, text| {
            config.limits.body_bytes = number(text, 1_024, 64 * 1024 * 1024)?;
            Ok(())
        },
        |config| Some(config.limits.body_bytes.to_string()),
    ),
    Setting::new(
        "limits.in_flight",
        "requests at work at once, beyond which 503 (512)",
        |config, text| {
            config.limits.in_flight = number(text, 1, 100_000)?;
            Ok(())
        },
        |config| Some(config.limits.in_flight.to_string()),
    ),
    Setting::new(
        "limits.in_flight_per_tenant",
        "the same for one tenant (256)",
        |config, text| {
            config.limits.in_flight_per_tenant = number(text, 1, 100_000)?;
            Ok(())
        },
        |config| Some(config.limits.in_flight_per_tenant.to_string()),
    ),
    Setting::new(
        "limits.address_per_second",
        "requests a second from one client address, 0 for no limit (dev: 0, else 1000)",
        |config, text| {
            config.limits.address_per_second = number(text, 0, ADDRESS_RATE_MAX)?;
            Ok(())
        },
        |config| Some(config.limits.address_per_second.to_string()),
    ),
    Setting::new(
        "limits.address_burst",
        "requests from one client address in a burst (2000)",
        |config, text| {
            config.limits.address_burst = number(text, 1, ADDRESS_RATE_MAX)?;
            Ok(())
        },
        |config| Some(config.limits.address_burst.to_string()),
    ),
    Setting::new(
        "limits.header_timeout_ms",
        "longest wait for a request's headers (10000)",
        |config, text| {
            config.limits.header_timeout = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.limits.header_timeout),
    ),
    Setting::new(
        "limits.body_timeout_ms",
        "longest wait for a request's body (15000)",
        |config, text| {
            config.limits.body_timeout = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.limits.body_timeout),
    ),
    Setting::new(
        "limits.request_timeout_ms",
        "longest work on one request (30000)",
        |config, text| {
            config.limits.request_timeout = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.limits.request_timeout),
    ),
    Setting::new(
        "limits.rates",
        "off, soft or enforced (dev: off, staging: soft, prod: enforced)",
        |config, text| {
            config.limits.rates = word(text, &ENFORCEMENTS)?;
            Ok(())
        },
        |config| spelled(config.limits.rates, &ENFORCEMENTS),
    ),
    Setting::new(
        "limits.quotas",
        "off, soft or enforced (dev: off, staging: soft, prod: enforced)",
        |config, text| {
            config.limits.quotas = word(text, &ENFORCEMENTS)?;
            Ok(())
        },
        |config| spelled(config.limits.quotas, &ENFORCEMENTS),
    ),
];

/// Far beyond what one address can send.
const ADDRESS_RATE_MAX: u32 = 1_000_000;

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
            in_flight_per_tenant: 256,
            address_per_second: match environment {
                Environment::Dev => 0,
                Environment::Staging | Environment::Prod => 1_000,
            },
            address_burst: 2_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            rates: enforcement,
            quotas: enforcement,
        }
    }
}
