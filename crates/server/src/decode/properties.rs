//! Whatever JSON comes, a decoder answers with a value or with at least one problem, and never panics.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Form, Problems};

/// JSON whose objects mix names the decoders know with names they do not.
fn json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("content".to_owned()),
        Just("memories".to_owned()),
        Just("query".to_owned()),
        Just("budget_tokens".to_owned()),
        Just("order".to_owned()),
        Just("filters".to_owned()),
        Just("limit".to_owned()),
        Just("tags".to_owned()),
        Just("metadata".to_owned()),
        Just("expires_at".to_owned()),
        Just("cursor".to_owned()),
        Just("slug".to_owned()),
        Just("scopes".to_owned()),
        Just("limits".to_owned()),
        "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(Value::from("2026-11-24T10:00:00Z")),
        Just(Value::from("n1f")),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn check<T>(outcome: Result<T, Problems>) {
    if let Err(problems) = outcome {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.message.is_empty()));
    }
}

proptest! {
    #[test]
    fn decoders_answer_whatever_comes(value in json()) {
        let now = Timestamp::UNIX_EPOCH;
        check(super::create_memory(value.clone(), now));
        check(super::create_memory_batch(value.clone(), now));
        check(super::update_memory(value.clone(), now));
        check(super::revert_memory(value.clone()));
        check(super::delete_memories(value.clone()));
        check(super::recall_context(value.clone()));
        for form in [Form::Json, Form::Query] {
            check(super::list_memories(value.clone(), form));
            check(super::search(value.clone(), form));
        }
        check(super::create_tenant(value.clone()));
        check(super::update_tenant(value.clone()));
        check(super::create_api_key(value.clone(), now));
        check(super::set_plan(value));
    }
}
