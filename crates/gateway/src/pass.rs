//! The proof that a request was admitted, and the usage event it ends in.

use std::sync::Arc;

use control::Actor;
use metering::Meter;
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use tenancy::{Counters, Limits, Operation, RequestId, Scopes, Slug, Tenant, TenantId, UsageEvent, Work};

use crate::at_work::Place;
use crate::quota::Reserved;
use crate::rate::RateState;
use crate::remembered::Entry;
use crate::seat::Seat;
use crate::{Gateway, Peer, Principal};

/// One admitted request of one tenant. Only [`Gateway::admit`] makes it.
///
/// It ends in [`settle`](Self::settle); a pass that is dropped before (a panic, a client that went away) is recorded
/// with status 500 and charged for no more than what [`stays`](Self::stays) stored. Work that must be charged therefore
/// is noted, or settles, before anything can cancel it.
#[must_use = "an admitted request is settled"]
pub struct Pass {
    request_id: RequestId,
    seat: Arc<Entry<Seat>>,
    principal: Principal,
    operation: Operation,
    rate: RateState,
    /// Held until the request ends.
    place: Option<Place>,
    call: Option<Reserved>,
    meter: Arc<Meter>,
    clock: SharedClock,
    /// What is stored by now, and stays if the request fails after that.
    stays: Mutex<Work>,
    settled: Settled,
}

/// The proof that an operator is asking. Only [`Gateway::admit_operator`] makes it.
#[derive(Debug)]
pub struct OperatorPass {
    principal: Principal,
    peer: Peer,
}

/// What an admitted request holds.
pub(crate) struct Admitted {
    pub(crate) place: Place,
    pub(crate) rate: RateState,
    pub(crate) call: Option<Reserved>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Not,
    Yes,
}

impl Pass {
    pub(crate) fn new(
        gateway: &Gateway,
        request_id: RequestId,
        seat: Arc<Entry<Seat>>,
        principal: Principal,
        operation: Operation,
    ) -> Self {
        Self {
            request_id,
            seat,
            principal,
            operation,
            rate: RateState::default(),
            place: None,
            call: None,
            meter: Arc::clone(&gateway.meter),
            clock: Arc::clone(&gateway.clock),
            stays: Mutex::default(),
            settled: Settled::Not,
        }
    }

    pub(crate) fn admitted(mut self, admitted: Admitted) -> Self {
        let Admitted { place, rate, call } = admitted;
        (self.place, self.rate, self.call) = (Some(place), rate, call);
        self
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// The tenant whose memories may be touched.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant_record().id
    }

    /// The tenant's slug.
    pub fn slug(&self) -> &Slug {
        &self.tenant_record().slug
    }

    /// The tenant, as it was when the request was admitted.
    pub fn tenant_record(&self) -> &Tenant {
        &self.seat.value.tenant
    }

    /// What the tenant's plan allows.
    pub fn limits(&self) -> &Limits {
        &self.seat.value.limits
    }

    /// Who is asking.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What they may do.
    pub fn scopes(&self) -> Scopes {
        self.principal.scopes()
    }

    /// What they were admitted to do, and nothing else.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// For the rate headers of the answer.
    pub fn rate(&self) -> &RateState {
        &self.rate
    }

    /// Notes what a request in several steps has stored by now. If it fails after that, this is what its event counts.
    pub fn stays(&self, work: Work) {
        *self.stays.lock() = work;
    }

    /// Ends the request: records its usage event, once. Call it before the answer leaves.
    ///
    /// `status` is the HTTP status of the answer, `work` what was done, `workspace` the one the request named.
    pub fn settle(mut self, status: u16, work: Work, workspace: Option<&str>) {
        self.record(status, work, workspace);
    }

    /// What the tenant is charged. Whoever runs the service works on a tenant's account, not on its bill.
    fn counters(&self, status: u16, work: Work) -> Counters {
        if self.principal.is_outsider() {
            return Counters::default();
        }
        charge(self.operation, status, work, *self.stays.lock())
    }

    fn record(&mut self, status: u16, work: Work, workspace: Option<&str>) {
        self.settled = Settled::Yes;
        let event = UsageEvent {
            request_id: self.request_id,
            tenant_id: self.tenant().clone(),
            workspace: workspace.map(str::to_owned),
            route: self.operation.name().to_owned(),
            status,
            counters: self.counters(status, work),
            occurred_at: self.clock.now(),
        };
        // A disk that refuses is the meter's to tell; the request has been served.
        let record = || _ = self.meter.record(&event);
        match self.call.take() {
            Some(call) => {
                call.settle(event.counters.api_calls > 0, event.occurred_at.as_millisecond(), record);
            }
            None => record(),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.settled == Settled::Not {
            self.record(500, Work::default(), None);
        }
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass")
            .field("request_id", &self.request_id)
            .field("tenant", self.tenant())
            .field("principal", &self.principal)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl OperatorPass {
    pub(crate) fn new(principal: Principal, peer: Peer) -> Self {
        Self { principal, peer }
    }

    /// Who is asking.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name and address under which the audit log knows them.
    pub fn actor(&self) -> Actor {
        let actor = self.principal.actor();
        match self.peer {
            Peer::Network(address) => actor.from_address(address),
            Peer::LocalSocket => actor,
        }
    }
}

/// What an answer costs: success counts all its work, the caller's mistake one call, our refusals (quota, status,
/// rate) and our own failures none. What stays stored is counted in any case.
fn charge(operation: Operation, status: u16, work: Work, stays: Work) -> Counters {
    let failed = Counters { search_queries: 0, ..operation.counters(stays) };
    match status {
        402 | 403 | 429 | 500.. => Counters { api_calls: 0, ..failed },
        400..500 => Counters { api_calls: 1, ..failed },
        0..400 => operation.counters(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_and_the_callers_mistakes_are_charged_and_our_refusals_are_not() {
        let work = Work { memories_created: 7, storage_bytes_delta: 900 };
        for (operation, status, want) in [
            (Operation::CreateMemoryBatch, 201, (1, 0, 7, 900)),
            (Operation::Search, 200, (1, 1, 0, 0)),
            (Operation::GetMemory, 200, (1, 0, 0, 0)),
            (Operation::GetMemory, 304, (1, 0, 0, 0)),
            (Operation::Search, 400, (1, 0, 0, 0)),
            (Operation::GetMemory, 404, (1, 0, 0, 0)),
            (Operation::CreateMemory, 409, (1, 0, 0, 0)),
            (Operation::CreateMemory, 402, (0, 0, 0, 0)),
            (Operation::CreateMemory, 403, (0, 0, 0, 0)),
            (Operation::CreateMemory, 429, (0, 0, 0, 0)),
            (Operation::CreateMemory, 500, (0, 0, 0, 0)),
            (Operation::CreateMemory, 507, (0, 0, 0, 0)),
        ] {
            let got = charge(operation, status, work, Work::default());
            let got = (got.api_calls, got.search_queries, got.memories_created, got.storage_bytes_delta);
            assert_eq!(got, want, "{operation:?} {status}");
        }
    }

    #[test]
    fn what_stays_stored_is_counted_whatever_the_answer() {
        let work = Work { memories_created: 7, storage_bytes_delta: 900 };
        let stays = Work { memories_created: 2, storage_bytes_delta: -30 };
        for (operation, status, want) in [
            (Operation::ImportMemories, 200, (1, 7, 900)),
            (Operation::ImportMemories, 400, (1, 2, -30)),
            (Operation::ImportMemories, 402, (0, 2, -30)),
            (Operation::ImportMemories, 500, (0, 2, -30)),
            (Operation::DeleteMemoriesByFilter, 503, (0, 0, -30)),
        ] {
            let got = charge(operation, status, work, stays);
            let got = (got.api_calls, got.memories_created, got.storage_bytes_delta);
            assert_eq!(got, want, "{operation:?} {status}");
        }
    }
}
