//! Who is admitted, who is refused and why, and what is on record afterwards.

mod algorithms;
mod changes;
mod keys;
mod naming;
mod overload;
mod quotas;
mod rates;
mod rotation;
mod tenants;
mod tokens;
mod usage;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use control::{Actor, Control, KeyOwner, NewTenant};
use gateway::{
    Credentials, Enforcement, Gateway, GatewayOptions, IssuedKey, NewKey, Pass, Peer, Peppers, Refusal,
};
use jiff::Timestamp;
use metering::{Meter, MeterOptions};
use stdx::clock::{Clock, ManualClock};
use tempfile::TempDir;
use tenancy::{
    Environment, Operation, PlanName, RequestId, Scopes, Slug, Tenant, TenantKind, UsageEvent, Work,
};

/// 2026-11-23T10:00:00Z.
const START_MS: i64 = 1_795_428_000_000;

struct World {
    control: Arc<Control>,
    meter: Arc<Meter>,
    gateway: Arc<Gateway>,
    peppers: Peppers,
    clock: Arc<ManualClock>,
    by: Actor,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(Enforcement::Enforce).await
    }

    async fn with(rate_limits: Enforcement) -> Self {
        Self::with_options(GatewayOptions { rate_limits, ..GatewayOptions::default() }).await
    }

    async fn with_options(options: GatewayOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_millisecond(START_MS).unwrap());
        let path = folder.path().join("control/control.db");
        let control = Arc::new(Control::open(&path, clock.clone(), Environment::Dev).await.unwrap());
        let meter = Meter::open(
            &folder.path().join("spool"),
            control.clone(),
            MeterOptions::default(),
            clock.clone(),
        )
        .unwrap();
        let peppers = Peppers::load_or_create(&folder.path().join("control/pepper")).unwrap();
        let gateway = Gateway::new(control.clone(), meter.clone(), peppers.clone(), clock.clone(), options);
        Self { control, meter, gateway, peppers, clock, by: Actor::system(), folder }
    }

    /// A second gateway over the same control plane and spool, as after a restart.
    fn gateway_again(&self, options: GatewayOptions) -> Arc<Gateway> {
        self.gateway_with(self.peppers.clone(), options)
    }

    /// The same with other peppers.
    fn gateway_with(&self, peppers: Peppers, options: GatewayOptions) -> Arc<Gateway> {
        let (control, meter, clock) = (self.control.clone(), self.meter.clone(), self.clock.clone());
        Gateway::new(control, meter, peppers, clock, options)
    }

    async fn tenant(&self, slug: &str) -> Tenant {
        self.tenant_on(slug, "unlimited", TenantKind::Live).await
    }

    async fn tenant_on(&self, slug: &str, plan: &str, kind: TenantKind) -> Tenant {
        let new = NewTenant {
            slug: Slug::parse(slug).unwrap(),
            name: slug.to_owned(),
            kind,
            plan: PlanName::new(plan),
            owner: None,
        };
        self.control.create_tenant(new, &self.by).await.unwrap()
    }

    async fn key(&self, owner: KeyOwner, scopes: Scopes) -> IssuedKey {
        let new = NewKey { owner, scopes, name: "test".to_owned(), expires_at: None };
        self.gateway.issue_key(new, &self.by).await.unwrap()
    }

    async fn tenant_key(&self, slug: &str) -> (Tenant, IssuedKey) {
        let tenant = self.tenant(slug).await;
        let key = self.key(KeyOwner::Tenant(tenant.id.clone()), Scopes::DEFAULT).await;
        (tenant, key)
    }

    fn request(&self) -> RequestId {
        RequestId::at(self.clock.now())
    }

    async fn admit(&self, credentials: &Credentials<'_>, operation: Operation) -> Result<Pass, Refusal> {
        self.gateway.admit(&self.request(), credentials, operation).await
    }

    /// Whether a search with that key is admitted: `"ok"`, or the code of the refusal.
    async fn search(&self, key: &str) -> &'static str {
        outcome(self.admit(&with_key(key), Operation::Search).await)
    }

    async fn on_record(&self, request: &RequestId) -> Option<UsageEvent> {
        assert_eq!(self.meter.drain(Duration::from_secs(5)).await, 0);
        self.control.usage_event(*request).await.unwrap()
    }
}

fn with_key(key: &str) -> Credentials<'_> {
    Credentials { x_api_key: Some(key), ..Credentials::none(Peer::Network(Ipv4Addr::LOCALHOST.into())) }
}

fn outcome(admitted: Result<Pass, Refusal>) -> &'static str {
    match admitted {
        Ok(pass) => {
            pass.settle(200, Work::default(), None);
            "ok"
        }
        Err(refusal) => refusal.code(),
    }
}
