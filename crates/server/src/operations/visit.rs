//! One admitted request: from `gateway::admit` to the usage event, with nothing to forget on the way.

use std::sync::Arc;

use gateway::{Credentials, Pass, RateState};
use stdx::stage::stage;
use tenancy::{Operation, RequestId, Work};
use tracing::Instrument;

use super::Failure;
use crate::app::App;
use crate::telemetry::RequestNotes;

/// What an operation gives back: the answer, and what there is to count.
#[derive(Debug)]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// What was done, for the usage event.
    pub work: Work,
    /// The workspace the request named, if it named one.
    pub workspace: Option<String>,
}

/// A request that was let in. It ends with [`settle`](Self::settle); one that is dropped before (a panic, a
/// timeout, a client that went away) is recorded as our own failure, and charged for no
/// more than what stays stored.
#[derive(Debug)]
pub struct Visit {
    pass: Pass,
    /// For work that goes on in another task.
    notes: Option<Arc<RequestNotes>>,
}

/// The answer, after its usage event is on disk.
#[derive(Debug)]
pub struct Settled<T> {
    /// The answer.
    pub outcome: Result<T, Failure>,
    /// Where the caller stands with its rate limit.
    pub rate: RateState,
}

impl<T> Done<T> {
    /// An answer that changed nothing.
    pub fn read(value: T, workspace: Option<String>) -> Self {
        Self { value, work: Work::default(), workspace }
    }

    /// The same with another shape of the answer.
    pub fn map<U>(self, shape: impl FnOnce(T) -> U) -> Done<U> {
        Done { value: shape(self.value), work: self.work, workspace: self.workspace }
    }
}

impl Visit {
    /// Asks the gateway.
    ///
    /// # Errors
    /// [`Failure::Refused`].
    pub async fn admit(
        app: &App,
        request: &RequestId,
        credentials: &Credentials<'_>,
        operation: Operation,
    ) -> Result<Self, Failure> {
        let pass = app.gateway.admit(request, credentials, operation).instrument(stage!("admit")).await?;
        let notes = RequestNotes::current();
        if let Some(notes) = &notes {
            notes.admitted(&pass);
        }
        Ok(Self { pass, notes })
    }

    /// The proof that the caller may do this.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The notes of the request, for work that goes on in another task than the edge's.
    pub(crate) fn notes(&self) -> Arc<RequestNotes> {
        self.notes.clone().unwrap_or_default()
    }

    /// Records the request. `status` tells the HTTP status of a success; a failure has its own.
    pub fn settle<T>(self, outcome: Result<Done<T>, Failure>, status: impl FnOnce(&T) -> u16) -> Settled<T> {
        let _settling = stage!("settle").entered();
        let rate = *self.pass.rate();
        match outcome {
            Ok(done) => {
                self.pass.settle(status(&done.value), done.work, done.workspace.as_deref());
                Settled { outcome: Ok(done.value), rate }
            }
            Err(failure) => {
                if let Some(metric) = failure.quota() {
                    gateway::quota_exceeded(metric);
                }
                self.pass.settle(failure.status(), Work::default(), None);
                Settled { outcome: Err(failure), rate }
            }
        }
    }
}
