//! Whose backup is proven next: overdue ones first, then the extremes, then by chance.

use jiff::{SignedDuration, Timestamp};

/// Every subject is proven at least this often.
const OVERDUE_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A subject that was not proven for this long goes before those by chance, so that nobody gets overdue in the first place.
const DUE_SHARE: f64 = 0.5;

/// A subject whose newest backup could be proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<S> {
    /// Whose.
    pub subject: S,
    /// When the subject was made.
    pub created_at: Timestamp,
    /// Bytes of its newest backup.
    pub bytes: u64,
    /// Schema version of its newest backup.
    pub schema_version: i64,
    /// When one of its backups was proven last.
    pub last_tested_at: Option<Timestamp>,
}

/// At most `count` subjects, or as many more as are overdue: those not proven for 90 days, the newest, the largest, the
/// oldest, the one migrated last, and the rest by the dice of `seed`.
pub fn pick<S: Clone + PartialEq>(
    candidates: &[Candidate<S>],
    count: usize,
    seed: u64,
    now: Timestamp,
) -> Vec<S> {
    let mut picked: Vec<S> = Vec::new();
    let mut take = |candidate: Option<&Candidate<S>>, most: usize| {
        if let Some(candidate) = candidate
            && picked.len() < most
            && !picked.contains(&candidate.subject)
        {
            picked.push(candidate.subject.clone());
        }
        picked.len()
    };
    let waited = |candidate: &Candidate<S>| {
        now.duration_since(candidate.last_tested_at.unwrap_or(candidate.created_at))
    };
    let mut by_wait: Vec<_> = candidates.iter().collect();
    by_wait.sort_by_key(|candidate| std::cmp::Reverse(waited(candidate)));
    for candidate in by_wait.iter().filter(|candidate| waited(candidate) >= OVERDUE_AFTER) {
        take(Some(candidate), usize::MAX);
    }
    take(candidates.iter().max_by_key(|candidate| candidate.created_at), count);
    take(candidates.iter().max_by_key(|candidate| candidate.bytes), count);
    take(candidates.iter().min_by_key(|candidate| candidate.created_at), count);
    take(candidates.iter().max_by_key(|candidate| (candidate.schema_version, candidate.created_at)), count);
    // Half of what is left by how long they waited, so that with enough tests a week nobody becomes overdue.
    let taken = take(None, 0);
    let by_turn = taken + ((count.saturating_sub(taken)) as f64 * DUE_SHARE) as usize;
    for candidate in &by_wait {
        if take(Some(candidate), by_turn) >= by_turn {
            break;
        }
    }
    let mut dice = Dice(seed);
    let mut rest: Vec<_> = candidates.iter().collect();
    while !rest.is_empty() && take(None, 0) < count {
        let at = (dice.roll() % rest.len() as u64) as usize;
        take(Some(rest.swap_remove(at)), count);
    }
    picked
}

/// SplitMix64 (Steele, Lea, Flood, 2014): the same seed picks the same, which a test can repeat.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_second(n * 86_400).unwrap()
    }

    fn candidate(subject: u32, created: i64, bytes: u64, schema: i64, tested: Option<i64>) -> Candidate<u32> {
        let last_tested_at = tested.map(day);
        Candidate { subject, created_at: day(created), bytes, schema_version: schema, last_tested_at }
    }

    #[test]
    fn the_extremes_are_picked_first() {
        let all = [
            candidate(1, 90, 10, 3, Some(99)),
            candidate(2, 80, 900, 3, Some(99)),
            candidate(3, 20, 10, 3, Some(99)),
            candidate(4, 50, 10, 4, Some(99)),
            candidate(5, 50, 10, 3, Some(99)),
        ];
        assert_eq!(pick(&all, 4, 7, day(100)), [1, 2, 3, 4]);
        assert_eq!(pick(&all, 9, 7, day(100)).len(), 5);
        assert_eq!(pick(&all, 0, 7, day(100)), [] as [u32; 0]);
    }

    #[test]
    fn whoever_is_overdue_is_picked_whatever_the_count() {
        let all: Vec<_> = (0..10).map(|n| candidate(n, 0, 1, 1, (n > 4).then_some(95))).collect();
        let picked = pick(&all, 2, 7, day(100));
        assert!((0..5).all(|n| picked.contains(&n)), "{picked:?}");
    }

    #[test]
    fn everybody_has_a_turn_within_ninety_days() {
        let mut all: Vec<_> = (0..100).map(|n| candidate(n, 0, u64::from(n), 1, None)).collect();
        for week in 0..14 {
            let now = day(week * 7);
            for subject in pick(&all, 10, week as u64, now) {
                all[subject as usize].last_tested_at = Some(now);
            }
        }
        assert!(all.iter().all(|candidate| candidate.last_tested_at.is_some()));
    }
}
