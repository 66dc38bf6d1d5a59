//! Recalls what bears on a task, within a budget of tokens.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, to_json};
use crate::decode;
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_context",
    title: "Recall context",
    description: "Everything remembered that bears on a task, packed into a budget of tokens: use it once when you start \
        something larger, and memory_search for single questions. Say what you are about to do: {\"query\": \"write the \
        release announcement\", \"budget_tokens\": 1000}. Near duplicates are left out, long memories are cut (memory_get \
        has the rest). Returns text, ready to read, with one memory a line: its id, kind, date, who said it; and items \
        with the same memories, their sources and scores from 0 to 1. An empty text means nothing is remembered of it.",
    operation: Operation::RecallContext,
    effect: Effect::Reads,
    arguments,
    answer: schema::of::<api::Context>,
    call,
};

fn arguments() -> Value {
    let properties = json!({
        "query": { "type": "string", "description": "What you are about to do or want to know, in a sentence or two." },
        "budget_tokens": {
            "type": ["integer", "null"], "minimum": 64, "maximum": 32_000,
            "description": "At most about this many tokens of text; 2000 unless said.",
        },
        "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 200, "description": "At most this many memories." },
        "order": {
            "type": ["string", "null"], "enum": ["relevance", "time", null],
            "description": "relevance (unless said otherwise): the best match first; time: the oldest first, to follow how things went.",
        },
        "workspace": schema::workspace(),
        "filters": schema::filters(),
        "min_score": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "Only memories with at least this score." },
        "rerank": { "type": ["boolean", "null"], "description": "Ask a second, slower model about the best; not every service has one." },
    });
    schema::arguments(properties, &["query"])
}

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let input = decode::recall_context(Value::Object(arguments))?;
        Ok(to_json(operations::recall_context(call.app, call.pass, input).await?))
    })
}
