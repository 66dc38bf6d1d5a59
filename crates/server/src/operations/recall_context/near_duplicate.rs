//! Whether two memories say the same thing in nearly the same words.

use embedding::StaticModel;
use engine::Memory;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Share of all their pieces that two texts have in common from where on they say the same (Jaccard's coefficient).
const COMMON_SHARE_MIN: f64 = 0.8;
/// Two texts that differ by one of these say opposite things.
const NEGATIONS: &[&str] = &["not", "no", "never", "without", "neither", "nor", "cannot", "t"];
const UNKNOWN: &str = "[UNK]";

/// What is compared of a memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saying {
    /// Pieces of the text without punctuation, ascending, each once.
    pieces: Vec<u32>,
    /// Whether something in the text has no piece of its own; such texts are the same only word for word.
    has_unknown: bool,
    text: String,
    actor: Option<String>,
    /// The day it happened, if that is known.
    day: Option<Date>,
}

impl Saying {
    pub(super) fn of(memory: &Memory) -> Self {
        let wordpiece = StaticModel::shared().wordpiece();
        let name = |piece: u32| wordpiece.vocabulary().piece(piece).unwrap_or_default();
        let mut pieces = wordpiece.pieces(&memory.content);
        pieces.sort_unstable();
        pieces.dedup();
        let has_unknown = pieces.iter().any(|piece| name(*piece) == UNKNOWN);
        pieces.retain(|piece| name(*piece).contains(char::is_alphanumeric));
        let words: Vec<_> = memory.content.split_whitespace().collect();
        Self {
            pieces,
            has_unknown,
            text: words.join(" ").to_lowercase(),
            actor: memory.actor.clone(),
            day: memory.event_time.map(|time| time.to_zoned(TimeZone::UTC).date()),
        }
    }

    /// Whether one of the two is enough. What another person said, what happened on another day, and what differs in a
    /// number or a negation is something else.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        let is_another_day = self.day.is_some() && other.day.is_some() && self.day != other.day;
        if self.actor != other.actor || is_another_day {
            return false;
        }
        if self.text == other.text {
            return true;
        }
        if self.has_unknown || other.has_unknown {
            return false;
        }
        let (common, differing) = compare(&self.pieces, &other.pieces);
        let share = common as f64 / (common + differing.len()).max(1) as f64;
        share >= COMMON_SHARE_MIN && !differing.iter().any(|piece| changes_the_meaning(*piece))
    }
}

/// How many pieces are in both, and those that are in one alone.
fn compare(one: &[u32], other: &[u32]) -> (usize, Vec<u32>) {
    let in_both = |piece: &&u32| other.binary_search(piece).is_ok();
    let common = one.iter().filter(in_both).count();
    let only_here = one.iter().filter(|piece| !in_both(piece));
    let only_there = other.iter().filter(|piece| one.binary_search(piece).is_err());
    (common, only_here.chain(only_there).copied().collect())
}

fn changes_the_meaning(piece: u32) -> bool {
    let name = StaticModel::shared().wordpiece().vocabulary().piece(piece).unwrap_or_default();
    NEGATIONS.contains(&name) || name.contains(|character: char| character.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::super::sample::memory;
    use super::*;

    fn check(one: &str, other: &str, is_the_same: bool) {
        let (one, other) = (Saying::of(&memory(1, one)), Saying::of(&memory(2, other)));
        assert_eq!(one.says_the_same_as(&other), is_the_same, "{one:?} {other:?}");
        assert_eq!(other.says_the_same_as(&one), is_the_same);
    }

    #[test]
    fn small_changes_of_wording_say_the_same() {
        check("We deploy on Fridays.", "we deploy  on fridays", true);
        check(
            "Anna prefers green tea to coffee in the morning.",
            "Anna prefers green tea to coffee in the mornings",
            true,
        );
        check("We deploy on Fridays.", "Caroline moved to Lisbon.", false);
        check("Anna prefers tea to coffee.", "Anna prefers juice to coffee.", false);
    }

    #[test]
    fn numbers_negations_and_blobs_are_looked_at_closely() {
        let budget = |amount| {
            format!("The budget of the conference in Lisbon next spring is {amount} euros for travel")
        };
        check(&budget("4000"), &budget("5000"), false);
        let release =
            |can| format!("The release of the mobile application on Friday {can} wait for the design team");
        check(&release("can"), &release("cannot"), false);
        check(&"A".repeat(200), &"B".repeat(200), false);
        check(&"A".repeat(200), &"A".repeat(200), true);
    }

    #[test]
    fn another_person_and_another_day_are_something_else() {
        let of = |actor: Option<&str>, day: Option<&str>| {
            let mut memory = memory(1, "I went for a run along the river.");
            memory.actor = actor.map(str::to_owned);
            memory.event_time = day.map(|day| format!("{day}T08:00:00Z").parse().unwrap());
            Saying::of(&memory)
        };
        for (one, other, is_the_same) in [
            (of(Some("Ann"), None), of(Some("Bo"), None), false),
            (of(Some("Ann"), None), of(Some("Ann"), Some("2026-05-01")), true),
            (of(None, Some("2026-05-01")), of(None, Some("2026-05-02")), false),
            (of(None, Some("2026-05-01")), of(None, Some("2026-05-01")), true),
        ] {
            assert_eq!(one.says_the_same_as(&other), is_the_same, "{one:?} {other:?}");
        }
    }
}
