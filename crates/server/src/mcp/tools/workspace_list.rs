//! Names the workspaces.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, expect_none, to_json};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "workspace_list",
    title: "List workspaces",
    description: "Name the workspaces and how many memories each holds. Takes no arguments. Use it before you store into a \
        workspace, so that the name matches one that is there.",
    operation: Operation::ListWorkspaces,
    effect: Effect::Reads,
    arguments: || schema::arguments(json!({}), &[]),
    answer: schema::of::<api::WorkspaceList>,
    call,
};

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        expect_none(&arguments)?;
        Ok(to_json(operations::list_workspaces(call.app, call.pass).await?))
    })
}
