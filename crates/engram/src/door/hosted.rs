//! A service at a URL, reached with a key.

use axum::body::Body;
use http::{Request, Response, header};
use hyper::body::Bytes;
use reqwest::Url;

use super::way::Trouble;
use crate::failure::Failure;

/// A service somewhere.
#[derive(Debug)]
pub(crate) struct Hosted {
    client: reqwest::Client,
    base: String,
    api_key: Option<String>,
}

impl Hosted {
    /// Checks the address; nothing is sent yet.
    pub(super) fn new(url: &str, api_key: Option<&str>) -> Result<Self, Failure> {
        let usable =
            Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !usable {
            return Err(Failure::usage(format!(
                "--url {url} is no address: write it as https://engram.example.com"
            )));
        }
        let client =
            reqwest::Client::builder().user_agent(concat!("engram/", env!("CARGO_PKG_VERSION"))).build();
        Ok(Self {
            client: client.map_err(Failure::refused)?,
            base: url.trim_end_matches('/').to_owned(),
            api_key: api_key.map(str::to_owned),
        })
    }

    /// Bodies pass as they come, in both directions.
    pub(super) async fn stream(&self, request: Request<Body>) -> Result<Response<Body>, Trouble> {
        let (parts, body) = request.into_parts();
        let url = format!("{}{}", self.base, parts.uri);
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        let mut outgoing = self.client.request(parts.method, url).headers(parts.headers).body(body);
        if let Some(key) = &self.api_key {
            outgoing = outgoing.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let answer = outgoing.send().await.map_err(|error| self.trouble(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let (parts, body) = request.into_parts();
        let url = format!("{}{}", self.base, parts.uri);
        let mut outgoing = self.client.request(parts.method, url).headers(parts.headers).body(body);
        if let Some(key) = &self.api_key {
            outgoing = outgoing.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let answer = outgoing.send().await.map_err(|error| self.trouble(&error))?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = answer.bytes().await.map_err(|error| self.trouble(&error))?;
        Ok(response)
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        let message = format!("cannot reach {}: {}", self.base, root_cause(error));
        if error.is_connect() || error.is_builder() {
            Trouble::NotSent(message)
        } else {
            Trouble::Broken(message)
        }
    }
}

/// The innermost cause says what happened; the layers above it only say where.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
