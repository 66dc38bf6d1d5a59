//! What operators send about plans and limits.

use std::num::NonZeroU32;

use engine::Change;
use serde_json::{Map, Value};
use tenancy::{Limits, RateLimit, Slug};

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::whole;
use crate::decode::values::{integer, object, text};

/// Limits to change.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// Whose limits.
    pub target: PlanTarget,
    /// Each limit's change: kept, lifted, or set.
    limits: LimitChanges,
}

/// Whose limits change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanTarget {
    /// A plan's, by name.
    Plan(String),
    /// One tenant's alone.
    Tenant(Slug),
}

#[derive(Debug, Clone, Default)]
struct LimitChanges {
    memories: Change<u64>,
    workspaces: Change<u64>,
    storage_bytes: Change<u64>,
    api_calls_per_day: Change<u64>,
    read: Change<RateLimit>,
    write: Change<RateLimit>,
    search: Change<RateLimit>,
}

impl PlanInput {
    /// The limits after the change.
    pub fn onto(&self, old: Limits) -> Limits {
        let new = &self.limits;
        let mut limits = old;
        limits.memories = new.memories.onto(old.memories);
        limits.workspaces = new.workspaces.onto(old.workspaces);
        limits.storage_bytes = new.storage_bytes.onto(old.storage_bytes);
        limits.api_calls_per_day = new.api_calls_per_day.onto(old.api_calls_per_day);
        limits.rates.read = new.read.onto(old.rates.read);
        limits.rates.write = new.write.onto(old.rates.write);
        limits.rates.search = new.search.onto(old.rates.search);
        limits
    }
}

/// Reads limits to change.
///
/// # Errors
/// Every problem.
pub fn set_plan(body: Value) -> Result<PlanInput, Problems> {
    let mut problems = Problems::new();
    let mut inner = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let name = fields.get("name", text);
        let tenant = fields.get("tenant", slug);
        let target = match (name, tenant) {
            (Some(name), None) => Some(PlanTarget::Plan(name)),
            (None, Some(slug)) => Some(PlanTarget::Tenant(slug)),
            (Some(_), Some(_)) => {
                fields.refuse("tenant", "must be absent when name is there");
                None
            }
            (None, None) => {
                fields.refuse("name", "or tenant is required");
                None
            }
        };
        let limits = fields.need("limits", object).map(|limits| limit_changes(limits, &mut inner));
        fields.finish();
        Some(PlanInput { target: target?, limits: limits? })
    });
    problems.extend(inner.into_iter().map(|problem| problem.within("limits")));
    whole(input, problems)
}

fn limit_changes(limits: Map<String, Value>, problems: &mut Problems) -> LimitChanges {
    let mut rates = Problems::new();
    let mut changes = LimitChanges::default();
    if let Some(mut fields) = Fields::of(Value::Object(limits), Form::Json, problems) {
        changes.memories = fields.change("memories", amount);
        changes.workspaces = fields.change("workspaces", amount);
        changes.storage_bytes = fields.change("storage_bytes", amount);
        changes.api_calls_per_day = fields.change("api_calls_per_day", amount);
        if let Some(object) = fields.get("rates", object)
            && let Some(mut fields) = Fields::of(Value::Object(object), Form::Json, &mut rates)
        {
            changes.read = fields.change("read", bucket);
            changes.write = fields.change("write", bucket);
            changes.search = fields.change("search", bucket);
            fields.finish();
        }
        fields.finish();
    }
    problems.extend(rates.into_iter().map(|problem| problem.within("rates")));
    changes
}

fn amount(value: Value, form: Form) -> Result<u64, Problems> {
    integer(0, i64::MAX)(value, form).map(i64::unsigned_abs)
}

fn bucket(value: Value, form: Form) -> Result<RateLimit, Problems> {
    let mut problems = Problems::new();
    let bucket =
        Fields::of(Value::Object(object(value, form)?), form, &mut problems).and_then(|mut fields| {
            let per_second = fields.need("per_second", rate);
            let burst = fields.get("burst", rate).or(per_second);
            fields.finish();
            Some(RateLimit { per_second: per_second?, burst: burst? })
        });
    whole(bucket, problems)
}

fn rate(value: Value, form: Form) -> Result<NonZeroU32, Problems> {
    let number = integer(1, i64::from(u32::MAX))(value, form)?;
    Ok(u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
}
