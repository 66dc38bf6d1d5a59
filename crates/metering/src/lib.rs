//! Usage events on their way to the ledger: a durable spool, batches, and an idempotent insert.
//!
//! [`Meter::record`] writes an event to the spool before the request is answered, so it survives `kill -9`; the
//! flusher sends batches to the [`Ledger`], which counts each request id once; then the spool forgets. Sent twice
//! is counted once, so every doubt (a crash between commit and forgetting, a timeout) is settled by sending again.
//!
//! **What happens when the disk refuses.** The request is not failed for it: the event is kept in memory (at most
//! [`EVENTS_IN_MEMORY_MAX`]) and sent from there; [`Meter::pressure`] turns, and it is logged and counted. Only
//! when that is full too is an event lost, and then it is counted in `engram_usage_dropped_total` and logged.
//!
//! **Test tenants** are recorded like all others, so their owners see their usage; whoever bills leaves them out.

mod flush;
mod frame;
mod ledger;
mod meter;
mod metrics;
mod segment;
mod spool;
mod unsent;

pub use ledger::Ledger;
pub use meter::{EVENTS_IN_MEMORY_MAX, Kept, Meter, MeterError, MeterOptions, MeterTasks, Pressure};
pub use metrics::describe;
