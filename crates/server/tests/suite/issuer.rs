//! An identity provider for tests: one ES256 key, its public half published as a JWK set over HTTP.

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use server::config::Config;
use tokio::task::JoinHandle;

/// Whom its tokens are meant for.
const AUDIENCE: &str = "engram";

/// A running provider; it goes away with the test.
pub(crate) struct Issuer {
    url: String,
    key: EncodingKey,
    serving: JoinHandle<()>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        // An uncompressed point: 4, x, y.
        let point = pair.public_key_raw();
        let (x, y) = point[1..].split_at(32);
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        let set = json!({ "keys": [key] }).to_string();
        let routes = Router::new().route("/.well-known/jwks.json", get(|| async move { set }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Self { url, key: EncodingKey::from_ec_der(&pair.serialize_der()), serving }
    }

    /// Has a service believe its tokens.
    pub(crate) fn trusted_by(&self, config: &mut Config) {
        config.jwt.issuer = Some(self.url.clone());
        config.jwt.audience = vec![AUDIENCE.to_owned()];
    }

    /// A token of a person who has proven their address, good for an hour from `now_s`.
    pub(crate) fn token(&self, user_id: &str, now_s: i64) -> String {
        let email = format!("{user_id}@example.com");
        self.token_with(user_id, now_s, json!({ "email": email, "email_verified": true }))
    }

    /// A token with other claims besides.
    pub(crate) fn token_with(&self, user_id: &str, now_s: i64, more: Value) -> String {
        let mut claims = json!({ "iss": self.url, "aud": AUDIENCE, "sub": user_id, "iat": now_s,
            "exp": now_s + 3_600 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
