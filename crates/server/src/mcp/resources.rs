//! Resources: memories, workspaces and figures that a client can attach to a conversation by their address.

use engine::{MemoryId, Problem, normal_workspace};
use rmcp::model::{Resource, ResourceTemplate};
use serde_json::{Value, json};
use tenancy::Operation;

use super::admitted::Call;
use crate::decode::{self, Form};
use crate::operations::{self, Done, Failure};

const STATS: &str = "engram://stats";
const MEMORY: &str = "engram://memory/";
const WORKSPACE: &str = "engram://workspace/";

/// What a resource's address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// One memory.
    Memory(MemoryId),
    /// The newest memories of a workspace.
    Workspace(String),
    /// What is stored.
    Stats,
}

/// Resources that are always there.
pub(super) fn resources() -> Vec<Resource> {
    let stats = Resource::new(STATS, "stats")
        .with_title("What is remembered")
        .with_description("Memories, workspaces, how many of each kind, bytes.")
        .with_mime_type("application/json");
    vec![stats]
}

/// Addresses with a place for an id or a name.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let memory = ResourceTemplate::new("engram://memory/{id}", "memory")
        .with_title("A memory")
        .with_description("One memory by its id, such as engram://memory/12.")
        .with_mime_type("application/json");
    let workspace = ResourceTemplate::new("engram://workspace/{name}", "workspace")
        .with_title("A workspace")
        .with_description("The newest 50 memories of a workspace, such as engram://workspace/default.")
        .with_mime_type("application/json");
    vec![memory, workspace]
}

/// Reads a resource.
///
/// # Errors
/// What the operation says.
pub(super) async fn read(call: &Call<'_>, address: Address) -> Result<Done<Value>, Failure> {
    Ok(match address {
        Address::Memory(id) => to_json(operations::get_memory(call.app, call.pass, id).await?),
        Address::Workspace(name) => {
            let query = decode::list_memories(json!({ "workspace": name }), Form::Json).map_err(|found| {
                found.into_iter().map(|problem| problem.within("uri")).collect::<Vec<Problem>>()
            })?;
            to_json(operations::list_memories(call.app, call.pass, query).await?)
        }
        Address::Stats => to_json(operations::stats(call.app, call.pass).await?),
    })
}

impl Address {
    /// Reads an address; `None` for one that leads nowhere.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        if uri == STATS {
            return Some(Self::Stats);
        }
        if let Some(id) = uri.strip_prefix(MEMORY) {
            return id.parse().ok().filter(|id| *id > 0).map(Self::Memory);
        }
        uri.strip_prefix(WORKSPACE).and_then(normal_workspace).map(Self::Workspace)
    }

    /// What the gateway is asked to admit.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Memory(_) => Operation::GetMemory,
            Self::Workspace(_) => Operation::ListMemories,
            Self::Stats => Operation::Stats,
        }
    }
}

fn to_json<T: serde::Serialize>(done: Done<T>) -> Done<Value> {
    done.map(|value| serde_json::to_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_one_thing_or_nowhere() {
        for (uri, want) in [
            ("engram://stats", Some(Address::Stats)),
            ("engram://memory/12", Some(Address::Memory(12))),
            ("engram://workspace/Home", Some(Address::Workspace("home".into()))),
            ("engram://memory/0", None),
            ("engram://memory/1/2", None),
            ("engram://workspace/", None),
            ("engram://workspace/a%20b", None),
            ("engram://stats/", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(Address::parse(uri), want, "{uri}");
        }
    }
}
