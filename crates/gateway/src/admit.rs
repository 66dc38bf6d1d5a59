//! The gateway, which answers one question: may this request be served, or what should its sender do instead.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use metering::Meter;
use stdx::clock::SharedClock;
use tenancy::{Operation, RateLimit, RequestId, Role, Slug, TenantId, Work};
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::address::AddressLimits;
use crate::at_work::AllAtWork;
use crate::authenticate::KnownKey;
use crate::follow::Follower;
use crate::jwt::Issuer;
use crate::last_use::LastUses;
use crate::load::Load;
use crate::membership::MEMBERS_MAX;
use crate::pass::Admitted;
use crate::quota::Calls;
use crate::rate::{RateLimits, RateState};
use crate::rehash::Rehashes;
use crate::remembered::Remembered;
use crate::seat::Seat;
use crate::{
    Credentials, JwksStatus, JwtOptions, Needed, OperatorPass, Pass, Peppers, Principal, Refusal, metrics,
};

/// Keys remembered at once; about 1 KB each.
const KEYS_MAX: u64 = 50_000;
/// Tenants remembered at once; about 1 KB each.
const TENANTS_MAX: u64 = 50_000;
/// When to try again while the control plane is away.
pub(crate) const RETRY_AFTER_OUTAGE: Duration = Duration::from_secs(2);
/// Time between writings of `last_used_at`.
const LAST_USES_EVERY: Duration = Duration::from_secs(10);
/// Time between looks whether the identity provider's keys are due.
const JWKS_LOOK_EVERY: Duration = Duration::from_secs(5);
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
    /// What is done when a tenant's plan allows no more of something.
    pub quotas: Enforcement,
    /// The tenant of local callers that name none.
    pub local_tenant: Slug,
    /// Where tenants have hosts of their own, `<slug>.<domain>`; nowhere when `None`.
    pub domain: Option<String>,
    /// Whose tokens are taken; nobody's when `None`.
    pub jwt: Option<JwtOptions>,
    /// The limit of each client address, in the mode of `rate_limits`; none when `None`.
    pub address_limit: Option<RateLimit>,
    /// Requests one tenant may have at work at once.
    pub at_work_per_tenant_max: usize,
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
    pub(crate) members: Remembered<(TenantId, String), Role>,
    pub(crate) homes: Remembered<String, Vec<TenantId>>,
    pub(crate) issuer: Option<Issuer>,
    pub(crate) rates: RateLimits,
    pub(crate) addresses: AddressLimits,
    pub(crate) at_work: AllAtWork,
    pub(crate) load: Load,
    pub(crate) calls: Calls,
    pub(crate) rehashes: Rehashes,
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
        let issuer = options.jwt.clone().map(|jwt| Issuer::new(jwt, Arc::clone(&clock)));
        let addresses = AddressLimits::default();
        addresses.set(options.address_limit);
        Arc::new(Self {
            control,
            meter,
            peppers,
            clock,
            options,
            keys: Remembered::new(KEYS_MAX),
            seats: Remembered::new(TENANTS_MAX),
            slugs: Remembered::new(TENANTS_MAX),
            members: Remembered::new(MEMBERS_MAX),
            homes: Remembered::new(MEMBERS_MAX),
            issuer,
            rates: RateLimits::default(),
            addresses,
            at_work: AllAtWork::default(),
            load: Load::default(),
            calls: Calls::default(),
            rehashes: Rehashes::default(),
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
            Ok(principal) if principal.is_operator() => Ok(OperatorPass::new(principal, credentials.peer)),
            Ok(_) => Err(Refusal::Forbidden { needed: Needed::OperatorKey }),
            Err(refusal) => Err(refusal),
        };
        decision.inspect_err(metrics::refused)
    }

    /// Lets a client address in before anybody is asked who they are.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`].
    pub fn admit_address(&self, address: IpAddr) -> Result<RateState, Refusal> {
        self.addresses.take(address, self.options.rate_limits).inspect_err(metrics::refused)
    }

    /// Changes the limit of client addresses, from now on.
    pub fn limit_addresses(&self, limit: Option<RateLimit>) {
        self.addresses.set(limit);
    }

    /// Reads the identity provider's keys anew, now; `None` when no provider is configured.
    ///
    /// # Errors
    /// What went wrong, inside the status; the keys known before stay in use.
    pub async fn refresh_jwks(&self) -> Option<JwksStatus> {
        let issuer = self.issuer.as_ref()?;
        // The status has the error.
        let _ = issuer.refresh().await;
        Some(issuer.status())
    }

    /// What is known of the identity provider's keys; `None` when no provider is configured.
    pub fn jwks_status(&self) -> Option<JwksStatus> {
        self.issuer.as_ref().map(Issuer::status)
    }

    /// Whose tokens are taken.
    pub fn jwt_options(&self) -> Option<&JwtOptions> {
        self.issuer.as_ref().map(Issuer::options)
    }

    /// Starts the background work: writing `last_used_at` and new hashes, sweeping, reading the identity provider's
    /// keys. Needs a tokio runtime.
    #[must_use = "dropping the tasks stops them"]
    pub fn start(self: &Arc<Self>) -> GatewayTasks {
        let (writing, sweeping) = (Arc::clone(self), Arc::clone(self));
        let write = async move {
            let mut tick = interval(LAST_USES_EVERY);
            loop {
                tick.tick().await;
                writing.write_last_uses().await;
                writing.write_rehashes().await;
            }
        };
        let sweep = async move {
            let mut tick = interval(SWEEP_EVERY);
            loop {
                tick.tick().await;
                sweeping.rates.sweep();
                sweeping.addresses.sweep();
                sweeping.at_work.sweep();
                sweeping.calls.sweep(sweeping.clock.now_ms());
            }
        };
        let refreshing = Arc::clone(self);
        let refresh = async move {
            let Some(issuer) = &refreshing.issuer else { return };
            let mut tick = interval(JWKS_LOOK_EVERY);
            loop {
                tick.tick().await;
                issuer.refresh_if_due().await;
            }
        };
        GatewayTasks { tasks: vec![tokio::spawn(write), tokio::spawn(sweep), tokio::spawn(refresh)] }
    }

    async fn decide(
        &self,
        request: &RequestId,
        credentials: &Credentials<'_>,
        operation: Operation,
    ) -> Result<Pass, Refusal> {
        let principal = self.authenticate(credentials).await?;
        let (principal, seat) = self.seat_of(principal, credentials, operation).await?;
        let admitted = self.let_in(&principal, &seat.value, operation);
        let pass = Pass::new(self, *request, Arc::clone(&seat), principal, operation);
        match admitted {
            Ok(admitted) => Ok(pass.admitted(admitted)),
            Err(refusal) => {
                pass.settle(refusal.status(), Work::default(), None);
                Err(refusal)
            }
        }
    }

    /// What a known tenant's own state says: status, scope, requests at work, rate, calls of the day.
    fn let_in(
        &self,
        principal: &Principal,
        tenant: &Seat,
        operation: Operation,
    ) -> Result<Admitted, Refusal> {
        tenant.require_open_to(principal)?;
        require_scope(principal, operation)?;
        self.load.admit(principal, operation)?;
        let at_work_max = self.load.at_work_max(&tenant.tenant.id, self.options.at_work_per_tenant_max);
        let place = tenant.at_work.enter(at_work_max)?;
        if principal.is_outsider() {
            return Ok(Admitted { place, rate: RateState::default(), call: None });
        }
        let rate = tenant.take(operation.rate_class(), self.options.rate_limits)?;
        let call = self.reserve_call(&tenant.calls, tenant.limits.api_calls_per_day, operation)?;
        Ok(Admitted { place, rate, call })
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
        Self {
            rate_limits: Enforcement::Enforce,
            quotas: Enforcement::Enforce,
            local_tenant,
            domain: None,
            jwt: None,
            address_limit: None,
            at_work_per_tenant_max: 256,
        }
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
