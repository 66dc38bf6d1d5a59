//! Which spans are kept: those of a part of the requests, and all below them.

use opentelemetry::trace::{Link, SpanKind, TraceState};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Keeps a part of the requests and nothing that belongs to none, such as what background jobs ask.
#[derive(Debug, Clone)]
pub(super) struct RequestsOnly {
    part: Sampler,
}

impl RequestsOnly {
    /// Asked only for the first span of a trace; the others go with their parent, which may be a caller's.
    pub(super) fn sampler(ratio: f64) -> Sampler {
        Sampler::ParentBased(Box::new(Self { part: Sampler::TraceIdRatioBased(ratio) }))
    }
}

impl ShouldSample for RequestsOnly {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if *kind == SpanKind::Server {
            return self.part.should_sample(parent, trace, name, kind, attributes, links);
        }
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}
