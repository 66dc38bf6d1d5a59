//! The MCP contract from outside: messages through the whole router, on a data folder of their own.

#[path = "../suite/house.rs"]
#[allow(dead_code, reason = "shared with the REST tests, which use the rest of it")]
mod house;

mod admission;
mod agent;
mod protocol;
mod resources;
mod tools;
mod wrong;
