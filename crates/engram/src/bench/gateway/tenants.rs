//! Many tenants in one process: what they weigh, and what a warm one notices of the others.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use http::Method;
use indicatif::ProgressBar;
use serde_json::json;
use stdx::clock::SystemClock;

use super::Plan;
use super::report::Tenants;
use super::service::Service;
use super::timing::Timing;
use crate::bench::at_once::for_each;
use crate::bench::load::resident_mib;

pub(super) async fn measure(plan: &Plan, folder: &Path, progress: &ProgressBar) -> Result<Tenants> {
    let service = Service::open(folder, SystemClock::shared(), |config| {
        config.storage.stores_open_max = plan.stores_open_max;
    })
    .await?;
    let service = Arc::new(service);
    let weigh = || resident_mib(std::process::id());
    let key = service.authorization()?;
    let memory = service.remember(&key, "The kettle is in the left cupboard.").await?;
    let timing = Timing { rounds: plan.rounds, calls: plan.calls };
    let warm_get = async || timing.percentile_us(0.95, async || service.get(&key, &memory).await).await;

    warm_get().await?;
    let (get_p95_alone_us, alone_mib) = (warm_get().await?, weigh());

    progress.set_length((plan.tenants + plan.active) as u64);
    let started = Instant::now();
    for_each(plan.tenants, progress, |number| {
        let service = Arc::clone(&service);
        async move { service.create_tenant(&slug(number)).await }
    })
    .await?;
    let (create_seconds, created_mib) = (started.elapsed().as_secs_f64(), weigh());

    let (started, active) = (Instant::now(), plan.active.min(plan.tenants));
    for_each(active, progress, |number| {
        let service = Arc::clone(&service);
        async move { store_and_search(&service, &slug(number)).await }
    })
    .await?;
    let (activate_seconds, active_mib) = (started.elapsed().as_secs_f64(), weigh());

    let stores_open = || service.app.fleet.open_stores().len() as u64;
    let stores_open_after_rush = stores_open();
    // Its store may have been closed for those of others.
    service.get(&key, &memory).await?;
    let get_p95_among_us = warm_get().await?;
    let stores_open_later = stores_open();
    service.app.shutdown().await;
    Ok(Tenants {
        tenants: plan.tenants as u64,
        active: active as u64,
        create_seconds,
        activate_seconds,
        alone_mib,
        created_mib,
        active_mib,
        stores_open_after_rush,
        stores_open_later,
        stores_open_max: service.app.fleet.stores_open_max() as u64,
        get_p95_alone_us,
        get_p95_among_us,
        among_to_alone: get_p95_among_us / get_p95_alone_us,
    })
}

fn slug(number: usize) -> String {
    format!("tenant-{number}")
}

async fn store_and_search(service: &Service, slug: &str) -> Result<()> {
    let key = service.issue_key(slug).await?;
    service.remember(&key, &format!("The harbour of {slug} opens at noon.")).await?;
    let query = json!({ "query": "when does the harbour open?" });
    let found = service.ask(&key, Method::POST, "/v1/search", &query).await?.expect_success()?;
    let items = found["items"].as_array().map_or(0, Vec::len);
    ensure!(items == 1, "{slug} stored one memory and found {items}");
    Ok(())
}
