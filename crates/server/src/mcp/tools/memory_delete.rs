//! Deletes a memory.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, only_id};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_delete",
    title: "Delete a memory",
    description: "Forget one memory and its history, for good: {\"id\": 12}. Only for what is wrong or what the user wants \
        forgotten; if something has changed, use memory_update, which keeps what was. Returns the id and deleted: true.",
    operation: Operation::DeleteMemory,
    effect: Effect::Removes,
    arguments: || schema::arguments(json!({ "id": schema::id() }), &["id"]),
    answer: || {
        json!({
            "type": "object",
            "properties": { "id": { "type": "integer" }, "deleted": { "type": "boolean" } },
            "required": ["id", "deleted"],
        })
    },
    call,
};

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let id = only_id(arguments)?;
        let done = operations::delete_memory(call.app, call.pass, id).await?;
        Ok(done.map(|()| json!({ "id": id, "deleted": true })))
    })
}
