//! API calls by day: never one too many, and only those that are charged.

use std::sync::Arc;

use control::Plan;
use gateway::{Enforcement, GatewayOptions};
use tenancy::{Limits, Operation, PlanName, Work};

use crate::{World, outcome, with_key};

const DAY_MS: i64 = 86_400_000;

async fn world(quotas: Enforcement) -> World {
    World::with_options(GatewayOptions { quotas, ..GatewayOptions::default() }).await
}

impl World {
    async fn allow_calls(&self, calls: u64) {
        let limits = Limits { api_calls_per_day: Some(calls), ..Limits::default() };
        let plan = Plan { name: PlanName::new("unlimited"), limits };
        self.control.upsert_plan(plan, &self.by).await.unwrap();
    }
}

#[tokio::test]
async fn two_hundred_at_once_get_exactly_what_is_left() {
    let world = Arc::new(world(Enforcement::Enforce).await);
    world.allow_calls(37).await;
    let (_, issued) = world.tenant_key("acme").await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (world, key) = (Arc::clone(&world), issued.key.clone());
        callers.spawn(async move { world.search(&key).await });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "ok").count(), 37);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "quota_exceeded").count(), 163);
}

#[tokio::test]
async fn a_failure_of_ours_uses_nothing_up_and_a_mistake_of_theirs_does() {
    let world = world(Enforcement::Enforce).await;
    world.allow_calls(2).await;
    let (tenant, issued) = world.tenant_key("acme").await;
    let search = async |status: u16| {
        let admitted = world.admit(&with_key(&issued.key), Operation::Search).await;
        admitted.map(|pass| pass.settle(status, Work::default(), None)).map_err(|refusal| refusal.code())
    };
    for status in [500, 503, 402, 429] {
        search(status).await.unwrap();
    }
    assert_eq!(world.gateway.calls_today(&tenant.id), 0);
    search(404).await.unwrap();
    search(200).await.unwrap();
    assert_eq!(search(200).await, Err("quota_exceeded"));
    // A pass that is dropped is a failure of ours.
    world.allow_calls(3).await;
    drop(world.admit(&with_key(&issued.key), Operation::Search).await.unwrap());
    search(200).await.unwrap();
    assert_eq!(search(200).await, Err("quota_exceeded"));
}

#[tokio::test]
async fn the_day_ends_at_midnight_in_utc_and_the_plan_may_change_before() {
    let world = world(Enforcement::Enforce).await;
    world.allow_calls(1).await;
    let (_, issued) = world.tenant_key("acme").await;
    assert_eq!(world.search(&issued.key).await, "ok");
    assert_eq!(world.search(&issued.key).await, "quota_exceeded");
    world.allow_calls(2).await;
    assert_eq!(world.search(&issued.key).await, "ok");
    assert_eq!(world.search(&issued.key).await, "quota_exceeded");
    world.clock.advance_ms(DAY_MS);
    assert_eq!(world.search(&issued.key).await, "ok");
    world.clock.advance_ms(-DAY_MS);
    assert_eq!(world.search(&issued.key).await, "ok", "a clock that steps back brings no used-up day again");
    assert_eq!(world.search(&issued.key).await, "quota_exceeded");
}

#[tokio::test]
async fn what_other_processes_and_earlier_ones_recorded_counts() {
    let world = world(Enforcement::Enforce).await;
    world.allow_calls(10).await;
    let (tenant, issued) = world.tenant_key("acme").await;
    for _ in 0..4 {
        assert_eq!(world.search(&issued.key).await, "ok");
    }
    // Part in the ledger, part still in the spool: as a new process finds it.
    assert_eq!(world.meter.drain(std::time::Duration::from_secs(5)).await, 0);
    for _ in 0..3 {
        assert_eq!(world.search(&issued.key).await, "ok");
    }
    let again = world.gateway_again(GatewayOptions::default());
    let mut admitted = 0;
    for _ in 0..10 {
        let pass = again.admit(&world.request(), &with_key(&issued.key), Operation::Search).await;
        admitted += usize::from(outcome(pass) == "ok");
    }
    assert_eq!((admitted, again.calls_today(&tenant.id)), (3, 10));
}

#[tokio::test]
async fn a_used_up_day_still_shows_its_usage_and_soft_quotas_refuse_nobody() {
    let world = world(Enforcement::Enforce).await;
    world.allow_calls(1).await;
    let tenant = world.tenant("acme").await;
    let owner = control::KeyOwner::Tenant(tenant.id.clone());
    let issued = world.key(owner, tenancy::Scopes::ALL).await;
    for (operation, want) in [
        (Operation::Search, "ok"),
        (Operation::GetMemory, "quota_exceeded"),
        (Operation::ShowUsage, "ok"),
        (Operation::ListApiKeys, "ok"),
    ] {
        assert_eq!(outcome(world.admit(&with_key(&issued.key), operation).await), want, "{operation:?}");
    }
    for mode in [Enforcement::Measure, Enforcement::Off] {
        let world = self::world(mode).await;
        world.allow_calls(1).await;
        let (_, issued) = world.tenant_key("acme").await;
        for _ in 0..3 {
            assert_eq!(world.search(&issued.key).await, "ok");
        }
    }
}
