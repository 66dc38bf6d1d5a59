//! The commands, one file each: a thin client of the service's own routes.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod key;
pub(crate) mod mcp;
pub(crate) mod memory;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod tenant;
