//! The REST contract from outside: requests through the whole router on a data folder of their own. The files
//! mirror the URLs.

mod api_keys;
mod audit_log;
mod backups;
mod bad_input;
mod checks;
mod console;
mod damage;
mod dashboards;
mod edge;
mod embedding;
mod house;
mod invites;
mod isolation;
mod issuer;
mod jobs;
mod jwks;
mod load;
mod members;
mod metrics;
mod migration;
mod people;
mod plans;
mod protected_resource;
mod quotas;
mod reranking;
mod service;
mod tenants;
mod transfer;
mod usage;
mod v1;
