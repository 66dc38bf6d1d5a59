//! The prompt `recall_context`: what is remembered of a task, put in front of an agent before it starts.

use engine::Problem;
use rmcp::model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::{Map, Value, json};

use super::admitted::Call;
use crate::decode;
use crate::operations::{self, Done, Failure};

/// Its name.
pub(super) const NAME: &str = "recall_context";
/// Memories that are put in front of the agent; more would bury the task.
const MEMORIES: usize = 20;
/// Tokens of all of them together.
const TOKENS: usize = 2_000;

/// The prompt as clients list it.
pub(super) fn described() -> Prompt {
    let arguments = vec![
        PromptArgument::new("task")
            .with_title("Task")
            .with_description("What you are about to do, in a sentence or two.")
            .with_required(true),
        PromptArgument::new("workspace")
            .with_title("Workspace")
            .with_description("Look only there; everywhere when left out.")
            .with_required(false),
    ];
    let description = "Start a task with what is remembered about it: the memories that fit, and how to keep what you learn.";
    Prompt::new(NAME, Some(description), Some(arguments)).with_title("Recall what is known")
}

/// Recalls what bears on the task and writes the message.
///
/// # Errors
/// Problems with the arguments, and what the recalling says.
pub(super) async fn recall_context(
    call: &Call<'_>,
    arguments: Map<String, Value>,
) -> Result<Done<GetPromptResult>, Failure> {
    let (task, asked) = read(arguments)?;
    let input = decode::recall_context(asked)?;
    let recalled = operations::recall_context(call.app, call.pass, input).await?;
    Ok(recalled.map(|context| {
        let message = PromptMessage::new_text(Role::User, write(&task, &context));
        GetPromptResult::new(vec![message]).with_description("The task, and what is remembered of it.")
    }))
}

fn read(mut arguments: Map<String, Value>) -> Result<(String, Value), Failure> {
    let mut problems = Vec::new();
    let task = match arguments.remove("task") {
        Some(Value::String(task)) if !task.trim().is_empty() => task,
        Some(Value::String(_)) => {
            problems.push(Problem::new("task", "must not be blank"));
            String::new()
        }
        _ => {
            problems.push(Problem::new("task", "is required, as a string"));
            String::new()
        }
    };
    let workspace = arguments.remove("workspace").filter(|name| *name != "");
    problems.extend(arguments.keys().map(|name| Problem::new(name.as_str(), "is not a known argument")));
    if !problems.is_empty() {
        return Err(Failure::Invalid(problems));
    }
    let asked = json!({ "query": task, "workspace": workspace, "limit": MEMORIES, "budget_tokens": TOKENS });
    Ok((task, asked))
}

fn write(task: &str, context: &api::Context) -> String {
    let mut text = format!("The task: {task}\n\n");
    if context.items.is_empty() {
        text.push_str("Nothing is remembered that fits it.");
    } else {
        text.push_str(&context.text);
    }
    text.push('\n');
    text.push_str(
        "\nUse memory_search for anything else you need to know. While you work, store what will matter later: decisions \
         and their reasons, preferences, facts, open ends. If something above turns out to be out of date, correct it with \
         memory_update and its number.",
    );
    text
}
