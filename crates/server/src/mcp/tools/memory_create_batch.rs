//! Stores many memories at once.

use serde_json::{Map, Value};
use tenancy::Operation;

use super::{Answer, Effect, Entry, memory_create, to_json};
use crate::decode;
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations::{self, StoredMemory};

pub(super) const TOOL: Entry = Entry {
    name: "memory_create_batch",
    title: "Store several memories",
    description: "Remember several things at once, all or none, 1 to 1,000 of them: what a conversation, a document or a \
        finished task taught you. {\"memories\": [{\"content\": \"...\"}, {\"content\": \"...\", \"kind\": \"decision\"}]}. Each \
        takes what memory_create takes. If one breaks a rule nothing is stored, and every problem is named with its \
        place, such as memories[3].content. Returns items in the order you sent them, each with its id; a version above \
        1 means that a known custom_id was updated.",
    operation: Operation::CreateMemoryBatch,
    effect: Effect::Adds,
    arguments,
    answer: schema::of::<api::MemoryList>,
    call,
};

fn arguments() -> Value {
    let mut schema = schema::arguments_of::<api::CreateMemoryBatch>();
    memory_create::describe(&mut schema["properties"]["memories"]["items"]);
    schema
}

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let arguments = Value::Object(arguments);
        let idempotency = call.idempotency(TOOL.name, &arguments);
        let memories = decode::create_memory_batch(arguments, call.app.clock.now())?;
        let stored = operations::create_memory_batch(call.app, call.pass, memories, idempotency).await?;
        let shape = |stored: Vec<StoredMemory>| api::MemoryList {
            items: stored.into_iter().map(|stored| stored.memory).collect(),
        };
        Ok(to_json(stored.map(shape)))
    })
}
