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
//! **What a reconciliation needs.** [`Meter::hours`] tells what this node served and sent by hour, counted as the events
//! are recorded and kept beside the spool: an event that got lost on the way is missing on one side only.
//!
//! **Test tenants** are recorded like all others, so their owners see their usage; whoever bills leaves them out.

mod cursor;
mod dry_run;
mod flush;
mod frame;
mod hours;
mod ledger;
mod meter;
mod metrics;
mod node;
mod segment;
mod spool;
mod unsent;

pub use dry_run::DryRun;
pub use ledger::Ledger;
pub use meter::{EVENTS_IN_MEMORY_MAX, Kept, Meter, MeterError, MeterOptions, MeterTasks, Pressure};
pub use metrics::{days_not_proven, describe, reconciled};
