//! More at work than a tenant may have.

use gateway::GatewayOptions;
use tenancy::{Counters, Operation, TenantStatus, Work};

use crate::{World, with_key};

#[tokio::test]
async fn a_tenant_has_its_bound_at_work_and_others_have_theirs() {
    let world =
        World::with_options(GatewayOptions { at_work_per_tenant_max: 2, ..GatewayOptions::default() }).await;
    let (_, busy) = world.tenant_key("busy").await;
    let (_, other) = world.tenant_key("other").await;
    let first = world.admit(&with_key(&busy.key), Operation::Search).await.unwrap();
    let second = world.admit(&with_key(&busy.key), Operation::Search).await.unwrap();
    let request = world.request();
    let refusal = world.gateway.admit(&request, &with_key(&busy.key), Operation::Search).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status(), refusal.retry_after_s()), ("overloaded", 503, Some(1)));
    let event = world.on_record(&request).await.unwrap();
    assert_eq!((event.status, event.counters), (503, Counters::default()));
    assert_eq!(world.search(&other.key).await, "ok");

    // Whichever way a request ends, its place is free again.
    first.settle(200, Work::default(), None);
    assert_eq!(world.search(&busy.key).await, "ok");
    drop(second);
    let all = [
        world.admit(&with_key(&busy.key), Operation::Search).await,
        world.admit(&with_key(&busy.key), Operation::Search).await,
    ];
    assert!(all.iter().all(Result::is_ok));
}

#[tokio::test]
async fn the_bound_holds_over_a_change_of_the_tenant() {
    let world =
        World::with_options(GatewayOptions { at_work_per_tenant_max: 1, ..GatewayOptions::default() }).await;
    let (tenant, key) = world.tenant_key("acme").await;
    let at_work = world.admit(&with_key(&key.key), Operation::Search).await.unwrap();
    for status in [TenantStatus::Suspended, TenantStatus::Active] {
        world.control.set_tenant_status(&tenant.slug, status, &world.by).await.unwrap();
    }
    assert_eq!(world.search(&key.key).await, "overloaded");
    drop(at_work);
    assert_eq!(world.search(&key.key).await, "ok");
}
