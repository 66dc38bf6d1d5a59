//! Many callers at once before a quota that has room for half of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use control::{Actor, KeyOwner};
use gateway::NewKey;
use http::Method;
use serde_json::json;
use stdx::clock::SystemClock;
use tenancy::{Limits, Operation, RequestId, Scopes, Slug, Work};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Plan;
use super::report::Quota;
use super::service::{Service, credentials};

pub(super) async fn measure(plan: &Plan, folder: &Path) -> Result<Quota> {
    // Every caller has a place at work, so that only the quota refuses.
    let at_work = plan.callers.max(1) * 2;
    let service = Service::open(folder, SystemClock::shared(), |config| {
        (config.limits.in_flight, config.limits.in_flight_per_tenant) = (at_work, at_work);
    })
    .await?;
    let service = Arc::new(service);
    let limit = (plan.callers / 2) as u64;
    let calls_admitted = rush_for_calls(plan, &service, limit).await?;
    let memories_stored = rush_for_memories(plan, &service, limit).await?;
    service.app.shutdown().await;
    let overshoot = calls_admitted.saturating_sub(limit) + memories_stored.saturating_sub(limit);
    Ok(Quota { callers: plan.callers as u64, limit, calls_admitted, memories_stored, overshoot })
}

/// API calls of a day, counted in the gateway.
async fn rush_for_calls(plan: &Plan, service: &Arc<Service>, limit: u64) -> Result<u64> {
    let limits = Limits { api_calls_per_day: Some(limit), ..Limits::default() };
    let key = limited_tenant(service, "calls", limits).await?;
    rush(plan.callers, |barrier, _| {
        let (service, key) = (Arc::clone(service), key.clone());
        async move {
            barrier.wait().await;
            let request = RequestId::at(service.app.clock.now());
            let admitted =
                service.app.gateway.admit(&request, &credentials(&key), Operation::GetMemory).await;
            Ok(admitted.map(|pass| pass.settle(200, Work::default(), None)).is_ok())
        }
    })
    .await
}

/// Memories at one time, counted in the tenant's own file.
async fn rush_for_memories(plan: &Plan, service: &Arc<Service>, limit: u64) -> Result<u64> {
    let limits = Limits { memories: Some(limit), ..Limits::default() };
    let key = limited_tenant(service, "memories", limits).await?;
    rush(plan.callers, |barrier, number| {
        let (service, key) = (Arc::clone(service), key.clone());
        async move {
            let memory = json!({ "content": format!("caller {number} was here") });
            barrier.wait().await;
            Ok(service.ask(&key, Method::POST, "/v1/memories", &memory).await?.status == 201)
        }
    })
    .await
}

/// `Authorization` of a new tenant with limits of its own.
async fn limited_tenant(service: &Service, slug: &str, limits: Limits) -> Result<String> {
    service.create_tenant(slug).await?;
    let tenant = service.app.control.set_tenant_limits(&Slug::parse(slug)?, limits, &Actor::system()).await?;
    // Not over REST, where issuing it would be the first call of the day.
    let key = NewKey {
        owner: KeyOwner::Tenant(tenant.id),
        scopes: Scopes::ALL,
        name: "benchmark".to_owned(),
        expires_at: None,
    };
    Ok(format!("Bearer {}", service.app.gateway.issue_key(key, &Actor::system()).await?.key))
}

/// Lets all callers go at once; how many got through.
async fn rush<F>(callers: usize, caller: impl Fn(Arc<Barrier>, usize) -> F) -> Result<u64>
where
    F: Future<Output = Result<bool>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(callers));
    let mut rush: JoinSet<_> = (0..callers).map(|number| caller(Arc::clone(&barrier), number)).collect();
    let mut through = 0;
    while let Some(caller) = rush.join_next().await {
        through += u64::from(caller??);
    }
    Ok(through)
}
