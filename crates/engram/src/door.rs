//! How a command reaches the service: at a URL with a key, through the private socket of the process that owns
//! the data folder, or, when nobody does, by opening the folder itself. One HTTP-shaped door for all three.

mod hosted;
mod neighbour;
mod own_folder;
mod way;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::{Reach, Shared};
use crate::failure::Failure;

pub(crate) use way::{Trouble, Way};

/// Names the tenant when the caller proves to be the operator and could act for any.
pub(crate) const TENANT_HEADER: &str = "x-engram-tenant";
/// The tenant that every installation has.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// A way to the service, for commands: JSON in, JSON out, refusals as failures.
#[derive(Debug)]
pub(crate) struct Door {
    way: Way,
    tenant: Option<String>,
}

impl Door {
    /// Finds the way.
    pub(crate) async fn open(reach: &Reach, shared: &Shared) -> Result<Self, Failure> {
        Ok(Self { way: Way::find(reach, shared).await?, tenant: None })
    }

    /// Names the tenant whose memories are meant.
    pub(crate) fn acting_for(mut self, tenant: Option<&str>) -> Self {
        self.tenant = match tenant {
            Some(slug) => Some(slug.to_owned()),
            None => self.is_local().then(|| DEFAULT_TENANT.to_owned()),
        };
        self
    }

    /// Whether the operator's rights come with the data folder.
    pub(crate) fn is_local(&self) -> bool {
        self.way.is_local()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        parse(self.call(Method::GET, path, Bytes::new()).await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        parse(self.call(Method::POST, path, json_of(body)?).await?)
    }

    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        parse(self.call(Method::PATCH, path, json_of(body)?).await?)
    }

    /// Deletes; the answer's body if it has one.
    pub(crate) async fn delete(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.call(Method::DELETE, path, Bytes::new()).await?;
        if answer.body().is_empty() { Ok(None) } else { parse(answer).map(Some) }
    }

    /// Sends and takes bodies as they come; refusals as failures.
    pub(crate) async fn stream(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(tenant) = &self.tenant {
            request = request.header(TENANT_HEADER, tenant);
        }
        let request =
            request.body(body).map_err(|error| Failure::usage(format!("{path} is no path: {error}")))?;
        let answer = self.way.stream(request).await.map_err(Failure::from)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(Failure::refused)?.to_bytes();
        Err(refusal(&Response::from_parts(parts, body)))
    }

    /// Lets go of the folder, if it was opened here, after the last commit.
    pub(crate) async fn close(self) {
        self.way.close().await;
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>, Failure> {
        let mut request =
            Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(tenant) = &self.tenant {
            request = request.header(TENANT_HEADER, tenant);
        }
        let request =
            request.body(body).map_err(|error| Failure::usage(format!("{path} is no path: {error}")))?;
        let answer = self.way.send(request).await.map_err(Failure::from)?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }
}

/// A value as part of a path or a query, percent-encoded (RFC 3986).
pub(crate) fn encode(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// The service's own words, with every problem it lists.
fn refusal(answer: &Response<Bytes>) -> Failure {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let message = body["message"].as_str().map_or_else(
        || format!("the service answered {}: {}", answer.status(), String::from_utf8_lossy(answer.body())),
        str::to_owned,
    );
    let problems: Vec<_> = body["details"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|problem| {
            format!(
                "{} {}",
                problem["field"].as_str().unwrap_or(""),
                problem["message"].as_str().unwrap_or("")
            )
        })
        .filter(|problem| !message.contains(problem.trim()))
        .collect();
    let problems = if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) };
    let hint = match answer.status() {
        StatusCode::UNAUTHORIZED => "; give a valid key with --api-key or ENGRAM_API_KEY",
        _ => "",
    };
    Failure::refused(format!("{}{problems}{hint}", message.trim_end_matches('.')))
}

fn parse<T: DeserializeOwned>(answer: Response<Bytes>) -> Result<T, Failure> {
    serde_json::from_slice(answer.body()).map_err(|error| {
        Failure::refused(format!(
            "the service's answer is not what this version of engram understands: {error}"
        ))
    })
}

fn json_of(body: &impl Serialize) -> Result<Bytes, Failure> {
    serde_json::to_vec(body).map(Bytes::from).map_err(Failure::refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_letters_are_encoded() {
        for (value, want) in [("acme-1", "acme-1"), ("a/b?c", "a%2Fb%3Fc"), ("é", "%C3%A9")] {
            assert_eq!(encode(value), want);
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_service() {
        let check = |status: u16, body: &str, want: &str| {
            let answer =
                Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
            assert_eq!(refusal(&answer).to_string(), want);
        };
        check(409, r#"{"error": "conflict", "message": "The slug is taken."}"#, "The slug is taken");
        check(
            400,
            r#"{"message": "invalid", "details": [{"field": "slug", "message": "must be a label"}]}"#,
            "invalid (slug must be a label)",
        );
        check(502, "bad gateway", "the service answered 502 Bad Gateway: bad gateway");
    }
}
