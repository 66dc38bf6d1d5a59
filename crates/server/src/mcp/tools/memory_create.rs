//! Stores one memory.

use serde_json::{Map, Value};
use tenancy::Operation;

use super::{Answer, Effect, Entry, to_json};
use crate::decode;
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_create",
    title: "Store a memory",
    description: "Remember one thing for good: a fact, a preference, a decision with its reason, a to-do, an event. Write \
        one self-contained sentence with names and dates in it, so that it makes sense to somebody who was not here: \
        {\"content\": \"Anna prefers tea to coffee.\", \"kind\": \"preference\", \"tags\": [\"anna\"]}. Only content is needed. \
        Search first; if it is there and has changed, use memory_update. A custom_id that is known in the workspace \
        updates that memory instead of adding one. Returns the stored memory with its id; it can be found at once. For \
        several, use memory_create_batch.",
    operation: Operation::CreateMemory,
    effect: Effect::Adds,
    arguments,
    answer: schema::of::<api::Memory>,
    call,
};

fn arguments() -> Value {
    let mut schema = schema::arguments_of::<api::CreateMemory>();
    describe(&mut schema);
    schema
}

/// What a model should know of the fields of a memory beyond their shape.
pub(super) fn describe(schema: &mut Value) {
    schema::describe(
        schema,
        &[
            ("content", "The text, in a sentence that stands alone. Not blank, at most 64 KiB."),
            ("kind", "note (unless said), fact, preference, decision, todo, event, or a word of your own."),
            ("tags", "A few labels to filter by, such as a project, a person, a topic."),
            ("importance", "0 (trivial) to 1 (vital), 0.5 unless said; raises it a little in search."),
            ("workspace", "Where it belongs, such as a project; `default` unless said, made on first use."),
            ("actor", "Who said or did it."),
            ("event_time", "When what it tells of happened, as RFC 3339; not when you store it."),
            ("tier", "permanent (unless said) or daily: gone after 24 hours, or at expires_at."),
            ("custom_id", "A key of your own, unique in the workspace; a known one updates."),
        ],
    );
}

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let arguments = Value::Object(arguments);
        let idempotency = call.idempotency(TOOL.name, &arguments);
        let memory = decode::create_memory(arguments, call.app.clock.now())?;
        let stored = operations::create_memory(call.app, call.pass, memory, idempotency).await?;
        Ok(to_json(stored.map(|stored| stored.memory)))
    })
}
