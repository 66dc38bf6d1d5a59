//! The pages, one file each: what a page asks for, and how it shows the answer.

pub(super) mod alerts;
pub(super) mod audit_log;
pub(super) mod backups;
pub(super) mod choose;
pub(super) mod edit;
pub(super) mod keys;
pub(super) mod memories;
pub(super) mod memory;
pub(super) mod overview;
pub(super) mod people;
pub(super) mod quickstart;
pub(super) mod restore;
pub(super) mod restore_tests;
pub(super) mod run;
pub(super) mod runbook;
pub(super) mod search;
pub(super) mod service;
pub(super) mod sessions;
pub(super) mod tenants;
pub(super) mod usage;
