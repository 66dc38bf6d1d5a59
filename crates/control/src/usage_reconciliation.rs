//! Whether what nodes served is what the ledger holds: hour by hour, four independent counts.
//!
//! *Served* and *sent* are what the nodes say (counted when an event is recorded, and when a batch is confirmed);
//! *ledger* is the sum of the single events; *rolled up* is the sum of the hourly rows. What each difference means:
//! served > sent: events wait in a spool, or a spool lost them; sent > ledger: the ledger lost rows; ledger > served:
//! a node counted less than it sent (its disk was lost, or the power); ledger and rolled up differ: an edit. What it
//! cannot find: a request for which a node never recorded an event at all.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::{Timestamp, ToSpan};
use tenancy::{NodeHour, UsageSum};

use crate::postgres::{ask, change};
use crate::{Backend, Control, ControlError};

/// One hour of all nodes and of the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReconciledHour {
    /// The hour's first instant.
    pub hour_start: Timestamp,
    /// Nodes that told of the hour.
    pub nodes: u64,
    /// When the node that told longest ago did so.
    pub told_at: Option<Timestamp>,
    /// What they answered.
    pub served: UsageSum,
    /// What of it they know to be in the ledger.
    pub sent: UsageSum,
    /// The single events of the ledger.
    pub ledger: UsageSum,
    /// The ledger's hourly sums.
    pub rolled_up: UsageSum,
    /// Tenants whose single events and hourly sum differ.
    pub tenants_differing: u64,
}

/// What is to be thought of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All four counts agree.
    Agrees,
    /// So many events are still on their way; nothing is missing yet.
    Waiting(u64),
    /// No node has told of the hour, or one of them not since it ended.
    Unreported,
    /// So many events, at least one, are on one side only.
    Drift(u64),
}

/// A reconciliation of several hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Hours with usage on any side, oldest first; those of closed days are left out, their single events are gone.
    pub hours: Vec<ReconciledHour>,
    /// Days of tenants whose daily sum is not the sum of their hours.
    pub days_differing: u64,
}

impl Control {
    /// Takes down what a node says of its hours; an hour that was told before is replaced.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn report_node_hours(&self, node: &str, hours: Vec<NodeHour>) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let node = node.to_owned();
                database.write(move |deed| sqlite::report(deed, &node, &hours)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::report(deed, node, &hours)),
        }
    }

    /// Compares the hours that start at `from` or later and before `to`.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn reconcile_usage(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Reconciliation, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database.read(move |reader| sqlite::reconcile(reader, from, to)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::reconcile(reader, from, to))
            }
        }
    }
}

impl ReconciledHour {
    /// What is to be thought of the hour.
    pub fn verdict(&self) -> Verdict {
        let rolled_up_wrongly =
            self.tenants_differing.max(self.ledger.requests.abs_diff(self.rolled_up.requests));
        if rolled_up_wrongly > 0 || self.ledger != self.rolled_up {
            return Verdict::Drift(rolled_up_wrongly.max(1));
        }
        let (served, sent, ledger) = (self.served.requests, self.sent.requests, self.ledger.requests);
        if self.served == self.sent && self.sent == self.ledger {
            Verdict::Agrees
        } else if sent < served && sent <= ledger && ledger <= served {
            Verdict::Waiting(served - sent)
        } else if !self.was_told_after_its_end() && sent <= ledger {
            Verdict::Unreported
        } else {
            let missing = sent.saturating_sub(ledger);
            let unexplained = ledger.saturating_sub(served);
            Verdict::Drift(missing.max(unexplained).max(1))
        }
    }
}

impl ReconciledHour {
    fn was_told_after_its_end(&self) -> bool {
        let end = self.hour_start.checked_add(1.hour()).unwrap_or(Timestamp::MAX);
        self.told_at.is_some_and(|told_at| told_at >= end)
    }
}

impl Reconciliation {
    /// Events that are on one side only, over all hours; 0 when all is well.
    pub fn drift(&self) -> u64 {
        let drift = |hour: &ReconciledHour| match hour.verdict() {
            Verdict::Drift(events) => events,
            Verdict::Agrees | Verdict::Waiting(_) | Verdict::Unreported => 0,
        };
        self.hours.iter().map(drift).sum::<u64>() + self.days_differing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_judged_by_all_four_counts() {
        let sum = |requests| UsageSum { requests, ..UsageSum::default() };
        let check = |told_at, served, sent, ledger, rolled_up, want| {
            let hour = ReconciledHour {
                nodes: 1,
                told_at: Some(Timestamp::from_second(told_at).unwrap()),
                served: sum(served),
                sent: sum(sent),
                ledger: sum(ledger),
                rolled_up: sum(rolled_up),
                ..ReconciledHour::default()
            };
            assert_eq!(hour.verdict(), want, "{served} {sent} {ledger} {rolled_up}");
        };
        check(3_600, 9, 9, 9, 9, Verdict::Agrees);
        check(3_600, 9, 4, 4, 4, Verdict::Waiting(5));
        check(3_600, 9, 4, 6, 6, Verdict::Waiting(5)); // committed, and not yet confirmed
        check(3_600, 9, 0, 0, 0, Verdict::Waiting(9));
        check(3_599, 7, 7, 9, 9, Verdict::Unreported); // told before the hour ended
        check(3_599, 7, 7, 6, 6, Verdict::Drift(1));
        check(3_600, 9, 9, 7, 7, Verdict::Drift(2)); // the ledger lost rows
        check(3_600, 9, 9, 12, 12, Verdict::Drift(3)); // a node counted less than it sent
        check(3_600, 9, 9, 9, 8, Verdict::Drift(1)); // an edit
        let mut hour = ReconciledHour { ledger: sum(9), rolled_up: sum(9), ..ReconciledHour::default() };
        assert_eq!(hour.verdict(), Verdict::Unreported, "nobody told");
        (hour.served, hour.sent, hour.told_at) = (sum(9), sum(9), Some(Timestamp::MAX));
        hour.served.counters.api_calls = 1;
        assert_eq!(hour.verdict(), Verdict::Drift(1), "the same number of events, other counters");
    }
}
