//! Reads one memory.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, only_id, to_json};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_get",
    title: "Read a memory",
    description: "Read one memory by its id, whole: {\"id\": 12}. Use it when you know the id, such as for the version \
        before an update. To find something, use memory_search.",
    operation: Operation::GetMemory,
    effect: Effect::Reads,
    arguments: || schema::arguments(json!({ "id": schema::id() }), &["id"]),
    answer: schema::of::<api::Memory>,
    call,
};

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let id = only_id(arguments)?;
        Ok(to_json(operations::get_memory(call.app, call.pass, id).await?))
    })
}
