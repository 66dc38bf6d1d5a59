//! A stage of a longer work: a span that shows in a trace, and costs next to nothing while nobody traces.

#[doc(hidden)]
pub use tracing as __tracing;

/// The target of every span that is meant for traces, and of nothing else.
pub const TARGET: &str = "stage";

/// The span of a stage: `stage!("commit")`, with fields as `tracing` takes them. Never give it what somebody stored.
#[macro_export]
macro_rules! stage {
    ($name:literal $(, $($fields:tt)*)?) => {
        $crate::stage::__tracing::info_span!(target: $crate::stage::TARGET, $name $(, $($fields)*)?)
    };
}

pub use stage;
