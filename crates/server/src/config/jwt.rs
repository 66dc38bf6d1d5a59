//! Tokens of an identity provider: whose are believed, for whom they must be meant, and what they say of their bearer.

use std::time::Duration;

use super::setting::{Setting, each, filled, joined, number};
use super::url::http_url;

/// Algorithms that prove something to whoever has only the public key. Those with a shared secret, and `none`, are
/// refused here and again when a token comes.
pub const JWT_ALGORITHMS: &[&str] =
    &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Most seconds that two clocks may disagree.
const CLOCK_SKEW_S_MAX: u64 = 300;

/// Tokens of an identity provider; none are taken unless an issuer and an audience are set.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// The provider, exactly as its tokens write it in `iss`.
    pub issuer: Option<String>,
    /// Whom tokens must be meant for: one of these must be in `aud`.
    pub audience: Vec<String>,
    /// Where the provider's public keys are, if not at the usual place.
    pub jwks_url: Option<String>,
    /// Names of the algorithms that are taken, out of [`JWT_ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The claim that makes its bearer an operator when it is `true`.
    pub operator_claim: String,
    /// How far two clocks may disagree.
    pub clock_skew: Duration,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "jwt.issuer",
        "URL of the identity provider, as its tokens write it in iss (none: no tokens are taken)",
        |config, text| {
            config.jwt.issuer = Some(http_url(text)?);
            Ok(())
        },
        |config| config.jwt.issuer.clone(),
    ),
    Setting::list(
        "jwt.audience",
        "whom tokens must be meant for, as they write it in aud; one of several is enough",
        |config, text| {
            filled(text)?;
            config.jwt.audience = each(text, |item| Ok(item.to_owned()))?;
            Ok(())
        },
        |config| joined(&config.jwt.audience),
    ),
    Setting::new(
        "jwt.jwks_url",
        "where the provider's public keys are (<jwt.issuer>/.well-known/jwks.json)",
        |config, text| {
            config.jwt.jwks_url = Some(http_url(text)?);
            Ok(())
        },
        |config| config.jwt.effective_jwks_url(),
    ),
    Setting::list(
        "jwt.algorithms",
        "signature algorithms that are taken, asymmetric ones only (RS256,ES256)",
        |config, text| {
            filled(text)?;
            config.jwt.algorithms = each(text, algorithm)?;
            Ok(())
        },
        |config| joined(&config.jwt.algorithms),
    ),
    Setting::new(
        "jwt.tenant_claim",
        "claim with the slug of the bearer's tenant (tenant)",
        |config, text| {
            config.jwt.tenant_claim = filled(text)?;
            Ok(())
        },
        |config| Some(config.jwt.tenant_claim.clone()),
    ),
    Setting::new(
        "jwt.operator_claim",
        "claim that makes its bearer an operator when it is true (engram_operator)",
        |config, text| {
            config.jwt.operator_claim = filled(text)?;
            Ok(())
        },
        |config| Some(config.jwt.operator_claim.clone()),
    ),
    Setting::new(
        "jwt.clock_skew_s",
        "seconds that the provider's clock and ours may disagree (60)",
        |config, text| {
            config.jwt.clock_skew = Duration::from_secs(number(text, 0, CLOCK_SKEW_S_MAX)?);
            Ok(())
        },
        |config| Some(config.jwt.clock_skew.as_secs().to_string()),
    ),
];

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: Vec::new(),
            jwks_url: None,
            algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
            tenant_claim: "tenant".to_owned(),
            operator_claim: "engram_operator".to_owned(),
            clock_skew: Duration::from_secs(60),
        }
    }
}

impl JwtSettings {
    /// Whether tokens are taken at all.
    pub fn is_on(&self) -> bool {
        self.issuer.is_some()
    }

    /// Where the public keys are: as set, or `<issuer>/.well-known/jwks.json`.
    pub fn effective_jwks_url(&self) -> Option<String> {
        let usual = |issuer: &String| format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
        self.jwks_url.clone().or_else(|| self.issuer.as_ref().map(usual))
    }

    /// What does not fit together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.issuer.is_some() && self.audience.is_empty() {
            problems
                .push("jwt.issuer needs jwt.audience beside it: whom the tokens are meant for".to_owned());
        }
        if self.issuer.is_none() && !self.audience.is_empty() {
            problems.push("jwt.audience needs jwt.issuer beside it: whose tokens are believed".to_owned());
        }
        if self.issuer.is_none() && self.jwks_url.is_some() {
            problems.push("jwt.jwks_url needs jwt.issuer beside it: whose tokens are believed".to_owned());
        }
        problems
    }
}

fn algorithm(text: &str) -> Result<String, String> {
    if JWT_ALGORITHMS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("is not one of {}", JWT_ALGORITHMS.join(", ")))
}
