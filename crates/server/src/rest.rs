//! The REST door: one list of routes, one file a noun.

mod api_keys;
mod audit_log;
mod backups;
mod call;
mod checks;
mod csv_answer;
mod docs_page;
mod invites;
mod jwks;
mod load;
mod members;
mod memories;
mod openapi;
mod plans;
mod protected_resource;
mod router;
mod search;
mod service;
mod stats;
mod tenants;
mod transfer;
mod usage;
mod workspaces;

pub use openapi::document;
pub use router::{metrics_router, router};

pub(crate) use protected_resource::challenge;
pub(crate) use transfer::IMPORT;
