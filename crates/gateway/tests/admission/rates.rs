//! Rate limits, from the plan and without a restart.

use std::time::Duration;

use control::{KeyOwner, Plan};
use gateway::{Credentials, Enforcement, RateState, Refusal};
use tenancy::{Limits, Operation, PlanName, RateLimit, Rates, Scopes, Slug, TenantKind};

use crate::{World, with_key};

fn reads(per_second: u32, burst: u32) -> Limits {
    let limit = RateLimit { per_second: per_second.try_into().unwrap(), burst: burst.try_into().unwrap() };
    Limits { rates: Rates { read: Some(limit), ..Rates::default() }, ..Limits::default() }
}

async fn world_with_burst_of_two(enforcement: Enforcement) -> World {
    let world = World::with(enforcement).await;
    let plan = Plan { name: PlanName::new("small"), limits: reads(1, 2) };
    world.control.upsert_plan(plan, &world.by).await.unwrap();
    world.tenant_on("default", "small", TenantKind::Live).await;
    world
}

async fn read(world: &World) -> Result<RateState, Refusal> {
    let pass = world.admit(&Credentials::local(None), Operation::GetMemory).await?;
    Ok(*pass.rate())
}

#[tokio::test]
async fn over_the_limit_is_a_429_that_says_when_to_come_back() {
    let world = world_with_burst_of_two(Enforcement::Enforce).await;
    let state = |remaining, reset_s| RateState { limit: Some(2), remaining: Some(remaining), reset_s };
    assert_eq!(read(&world).await.unwrap(), state(1, 1));
    assert_eq!(read(&world).await.unwrap(), state(0, 2));
    let refusal = read(&world).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("rate_limited", 429));
    assert_eq!(refusal.retry_after_s(), Some(1));
    assert_eq!(refusal.rate(), Some(&state(0, 2)));
    assert_eq!(refusal.details()["retry_after"], 1);
    assert_eq!(refusal.details()["class"], "read");
    let other_class = world.admit(&Credentials::local(None), Operation::Search).await.unwrap();
    assert_eq!(other_class.rate(), &RateState::default());
}

#[tokio::test]
async fn a_limit_is_per_tenant() {
    let world = world_with_burst_of_two(Enforcement::Enforce).await;
    let other = world.tenant_on("other", "small", TenantKind::Live).await;
    let key = world.key(KeyOwner::Tenant(other.id), Scopes::DEFAULT).await;
    for _ in 0..2 {
        read(&world).await.unwrap();
    }
    read(&world).await.unwrap_err();
    let _ = world.admit(&with_key(&key.key), Operation::GetMemory).await.unwrap();
}

#[tokio::test]
async fn a_changed_limit_holds_for_the_next_request() {
    let world = world_with_burst_of_two(Enforcement::Enforce).await;
    let slug = Slug::parse("default").unwrap();
    read(&world).await.unwrap();
    let plan = Plan { name: PlanName::new("small"), limits: reads(1, 50) };
    world.control.upsert_plan(plan, &world.by).await.unwrap();
    assert_eq!(read(&world).await.unwrap().limit, Some(50));
    world.control.set_tenant_limits(&slug, reads(1, 7), &world.by).await.unwrap();
    assert_eq!(read(&world).await.unwrap().limit, Some(7));
    world.control.set_tenant_plan(&slug, &PlanName::new("unlimited"), &world.by).await.unwrap();
    assert_eq!(read(&world).await.unwrap(), RateState::default());
}

#[tokio::test]
async fn reading_the_control_plane_again_gives_no_new_burst() {
    let world = world_with_burst_of_two(Enforcement::Enforce).await;
    for _ in 0..2 {
        read(&world).await.unwrap();
    }
    world.clock.advance_ms(31_000);
    read(&world).await.unwrap_err();
}

#[tokio::test]
async fn measured_limits_admit_and_limits_that_are_off_are_not_looked_at() {
    let world = world_with_burst_of_two(Enforcement::Measure).await;
    for _ in 0..5 {
        assert_eq!(read(&world).await.unwrap().limit, Some(2));
    }
    let world = world_with_burst_of_two(Enforcement::Off).await;
    for _ in 0..5 {
        assert_eq!(read(&world).await.unwrap(), RateState::default());
    }
}

#[tokio::test]
async fn an_outage_is_a_503_with_a_time() {
    let refusal = Refusal::Unavailable { retry_after: Duration::from_millis(1_500) };
    assert_eq!((refusal.status(), refusal.retry_after_s()), (503, Some(2)));
}

#[tokio::test]
async fn a_reached_quota_says_which_and_how_much() {
    let refusal = Refusal::QuotaExceeded { metric: "memories", current: 100, limit: 100 };
    assert_eq!(refusal.status(), 402);
    let details = serde_json::to_string(&refusal.details()).unwrap();
    assert_eq!(details, r#"{"current":100,"limit":100,"metric":"memories"}"#);
}
