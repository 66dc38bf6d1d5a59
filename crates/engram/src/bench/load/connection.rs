//! One connection to the service under load: HTTP/1.1 kept alive, one request at a time.

use anyhow::{Context, Result, bail};
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The service under load and the key to it.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Target {
    pub(in crate::bench) url: String,
    pub(in crate::bench) api_key: String,
}

/// One request to make.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Call {
    /// Which row of the outcome it counts in.
    pub(in crate::bench) kind: usize,
    pub(in crate::bench) method: Method,
    pub(in crate::bench) path: String,
    pub(in crate::bench) body: Bytes,
}

/// A connection, open until it breaks.
pub(in crate::bench) enum Connection {
    Plain {
        sender: SendRequest<Full<Bytes>>,
        host: String,
        authorization: String,
    },
    /// TLS is left to a client that knows it; a client of its own per connection keeps one open.
    Tls {
        client: reqwest::Client,
        target: Target,
    },
}

impl Call {
    pub(in crate::bench) fn get(kind: usize, path: impl Into<String>) -> Self {
        Self { kind, method: Method::GET, path: path.into(), body: Bytes::new() }
    }

    pub(in crate::bench) fn post(kind: usize, path: &str, body: &serde_json::Value) -> Self {
        Self { kind, method: Method::POST, path: path.to_owned(), body: body.to_string().into() }
    }
}

impl Connection {
    /// Connects.
    pub(in crate::bench) async fn open(target: &Target) -> Result<Self> {
        let uri: Uri = target.url.parse().with_context(|| format!("{:?} is no URL", target.url))?;
        let host = uri.authority().with_context(|| format!("{:?} names no host", target.url))?.to_string();
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                let client = reqwest::Client::builder().pool_max_idle_per_host(1).build()?;
                return Ok(Self::Tls { client, target: target.clone() });
            }
            _ => bail!("{:?} must start with http:// or https://", target.url),
        }
        let address = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot connect to {}", target.url))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; a broken connection shows in the next call.
        tokio::spawn(connection);
        Ok(Self::Plain { sender, host, authorization: format!("Bearer {}", target.api_key) })
    }

    /// Makes one request; the answer's status and whole body.
    pub(in crate::bench) async fn call(&mut self, call: &Call) -> Result<(u16, Bytes)> {
        match self {
            Self::Plain { sender, host, authorization } => {
                let mut request = Request::builder()
                    .method(&call.method)
                    .uri(&call.path)
                    .header(header::HOST, host.as_str())
                    .header(header::AUTHORIZATION, authorization.as_str());
                if !call.body.is_empty() {
                    request = request.header(header::CONTENT_TYPE, "application/json");
                }
                sender.ready().await?;
                let answer = sender.send_request(request.body(Full::new(call.body.clone()))?).await?;
                let status = answer.status().as_u16();
                Ok((status, answer.into_body().collect().await?.to_bytes()))
            }
            Self::Tls { client, target } => {
                let mut request = client.request(
                    call.method.clone(),
                    format!("{}{}", target.url.trim_end_matches('/'), call.path),
                );
                request = request.bearer_auth(&target.api_key);
                if !call.body.is_empty() {
                    request =
                        request.header(header::CONTENT_TYPE, "application/json").body(call.body.clone());
                }
                let answer = request.send().await?;
                Ok((answer.status().as_u16(), answer.bytes().await?))
            }
        }
    }
}
