//! What a request learns about itself on its way: whose it is, what went wrong, how long it waited for the embedding
//! provider. The edge reads it for the log line and takes the waiting off the measured time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gateway::Pass;

tokio::task_local! {
    static NOTES: Arc<RequestNotes>;
}

/// The notes of one request.
#[derive(Debug, Default)]
pub(crate) struct RequestNotes {
    provider_us: AtomicU64,
    caller: OnceLock<NotedCaller>,
    error: OnceLock<&'static str>,
}

/// Whose request it is, in the words of the log.
#[derive(Debug)]
pub(crate) struct NotedCaller {
    pub(crate) tenant_id: String,
    pub(crate) tenant_slug: String,
    /// The person behind a token; keys have none.
    pub(crate) user_id: Option<String>,
}

impl RequestNotes {
    /// Those of the request this task works on; `None` in a background job.
    pub(crate) fn current() -> Option<Arc<Self>> {
        NOTES.try_with(Arc::clone).ok()
    }

    /// Does `work` with these notes at hand.
    pub(crate) async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        NOTES.scope(self, work).await
    }

    /// Notes who was let in.
    pub(crate) fn admitted(&self, pass: &Pass) {
        let _ = self.caller.set(NotedCaller {
            tenant_id: pass.tenant().to_string(),
            tenant_slug: pass.slug().to_string(),
            user_id: pass.principal().user().map(|user| user.user_id.clone()),
        });
    }

    /// Who was let in.
    pub(crate) fn caller(&self) -> Option<&NotedCaller> {
        self.caller.get()
    }

    /// The stable code of what went wrong first.
    pub(crate) fn error(&self) -> Option<&'static str> {
        self.error.get().copied()
    }

    /// Time spent in the embedding provider.
    pub(crate) fn provider_time(&self) -> Duration {
        Duration::from_micros(self.provider_us.load(Ordering::Relaxed))
    }

    fn waited(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.provider_us.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Notes time spent in the embedding provider, if a request was waiting for it.
pub(crate) fn note_provider_time(time: Duration) {
    let _ = NOTES.try_with(|notes| notes.waited(time));
}

/// Notes what went wrong with the request this task works on.
pub(crate) fn note_error(code: &'static str) {
    let _ = NOTES.try_with(|notes| notes.error.set(code));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_for_the_provider_adds_up_within_one_request_alone() {
        let notes = Arc::<RequestNotes>::default();
        let work = async {
            note_provider_time(Duration::from_millis(20));
            note_provider_time(Duration::from_millis(5));
            note_error("overloaded");
            note_error("internal");
        };
        Arc::clone(&notes).scope(work).await;
        note_provider_time(Duration::from_secs(1));
        assert_eq!(notes.provider_time(), Duration::from_millis(25));
        assert_eq!(notes.error(), Some("overloaded"), "the first is the cause");
    }
}
