//! What changes in the control plane reaches the very next request.

use std::sync::Arc;

use control::KeyOwner;
use tenancy::{Scopes, TenantStatus};

use crate::{World, with_key};

#[tokio::test]
async fn a_revoked_key_is_refused_by_the_next_request() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    assert_eq!(world.search(&issued.key).await, "ok");
    world.control.revoke_api_key(&issued.record.id, &world.by).await.unwrap();
    assert_eq!(world.search(&issued.key).await, "unauthorized");
    let refusal = world.gateway.authenticate(&with_key(&issued.key)).await.unwrap_err();
    assert!(refusal.to_string().contains("revoked"));
}

#[tokio::test]
async fn a_tenant_is_suspended_resumed_and_deleted_at_once() {
    let world = World::new().await;
    let (tenant, issued) = world.tenant_key("acme").await;
    for (status, want) in [
        (TenantStatus::Active, "ok"),
        (TenantStatus::Suspended, "tenant_suspended"),
        (TenantStatus::Active, "ok"),
    ] {
        world.control.set_tenant_status(&tenant.slug, status, &world.by).await.unwrap();
        assert_eq!(world.search(&issued.key).await, want, "{status:?}");
    }
    world.control.delete_tenant(&tenant.slug, &world.by).await.unwrap();
    assert_eq!(world.search(&issued.key).await, "unauthorized");
}

#[tokio::test]
async fn other_tenants_do_not_notice() {
    let world = World::new().await;
    let (acme, key) = world.tenant_key("acme").await;
    let (_, other) = world.tenant_key("other").await;
    assert_eq!((world.search(&key.key).await, world.search(&other.key).await), ("ok", "ok"));
    world.control.set_tenant_status(&acme.slug, TenantStatus::Suspended, &world.by).await.unwrap();
    assert_eq!((world.search(&key.key).await, world.search(&other.key).await), ("tenant_suspended", "ok"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_that_starts_after_a_revocation_is_admitted() {
    let world = Arc::new(World::new().await);
    let tenant = world.tenant("acme").await;
    for _ in 0..20 {
        let issued = world.key(KeyOwner::Tenant(tenant.id.clone()), Scopes::DEFAULT).await;
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let (world, key) = (Arc::clone(&world), issued.key.clone());
                tokio::spawn(async move { while world.search(&key).await == "ok" {} })
            })
            .collect();
        tokio::task::yield_now().await;
        world.control.revoke_api_key(&issued.record.id, &world.by).await.unwrap();
        assert_eq!(world.search(&issued.key).await, "unauthorized");
        for task in asking {
            task.await.unwrap();
        }
    }
}
