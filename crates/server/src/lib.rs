//! The service: doors of equal rank (REST, MCP, the console), the operations where they meet, jobs, configuration.

pub mod app;
pub mod backups;
pub mod config;
pub mod console;
pub mod decode;
pub mod edge;
pub mod jobs;
pub mod mcp;
pub mod operations;
pub mod ownership;
pub(crate) mod percent;
pub mod rest;
pub mod telemetry;
pub mod vectors;
pub mod watch;
