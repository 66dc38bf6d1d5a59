//! What this node served and sent, hour by hour: the node's side of a reconciliation.
//!
//! The counts are written into the cursor's file, together with the place in the spool up to which they count
//! events as served. After a crash the events from there on are counted from the spool itself, so no event of the
//! spool is missing from them or in them twice. What was refused by the disk and then died with the process is not.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use tenancy::{Counters, NodeHour, UsageEvent, UsageSum};

/// An hour that was sent in full is remembered this long: later than any reconciliation looks back.
const HOURS_REMEMBERED: i64 = 7 * 24;
/// Hours remembered at most; a clock that runs wild fills no disk.
const HOURS_MAX: usize = 1_000;
const SECONDS_PER_HOUR: i64 = 3_600;

/// Counts by hour since 1970 in UTC.
#[derive(Debug, Default, Clone)]
pub(crate) struct Hours {
    hours: BTreeMap<i64, Hour>,
}

/// The events of one batch, by hour.
#[derive(Debug, Default)]
pub(crate) struct SentHours(BTreeMap<i64, UsageSum>);

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Hour {
    served: UsageSum,
    sent: UsageSum,
}

impl SentHours {
    pub(crate) fn of(events: &[UsageEvent]) -> Self {
        let mut hours: BTreeMap<i64, UsageSum> = BTreeMap::new();
        for event in events {
            *hours.entry(hour_number(event)).or_default() += UsageSum::of(event);
        }
        Self(hours)
    }
}

impl Hours {
    pub(crate) fn add_served(&mut self, event: &UsageEvent) {
        self.hours.entry(hour_number(event)).or_default().served += UsageSum::of(event);
    }

    pub(crate) fn add_sent(&mut self, sent: &SentHours) {
        for (hour, sum) in &sent.0 {
            self.hours.entry(*hour).or_default().sent += *sum;
        }
        self.forget();
    }

    /// Every hour that is remembered, oldest first.
    pub(crate) fn list(&self) -> Vec<NodeHour> {
        let start = |hour: i64| Timestamp::from_second(hour * SECONDS_PER_HOUR).unwrap_or_default();
        let hours = self.hours.iter();
        hours.map(|(&hour, h)| NodeHour { hour_start: start(hour), served: h.served, sent: h.sent }).collect()
    }

    /// One line an hour: its number, five numbers served, five numbers sent.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (hour, Hour { served, sent }) in &self.hours {
            let _ = write!(text, "{hour}");
            for UsageSum { requests, counters: c } in [served, sent] {
                let (calls, searches, created) = (c.api_calls, c.search_queries, c.memories_created);
                let _ = write!(text, " {requests} {calls} {searches} {created} {}", c.storage_bytes_delta);
            }
            text.push('\n');
        }
        text
    }

    /// The counts of a text, or `None` when it is not one.
    pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut hours = BTreeMap::new();
        for line in lines {
            let mut words = line.split(' ');
            let hour = words.next()?.parse().ok()?;
            let (served, sent) = (sum(&mut words)?, sum(&mut words)?);
            hours.insert(hour, Hour { served, sent });
        }
        Some(Self { hours })
    }

    fn forget(&mut self) {
        let Some(newest) = self.hours.keys().next_back().copied() else { return };
        self.hours.retain(|hour, counted| newest - hour < HOURS_REMEMBERED || counted.served != counted.sent);
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
    }
}

fn sum<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<UsageSum> {
    let mut count = || words.next()?.parse::<u64>().ok();
    let (requests, api_calls, search_queries, memories_created) = (count()?, count()?, count()?, count()?);
    let storage_bytes_delta = words.next()?.parse().ok()?;
    let counters = Counters { api_calls, search_queries, memories_created, storage_bytes_delta };
    Some(UsageSum { requests, counters })
}

fn hour_number(event: &UsageEvent) -> i64 {
    event.occurred_at.as_second().div_euclid(SECONDS_PER_HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenancy::{RequestId, TenantId};

    fn event(hour: i64) -> UsageEvent {
        let occurred_at = Timestamp::from_second(hour * SECONDS_PER_HOUR + 59 * 60).unwrap();
        let request_id = RequestId::at(occurred_at);
        UsageEvent {
            tenant_id: TenantId::from_uuid(request_id.as_uuid()),
            request_id,
            workspace: None,
            route: "search".to_owned(),
            status: 200,
            counters: Counters { api_calls: 1, storage_bytes_delta: -7, ..Counters::default() },
            occurred_at,
        }
    }

    #[test]
    fn counts_read_back_as_they_were_written() {
        let mut hours = Hours::default();
        for hour in [10, 10, 11, -1] {
            hours.add_served(&event(hour));
        }
        hours.add_sent(&SentHours::of(&[event(10), event(11)]));
        let text = hours.to_text();
        assert_eq!(text, "-1 1 1 0 0 -7 0 0 0 0 0\n10 2 2 0 0 -14 1 1 0 0 -7\n11 1 1 0 0 -7 1 1 0 0 -7\n");
        assert_eq!(Hours::parse(text.lines()).unwrap().list(), hours.list());
        for wrong in ["10", "10 1 1 1 1 1", "x 1 1 1 1 1 1 1 1 1 1", "10 -1 1 1 1 1 1 1 1 1 1"] {
            assert!(Hours::parse(wrong.lines()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn an_hour_that_was_sent_is_forgotten_after_a_week_and_one_that_waits_is_not() {
        let mut hours = Hours::default();
        let (sent, waiting, newest) = (event(0), event(1), event(HOURS_REMEMBERED));
        for event in [&sent, &waiting, &newest] {
            hours.add_served(event);
        }
        hours.add_sent(&SentHours::of(&[sent, newest]));
        let left: Vec<_> = hours.list().iter().map(|h| h.hour_start.as_second() / SECONDS_PER_HOUR).collect();
        assert_eq!(left, [1, HOURS_REMEMBERED]);
    }
}
