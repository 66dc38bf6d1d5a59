//! Spans on their way to the collector: a bounded queue that nobody waits for, and a task that sends it in batches.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::sender::Sender;

/// Spans that may wait; about 1 KB each.
const WAITING_MAX: usize = 8_192;
/// Spans of one batch, the number that collectors expect.
const BATCH_MAX: usize = 512;
/// The longest a span waits for others before it is sent.
const GATHER: Duration = Duration::from_secs(2);

/// Where spans go when they end.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
}

/// Asks for everything to be sent now.
#[derive(Debug)]
pub(super) struct Flusher {
    asked: mpsc::Sender<oneshot::Sender<()>>,
}

/// Starts the task that sends; it ends with the process.
pub(super) fn start(sender: Sender) -> (Queue, Flusher) {
    let (spans, waiting) = mpsc::channel(WAITING_MAX);
    let (asked, flushes) = mpsc::channel(1);
    tokio::spawn(send_all(waiting, flushes, sender));
    (Queue { spans }, Flusher { asked })
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            metrics::counter!("engram_trace_spans_lost_total", "reason" => "queue_full").increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _longest: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Flusher {
    /// Returns when everything that waited has been sent or given up.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.asked.send(done).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn send_all(
    mut waiting: mpsc::Receiver<SpanData>,
    mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    mut sender: Sender,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            more = gather(&mut waiting, &mut batch) => match more {
                Gathered::Batch => sender.send(std::mem::take(&mut batch)).await,
                Gathered::Closed => return,
            },
            Some(flushed) = flushes.recv() => {
                while let Ok(span) = waiting.try_recv() {
                    batch.push(span);
                    if batch.len() == BATCH_MAX {
                        sender.send(std::mem::take(&mut batch)).await;
                    }
                }
                sender.send(std::mem::take(&mut batch)).await;
                let _ = flushed.send(());
            }
        }
    }
}

enum Gathered {
    Batch,
    Closed,
}

/// Fills `batch`, which keeps what it has when this is given up half-way.
async fn gather(waiting: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) -> Gathered {
    if batch.is_empty() && waiting.recv_many(batch, BATCH_MAX).await == 0 {
        return Gathered::Closed;
    }
    let until = Instant::now() + GATHER;
    while batch.len() < BATCH_MAX {
        match tokio::time::timeout_at(until, waiting.recv_many(batch, BATCH_MAX - batch.len())).await {
            // Closed: what is there goes, and the next look ends it.
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Gathered::Batch
}
