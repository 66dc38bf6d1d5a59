//! The MCP door at `/v1/mcp`: streamable HTTP without sessions, one JSON answer to each request.
//!
//! `door` is the HTTP side (origin, body, admission, what older and plainer clients leave out), `agent_facing` is
//! what the protocol library calls; tools, resources and the prompt meet the REST door at `operations`.

mod admitted;
mod agent_facing;
mod door;
mod failures;
mod instructions;
mod message;
mod recall_context;
mod resources;
mod schema;
mod tools;

pub use door::router;
