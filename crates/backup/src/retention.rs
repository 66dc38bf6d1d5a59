//! Which backups may go: a pure plan over a listing.

use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// How many backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The newest of each of so many days that have one.
    pub daily: u32,
    /// The newest of each of so many weeks (from Monday) that have one.
    pub weekly: u32,
    /// The newest of each of so many months that have one.
    pub monthly: u32,
}

/// A backup that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<Id> {
    /// Which.
    pub id: Id,
    /// The moment it shows.
    pub at: Timestamp,
    /// Whether its restore was proven.
    pub verified: bool,
}

/// The backups that may go. Never the newest, and never the newest whose restore was proven, whatever the policy says.
pub fn removals<Id: Clone + Eq + Hash>(backups: &[Kept<Id>], policy: &Policy) -> Vec<Id> {
    let mut newest_first: Vec<_> = backups.iter().collect();
    newest_first.sort_by_key(|backup| std::cmp::Reverse(backup.at));
    let mut kept: HashSet<&Id> = HashSet::new();
    kept.extend(newest_first.first().map(|backup| &backup.id));
    kept.extend(newest_first.iter().find(|backup| backup.verified).map(|backup| &backup.id));
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let week = |at| first_of_week(day(at));
    let month = |at| day(at).first_of_month();
    keep_newest_of_each(&newest_first, policy.daily, day, &mut kept);
    keep_newest_of_each(&newest_first, policy.weekly, week, &mut kept);
    keep_newest_of_each(&newest_first, policy.monthly, month, &mut kept);
    let gone = backups.iter().filter(|backup| !kept.contains(&backup.id));
    gone.map(|backup| backup.id.clone()).collect()
}

fn keep_newest_of_each<'a, Id: Eq + Hash>(
    newest_first: &[&'a Kept<Id>],
    periods_max: u32,
    period_of: impl Fn(Timestamp) -> Date,
    kept: &mut HashSet<&'a Id>,
) {
    let mut periods = BTreeSet::new();
    for backup in newest_first {
        let period = period_of(backup.at);
        if periods.contains(&period) {
            continue;
        }
        if periods.len() as u64 >= u64::from(periods_max) {
            return;
        }
        periods.insert(period);
        kept.insert(&backup.id);
    }
}

fn first_of_week(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(back)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { daily: 7, weekly: 4, monthly: 3 };

    /// Backups by their day (`2026-03-01`, with `!` where verified, `#n` for a second of a day), and those that stay.
    fn check(backups: &str, policy: Policy, stay: &str) {
        let all: Vec<_> = backups
            .split_whitespace()
            .map(|word| {
                let (day, hour) =
                    word.trim_end_matches('!').split_once('#').unwrap_or((word.trim_end_matches('!'), "0"));
                let at = format!("{day}T{:0>2}:00:00Z", hour).parse().unwrap();
                Kept { id: word.trim_end_matches('!'), at, verified: word.ends_with('!') }
            })
            .collect();
        let gone = removals(&all, &policy);
        let left: Vec<_> = all.iter().map(|b| b.id).filter(|id| !gone.contains(id)).collect();
        assert_eq!(left.join(" "), stay, "{backups}");
    }

    #[test]
    fn the_newest_of_days_weeks_and_months_stay() {
        check("", POLICY, "");
        check("2026-03-01", POLICY, "2026-03-01");
        check("2026-03-01#1 2026-03-01#2 2026-03-01#3", POLICY, "2026-03-01#3");
        // 2026-03-02 is a Monday.
        check(
            "2026-03-01 2026-03-02 2026-03-03",
            Policy { daily: 1, weekly: 2, monthly: 0 },
            "2026-03-01 2026-03-03",
        );
        check(
            "2026-01-05 2026-01-31 2026-02-10 2026-02-28 2026-03-03",
            Policy { daily: 1, weekly: 0, monthly: 2 },
            "2026-02-28 2026-03-03",
        );
        check(
            "2026-03-01 2026-03-02 2026-03-03 2026-03-04 2026-03-05",
            Policy { daily: 2, weekly: 0, monthly: 0 },
            "2026-03-04 2026-03-05",
        );
    }

    #[test]
    fn the_newest_and_the_last_verified_always_stay() {
        let none = Policy { daily: 0, weekly: 0, monthly: 0 };
        check("2026-03-01 2026-03-02", none, "2026-03-02");
        check("2026-01-01! 2026-02-01! 2026-03-01 2026-03-02", none, "2026-02-01 2026-03-02");
        check("2026-01-01! 2026-03-01 2026-03-02!", none, "2026-03-02");
    }

    #[test]
    fn a_year_of_days_leaves_days_weeks_and_months() {
        let start: jiff::civil::Date = "2025-11-01".parse().unwrap();
        let days: Vec<_> =
            (0..365).map(|n| start.checked_add(jiff::Span::new().days(n)).unwrap().to_string()).collect();
        let all: Vec<_> = days
            .iter()
            .map(|day| Kept {
                id: day.clone(),
                at: format!("{day}T03:00:00Z").parse().unwrap(),
                verified: false,
            })
            .collect();
        let gone = removals(&all, &POLICY);
        // Seven days, the weeks and months that those do not hold already.
        let left = all.len() - gone.len();
        assert!((7 + 3 + 1..=7 + 3 + 3).contains(&left), "{left}");
        assert!(!gone.contains(days.last().unwrap()));
    }
}
