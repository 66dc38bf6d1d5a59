//! An identity provider of the run's own: an ES256 key made for it, published as a JWK set on a port of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use serde_json::{Value, json};
use server::config::Config;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Whom its tokens are meant for.
const AUDIENCE: &str = "engram";
/// The one key it publishes.
pub(super) const KEY_ID: &str = "published";
/// Bytes of each half of a P-256 signature.
const HALF: usize = 32;

/// A running provider; it goes away with the run.
pub(super) struct Provider {
    url: String,
    key: KeyPair,
    fetches: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Provider {
    pub(super) async fn start() -> Result<Self> {
        let key = KeyPair::generate().context("cannot make a key for tokens")?;
        // An uncompressed point: 4, x, y.
        let (x, y) = key.der_bytes()[1..].split_at(HALF);
        let set = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "kid": KEY_ID, "alg": "ES256", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }] })
        .to_string();
        let fetches = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&fetches);
        let answer = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready(set.clone())
        };
        let routes = Router::new().route("/.well-known/jwks.json", get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot publish the tokens' keys")?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { url, key, fetches, serving })
    }

    /// Has a service believe its tokens.
    pub(super) fn trusted_by(&self, config: &mut Config) {
        config.jwt.issuer = Some(self.url.clone());
        config.jwt.audience = vec![AUDIENCE.to_owned()];
    }

    /// Times its keys were asked for.
    pub(super) fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }

    /// An `Authorization` header with a token of `user_id`, good for an hour from `now_s`, that says it was signed
    /// with the key `key_id`.
    pub(super) fn authorization(&self, key_id: &str, user_id: &str, now_s: i64) -> Result<String> {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": "ES256", "typ": "JWT", "kid": key_id }));
        let claims = part(json!({ "iss": self.url, "aud": AUDIENCE, "sub": user_id, "iat": now_s,
            "exp": now_s + 3_600 }));
        let signed = format!("{header}.{claims}");
        let der = self.key.sign(signed.as_bytes()).context("cannot sign a token")?;
        let signature = fixed(&der).context("a signature has an unknown form")?;
        Ok(format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A P-256 signature as tokens have it (RFC 7518 section 3.4: two numbers of 32 bytes), out of the one in DER
/// (`SEQUENCE { INTEGER, INTEGER }`, all lengths below 128).
fn fixed(der: &[u8]) -> Option<[u8; 2 * HALF]> {
    let [0x30, _, numbers @ ..] = der else { return None };
    let mut fixed = [0; 2 * HALF];
    let mut rest = numbers;
    for half in fixed.chunks_exact_mut(HALF) {
        let [0x02, length, after @ ..] = rest else { return None };
        let (number, after) = after.split_at_checked(usize::from(*length))?;
        // A leading zero keeps DER's numbers positive; short ones are padded.
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        half.get_mut(HALF.checked_sub(digits.len())?..)?.copy_from_slice(digits);
        rest = after;
    }
    rest.is_empty().then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_leaves_der_with_both_halves_in_place() {
        let long = [&[0x30, 38, 0x02, 33, 0][..], &[0x80; 32], &[0x02, 1, 7]].concat();
        let got = fixed(&long).unwrap();
        assert_eq!((&got[..32], got[63]), (&[0x80; 32][..], 7));
        assert!(got[32..63].iter().all(|byte| *byte == 0));
        for bad in [&[][..], &[0x30, 0], &[0x30, 3, 0x02, 9, 1], &[long.as_slice(), &[1]].concat()] {
            assert_eq!(fixed(bad), None);
        }
    }
}
