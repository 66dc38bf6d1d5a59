//! Changes of this process that its own followers have yet to hear of: each is told once, by whoever made it or, when
//! that one has stopped waiting or never saw its COMMIT answered, by whoever finds it in the database.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::Change;
use crate::changes::Feed;

/// A change with its number in the database.
pub(super) type Numbered = (i64, Change);

/// The numbers of changes whose COMMIT was sent and that were not told here.
#[derive(Debug, Default)]
pub(super) struct Owed {
    // Held while a change is told: whoever finds it settled knows that it was told, not only that it will be.
    revisions: Mutex<BTreeSet<i64>>,
}

/// Where a change in the database comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// From this process.
    Own(Numbered),
    /// From another one.
    Foreign(Change),
}

impl Owed {
    /// Before COMMIT is sent.
    pub(super) fn owe(&self, changes: &[Numbered]) {
        self.revisions.lock().extend(changes.iter().map(|(revision, _)| revision));
    }

    /// After COMMIT was answered.
    pub(super) fn settle(&self, changes: Vec<Numbered>, feed: &Feed) {
        let mut owed = self.revisions.lock();
        feed.publish(changes.into_iter().filter_map(|own| still_owed(&mut owed, own)).collect());
    }

    /// What the database holds up to `newest`, in its order.
    pub(super) fn settle_found(&self, found: Vec<Found>, newest: i64, feed: &Feed) {
        let mut owed = self.revisions.lock();
        let told = found.into_iter().filter_map(|found| match found {
            Found::Own(own) => still_owed(&mut owed, own),
            Found::Foreign(change) => Some(change),
        });
        feed.publish(told.collect());
        forget(&mut owed, newest);
    }

    /// More up to `newest` than can be told one by one.
    pub(super) fn settle_all(&self, newest: i64, feed: &Feed) {
        let mut owed = self.revisions.lock();
        feed.publish(vec![Change::Everything]);
        forget(&mut owed, newest);
    }
}

fn still_owed(owed: &mut BTreeSet<i64>, (revision, change): Numbered) -> Option<Change> {
    owed.remove(&revision).then_some(change)
}

/// Numbers of transactions that failed are given again, to changes that are owed anew.
fn forget(owed: &mut BTreeSet<i64>, newest: i64) {
    *owed = owed.split_off(&newest.saturating_add(1));
}

#[cfg(test)]
mod tests {
    use tenancy::PlanName;

    use super::*;

    fn plan(revision: i64) -> Numbered {
        (revision, Change::Plan { name: PlanName::new(&revision.to_string()) })
    }

    /// Runs `deeds` in order and returns what was told: `c` commits are answered, `f` found in the database.
    fn told(owed: &[i64], deeds: &[(char, &[i64])]) -> Vec<String> {
        let (state, feed) = (Owed::default(), Feed::default());
        let mut changes = feed.follow();
        state.owe(&owed.iter().map(|n| plan(*n)).collect::<Vec<_>>());
        for (deed, revisions) in deeds {
            let numbered: Vec<_> = revisions.iter().map(|n| plan(*n)).collect();
            match deed {
                'c' => state.settle(numbered, &feed),
                'f' => {
                    let newest = *revisions.last().unwrap();
                    state.settle_found(numbered.into_iter().map(Found::Own).collect(), newest, &feed);
                }
                'o' => {
                    let found = numbered.into_iter().map(|(_, change)| Found::Foreign(change)).collect();
                    state.settle_found(found, *revisions.last().unwrap(), &feed);
                }
                'e' => state.settle_all(revisions[0], &feed),
                _ => panic!("{deed}"),
            }
        }
        std::iter::from_fn(|| changes.take())
            .map(|change| match change {
                Change::Plan { name } => name.as_str().to_owned(),
                Change::Everything => "everything".to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn each_own_change_is_told_once() {
        for (owed, deeds, want) in [
            (&[1, 2][..], &[('c', &[1, 2][..]), ('f', &[1, 2])][..], &["1", "2"][..]),
            (&[1], &[('f', &[1]), ('c', &[1])], &["1"]),
            // Nobody waited for its COMMIT.
            (&[1], &[('f', &[1])], &["1"]),
            // Its COMMIT failed, and the number went to somebody else.
            (&[1], &[('o', &[1])], &["1"]),
            (&[1, 2], &[('e', &[1]), ('c', &[1]), ('c', &[2])], &["everything", "2"]),
            (&[], &[('f', &[1])], &[]),
        ] {
            assert_eq!(told(owed, deeds), want, "{owed:?} {deeds:?}");
        }
    }
}
