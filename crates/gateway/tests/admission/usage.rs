//! Each admitted request leaves one usage event, and junk leaves none.

use gateway::Credentials;
use tenancy::{Counters, Operation, TenantKind, TenantStatus, Work};

use crate::{World, with_key};

#[tokio::test]
async fn a_settled_pass_is_on_record_once_with_its_work() {
    let world = World::new().await;
    let (tenant, issued) = world.tenant_key("acme").await;
    let request = world.request();
    let pass =
        world.gateway.admit(&request, &with_key(&issued.key), Operation::CreateMemoryBatch).await.unwrap();
    pass.settle(201, Work { memories_created: 3, storage_bytes_delta: 120 }, Some("notes"));
    let event = world.on_record(&request).await.unwrap();
    let counters =
        Counters { api_calls: 1, search_queries: 0, memories_created: 3, storage_bytes_delta: 120 };
    assert_eq!((event.tenant_id, event.status, event.counters), (tenant.id, 201, counters));
    assert_eq!((event.route.as_str(), event.workspace.as_deref()), ("create_memory_batch", Some("notes")));
}

#[tokio::test]
async fn a_pass_that_is_dropped_is_on_record_as_our_failure() {
    let world = World::new().await;
    world.tenant("default").await;
    let request = world.request();
    let pass = world.gateway.admit(&request, &Credentials::local(None), Operation::Search).await.unwrap();
    drop(pass);
    let event = world.on_record(&request).await.unwrap();
    assert_eq!((event.status, event.counters), (500, Counters::default()));
}

#[tokio::test]
async fn refusals_of_a_known_tenant_are_on_record_and_not_charged() {
    let world = World::new().await;
    let (tenant, issued) = world.tenant_key("acme").await;
    let forbidden = world.request();
    world.gateway.admit(&forbidden, &with_key(&issued.key), Operation::ShowUsage).await.unwrap_err();
    world.control.set_tenant_status(&tenant.slug, TenantStatus::Suspended, &world.by).await.unwrap();
    let suspended = world.request();
    world.gateway.admit(&suspended, &with_key(&issued.key), Operation::Search).await.unwrap_err();
    for request in [forbidden, suspended] {
        let event = world.on_record(&request).await.unwrap();
        assert_eq!((event.status, event.counters), (403, Counters::default()));
    }
}

#[tokio::test]
async fn junk_leaves_no_event() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    let mismatch = Credentials { tenant_header: Some("other"), ..with_key(&issued.key) };
    for credentials in [with_key("junk"), mismatch, Credentials::local(Some("nobody"))] {
        world.admit(&credentials, Operation::Search).await.unwrap_err();
    }
    assert_eq!(world.meter.depth(), 0);
}

#[tokio::test]
async fn a_test_tenant_is_on_record_like_any_other() {
    let world = World::new().await;
    world.tenant_on("default", "unlimited", TenantKind::Test).await;
    let request = world.request();
    let pass = world.gateway.admit(&request, &Credentials::local(None), Operation::Search).await.unwrap();
    assert_eq!(pass.tenant_record().kind, TenantKind::Test);
    pass.settle(200, Work::default(), None);
    assert_eq!(world.on_record(&request).await.unwrap().counters.search_queries, 1);
}
