//! The gateway's options, out of the configuration.

use std::num::NonZeroU32;

use gateway::{GatewayOptions, JwtOptions, SigningAlgorithm};
use tenancy::RateLimit;

use crate::config::{Config, Enforcement, JwtSettings, RequestLimits};

/// What the settings come to.
pub(super) fn gateway_options(config: &Config) -> GatewayOptions {
    GatewayOptions {
        rate_limits: enforcement(config.limits.rates),
        quotas: enforcement(config.limits.quotas),
        domain: config.service.domain.clone(),
        jwt: jwt(&config.jwt),
        address_limit: address_limit(&config.limits),
        at_work_per_tenant_max: config.limits.in_flight_per_tenant,
        ..GatewayOptions::default()
    }
}

/// The mode under the gateway's name.
fn enforcement(setting: Enforcement) -> gateway::Enforcement {
    match setting {
        Enforcement::Off => gateway::Enforcement::Off,
        Enforcement::Soft => gateway::Enforcement::Measure,
        Enforcement::Enforced => gateway::Enforcement::Enforce,
    }
}

fn jwt(settings: &JwtSettings) -> Option<JwtOptions> {
    let (issuer, jwks_url) = (settings.issuer.clone()?, settings.effective_jwks_url()?);
    Some(JwtOptions {
        issuer,
        audiences: settings.audience.clone(),
        jwks_url,
        // The configuration has refused every other name.
        algorithms: settings.algorithms.iter().filter_map(|name| SigningAlgorithm::parse(name)).collect(),
        tenant_claim: settings.tenant_claim.clone(),
        operator_claim: settings.operator_claim.clone(),
        clock_skew: settings.clock_skew,
    })
}

/// `None` when either number is 0.
fn address_limit(limits: &RequestLimits) -> Option<RateLimit> {
    let per_second = NonZeroU32::new(limits.address_per_second)?;
    Some(RateLimit { per_second, burst: NonZeroU32::new(limits.address_burst)? })
}
