//! Changes a memory.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, take_id, to_json};
use crate::decode;
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations::{self, Failure};

pub(super) const TOOL: Entry = Entry {
    name: "memory_update",
    title: "Change a memory",
    description: "Correct or complete a memory you know by its id, instead of storing a second one that contradicts it. \
        What you leave out stays, null clears a field: {\"id\": 12, \"content\": \"Anna prefers coffee since May 2026.\"}. \
        tags and metadata are replaced as a whole. With version (as you read it) the change happens only if nobody else \
        changed it since. Returns the memory as it is now; the earlier version stays in memory_history.",
    operation: Operation::UpdateMemory,
    effect: Effect::Changes,
    arguments,
    answer: schema::of::<api::Memory>,
    call,
};

fn arguments() -> Value {
    let mut schema = schema::arguments_of::<api::UpdateMemory>();
    schema["properties"]["id"] = schema::id();
    schema["required"] = json!(["id"]);
    schema["properties"]["content"]["type"] = json!("string");
    schema::describe(
        &mut schema,
        &[
            ("content", "The new text, whole; cannot be cleared."),
            ("version", "The version you read; if it has changed since, nothing happens and you are told."),
        ],
    );
    schema
}

fn call<'a>(call: &'a Call<'a>, mut arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let id = take_id(&mut arguments);
        let input = decode::update_memory(Value::Object(arguments), call.app.clock.now());
        let (id, input) = match (id, input) {
            (Ok(id), Ok(input)) => (id, input),
            (id, input) => {
                let found = [id.err(), input.err()].into_iter().flatten().flatten();
                return Err(Failure::Invalid(found.collect()));
            }
        };
        Ok(to_json(operations::update_memory(call.app, call.pass, id, input).await?))
    })
}
