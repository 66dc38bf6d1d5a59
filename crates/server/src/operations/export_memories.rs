//! Every memory of a tenant with its versions, as lines of JSON.

use std::io::{self, BufWriter, Write};

use axum::body::{Body, Bytes};
use engine::EngineError;
use futures::stream::unfold;
use gateway::Pass;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Done, Failure};
use crate::app::App;
use crate::backups::{Scratch, Trouble};

/// Pieces that wait for a slow reader; with their size, what an export holds in memory.
const PIECES_MAX: usize = 8;
/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;

/// An export on its way; it has one reader.
pub struct Export(Mutex<Option<Body>>);

impl Export {
    /// The lines. Those of a reader who goes away are not made; those of an export that fails end without a last line.
    pub fn take(&self) -> Body {
        self.0.lock().take().unwrap_or_else(Body::empty)
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Export")
    }
}

/// Begins an export of the tenant as it is now. It is read from a copy, so a slow reader holds nobody up.
///
/// # Errors
/// [`Failure::Store`].
pub async fn export_memories(app: &App, pass: &Pass) -> Result<Done<Export>, Failure> {
    app.fleet.expect_room()?;
    let lease = app.fleet.store(pass.tenant()).await?;
    let scratch = Scratch::new(&app.fleet).map_err(Trouble::into_failure)?;
    let (copy, to) = (scratch.file("engram.db"), scratch.file("engram.db"));
    lease.read(move |store| store.snapshot(&to)).await?;
    let now = app.clock.now();
    let lines =
        lines_of(scratch, move |sink| engine::export_file(&copy, now, sink, &mut |_, _| {}).map(drop));
    Ok(Done::read(Export(Mutex::new(Some(lines))), None))
}

/// The lines that `write` writes, as they are asked for. `scratch` lives as long as it writes.
pub(super) fn lines_of(
    scratch: Scratch,
    write: impl FnOnce(&mut dyn Write) -> Result<(), EngineError> + Send + 'static,
) -> Body {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let _scratch = scratch;
        let mut sink = BufWriter::with_capacity(PIECE_BYTES, Sink(sender.clone()));
        let written = write(&mut sink).map_err(|error| error.to_string());
        if let Err(error) = written.and_then(|()| sink.flush().map_err(|error| error.to_string())) {
            tracing::warn!(error, "an export was not finished");
            let _ = sender.blocking_send(Err(io::Error::other("the export was not finished")));
        }
    });
    Body::from_stream(unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver))))
}

/// Hands pieces to the reader, and fails when it has gone away.
struct Sink(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
