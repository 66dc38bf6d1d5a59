//! What operators send to narrow the service, and which tenant a check is about.

use engine::Change;
use serde_json::{Map, Value};
use tenancy::{RateClass, Slug};

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::whole;
use crate::decode::values::{boolean, integer, object};

/// Most requests at work that a bound can be set to.
const AT_WORK_MAX: i64 = 1_000_000;

/// What to narrow or to widen again.
#[derive(Debug, Clone, Default)]
pub struct LoadChange {
    /// Classes, each to be turned away or to be served again.
    pub classes: Vec<(RateClass, Shedding)>,
    /// A tenant, and its bound of requests at work; `None`: the usual one.
    pub cap: Option<(Slug, Option<usize>)>,
}

/// Whether a class of requests is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shedding {
    /// It is turned away.
    On,
    /// It is served.
    Off,
}

/// Reads what to narrow.
///
/// # Errors
/// Every problem.
pub fn change_load(body: Value) -> Result<LoadChange, Problems> {
    let mut problems = Problems::new();
    let mut inner = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).map(|mut fields| {
        let classes = fields.get("shed", object).map(|classes| shed_classes(classes, &mut inner));
        let tenant = fields.get("tenant", slug);
        let at_work_max = fields.change("at_work_max", integer(0, AT_WORK_MAX));
        let cap = match (tenant, at_work_max) {
            (Some(tenant), Change::Set(max)) => Some((tenant, usize::try_from(max).ok())),
            (Some(tenant), Change::Clear) => Some((tenant, None)),
            // What was said of it is wrong, and told already.
            (Some(_), Change::Keep) if fields.is_flawed() => None,
            (Some(_), Change::Keep) => {
                fields.refuse("at_work_max", "is required when tenant is there; null is the usual one");
                None
            }
            (None, Change::Keep) => None,
            (None, Change::Set(_) | Change::Clear) => {
                fields.refuse("tenant", "is required when at_work_max is there");
                None
            }
        };
        fields.finish();
        LoadChange { classes: classes.unwrap_or_default(), cap }
    });
    problems.extend(inner.into_iter().map(|problem| problem.within("shed")));
    whole(input, problems)
}

/// Reads which tenant a check is about; none: the service as a whole.
///
/// # Errors
/// Every problem.
pub fn checks_of(query: Value) -> Result<Option<Slug>, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let tenant = fields.get("tenant", slug);
        fields.finish();
        tenant
    });
    whole(input, problems)
}

fn shed_classes(classes: Map<String, Value>, problems: &mut Problems) -> Vec<(RateClass, Shedding)> {
    let mut changes = Vec::new();
    if let Some(mut fields) = Fields::of(Value::Object(classes), Form::Json, problems) {
        for class in RateClass::ALL {
            match fields.get(class.name(), boolean) {
                Some(true) => changes.push((class, Shedding::On)),
                Some(false) => changes.push((class, Shedding::Off)),
                None => {}
            }
        }
        fields.finish();
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bound_needs_its_tenant_and_unknown_classes_are_refused() {
        for (body, field) in [
            (json!({"at_work_max": 4}), "tenant"),
            (json!({"tenant": "acme"}), "at_work_max"),
            (json!({"shed": {"everything": true}}), "shed.everything"),
            (json!({"shed": {"search": "yes"}}), "shed.search"),
            (json!({"tenant": "acme", "at_work_max": -1}), "at_work_max"),
        ] {
            let problems = change_load(body.clone()).unwrap_err();
            let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
            assert_eq!(fields, [field], "{body}");
        }
        let read =
            change_load(json!({"tenant": "acme", "at_work_max": null, "shed": {"read": false}})).unwrap();
        assert_eq!(read.classes, [(RateClass::Read, Shedding::Off)]);
        assert!(matches!(read.cap, Some((_, None))));
    }
}
