//! What operators and people send about tenants.

use serde_json::Value;
use tenancy::{Slug, TenantId, TenantKind, TenantStatus};

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::{PAGE_LIMIT_MAX, whole};
use crate::decode::values::{integer, text, word};

/// Tenants of a page unless said.
const PAGE_DEFAULT: i64 = 50;

/// A tenant to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantInput {
    /// Its slug.
    pub slug: Slug,
    /// Its name; the slug unless said.
    pub name: Option<String>,
    /// Whether it is billed.
    pub kind: TenantKind,
    /// Its plan.
    pub plan: Option<String>,
}

/// A change of a tenant; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantChange {
    /// Its status from now on.
    pub status: Option<TenantStatus>,
    /// Its plan from now on.
    pub plan: Option<String>,
}

/// Which tenants to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantQuery {
    /// Only those of this status.
    pub status: Option<TenantStatus>,
    /// Only those after this one, in the order of slugs and then of creation.
    pub after: Option<(Slug, TenantId)>,
    /// Most tenants of the page.
    pub limit: usize,
}

/// Reads a tenant to create.
///
/// # Errors
/// Every problem.
pub fn create_tenant(body: Value) -> Result<TenantInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let slug = fields.need("slug", slug);
        let name = fields.get("name", text);
        let kind = fields.get("kind", word(&["live", "test"], TenantKind::parse)).unwrap_or(TenantKind::Live);
        let plan = fields.get("plan", text);
        fields.finish();
        Some(TenantInput { slug: slug?, name, kind, plan })
    });
    whole(input, problems)
}

/// Reads a change of a tenant.
///
/// # Errors
/// Every problem.
pub fn update_tenant(body: Value) -> Result<TenantChange, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        let status = fields.get("status", word(&["active", "suspended"], status_to_set));
        let plan = fields.get("plan", text);
        if status.is_none() && plan.is_none() && !fields.is_flawed() {
            fields.refuse("status", "or plan is required");
        }
        fields.finish();
        TenantChange { status, plan }
    });
    whole(input, problems)
}

/// Reads which tenants to list.
///
/// # Errors
/// Every problem.
pub fn list_tenants(query: Value) -> Result<TenantQuery, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let status = fields.get("status", word(&["active", "suspended", "deleted"], TenantStatus::parse));
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(PAGE_DEFAULT);
        let after = fields.get("cursor", text).and_then(|cursor| {
            let after = read_cursor(&cursor);
            if after.is_none() {
                fields.refuse("cursor", "must be the next_cursor of a page");
            }
            after
        });
        fields.finish();
        TenantQuery { status, after, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
    });
    whole(input, problems)
}

/// The cursor of the page after this tenant.
pub fn tenants_cursor(slug: &Slug, id: &TenantId) -> String {
    format!("{slug}.{id}")
}

fn read_cursor(cursor: &str) -> Option<(Slug, TenantId)> {
    let (slug, id) = cursor.split_once('.')?;
    Some((Slug::parse(slug).ok()?, TenantId::parse(id).ok()?))
}

/// Deleting has a method of its own.
fn status_to_set(text: &str) -> Option<TenantStatus> {
    TenantStatus::parse(text).filter(|status| *status != TenantStatus::Deleted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let slug = Slug::parse("acme-2").unwrap();
        let id = TenantId::parse("ten_00000000000000000000000000000000").unwrap();
        let page = list_tenants(json!({"cursor": tenants_cursor(&slug, &id), "limit": "7"})).unwrap();
        assert_eq!((page.after, page.limit), (Some((slug, id)), 7));
        for cursor in ["", "acme", "acme.", "Acme.ten_00000000000000000000000000000000", "n1"] {
            let told = list_tenants(json!({ "cursor": cursor })).unwrap_err();
            assert_eq!(told[0].field, "cursor", "{cursor}");
        }
    }

    #[test]
    fn a_status_is_changed_to_active_or_suspended_only() {
        assert!(update_tenant(json!({"status": "suspended"})).is_ok());
        let told = update_tenant(json!({"status": "deleted"})).unwrap_err();
        assert_eq!(told[0].to_string(), "status must be one of active, suspended, got a string");
    }
}
