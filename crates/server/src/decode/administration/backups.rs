//! Which backup to restore and where to, and which restores to rehearse.

use std::path::PathBuf;

use backup::{BackupId, Which};
use engine::Problem;
use serde_json::Value;
use tenancy::Slug;

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::{PAGE_LIMIT_MAX, whole};
use crate::decode::values::{boolean, integer, text, time};

/// Backups of a page unless said.
const PAGE_DEFAULT: i64 = 50;
/// Rehearsals that are listed unless said.
const TESTS_DEFAULT: i64 = 50;

/// What to restore, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreInput {
    /// Which file.
    pub source: RestoreSource,
    /// A new tenant that gets it.
    pub into: Option<Slug>,
    /// A folder that gets it.
    pub folder: Option<PathBuf>,
}

/// Which file is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreSource {
    /// A backup.
    Backup(Which),
    /// The file that an earlier restore replaced.
    Replaced(String),
}

/// A page of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupQuery {
    /// Only backups behind this one.
    pub after: Option<String>,
    /// Most of the page.
    pub limit: usize,
}

/// Reads which backup to restore.
///
/// # Errors
/// Every problem.
pub fn create_restore(body: Value) -> Result<RestoreInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let named = [
            fields.get("backup", backup_id).map(|id| RestoreSource::Backup(Which::Id(id))),
            fields.get("before", time).map(|at| RestoreSource::Backup(Which::Before(at))),
            fields
                .get("latest_verified", boolean)
                .filter(|wanted| *wanted)
                .map(|_| RestoreSource::Backup(Which::LatestVerified)),
            fields.get("replaced", text).map(RestoreSource::Replaced),
        ];
        let into = fields.get("into", slug);
        let folder = fields.get("folder", text).map(PathBuf::from);
        let mut named: Vec<_> = named.into_iter().flatten().collect();
        if named.len() != 1 && !fields.is_flawed() {
            fields.refuse("backup", "or exactly one of before, latest_verified and replaced is needed");
        }
        if into.is_some() && folder.is_some() {
            fields.refuse("folder", "must not be given together with into");
        }
        if folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
            fields.refuse("folder", "must be an absolute path");
        }
        fields.finish();
        Some(RestoreInput { source: named.pop()?, into, folder })
    });
    whole(input, problems)
}

/// Reads which restores to rehearse: those of one tenant, or a sample.
///
/// # Errors
/// Every problem.
pub fn create_restore_test(body: Value) -> Result<Option<Slug>, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        let tenant = fields.get("tenant", slug);
        fields.finish();
        tenant
    });
    whole(input, problems)
}

/// Reads which rehearsals are asked for.
///
/// # Errors
/// Every problem.
pub fn list_restore_tests(query: Value) -> Result<(Option<Slug>, u32), Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let tenant = fields.get("tenant", slug);
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(TESTS_DEFAULT);
        fields.finish();
        (tenant, u32::try_from(limit).unwrap_or(u32::MAX))
    });
    whole(input, problems)
}

/// Reads whose damaged file is to be read.
///
/// # Errors
/// Every problem.
pub fn salvage_memories(query: Value) -> Result<Option<String>, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let file = fields.get("file", text);
        fields.finish();
        file
    });
    whole(input, problems)
}

/// Reads which page of backups is asked for.
///
/// # Errors
/// Every problem.
pub fn list_backups(query: Value) -> Result<BackupQuery, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(PAGE_DEFAULT);
        let after = fields.get("cursor", backup_id).map(|id| id.to_string());
        fields.finish();
        BackupQuery { after, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
    });
    whole(input, problems)
}

fn backup_id(value: Value, form: Form) -> Result<BackupId, Problems> {
    BackupId::parse(&text(value, form)?)
        .map_err(|_| vec![Problem::new("", "must be the id of a backup, as the list of backups shows it")])
}
