//! Tokens with keys that nobody has seen, each of which could be a reason to ask the identity provider.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use stdx::clock::{Clock, ManualClock, SystemClock};

use super::Plan;
use super::provider::{KEY_ID, Provider};
use super::report::Strangers;
use super::service::{Service, credentials};
use super::timing::at_us;

/// More than the time in which the gateway asks at most once.
const COOLDOWN_MS: i64 = 60_000;

pub(super) async fn measure(plan: &Plan, folder: &Path) -> Result<Strangers> {
    let provider = Provider::start().await?;
    // Stands still: neither the age of the keys nor a slow machine is a reason to ask again.
    let clock = ManualClock::at(SystemClock.now());
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    let service = Service::open(folder, shared, |config| provider.trusted_by(config)).await?;
    let gateway = &service.app.gateway;
    let now_s = clock.now().as_second();
    // The keys are known before the first stranger comes, and old enough to be asked for again.
    gateway.authenticate(&credentials(&provider.authorization(KEY_ID, "ann", now_s)?)).await?;
    clock.advance_ms(COOLDOWN_MS);
    let fetched_before = provider.fetches();

    let (mut taken, mut refused) = (Vec::with_capacity(plan.strangers), 0);
    for number in 0..plan.strangers {
        let token = provider.authorization(&format!("unknown-{number}"), "bo", now_s)?;
        let started = Instant::now();
        let answer = gateway.authenticate(&credentials(&token)).await;
        taken.push(started.elapsed());
        refused += u64::from(answer.is_err());
    }
    let fetches = provider.fetches() - fetched_before;
    service.app.shutdown().await;
    Ok(Strangers {
        tokens: plan.strangers as u64,
        refused,
        fetches,
        refusal_p50_us: at_us(&mut taken, 0.5),
        refusal_p99_us: at_us(&mut taken, 0.99),
    })
}
