//! Every tool, in one list, and what a tool is.

mod memory_context;
mod memory_create;
mod memory_create_batch;
mod memory_delete;
mod memory_get;
mod memory_history;
mod memory_list;
mod memory_search;
mod memory_stats;
mod memory_update;
mod workspace_list;

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use engine::Problem;
use rmcp::model::{Tool, ToolAnnotations};
use serde::Serialize;
use serde_json::{Map, Value};
use tenancy::Operation;

use super::admitted::Call;
use super::schema;
use crate::decode::{Form, positive};
use crate::operations::{Done, Failure};

/// Every tool there is, the most used first: models read the list from the top.
const TOOLS: &[Entry] = &[
    memory_search::TOOL,
    memory_context::TOOL,
    memory_create::TOOL,
    memory_create_batch::TOOL,
    memory_update::TOOL,
    memory_get::TOOL,
    memory_list::TOOL,
    memory_history::TOOL,
    memory_delete::TOOL,
    memory_stats::TOOL,
    workspace_list::TOOL,
];

/// One tool.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: &'static str,
    title: &'static str,
    /// When to use it and what comes back, for a model.
    description: &'static str,
    /// What the gateway is asked to admit.
    pub(super) operation: Operation,
    effect: Effect,
    arguments: fn() -> Value,
    /// What a success looks like.
    answer: fn() -> Value,
    /// Decodes, does the work, shapes the answer.
    pub(super) call: for<'a> fn(&'a Call<'a>, Map<String, Value>) -> Answer<'a>,
}

/// The work of a tool.
pub(super) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Done<Value>, Failure>> + Send + 'a>>;

/// What a tool does to the memories; clients ask their user before the harder ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing.
    Reads,
    /// Something is there that was not.
    Adds,
    /// Something is different; its earlier version stays in its history.
    Changes,
    /// Something is gone.
    Removes,
}

/// The tool of that name.
pub(super) fn named(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// The names, for somebody who asked for another.
pub(super) fn names() -> String {
    let names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
    names.join(", ")
}

/// The tools as clients list them.
pub(super) fn described() -> &'static [Tool] {
    static DESCRIBED: LazyLock<Vec<Tool>> = LazyLock::new(|| TOOLS.iter().map(Entry::describe).collect());
    &DESCRIBED
}

impl Entry {
    fn describe(&self) -> Tool {
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(self.effect == Effect::Reads)
            .destructive(self.effect == Effect::Removes)
            .idempotent(self.effect != Effect::Adds)
            .open_world(false);
        Tool::new(self.name, self.description, object((self.arguments)()))
            .with_title(self.title)
            .with_raw_output_schema(object(schema::answer((self.answer)())))
            .with_annotations(annotations)
    }
}

/// The answer as JSON.
fn to_json<T: Serialize>(done: Done<T>) -> Done<Value> {
    done.map(|value| serde_json::to_value(value).unwrap_or_default())
}

/// Takes the id out of the arguments; its problem, if it has one, is told with those of the rest.
fn take_id(arguments: &mut Map<String, Value>) -> Result<i64, Vec<Problem>> {
    match arguments.remove("id") {
        None => Err(vec![Problem::new("id", "is required")]),
        Some(id) => positive(id, Form::Json)
            .map_err(|found| found.into_iter().map(|problem| problem.within("id")).collect()),
    }
}

/// The id of a tool that takes nothing else.
fn only_id(mut arguments: Map<String, Value>) -> Result<i64, Failure> {
    let id = take_id(&mut arguments);
    let mut problems = unknown(&arguments);
    match id {
        Ok(id) if problems.is_empty() => Ok(id),
        Ok(_) => Err(Failure::Invalid(problems)),
        Err(found) => {
            problems.splice(0..0, found);
            Err(Failure::Invalid(problems))
        }
    }
}

/// Refuses arguments of a tool that takes none.
fn expect_none(arguments: &Map<String, Value>) -> Result<(), Failure> {
    let problems = unknown(arguments);
    if problems.is_empty() { Ok(()) } else { Err(Failure::Invalid(problems)) }
}

fn unknown(arguments: &Map<String, Value>) -> Vec<Problem> {
    arguments.keys().map(|name| Problem::new(name.as_str(), "is not a known field")).collect()
}

fn object(schema: Value) -> Arc<Map<String, Value>> {
    match schema {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
