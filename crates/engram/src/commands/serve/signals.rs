//! What makes a service end, and how it ends: nothing acknowledged is lost, nobody is cut off without need.

use std::sync::Arc;
use std::time::Duration;

use server::app::App;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Notice and last requests together end after this, which leaves 5 s of the 30 that supervisors give for the usage
/// spool and the stores.
const LEAVE: Duration = Duration::from_secs(25);
/// Longest wait for requests at work.
const FINISH: Duration = Duration::from_secs(20);
/// The same for a developer who wants the prompt back.
const FINISH_IN_DEV: Duration = Duration::from_secs(1);

/// Why the service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Somebody at the terminal wants it to stop now.
    Interrupted,
    /// It is to leave without a failed request.
    Terminated,
}

/// The signals that end a service, caught from the moment this is made.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Made before the service says that it is ready: from then on nobody may kill it by surprise.
    pub(super) fn catch() -> Result<Self, Failure> {
        let caught = |kind| signal(kind).map_err(Failure::refused);
        Ok(Self { interrupt: caught(SignalKind::interrupt())?, terminate: caught(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    pub(super) async fn wait(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupted,
            _ = self.terminate.recv() => Ending::Terminated,
        }
    }

    /// Ends the service; a second Ctrl-C ends the process on the spot.
    pub(super) async fn drain(
        mut self,
        app: &Arc<App>,
        ending: Ending,
        stop: &CancellationToken,
        mut doors: JoinSet<()>,
    ) {
        tokio::spawn(async move {
            self.interrupt.recv().await;
            // 128 + SIGINT, as a shell reports it. What was acknowledged is on the disk already.
            std::process::exit(130);
        });
        app.lifecycle.begin_drain();
        let patience = match ending {
            Ending::Interrupted => FINISH_IN_DEV,
            Ending::Terminated => {
                let notice = app.config.drain.wait;
                tracing::info!("leaving: /ready says no, the doors close in {} ms", notice.as_millis());
                tokio::time::sleep(notice).await;
                FINISH.min(LEAVE.saturating_sub(notice))
            }
        };
        stop.cancel();
        let closed = async { while doors.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, closed).await.is_err() {
            tracing::warn!("some requests were cut off");
            doors.shutdown().await;
        }
        app.shutdown().await;
    }
}
