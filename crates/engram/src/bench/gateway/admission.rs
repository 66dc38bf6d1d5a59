//! What one request pays at the gateway, beside what it pays in all.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, Result};
use control::Actor;
use gateway::{Gateway, Peppers};
use stdx::clock::{Clock, SystemClock};
use tenancy::{Limits, Operation, RateLimit, Rates, RequestId, Slug, Work};

use super::Plan;
use super::provider::{KEY_ID, Provider};
use super::report::Admission;
use super::service::{Service, credentials};
use super::timing::Timing;

/// Limits that are looked at and never reached.
const FAR: u32 = 1_000_000_000;

pub(super) async fn measure(plan: &Plan, folder: &Path) -> Result<Admission> {
    let provider = Provider::start().await?;
    let service = Service::open(folder, SystemClock::shared(), |config| provider.trusted_by(config)).await?;
    limit_far_away(&service).await?;
    let gateway = &service.app.gateway;
    let key = service.authorization()?;
    let memory = service.remember(&key, "The kettle is in the left cupboard.").await?;
    let timing = Timing { rounds: plan.rounds, calls: plan.calls };

    let peppers = Peppers::load_or_create(&folder.join("control/pepper"))?;
    let (version, text) = (peppers.newest(), key.trim_start_matches("Bearer "));
    let hmac_us = timing
        .short_us(async || {
            black_box(peppers.hash(version, black_box(text))).map(drop).context("there is no pepper")
        })
        .await?;
    let key_us = timing.short_us(async || prove(gateway, &key).await).await?;

    let now_s = SystemClock.now().as_second();
    let token = provider.authorization(KEY_ID, "ann", now_s)?;
    let token_us = timing.short_us(async || prove(gateway, &token).await).await?;
    let new_token_us = new_tokens(plan, &service, &provider, now_s).await?;

    let admit_and_settle_us = timing
        .short_us(async || {
            let request = RequestId::at(service.app.clock.now());
            let pass = gateway.admit(&request, &credentials(&key), Operation::GetMemory).await?;
            pass.settle(200, Work::default(), None);
            Ok(())
        })
        .await?;
    let get_us = timing.percentile_us(0.5, async || service.get(&key, &memory).await).await?;
    service.app.shutdown().await;
    Ok(Admission {
        hmac_us,
        key_us,
        key_to_hmac: key_us / hmac_us,
        token_us,
        new_token_us,
        new_token_to_token: new_token_us / token_us,
        admit_and_settle_us,
        get_us,
        admission_share_of_get: admit_and_settle_us / get_us,
    })
}

async fn prove(gateway: &Gateway, authorization: &str) -> Result<()> {
    gateway.authenticate(&credentials(authorization)).await?;
    Ok(())
}

/// Tokens that are each seen once; signed before the time is taken.
async fn new_tokens(plan: &Plan, service: &Service, provider: &Provider, now_s: i64) -> Result<f64> {
    let calls = plan.calls.min(2_000);
    let tokens: Vec<_> = (0..plan.rounds * calls)
        .map(|number| provider.authorization(KEY_ID, &format!("user-{number}"), now_s))
        .collect::<Result<_>>()?;
    let mut unseen = tokens.iter();
    let timing = Timing { rounds: plan.rounds, calls };
    timing
        .percentile_us(0.5, async || {
            let token = unseen.next().context("there are fewer tokens than calls")?;
            prove(&service.app.gateway, token).await
        })
        .await
}

/// So that the token buckets and the daily count are in the path, as for a customer.
async fn limit_far_away(service: &Service) -> Result<()> {
    let far = NonZeroU32::new(FAR).map(|far| RateLimit { per_second: far, burst: far });
    let limits = Limits {
        rates: Rates { read: far, write: far, search: far },
        api_calls_per_day: Some(u64::from(FAR)),
        ..Limits::default()
    };
    let slug = Slug::parse("default")?;
    service.app.control.set_tenant_limits(&slug, limits, &Actor::system()).await?;
    Ok(())
}
