//! What makes usage fit for a bill: corrections beside it, retention that proves first, and a reconciliation.

use control::{
    Actor, ControlError, Correction, NewAdjustment, PruneStep, ReconciledHour, UsageEventsQuery, Verdict,
};
use jiff::Timestamp;
use jiff::civil::date;
use tenancy::{NodeHour, TenantId, UsageEvent, UsageSum, hour_start};

use crate::ledger::{days, event, somebody};
use crate::{Plane, START_MS, contract};

contract! {
    a_correction_is_a_row_beside_what_was_counted,
    a_correction_leaves_no_day_with_less_than_nothing,
    single_events_are_read_in_pages_and_in_order,
    hours_are_read_by_themselves,
    a_day_is_pruned_after_its_sums_are_proven,
    a_day_whose_sums_differ_keeps_its_events,
    a_late_event_of_a_pruned_day_is_kept_aside_and_not_counted,
    an_hour_agrees_when_nodes_and_ledger_do,
    each_way_to_differ_is_told,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn calls(api_calls: i64) -> Correction {
    Correction { api_calls, ..Correction::default() }
}

fn asked(id: &str, tenant: &TenantId, correction: Correction) -> NewAdjustment {
    NewAdjustment {
        id: id.to_owned(),
        tenant_id: tenant.clone(),
        day: date(2026, 11, 23),
        correction,
        reason: "billed twice by a proxy's retries".to_owned(),
    }
}

/// Records `count` events of a tenant from a time on, a millisecond apart.
async fn record(plane: &Plane, tenant: &TenantId, at_ms: i64, count: i64) -> Vec<UsageEvent> {
    let events: Vec<_> = (0..count).map(|n| event(tenant, at_ms + n)).collect();
    plane.control.record_usage(events.clone()).await.unwrap();
    events
}

async fn a_correction_is_a_row_beside_what_was_counted(plane: Plane) {
    let tenant = plane.tenant("acme").await.id;
    let by = Actor::local();
    record(&plane, &tenant, START_MS, 10).await;
    let first = plane.control.adjust_usage(asked("a-1", &tenant, calls(-4)), &by).await.unwrap();
    let again = plane.control.adjust_usage(asked("a-1", &tenant, calls(-4)), &Actor::system()).await.unwrap();
    assert_eq!((first.actor.as_str(), &first), ("local", &again), "asked twice is corrected once");
    let other = plane.control.adjust_usage(asked("a-1", &tenant, calls(-3)), &by).await.unwrap_err();
    assert!(matches!(other, ControlError::Conflict { what: "adjustment", .. }), "{other}");
    let created = Correction { memories_created: 5, storage_bytes_delta: -100, ..Correction::default() };
    plane.control.adjust_usage(asked("a-2", &tenant, created), &by).await.unwrap();

    let day = &plane.control.usage_by_day(&tenant, date(2026, 11, 1), date(2026, 11, 30)).await.unwrap()[0];
    let counters = day.counters;
    assert_eq!((day.requests, counters.api_calls, counters.memories_created), (10, 6, 25));
    assert_eq!(counters.storage_bytes_delta, -150);
    assert_eq!(plane.query("SELECT api_calls || '' FROM usage_daily").trim(), "10");
    let listed =
        plane.control.usage_adjustments(&tenant, date(2026, 11, 23), date(2026, 11, 23)).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|adjustment| adjustment.asked.id.as_str()).collect();
    assert_eq!(ids, ["a-1", "a-2"]);
    let audited = plane.audited().await;
    let audited: Vec<_> = audited.iter().filter(|row| row.contains("adjust_usage")).collect();
    assert_eq!(audited.len(), 2, "{audited:?}");
}

async fn a_correction_leaves_no_day_with_less_than_nothing(plane: Plane) {
    let tenant = plane.tenant("acme").await.id;
    record(&plane, &tenant, START_MS, 10).await;
    let by = Actor::local();
    plane.control.adjust_usage(asked("a", &tenant, calls(-10)), &by).await.unwrap();
    let check = async |new: NewAdjustment, want: &str| {
        let error = plane.control.adjust_usage(new, &by).await.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    check(asked("b", &tenant, calls(-1)), "2026-11-23 has 0 api_calls").await;
    check(asked("b", &tenant, calls(i64::MIN)), "at most").await;
    check(asked("b", &tenant, calls(0)), "changes nothing").await;
    check(asked("", &tenant, calls(1)), "id must have").await;
    check(asked("b c", &tenant, calls(1)), "id must have").await;
    check(NewAdjustment { reason: " ".to_owned(), ..asked("b", &tenant, calls(1)) }, "reason must").await;
    check(asked("b", &somebody(), calls(1)), "there is no tenant").await;
}

async fn single_events_are_read_in_pages_and_in_order(plane: Plane) {
    let (one, other) = (somebody(), somebody());
    let mut want = record(&plane, &one, START_MS, 7).await;
    let foreign = record(&plane, &other, START_MS, 4).await;
    want.sort_by_key(|event| (event.occurred_at, event.request_id.as_uuid()));
    let query = |tenant: Option<&TenantId>, after, limit| UsageEventsQuery {
        tenant: tenant.cloned(),
        from: at(START_MS),
        to: at(START_MS + 1_000),
        after,
        limit,
    };
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = plane.control.usage_events(query(Some(&one), after, 3)).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.occurred_at, last.request_id));
        read.extend(page);
    }
    assert_eq!(read, want);
    let all = plane.control.usage_events(query(None, None, 100)).await.unwrap();
    assert_eq!(all.len(), want.len() + foreign.len());
    let none = UsageEventsQuery { to: at(START_MS), ..query(None, None, 100) };
    assert_eq!(plane.control.usage_events(none).await.unwrap(), []);
}

async fn hours_are_read_by_themselves(plane: Plane) {
    let tenant = somebody();
    record(&plane, &tenant, START_MS, 2).await;
    record(&plane, &tenant, START_MS + HOUR_MS - 1, 2).await;
    record(&plane, &tenant, START_MS + 5 * HOUR_MS, 1).await;
    let hours = plane.control.usage_by_hour(&tenant, at(START_MS), at(START_MS + 5 * HOUR_MS)).await.unwrap();
    let hours: Vec<_> = hours.iter().map(|h| (h.hour_start.as_millisecond(), h.sum.requests)).collect();
    assert_eq!(hours, [(START_MS, 3), (START_MS + HOUR_MS, 1)]);
}

async fn steps(plane: &Plane) -> Vec<PruneStep> {
    let mut steps = Vec::new();
    loop {
        let step = plane.control.prune_usage(date(2026, 11, 24)).await.unwrap();
        steps.push(step);
        if matches!(step, PruneStep::Done | PruneStep::Differs { .. }) {
            return steps;
        }
    }
}

async fn a_day_is_pruned_after_its_sums_are_proven(plane: Plane) {
    let (one, other) = (somebody(), somebody());
    for tenant in [&one, &other] {
        record(&plane, tenant, START_MS - 2 * DAY_MS, 3).await;
        record(&plane, tenant, START_MS, 2).await;
    }
    record(&plane, &one, START_MS + DAY_MS, 1).await;
    let before = days(&plane.control, &one).await;
    let (old, new) = (date(2026, 11, 21), date(2026, 11, 23));
    let want = [
        PruneStep::Closed { day: old, events: 6 },
        PruneStep::Removed { day: old, events: 6 },
        PruneStep::Closed { day: new, events: 4 },
        PruneStep::Removed { day: new, events: 4 },
        PruneStep::Done,
    ];
    assert_eq!(steps(&plane).await, want);
    assert_eq!(plane.query("SELECT count(*) || '' FROM usage_events"), "1");
    assert_eq!(days(&plane.control, &one).await, before, "the sums stay");
    assert_eq!(steps(&plane).await, [PruneStep::Done]);
}

async fn a_day_whose_sums_differ_keeps_its_events(plane: Plane) {
    let tenant = somebody();
    record(&plane, &tenant, START_MS, 3).await;
    plane.execute("UPDATE usage_daily SET api_calls = 2");
    assert_eq!(steps(&plane).await, [PruneStep::Differs { day: date(2026, 11, 23), tenants: 1 }]);
    plane.execute("DELETE FROM usage_daily");
    assert_eq!(steps(&plane).await, [PruneStep::Differs { day: date(2026, 11, 23), tenants: 1 }]);
    assert_eq!(plane.query("SELECT count(*) || '' FROM usage_events"), "3");
}

async fn a_late_event_of_a_pruned_day_is_kept_aside_and_not_counted(plane: Plane) {
    let tenant = somebody();
    let counted = record(&plane, &tenant, START_MS, 3).await;
    steps(&plane).await;
    let (never_seen, open) = (event(&tenant, START_MS - 5 * DAY_MS), event(&tenant, START_MS + DAY_MS));
    let batch = vec![counted[0].clone(), never_seen.clone(), open];
    let recorded = plane.control.record_usage(batch.clone()).await.unwrap();
    assert_eq!((recorded.inserted, recorded.duplicates), (1, 0));
    assert_eq!(recorded.late, batch[..2]);
    plane.control.record_usage(batch).await.unwrap();
    assert_eq!(days(&plane.control, &tenant).await, ["2026-11-23 3 6", "2026-11-24 1 2"]);
    assert_eq!(plane.query("SELECT count(*) || '' FROM usage_late_events"), "2");
}

/// What a node says of events.
fn told(served: &[UsageEvent], sent: &[UsageEvent]) -> Vec<NodeHour> {
    let sum = |events: &[UsageEvent]| {
        let mut sum = UsageSum::default();
        events.iter().for_each(|event| sum += UsageSum::of(event));
        sum
    };
    vec![NodeHour { hour_start: hour_start(at(START_MS)), served: sum(served), sent: sum(sent) }]
}

async fn hours(plane: &Plane) -> Vec<ReconciledHour> {
    let found = plane.control.reconcile_usage(at(START_MS - DAY_MS), at(START_MS + DAY_MS)).await.unwrap();
    found.hours
}

async fn an_hour_agrees_when_nodes_and_ledger_do(plane: Plane) {
    assert_eq!(hours(&plane).await, []);
    plane.clock.advance_ms(HOUR_MS);
    let tenants = [somebody(), somebody()];
    let mut events = Vec::new();
    for tenant in &tenants {
        events.extend(record(&plane, tenant, START_MS, 5).await);
    }
    assert_eq!(hours(&plane).await[0].verdict(), Verdict::Unreported);
    let (mine, yours) = events.split_at(3);
    plane.control.report_node_hours("node_b", told(&events, &[])).await.unwrap();
    plane.control.report_node_hours("node_b", told(yours, yours)).await.unwrap();
    plane.control.report_node_hours("node_a", told(mine, mine)).await.unwrap();
    let found = hours(&plane).await;
    assert_eq!((found.len(), found[0].verdict(), found[0].nodes), (1, Verdict::Agrees, 2));
    assert_eq!(found[0].hour_start, at(START_MS));
    assert_eq!((found[0].served, found[0].rolled_up), (found[0].sent, found[0].ledger));
    assert_eq!(found[0].ledger.counters.storage_bytes_delta, -50);
    steps(&plane).await;
    assert_eq!(hours(&plane).await, [], "a closed day has nothing left to compare");
}

async fn each_way_to_differ_is_told(plane: Plane) {
    let tenant = somebody();
    let events = record(&plane, &tenant, START_MS, 5).await;
    plane.control.report_node_hours("node_a", told(&events[..2], &events[..2])).await.unwrap();
    assert_eq!(hours(&plane).await[0].verdict(), Verdict::Unreported, "told before the hour ended");
    plane.clock.advance_ms(HOUR_MS);
    let waiting: Vec<_> = events.iter().cloned().chain([event(&tenant, START_MS)]).collect();
    let tell = async |served: &[UsageEvent], sent: &[UsageEvent]| {
        plane.control.report_node_hours("node_a", told(served, sent)).await.unwrap();
        hours(&plane).await[0].verdict()
    };
    assert_eq!(tell(&waiting, &events).await, Verdict::Waiting(1));
    assert_eq!(tell(&waiting, &waiting).await, Verdict::Drift(1), "confirmed, and not in the ledger");
    assert_eq!(tell(&events[..2], &events[..2]).await, Verdict::Drift(3), "in the ledger, and never served");
    assert_eq!(tell(&events, &events).await, Verdict::Agrees);
    plane.execute("UPDATE usage_events SET memories_created = memories_created + 1");
    assert_eq!(hours(&plane).await[0].verdict(), Verdict::Drift(1), "edited events");
    plane.execute("UPDATE usage_events SET memories_created = memories_created - 1");
    plane.execute("UPDATE usage_hourly SET requests = 4");
    assert_eq!(hours(&plane).await[0].verdict(), Verdict::Drift(1), "an edited sum");
    let found = plane.control.reconcile_usage(at(START_MS), at(START_MS + HOUR_MS)).await.unwrap();
    assert_eq!((found.days_differing, found.drift()), (1, 2), "which its day does not have");
}
