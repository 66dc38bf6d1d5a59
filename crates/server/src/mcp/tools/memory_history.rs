//! Reads the versions of a memory.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, only_id, to_json};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_history",
    title: "Read the history of a memory",
    description: "Read every version of one memory, newest first: {\"id\": 12}. Use it to see what was true before, or to \
        restore a text with memory_update. Returns items, each with version, change (created, updated, reverted) and the \
        memory as it was.",
    operation: Operation::MemoryHistory,
    effect: Effect::Reads,
    arguments: || schema::arguments(json!({ "id": schema::id() }), &["id"]),
    answer: schema::of::<api::MemoryHistory>,
    call,
};

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let id = only_id(arguments)?;
        Ok(to_json(operations::memory_history(call.app, call.pass, id).await?))
    })
}
