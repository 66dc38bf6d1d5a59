//! The commands, one file each: a thin client of the service's own routes.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod doctor;
mod follow_run;
pub(crate) mod invite;
pub(crate) mod jwks;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod mcp;
pub(crate) mod member;
pub(crate) mod memory;
pub(crate) mod operator_key;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod restore;
pub(crate) mod restore_test;
pub(crate) mod serve;
mod span;
pub(crate) mod status;
pub(crate) mod tenant;
pub(crate) mod transfer;
pub(crate) mod usage;
