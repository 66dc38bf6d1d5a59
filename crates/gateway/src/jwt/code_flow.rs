//! Signing people in at the identity provider: authorization code with PKCE (RFC 6749, 7636, 8707, 9207), endpoints by
//! discovery. What comes out is an access token, which is then proven like anybody else's.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stdx::clock::SharedClock;

use super::jwks;

/// Endpoints are discovered anew after this.
const DISCOVERED_MS_MAX: i64 = 3_600_000;

/// The client that people sign in with.
#[derive(Clone)]
pub struct CodeFlowOptions {
    /// The provider, as it names itself.
    pub issuer: String,
    /// The client's name there.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<String>,
    /// What is asked for, separated by blanks.
    pub scopes: String,
    /// What the token is meant for.
    pub resource: Option<String>,
}

/// Signs people in at one provider.
pub struct CodeFlow {
    options: CodeFlowOptions,
    client: reqwest::Client,
    clock: SharedClock,
    discovered: RwLock<Option<(Endpoints, i64)>>,
}

/// An access token fresh from the provider.
pub struct SignedIn {
    /// The token; nothing of it is proven yet.
    pub access_token: String,
    /// How long it opens, if the provider says so.
    pub expires_in: Option<Duration>,
}

#[derive(Debug, Clone, Deserialize)]
struct Endpoints {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<u64>,
}

impl CodeFlow {
    /// A flow that asks nobody anything yet.
    pub fn new(options: CodeFlowOptions, clock: SharedClock) -> Self {
        Self { options, client: jwks::client(), clock, discovered: RwLock::default() }
    }

    /// The provider, as it names itself.
    pub fn issuer(&self) -> &str {
        &self.options.issuer
    }

    /// Where to send the browser. `state` comes back with it; `verifier` is told to nobody but
    /// [`redeem`](Self::redeem).
    ///
    /// # Errors
    /// Why the provider's endpoints are not known, in words for the log.
    pub async fn address(&self, redirect_uri: &str, state: &str, verifier: &str) -> Result<String, String> {
        let endpoints = self.endpoints().await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &self.options.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &self.options.scopes),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.extend(self.options.resource.as_deref().map(|resource| ("resource", resource)));
        let joint = if endpoints.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{}{joint}{}", endpoints.authorization_endpoint, form(&query)))
    }

    /// Changes the code that the browser brought for an access token.
    ///
    /// # Errors
    /// What went wrong, in words for the log.
    pub async fn redeem(&self, code: &str, redirect_uri: &str, verifier: &str) -> Result<SignedIn, String> {
        let endpoints = self.endpoints().await?;
        let mut body = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        body.extend(self.options.resource.as_deref().map(|resource| ("resource", resource)));
        let mut request = self
            .client
            .post(&endpoints.token_endpoint)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        match &self.options.client_secret {
            Some(secret) if endpoints.takes_basic() => {
                let pair = format!("{}:{}", quoted(&self.options.client_id), quoted(secret));
                request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => {
                body.extend([("client_id", self.options.client_id.as_str()), ("client_secret", secret)]);
            }
            None => body.push(("client_id", &self.options.client_id)),
        }
        let answer = jwks::read(request.body(form(&body))).await?;
        let answer: TokenAnswer = serde_json::from_slice(&answer.text)
            .map_err(|_| "the token endpoint's answer has no access token".to_owned())?;
        let expires_in = answer.expires_in.map(Duration::from_secs);
        Ok(SignedIn { access_token: answer.access_token, expires_in })
    }

    async fn endpoints(&self) -> Result<Endpoints, String> {
        let now_ms = self.clock.now_ms();
        if let Some((known, read_at_ms)) = &*self.discovered.read()
            && (0..DISCOVERED_MS_MAX).contains(&(now_ms - read_at_ms))
        {
            return Ok(known.clone());
        }
        let issuer = &self.options.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let served = jwks::fetch(&self.client, &url).await.map_err(|why| format!("{url}: {why}"))?;
        let found: Endpoints =
            serde_json::from_slice(&served.text).map_err(|_| format!("{url} is no discovery document"))?;
        found.require_of(issuer)?;
        *self.discovered.write() = Some((found.clone(), now_ms));
        Ok(found)
    }
}

impl Endpoints {
    /// The document must be the issuer's own, and lead nowhere that is less protected than it.
    fn require_of(&self, issuer: &str) -> Result<(), String> {
        if self.issuer != issuer {
            return Err(format!("the provider calls itself {:?}, and jwt.issuer is {issuer:?}", self.issuer));
        }
        let scheme = if issuer.starts_with("https://") { "https://" } else { "http" };
        match [&self.authorization_endpoint, &self.token_endpoint].iter().find(|url| !url.starts_with(scheme))
        {
            Some(url) => Err(format!("the provider's endpoint {url} is not {scheme}")),
            None => Ok(()),
        }
    }

    /// What a provider takes that names nothing (OpenID Connect Discovery, section 3).
    fn takes_basic(&self) -> bool {
        let methods = &self.token_endpoint_auth_methods_supported;
        methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic")
    }
}

impl fmt::Debug for CodeFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeFlow").field("issuer", &self.options.issuer).finish_non_exhaustive()
    }
}

/// Pairs as a form and a query string have them.
fn form(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", quoted(name), quoted(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// Every byte but the unreserved ones as `%XX` (RFC 3986).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                quoted.push(char::from(byte))
            }
            other => quoted.push_str(&format!("%{other:02X}")),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stdx::clock::SystemClock;
    use wiremock::matchers::{body_string_contains, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// The verifier of RFC 7636, appendix B, and its challenge.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    async fn provider(named: Option<&str>) -> (MockServer, CodeFlow) {
        let server = MockServer::start().await;
        let url = server.uri();
        let document = json!({ "issuer": named.unwrap_or(&url), "authorization_endpoint": format!("{url}/auth"),
            "token_endpoint": format!("{url}/token") });
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(document))
            .mount(&server)
            .await;
        let options = CodeFlowOptions {
            issuer: url,
            client_id: "console".to_owned(),
            client_secret: Some("s:cret".to_owned()),
            scopes: "openid email".to_owned(),
            resource: Some("urn:engram".to_owned()),
        };
        (server, CodeFlow::new(options, SystemClock::shared()))
    }

    #[tokio::test]
    async fn the_browser_is_sent_with_the_challenge_and_the_code_is_redeemed_with_the_verifier() {
        let (server, flow) = provider(None).await;
        let address = flow.address("https://e.example/console", "st&te", VERIFIER).await.unwrap();
        for part in [
            &format!("{}/auth?response_type=code&client_id=console", server.uri()),
            "redirect_uri=https%3A%2F%2Fe.example%2Fconsole",
            "scope=openid%20email",
            "state=st%26te",
            &format!("code_challenge={CHALLENGE}&code_challenge_method=S256"),
            "resource=urn%3Aengram",
        ] {
            assert!(address.contains(part), "{address} has no {part}");
        }
        Mock::given(method("POST"))
            .and(path("/token"))
            .and(header("authorization", format!("Basic {}", STANDARD.encode("console:s%3Acret")).as_str()))
            .and(body_string_contains(format!("code=c%2F1&redirect_uri=r&code_verifier={VERIFIER}")))
            .respond_with(
                ResponseTemplate::new(200).set_body_json(json!({"access_token": "t", "expires_in": 60})),
            )
            .mount(&server)
            .await;
        let signed_in = flow.redeem("c/1", "r", VERIFIER).await.unwrap();
        assert_eq!(
            (signed_in.access_token.as_str(), signed_in.expires_in),
            ("t", Some(Duration::from_secs(60)))
        );
        assert!(flow.redeem("another", "r", VERIFIER).await.is_err());
    }

    #[tokio::test]
    async fn a_document_of_another_issuer_is_not_believed() {
        let (_server, flow) = provider(Some("https://other.example")).await;
        let error = flow.address("r", "s", VERIFIER).await.unwrap_err();
        assert!(error.contains("https://other.example"), "{error}");
    }
}
