//! Which backup a restore takes: a pure choice from a listing.

use jiff::Timestamp;

use crate::BackupId;

/// Which backup is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Id(BackupId),
    /// The newest that shows a moment before this.
    Before(Timestamp),
    /// The newest.
    Latest,
    /// The newest whose restore was proven.
    LatestVerified,
}

/// A backup that can be chosen.
pub trait Choosable {
    /// Which it is.
    fn id(&self) -> &str;
    /// The moment it shows.
    fn at(&self) -> Timestamp;
    /// Whether its restore was proven.
    fn is_verified(&self) -> bool;
}

/// The backup that is wanted.
///
/// # Errors
/// A sentence that says what there is instead.
pub fn choose<'a, B: Choosable>(backups: &'a [B], which: &Which) -> Result<&'a B, String> {
    let newest =
        |fits: &dyn Fn(&B) -> bool| backups.iter().filter(|backup| fits(backup)).max_by_key(|b| b.at());
    let oldest = backups.iter().map(Choosable::at).min();
    let (Some(oldest), Some(latest)) = (oldest, newest(&|_| true)) else {
        return Err("there is no backup yet; make one with `engram backup create`".to_owned());
    };
    match which {
        Which::Id(id) => backups
            .iter()
            .find(|backup| backup.id() == id.as_str())
            .ok_or_else(|| format!("there is no backup {id}; `engram backup list` names those there are")),
        Which::Before(time) => newest(&|backup| backup.at() < *time)
            .ok_or_else(|| format!("no backup is older than {time}; the oldest is of {oldest}")),
        Which::Latest => Ok(latest),
        Which::LatestVerified => newest(&|backup| backup.is_verified()).ok_or_else(|| {
            "no backup was proven by a restore test yet; run `engram restore-test run`, or name one with --backup"
                .to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(&'static str, i64, bool);

    impl Choosable for Fake {
        fn id(&self) -> &str {
            self.0
        }

        fn at(&self) -> Timestamp {
            Timestamp::from_second(self.1).unwrap()
        }

        fn is_verified(&self) -> bool {
            self.2
        }
    }

    fn check(which: Which, want: Result<&str, &str>) {
        let all = [Fake("a", 10, true), Fake("c", 30, false), Fake("b", 20, true)];
        match (choose(&all, &which), want) {
            (Ok(found), Ok(want)) => assert_eq!(found.id(), want),
            (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
            (found, want) => panic!("{which:?}: {:?} instead of {want:?}", found.map(Choosable::id)),
        }
    }

    #[test]
    fn the_wanted_one_is_chosen_or_the_reason_is_told() {
        check(Which::Latest, Ok("c"));
        check(Which::LatestVerified, Ok("b"));
        check(Which::Before(Timestamp::from_second(20).unwrap()), Ok("a"));
        check(Which::Before(Timestamp::from_second(21).unwrap()), Ok("b"));
        check(Which::Before(Timestamp::from_second(10).unwrap()), Err("the oldest is of 1970"));
        let unknown = BackupId::parse(&format!("bkp_{}", "0".repeat(32))).unwrap();
        check(Which::Id(unknown), Err("there is no backup bkp_0"));
        assert!(choose(&[] as &[Fake], &Which::Latest).is_err());
        assert!(choose(&[Fake("a", 1, false)], &Which::LatestVerified).is_err());
    }
}
