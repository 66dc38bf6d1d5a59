//! Pages through memories.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, to_json};
use crate::decode::{self, Form};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_list",
    title: "List memories",
    description: "Go through memories in the order they were stored, newest first unless said, without a query: what is \
        new, everything of a kind, all open to-dos. {\"kind\": \"todo\", \"limit\": 20}, {\"workspace\": \"apollo\", \"tag\": \
        \"release\"}. To find something by what it says, use memory_search. Returns items and next_cursor; pass it as \
        cursor for the next page, null is the end.",
    operation: Operation::ListMemories,
    effect: Effect::Reads,
    arguments,
    answer: schema::of::<api::MemoryPage>,
    call,
};

fn arguments() -> Value {
    let only = |what: &str| json!({ "type": ["string", "null"], "description": format!("Only {what}.") });
    let properties = json!({
        "workspace": schema::workspace(),
        "kind": only("this kind"),
        "tag": only("those with this tag"),
        "user_id": only("of this user"),
        "agent_id": only("of this agent"),
        "session_id": only("of this session"),
        "actor": only("by this actor"),
        "tier": { "type": ["string", "null"], "enum": ["permanent", "daily", null], "description": "Only this tier." },
        "filters": schema::filters(),
        "order": { "type": ["string", "null"], "enum": ["newest", "oldest", null], "description": "Which comes first; newest unless said." },
        "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 100, "description": "At most this many; 50 unless said." },
        "cursor": { "type": ["string", "null"], "description": "next_cursor of the page before." },
    });
    schema::arguments(properties, &[])
}

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        let query = decode::list_memories(Value::Object(arguments), Form::Json)?;
        Ok(to_json(operations::list_memories(call.app, call.pass, query).await?))
    })
}
