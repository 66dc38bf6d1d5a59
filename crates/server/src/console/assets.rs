//! The console's style and script: in the binary, under names that change with what is in them.

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

/// A name never gets other contents.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// One file.
pub(super) struct Asset {
    text: &'static str,
    kind: &'static str,
    /// Where it is served.
    pub(super) path: String,
}

pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("assets/console.css"), "css", "text/css; charset=utf-8"));
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("assets/console.js"), "js", "text/javascript; charset=utf-8"));
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_str!("assets/icon.svg"), "svg", "image/svg+xml"));

impl Asset {
    fn new(text: &'static str, ending: &str, kind: &'static str) -> Self {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        Self { text, kind, path: format!("/console/assets/{}.{ending}", &hash[..16]) }
    }

    fn answer(&self) -> Response {
        let kind = HeaderValue::from_static(self.kind);
        (StatusCode::OK, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOR_EVER)], self.text)
            .into_response()
    }
}

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(&STYLE.path, get(async || STYLE.answer()))
        .route(&SCRIPT.path, get(async || SCRIPT.answer()))
        .route(&ICON.path, get(async || ICON.answer()))
}
