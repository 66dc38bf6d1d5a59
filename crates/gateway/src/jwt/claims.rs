//! What a token says of its bearer, and whether it may be believed now and here.

use serde_json::{Map, Value};

use super::JwtOptions;
use crate::AuthFailure;

/// Longest user id, in bytes (OpenID Connect Core, section 2: at most 255 ASCII characters).
const SUBJECT_BYTES_MAX: usize = 255;

/// Somebody who signed in with the identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The provider's name for them (`sub`).
    pub user_id: String,
    /// Their address, if the provider vouches for it.
    pub email: Option<String>,
    /// The tenant their token names.
    pub tenant: Option<String>,
    /// Whether they run the service.
    pub operator: bool,
}

/// The bearer, and when to stop believing it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims {
    pub(super) user: User,
    /// The skew of clocks included.
    pub(super) until_ms: i64,
}

impl Claims {
    /// Reads the claims of a token whose signature held.
    pub(super) fn check(
        claims: &Map<String, Value>,
        options: &JwtOptions,
        now_ms: i64,
    ) -> Result<Self, AuthFailure> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(options.issuer.as_str()) {
            return Err(AuthFailure::WrongIssuer);
        }
        if !audiences(claims).any(|audience| options.audiences.iter().any(|ours| ours == audience)) {
            return Err(AuthFailure::WrongAudience);
        }
        let skew_ms = i64::try_from(options.clock_skew.as_millis()).unwrap_or(i64::MAX);
        let until_ms = time_ms(claims, "exp")?.ok_or(AuthFailure::MissingClaim)?.saturating_add(skew_ms);
        if until_ms <= now_ms {
            return Err(AuthFailure::TokenExpired);
        }
        for name in ["nbf", "iat"] {
            if time_ms(claims, name)?.is_some_and(|from_ms| from_ms > now_ms.saturating_add(skew_ms)) {
                return Err(AuthFailure::NotYetValid);
            }
        }
        let user_id = text("sub").filter(|sub| is_subject(sub)).ok_or(AuthFailure::MissingClaim)?;
        let vouched = claims.get("email_verified") == Some(&Value::Bool(true));
        let user = User {
            user_id: user_id.to_owned(),
            email: text("email").filter(|_| vouched).map(str::to_owned),
            tenant: text(&options.tenant_claim).map(str::to_owned),
            operator: claims.get(&options.operator_claim) == Some(&Value::Bool(true)),
        };
        Ok(Self { user, until_ms })
    }
}

fn audiences(claims: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match claims.get("aud") {
        Some(Value::String(one)) => (Some(one.as_str()), None),
        Some(Value::Array(many)) => (None, Some(many)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
}

/// A time claim; seconds since 1970, perhaps with a fraction (RFC 7519 section 2).
fn time_ms(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, AuthFailure> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or(AuthFailure::MalformedToken)?;
    // A cast saturates, and a time beyond all times is as good as for ever.
    Ok(Some((seconds * 1_000.0) as i64))
}

/// Ids reach logs and the audit log: visible ASCII only.
fn is_subject(sub: &str) -> bool {
    (1..=SUBJECT_BYTES_MAX).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    fn check(change: Value, want: Result<User, AuthFailure>) {
        let mut claims =
            json!({ "iss": "https://id.example", "aud": "engram", "sub": "ann", "exp": NOW_S + 300 });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let mut claims = claims.as_object().unwrap().clone();
        claims.retain(|_, value| !value.is_null());
        let options = JwtOptions::new("https://id.example", "engram");
        let got = Claims::check(&claims, &options, NOW_S * 1_000).map(|claims| claims.user);
        assert_eq!(got, want, "{change}");
    }

    fn ann() -> User {
        User { user_id: "ann".into(), email: None, tenant: None, operator: false }
    }

    #[test]
    fn whom_a_token_names() {
        check(json!({}), Ok(ann()));
        check(json!({ "tenant": "acme" }), Ok(User { tenant: Some("acme".into()), ..ann() }));
        check(json!({ "email": "a@b.c" }), Ok(ann()));
        check(json!({ "email": "a@b.c", "email_verified": "true" }), Ok(ann()));
        let proven = User { email: Some("a@b.c".into()), ..ann() };
        check(json!({ "email": "a@b.c", "email_verified": true }), Ok(proven));
        check(json!({ "engram_operator": true }), Ok(User { operator: true, ..ann() }));
        for no in [json!("true"), json!(1), json!(false)] {
            check(json!({ "engram_operator": no }), Ok(ann()));
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        use AuthFailure::*;
        for iss in [json!("https://evil.example"), json!("https://id.example/"), json!(7), Value::Null] {
            check(json!({ "iss": iss }), Err(WrongIssuer));
        }
        for aud in [json!("other"), json!([]), json!(["a", 7]), json!({"engram": 1}), Value::Null] {
            check(json!({ "aud": aud }), Err(WrongAudience));
        }
        check(json!({ "aud": ["other", "engram"] }), Ok(ann()));
        for sub in [json!(""), json!("a b"), json!("ä"), json!("x".repeat(256)), json!(7), Value::Null] {
            check(json!({ "sub": sub }), Err(MissingClaim));
        }
        check(json!({ "exp": null }), Err(MissingClaim));
        check(json!({ "exp": "tomorrow" }), Err(MalformedToken));
        check(json!({ "exp": NOW_S - 61 }), Err(TokenExpired));
        check(json!({ "exp": NOW_S - 60 }), Err(TokenExpired));
        check(json!({ "exp": NOW_S - 59 }), Ok(ann()));
        check(json!({ "exp": f64::MAX }), Ok(ann()));
        check(json!({ "nbf": NOW_S + 60 }), Ok(ann()));
        check(json!({ "nbf": NOW_S + 61 }), Err(NotYetValid));
        check(json!({ "iat": NOW_S + 61 }), Err(NotYetValid));
    }
}
