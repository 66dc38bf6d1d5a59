//! What operators and tenant admins send about keys.

use engine::Problem;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenancy::{Scope, Scopes, Slug};

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::whole;
use crate::decode::values::{integer, text, texts, time};

/// Longest time for which a rotated key still opens, in seconds: 30 days.
const OVERLAP_S_MAX: i64 = 30 * 86_400;
/// The same unless said: a day.
const OVERLAP_S_DEFAULT: i64 = 86_400;

/// A key to issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInput {
    /// The tenant it is for; the caller's own when `None`.
    pub tenant: Option<Slug>,
    /// What it may do.
    pub scopes: Scopes,
    /// A name for people.
    pub name: String,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// Reads a key to issue.
///
/// # Errors
/// Every problem.
pub fn create_api_key(body: Value, now: Timestamp) -> Result<KeyInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        let tenant = fields.get("tenant", slug);
        let scopes = fields.get("scopes", scopes).unwrap_or(Scopes::DEFAULT);
        let name = fields.get("name", text).unwrap_or_default();
        let expires_at = fields.get("expires_at", time);
        if expires_at.is_some_and(|at| at <= now) {
            fields.refuse("expires_at", "must be in the future");
        }
        fields.finish();
        KeyInput { tenant, scopes, name, expires_at }
    });
    whole(input, problems)
}

/// Reads how a key is replaced: for how long the old one still opens.
///
/// # Errors
/// Every problem.
pub fn rotate_api_key(body: Value) -> Result<SignedDuration, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        fields.get("tenant", slug);
        let overlap_s = fields.get("overlap_s", integer(0, OVERLAP_S_MAX)).unwrap_or(OVERLAP_S_DEFAULT);
        fields.finish();
        SignedDuration::from_secs(overlap_s)
    });
    whole(input, problems)
}

fn scopes(value: Value, form: Form) -> Result<Scopes, Problems> {
    let mut problems = Problems::new();
    let mut scopes = Vec::new();
    for (index, name) in texts(value, form)?.iter().enumerate() {
        match Scope::parse(name) {
            Ok(scope) => scopes.push(scope),
            Err(error) => problems.push(Problem::new(format!("[{index}]"), error.to_string())),
        }
    }
    if scopes.is_empty() && problems.is_empty() {
        problems.push(Problem::new("", "must name at least one scope"));
    }
    if problems.is_empty() { Ok(scopes.into_iter().collect()) } else { Err(problems) }
}
