//! An admitted request on its way through the protocol library, which only carries what can be cloned.

use std::sync::Arc;

use engine::Idempotency;
use gateway::Pass;
use http::request::Parts;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::ErrorData;
use rmcp::service::RequestContext;
use serde_json::Value;
use tenancy::RequestId;
use tracing::{Instrument, Span};

use crate::app::App;
use crate::operations::{Done, Failure, Visit};

/// The visit of one request, for whoever does its work; in the extensions of the HTTP request.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    request: RequestId,
    idempotency_key: Option<Arc<str>>,
    visit: Arc<Mutex<Option<Visit>>>,
    /// Of the edge, so that logs and traces of the work know the request.
    span: Span,
}

/// What a tool, a resource or a prompt works with.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The service.
    pub(super) app: &'a App,
    /// The proof that the caller may do this.
    pub(super) pass: &'a Pass,
    idempotency_key: Option<&'a str>,
}

impl Admitted {
    pub(super) fn new(request: RequestId, visit: Visit, idempotency_key: Option<Arc<str>>) -> Self {
        Self { request, idempotency_key, visit: Arc::new(Mutex::new(Some(visit))), span: Span::current() }
    }

    /// The one this protocol request belongs to.
    ///
    /// # Errors
    /// A defect of ours: the door put it there.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Result<Self, ErrorData> {
        let parts = context.extensions.get::<Parts>();
        let admitted = parts.and_then(|parts| parts.extensions.get::<Self>()).cloned();
        admitted.ok_or_else(|| ErrorData::internal_error("the request came through no door", None))
    }

    /// The request's id.
    pub(super) fn request(&self) -> &RequestId {
        &self.request
    }

    /// The visit, if nobody has taken it yet.
    pub(super) fn take(&self) -> Option<Visit> {
        self.visit.lock().take()
    }

    /// Does `work` under the visit and settles it. The outer error is a defect of ours.
    ///
    /// # Errors
    /// Outer: the visit is gone. Inner: what `work` says.
    pub(super) async fn perform<T>(
        &self,
        app: &App,
        work: impl AsyncFnOnce(&Call<'_>) -> Result<Done<T>, Failure>,
    ) -> Result<Result<T, Failure>, ErrorData> {
        let visit = self.take();
        let visit = visit.ok_or_else(|| ErrorData::internal_error("the request was served twice", None))?;
        let call = Call { app, pass: visit.pass(), idempotency_key: self.idempotency_key.as_deref() };
        let outcome = visit.notes().scope(work(&call)).instrument(self.span.clone()).await;
        Ok(self.span.in_scope(|| visit.settle(outcome, |_| 200)).outcome)
    }
}

impl Call<'_> {
    /// The caller's idempotency key bound to what it was sent with; a bridge that repeats a call after a broken
    /// connection sends the same text again, so the text is what counts.
    pub(super) fn idempotency(&self, tool: &str, arguments: &Value) -> Option<Idempotency> {
        let key = self.idempotency_key?.to_owned();
        let fingerprint = blake3::hash(format!("{tool} {arguments}").as_bytes());
        Some(Idempotency { key, fingerprint: *fingerprint.as_bytes() })
    }
}
