//! What an operator narrows while the service runs: classes of requests that are shed, and how many requests one tenant
//! may have at work. Of this process, until it ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tenancy::{Operation, RateClass, TenantId};

use crate::{Gateway, Principal, Refusal, metrics};

/// When somebody whose request was shed should try again: operators think in minutes.
const AFTER_SHEDDING: Duration = Duration::from_secs(30);

/// What is narrowed now.
#[derive(Debug, Default)]
pub(crate) struct Load {
    shed: [AtomicBool; 3],
    caps: RwLock<BTreeMap<TenantId, usize>>,
}

impl Load {
    fn class(&self, class: RateClass) -> &AtomicBool {
        let [read, write, search] = &self.shed;
        match class {
            RateClass::Read => read,
            RateClass::Write => write,
            RateClass::Search => search,
        }
    }

    /// Refuses what is shed. Whoever runs the service, and the administration of a tenant, always come through.
    pub(crate) fn admit(&self, principal: &Principal, operation: Operation) -> Result<(), Refusal> {
        let class = operation.rate_class();
        let spared = principal.is_outsider() || operation.is_administration();
        if spared || !self.class(class).load(Ordering::Relaxed) {
            return Ok(());
        }
        metrics::shed(class);
        Err(Refusal::Shed { class: class.name(), retry_after: AFTER_SHEDDING })
    }

    /// Requests `tenant` may have at work, where all may have `usual`.
    pub(crate) fn at_work_max(&self, tenant: &TenantId, usual: usize) -> usize {
        self.caps.read().get(tenant).copied().unwrap_or(usual)
    }
}

impl Gateway {
    /// From now on refuses every request of this class but those of administration.
    pub fn shed(&self, class: RateClass) {
        self.load.class(class).store(true, Ordering::Relaxed);
        metrics::shedding(class, true);
    }

    /// Serves this class again.
    pub fn restore(&self, class: RateClass) {
        self.load.class(class).store(false, Ordering::Relaxed);
        metrics::shedding(class, false);
    }

    /// Classes that are shed.
    pub fn shed_classes(&self) -> Vec<RateClass> {
        RateClass::ALL.into_iter().filter(|class| self.load.class(*class).load(Ordering::Relaxed)).collect()
    }

    /// Gives one tenant a bound of its own for requests at work; `None`: the usual one again.
    pub fn cap(&self, tenant: &TenantId, at_work_max: Option<usize>) {
        let mut caps = self.load.caps.write();
        match at_work_max {
            Some(max) => caps.insert(tenant.clone(), max),
            None => caps.remove(tenant),
        };
    }

    /// Tenants with a bound of their own.
    pub fn caps(&self) -> Vec<(TenantId, usize)> {
        self.load.caps.read().iter().map(|(tenant, max)| (tenant.clone(), *max)).collect()
    }

    /// Requests that a tenant without a bound of its own may have at work.
    pub fn at_work_per_tenant_max(&self) -> usize {
        self.options.at_work_per_tenant_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_shed_is_refused_but_not_to_those_who_run_things() {
        let load = Load::default();
        load.class(RateClass::Write).store(true, Ordering::Relaxed);
        let operator = Principal::OperatorKey { key_id: "key_1".into() };
        for (principal, operation, admitted) in [
            (&Principal::Local, Operation::CreateMemory, false),
            (&Principal::Local, Operation::Search, true),
            (&Principal::Local, Operation::CreateApiKey, true),
            (&operator, Operation::CreateMemory, true),
        ] {
            assert_eq!(load.admit(principal, operation).is_ok(), admitted, "{operation:?}");
        }
    }
}
