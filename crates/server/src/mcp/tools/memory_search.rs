//! Finds memories.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, to_json};
use crate::decode::{self, Form};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_search",
    title: "Search memories",
    description: "Find what is remembered, by meaning and by words at once; typos are forgiven. Use it at the start of \
        a task, before you say you do not know something, and before you store something that may be there already. Ask \
        in plain words, a question or a topic: {\"query\": \"what does Anna like to drink?\"}. Narrow it with workspace \
        or filters: {\"query\": \"why did we choose Postgres\", \"filters\": {\"kind\": \"decision\"}, \"limit\": 5}. Returns \
        items, best first, each with the memory and a score from 0 to 1; no items means nothing fits.",
    operation: Operation::Search,
    effect: Effect::Reads,
    arguments,
    answer: schema::of::<api::SearchAnswer>,
    call,
};

fn arguments() -> Value {
    let properties = json!({
        "query": { "type": "string", "description": "What you want to know, as a question or a few words." },
        "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 100, "description": "At most this many; 10 unless said." },
        "workspace": schema::workspace(),
        "filters": schema::filters(),
        "min_score": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "Only items with at least this score." },
        "diversity": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "How much novelty counts beside the score; try 0.3 when items repeat each other." },
        "rerank": { "type": ["boolean", "null"], "description": "Ask a second, slower model about the best; not every service has one." },
        "explain": { "type": ["boolean", "null"], "description": "Say where each score comes from; for debugging." },
    });
    schema::arguments(properties, &["query"])
}

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let input = decode::search(Value::Object(arguments), Form::Json)?;
        Ok(to_json(operations::search(call.app, call.pass, input).await?))
    })
}
