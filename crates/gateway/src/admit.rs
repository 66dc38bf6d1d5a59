//! The gateway, which answers one question: may this request be served, or what should its sender do instead.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use metering::Meter;
use stdx::clock::SharedClock;
use tenancy::{Operation, RequestId, Slug, TenantId, Work};
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::authenticate::KnownKey;
use crate::follow::Follower;
use crate::last_use::LastUses;
use crate::rate::RateLimits;
use crate::remembered::Remembered;
use crate::seat::Seat;
use crate::{Credentials, Needed, OperatorPass, Pass, Peppers, Principal, Refusal, metrics};

/// Keys remembered at once; about 1 KB each.
const KEYS_MAX: u64 = 50_000;
/// Tenants remembered at once; about 1 KB each.
const TENANTS_MAX: u64 = 50_000;
/// When to try again while the control plane is away.
pub(crate) const RETRY_AFTER_OUTAGE: Duration = Duration::from_secs(2);
/// Time between writings of `last_used_at`.
const LAST_USES_EVERY: Duration = Duration::from_secs(10);
/// Time between sweeps of full token buckets.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What is done when a tenant asks for more than its plan's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Nothing is looked at.
    Off,
    /// It is counted and shown in the headers, and admitted.
    Measure,
    /// It is refused.
    Enforce,
}

/// How the gateway is set.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// What is done when a tenant asks for more than its plan's rate.
    pub rate_limits: Enforcement,
    /// The tenant of local callers that name none.
    pub local_tenant: Slug,
}

/// Decides who may do what. One per process.
pub struct Gateway {
    pub(crate) control: Arc<Control>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) peppers: Peppers,
    pub(crate) clock: SharedClock,
    pub(crate) options: GatewayOptions,
    pub(crate) keys: Remembered<String, KnownKey>,
    pub(crate) seats: Remembered<TenantId, Seat>,
    pub(crate) slugs: Remembered<Slug, TenantId>,
    pub(crate) rates: RateLimits,
    pub(crate) last_uses: LastUses,
    pub(crate) follower: Follower,
}

/// The background work of a gateway; dropping it stops the work.
#[derive(Debug)]
pub struct GatewayTasks {
    tasks: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// A gateway to the tenants of `control` that records usage with `meter`.
    pub fn new(
        control: Arc<Control>,
        meter: Arc<Meter>,
        peppers: Peppers,
        clock: SharedClock,
        options: GatewayOptions,
    ) -> Arc<Self> {
        let follower = Follower::of(&control);
        Arc::new(Self {
            control,
            meter,
            peppers,
            clock,
            options,
            keys: Remembered::new(KEYS_MAX),
            seats: Remembered::new(TENANTS_MAX),
            slugs: Remembered::new(TENANTS_MAX),
            rates: RateLimits::default(),
            last_uses: LastUses::default(),
            follower,
        })
    }

    /// Admits a request to one operation of one tenant, or says why not.
    ///
    /// # Errors
    /// A [`Refusal`]. Those of a known tenant are on record as usage events that are not charged; those of nobody we
    /// know are a metric only, so junk cannot fill the spool.
    pub async fn admit(
        &self,
        request: &RequestId,
        credentials: &Credentials<'_>,
        operation: Operation,
    ) -> Result<Pass, Refusal> {
        let decision = self.decide(request, credentials, operation).await;
        decision.inspect_err(metrics::refused)
    }

    /// Admits a request that belongs to no tenant: an operator's key, or a process on the local socket.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub async fn admit_operator(&self, credentials: &Credentials<'_>) -> Result<OperatorPass, Refusal> {
        let decision = match self.authenticate(credentials).await {
            Ok(principal @ (Principal::OperatorKey { .. } | Principal::Local)) => {
                Ok(OperatorPass::new(principal, credentials.peer))
            }
            Ok(Principal::TenantKey { .. }) => Err(Refusal::Forbidden { needed: Needed::OperatorKey }),
            Err(refusal) => Err(refusal),
        };
        decision.inspect_err(metrics::refused)
    }

    /// Starts the background work: writing `last_used_at`, sweeping token buckets. Needs a tokio runtime.
    #[must_use = "dropping the tasks stops them"]
    pub fn start(self: &Arc<Self>) -> GatewayTasks {
        let (writing, sweeping) = (Arc::clone(self), Arc::clone(self));
        let write = async move {
            let mut tick = interval(LAST_USES_EVERY);
            loop {
                tick.tick().await;
                writing.write_last_uses().await;
            }
        };
        let sweep = async move {
            let mut tick = interval(SWEEP_EVERY);
            loop {
                tick.tick().await;
                sweeping.rates.sweep();
            }
        };
        GatewayTasks { tasks: vec![tokio::spawn(write), tokio::spawn(sweep)] }
    }

    async fn decide(
        &self,
        request: &RequestId,
        credentials: &Credentials<'_>,
        operation: Operation,
    ) -> Result<Pass, Refusal> {
        let principal = self.authenticate(credentials).await?;
        let seat = self.seat_of(&principal, credentials).await?;
        let tenant = &seat.value;
        let rate = tenant
            .require_active()
            .and_then(|()| require_scope(&principal, operation))
            .and_then(|()| tenant.take(operation.rate_class(), self.options.rate_limits));
        let pass = Pass::new(self, *request, Arc::clone(&seat), principal, operation);
        match rate {
            Ok(rate) => Ok(pass.with_rate(rate)),
            Err(refusal) => {
                pass.settle(refusal.status(), Work::default(), None);
                Err(refusal)
            }
        }
    }
}

impl Drop for GatewayTasks {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Default for GatewayOptions {
    fn default() -> Self {
        let local_tenant = Slug::parse("default").expect("`default` is a DNS label");
        Self { rate_limits: Enforcement::Enforce, local_tenant }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("options", &self.options).finish_non_exhaustive()
    }
}

fn require_scope(principal: &Principal, operation: Operation) -> Result<(), Refusal> {
    match operation.scope() {
        Some(scope) if !principal.scopes().contains(scope) => {
            Err(Refusal::Forbidden { needed: Needed::Scope(scope) })
        }
        Some(_) | None => Ok(()),
    }
}
