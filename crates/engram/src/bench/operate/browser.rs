//! A browser, as far as pages need one: it signs in with a key, keeps its cookies, and weighs what comes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, header};
use reqwest::redirect::Policy;

/// Where a form hides what it was made for.
const TOKEN: &str = "name=\"form_token\" value=\"";
/// Style, script and icon have addresses that begin so.
const ASSETS: &str = "/console/assets/";

/// One browser.
pub(super) struct Browser {
    client: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
    /// What each asset weighs.
    assets: BTreeMap<String, u64>,
}

/// A page as it came, and what it weighed.
pub(super) struct Seen {
    pub(super) status: u16,
    /// The service's own time.
    pub(super) server_ms: f64,
    /// Headers and body, compressed as browsers ask for it.
    pub(super) bytes: u64,
}

impl Browser {
    /// Somebody who only looks at the door.
    pub(super) fn new(url: &str) -> Result<Self> {
        let client = reqwest::Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { client, url: url.to_owned(), cookies: BTreeMap::new(), assets: BTreeMap::new() })
    }

    /// Signs in by the form, with a key.
    pub(super) async fn signed_in(url: &str, key: &str) -> Result<Self> {
        let mut browser = Self::new(url)?;
        let page = browser.get("/console/sign-in").await?.text().await?;
        let token = page.split_once(TOKEN).and_then(|(_, rest)| rest.split('"').next());
        let form = format!("key={key}&form_token={}", token.context("no form to sign in with")?);
        let request = browser.client.post(format!("{url}/console/sign-in"));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.header(header::COOKIE, browser.cookie()).body(form).send().await?;
        ensure!(answer.status() == 303, "signing in was answered with {}", answer.status());
        browser.keep_cookies(answer.headers());
        Ok(browser)
    }

    /// Looks at a page.
    pub(super) async fn look(&mut self, path: &str) -> Result<Seen> {
        let answer = self.request(path).header(header::ACCEPT_ENCODING, "gzip").send().await?;
        let status = answer.status().as_u16();
        let server_ms = server_ms(answer.headers()).with_context(|| format!("{path} tells no time"))?;
        let headers = weight(answer.headers());
        Ok(Seen { status, server_ms, bytes: headers + answer.bytes().await?.len() as u64 })
    }

    /// What the style, the script and the icon of a page weigh, which a browser asks for once.
    pub(super) async fn assets_of(&mut self, path: &str) -> Result<u64> {
        let page = self.get(path).await?.text().await?;
        let mut sum = 0;
        for asset in assets_in(&page) {
            if !self.assets.contains_key(asset) {
                let seen = self.look(asset).await?;
                ensure!(seen.status == 200, "{asset} was answered with {}", seen.status);
                self.assets.insert(asset.to_owned(), seen.bytes);
            }
            sum += self.assets[asset];
        }
        Ok(sum)
    }

    async fn get(&mut self, path: &str) -> Result<reqwest::Response> {
        let answer = self.request(path).send().await?;
        self.keep_cookies(answer.headers());
        Ok(answer)
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).header(header::COOKIE, self.cookie())
    }

    fn cookie(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        for line in lines {
            if let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The addresses of a page's assets, each once.
fn assets_in(page: &str) -> std::collections::BTreeSet<&str> {
    let ends_at_quote = |(at, _): (usize, &str)| page[at..].split('"').next();
    page.match_indices(ASSETS).filter_map(ends_at_quote).collect()
}

/// The part `app` of `Server-Timing`.
fn server_ms(headers: &HeaderMap) -> Option<f64> {
    let parts = headers.get("server-timing")?.to_str().ok()?;
    parts.split(", ").find_map(|part| part.strip_prefix("app;dur="))?.parse().ok()
}

/// Bytes of headers as HTTP/1.1 writes them.
fn weight(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + ": \r\n".len()) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_found_once_each() {
        let page = r#"<link href="/console/assets/a.css"><img src="/console/assets/b.svg"><a href="/console/assets/a.css">"#;
        assert!(assets_in(page).into_iter().eq(["/console/assets/a.css", "/console/assets/b.svg"]));
    }

    #[test]
    fn the_services_own_time_is_read() {
        let mut headers = HeaderMap::new();
        for (line, want) in
            [("app;dur=1.25", Some(1.25)), ("embedding;dur=7, app;dur=2", Some(2.0)), ("x", None)]
        {
            headers.insert("server-timing", line.parse().unwrap());
            assert_eq!(server_ms(&headers), want);
        }
    }
}
