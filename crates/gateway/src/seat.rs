//! A tenant as the gateway needs it: its status, its limits, its token buckets.

use std::borrow::Cow;
use std::sync::Arc;

use control::{ControlError, TenantWithLimits};
use tenancy::{Limits, Operation, RateClass, Scope, Slug, Tenant, TenantId, TenantStatus};

use crate::at_work::AtWork;
use crate::jwt::User;
use crate::quota::CallsToday;
use crate::rate::{Buckets, RateState, TooEarly};
use crate::refusal::AuthFailure;
use crate::remembered::Entry;
use crate::{Credentials, Enforcement, Gateway, Needed, Principal, Refusal, metrics};

#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) tenant: Tenant,
    pub(crate) limits: Limits,
    /// By rate class, in the order of [`RateClass::ALL`]; `None` is no limit.
    buckets: [Option<Arc<Buckets>>; 3],
    /// Requests at work; shared with the seat this one replaces.
    pub(crate) at_work: AtWork,
    /// Shared with the seat this one replaces.
    pub(crate) calls: Arc<CallsToday>,
}

impl Seat {
    /// A suspended tenant is closed to its own people and open to whoever runs the service.
    pub(crate) fn require_open_to(&self, principal: &Principal) -> Result<(), Refusal> {
        match self.tenant.status {
            TenantStatus::Active => Ok(()),
            TenantStatus::Suspended if principal.is_outsider() => Ok(()),
            // A deleted tenant has no seat to begin with; see `seat_of`.
            TenantStatus::Suspended | TenantStatus::Deleted => Err(Refusal::Suspended),
        }
    }

    fn is_deleted(&self) -> bool {
        self.tenant.status == TenantStatus::Deleted
    }

    fn buckets(&self, class: RateClass) -> Option<&Buckets> {
        let [read, write, search] = &self.buckets;
        match class {
            RateClass::Read => read.as_deref(),
            RateClass::Write => write.as_deref(),
            RateClass::Search => search.as_deref(),
        }
    }

    /// Takes one token of the tenant's bucket, if it has one.
    pub(crate) fn take(&self, class: RateClass, enforcement: Enforcement) -> Result<RateState, Refusal> {
        let Some(buckets) = self.buckets(class).filter(|_| enforcement != Enforcement::Off) else {
            return Ok(RateState::default());
        };
        buckets.take(&self.tenant.id).or_else(|TooEarly { retry_after, rate }| {
            metrics::rate_limited(class.name());
            match enforcement {
                Enforcement::Off | Enforcement::Measure => Ok(rate),
                Enforcement::Enforce => Err(Refusal::RateLimited { class: class.name(), retry_after, rate }),
            }
        })
    }
}

impl Gateway {
    /// The tenant a request is for, and its sender as somebody there: the tenant of the key, the one the request
    /// names, or the only one a person belongs to.
    pub(crate) async fn seat_of(
        &self,
        principal: Principal,
        credentials: &Credentials<'_>,
        operation: Operation,
    ) -> Result<(Principal, Arc<Entry<Seat>>), Refusal> {
        let named = self.named_tenant(credentials)?;
        match principal {
            Principal::TenantKey { ref tenant, .. } => {
                let seat = self.seat(tenant).await?.ok_or(AuthFailure::UnknownKey)?;
                if seat.value.is_deleted() {
                    return Err(AuthFailure::TenantDeleted.into());
                }
                agree(named.as_deref(), &seat.value.tenant.slug)?;
                Ok((principal, seat))
            }
            Principal::Local => {
                let named = named.unwrap_or_else(|| self.options.local_tenant.as_str().into());
                let seat = self.seat_named(&named).await?;
                Ok((principal, seat))
            }
            Principal::User(user) => self.seat_of_user(user, named, operation).await,
            Principal::OperatorKey { .. } => {
                let seat = self.seat_for_operator(named.as_deref(), operation).await?;
                Ok((principal, seat))
            }
            // Made here, never sent.
            Principal::Member { .. } => Err(Refusal::NotAMember),
        }
    }

    async fn seat_of_user(
        &self,
        user: Arc<User>,
        named: Option<Cow<'_, str>>,
        operation: Operation,
    ) -> Result<(Principal, Arc<Entry<Seat>>), Refusal> {
        if let (Some(named), Some(claimed)) = (&named, &user.tenant)
            && **named != **claimed
        {
            return Err(Refusal::ContradictingTenant { named: named.to_string() });
        }
        let seat = match named.as_deref().or(user.tenant.as_deref()) {
            Some(slug) => self.seat_named(slug).await?,
            None if user.operator => return Err(Refusal::TenantRequired),
            None => {
                let home = self.only_home(&user).await?;
                let seat = self.seat(&home).await?.filter(|seat| !seat.value.is_deleted());
                seat.ok_or(Refusal::TenantRequired)?
            }
        };
        match self.as_member(&user, &seat.value.tenant.id).await? {
            Some(member) => Ok((member, seat)),
            None if user.operator => {
                require_administration(operation)?;
                Ok((Principal::User(user), seat))
            }
            None => Err(Refusal::NotAMember),
        }
    }

    async fn seat_for_operator(
        &self,
        named: Option<&str>,
        operation: Operation,
    ) -> Result<Arc<Entry<Seat>>, Refusal> {
        require_administration(operation)?;
        self.seat_named(named.ok_or(Refusal::TenantRequired)?).await
    }

    async fn seat_named(&self, named: &str) -> Result<Arc<Entry<Seat>>, Refusal> {
        let unknown = || Refusal::TenantUnknown { named: named.to_owned() };
        let slug = Slug::parse(named).map_err(|_| unknown())?;
        self.seat_by_slug(&slug).await?.ok_or_else(unknown)
    }

    async fn seat(&self, id: &TenantId) -> Result<Option<Arc<Entry<Seat>>>, Refusal> {
        let read = || async {
            let found = self.control.tenant_with_limits(id).await?;
            if let Some(found) = &found {
                self.learn_calls(found).await;
            }
            Ok(found.map(|found| self.seat_from(found)))
        };
        self.seats.get(id, self.clock.now_ms(), || self.control.announced(), read).await.map_err(unavailable)
    }

    async fn seat_by_slug(&self, slug: &Slug) -> Result<Option<Arc<Entry<Seat>>>, Refusal> {
        let read = || async {
            let found = self.control.tenant_by_slug(slug).await?;
            Ok(found.map(|tenant| tenant.id))
        };
        let now_ms = self.clock.now_ms();
        let id =
            self.slugs.get(slug, now_ms, || self.control.announced(), read).await.map_err(unavailable)?;
        match id {
            Some(id) => Ok(self.seat(&id.value).await?.filter(|seat| !seat.value.is_deleted())),
            None => Ok(None),
        }
    }

    fn seat_from(&self, TenantWithLimits { tenant, limits }: TenantWithLimits) -> Seat {
        let buckets =
            RateClass::ALL.map(|class| limits.rates.of(class).map(|limit| self.rates.buckets(class, limit)));
        // A seat that is read anew goes on counting where the old one stood.
        let at_work = self.at_work.of(&tenant.id);
        let calls = self.calls.of(&tenant.id);
        Seat { tenant, limits, buckets, at_work, calls }
    }
}

/// A request may repeat the tenant of its key, and name no other.
fn agree(named: Option<&str>, own: &Slug) -> Result<(), Refusal> {
    match named {
        Some(named) if named != own.as_str() => Err(Refusal::ContradictingTenant { named: named.to_owned() }),
        Some(_) | None => Ok(()),
    }
}

/// Whoever runs the service manages tenants and reads no memories.
fn require_administration(operation: Operation) -> Result<(), Refusal> {
    match operation.scope() {
        Some(Scope::Admin) => Ok(()),
        Some(_) | None => Err(Refusal::Forbidden { needed: Needed::TenantKey }),
    }
}

/// Nothing could be asked and nothing was remembered.
pub(crate) fn unavailable(error: ControlError) -> Refusal {
    tracing::error!(%error, "a request is refused because the control plane does not answer");
    Refusal::Unavailable { retry_after: crate::admit::RETRY_AFTER_OUTAGE }
}
