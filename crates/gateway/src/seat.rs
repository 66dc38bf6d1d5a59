//! A tenant as the gateway needs it: its status, its limits, its token buckets.

use std::sync::Arc;

use control::{ControlError, TenantWithLimits};
use tenancy::{Limits, RateClass, Slug, Tenant, TenantId, TenantStatus};

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
}

impl Seat {
    pub(crate) fn require_active(&self) -> Result<(), Refusal> {
        match self.tenant.status {
            TenantStatus::Active => Ok(()),
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
            metrics::rate_limited(class);
            match enforcement {
                Enforcement::Off | Enforcement::Measure => Ok(rate),
                Enforcement::Enforce => Err(Refusal::RateLimited { class, retry_after, rate }),
            }
        })
    }
}

impl Gateway {
    /// The tenant a request is for: that of the key, or the one a local caller names.
    pub(crate) async fn seat_of(
        &self,
        principal: &Principal,
        credentials: &Credentials<'_>,
    ) -> Result<Arc<Entry<Seat>>, Refusal> {
        match (principal, credentials.tenant_header) {
            (Principal::TenantKey { tenant, .. }, header) => {
                let seat = self.seat(tenant).await?.ok_or(AuthFailure::UnknownKey)?;
                if seat.value.is_deleted() {
                    return Err(AuthFailure::TenantDeleted.into());
                }
                let named = header.unwrap_or(seat.value.tenant.slug.as_str());
                if named == seat.value.tenant.slug.as_str() {
                    Ok(seat)
                } else {
                    Err(Refusal::ContradictingTenant { named: named.to_owned() })
                }
            }
            (Principal::Local, Some(named)) => {
                let unknown = || Refusal::TenantUnknown { named: named.to_owned() };
                let slug = Slug::parse(named).map_err(|_| unknown())?;
                self.seat_by_slug(&slug).await?.ok_or_else(unknown)
            }
            (Principal::Local, None) => {
                let slug = &self.options.local_tenant;
                let unknown = || Refusal::TenantUnknown { named: slug.as_str().to_owned() };
                self.seat_by_slug(slug).await?.ok_or_else(unknown)
            }
            (Principal::OperatorKey { .. }, _) => Err(Refusal::Forbidden { needed: Needed::TenantKey }),
        }
    }

    async fn seat(&self, id: &TenantId) -> Result<Option<Arc<Entry<Seat>>>, Refusal> {
        let read = || async {
            let found = self.control.tenant_with_limits(id).await?;
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
        Seat { tenant, limits, buckets }
    }
}

/// Nothing could be asked and nothing was remembered.
pub(crate) fn unavailable(error: ControlError) -> Refusal {
    tracing::error!(%error, "a request is refused because the control plane does not answer");
    Refusal::Unavailable { retry_after: crate::admit::RETRY_AFTER_OUTAGE }
}
