//! A scrape of `/metrics`, with one tenant and with many.

use std::time::Instant;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;

use super::Plan;
use super::installation::Installation;
use super::report::{Scrape, Scrapes};
use crate::bench::at_once::for_each;
use crate::bench::load::{Call, Connection, percentile_ms};

pub(super) async fn measure(plan: &Plan, service: &Installation, progress: &ProgressBar) -> Result<Scrapes> {
    let tenants = service.tenants();
    // Whatever a request makes of series is there before the first scrape too.
    tenants.create("alone").await?;
    tenants.store_and_search("alone").await?;
    let alone = scrapes(plan, service).await?;

    progress.set_message("making tenants");
    progress.set_length((plan.tenants + plan.active) as u64);
    for_each(plan.tenants, progress, |number| {
        let tenants = tenants.clone();
        async move { tenants.create(&slug(number)).await }
    })
    .await?;
    progress.set_message("tenants store and search");
    for_each(plan.active.min(plan.tenants), progress, |number| {
        let tenants = tenants.clone();
        async move { tenants.store_and_search(&slug(number)).await }
    })
    .await?;
    progress.set_message("scraping /metrics");
    let among = scrapes(plan, service).await?;
    Ok(Scrapes { alone, among })
}

fn slug(number: usize) -> String {
    format!("tenant-{number}")
}

async fn scrapes(plan: &Plan, service: &Installation) -> Result<Scrape> {
    let mut connection = Connection::open(service.target()).await?;
    let call = Call::get(0, "/metrics");
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for _ in 0..plan.scrapes {
        let started = Instant::now();
        let (status, body) = connection.call(&call).await?;
        taken.push(started.elapsed());
        ensure!(status == 200, "/metrics was answered with {status}");
        bytes = bytes.max(body.len() as u64);
    }
    taken.sort_unstable();
    Ok(Scrape {
        p50_ms: percentile_ms(&taken, 0.5),
        p95_ms: percentile_ms(&taken, 0.95),
        max_ms: percentile_ms(&taken, 1.0),
        bytes,
    })
}
