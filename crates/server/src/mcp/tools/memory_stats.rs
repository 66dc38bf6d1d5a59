//! Counts what is stored.

use serde_json::{Map, Value, json};
use tenancy::Operation;

use super::{Answer, Effect, Entry, expect_none, to_json};
use crate::mcp::admitted::Call;
use crate::mcp::schema;
use crate::operations;

pub(super) const TOOL: Entry = Entry {
    name: "memory_stats",
    title: "Count memories",
    description: "Say how much is remembered: memories, workspaces, how many of each kind, bytes, oldest and newest. Takes \
        no arguments. Use it to see whether there is anything to search at all.",
    operation: Operation::Stats,
    effect: Effect::Reads,
    arguments: || schema::arguments(json!({}), &[]),
    answer: schema::of::<api::Stats>,
    call,
};

fn call<'a>(call: &'a Call<'a>, arguments: Map<String, Value>) -> Answer<'a> {
    Box::pin(async move {
        expect_none(&arguments)?;
        Ok(to_json(operations::stats(call.app, call.pass).await?))
    })
}
