//! Makes memories and queries up: real English words by Zipf's law, names, dates, sessions. The same seed makes
//! the same texts on every machine.

use embedding::StaticModel;
use serde_json::{Value, json};

use super::dice::Dice;

/// Words of the vocabulary: the most frequent whole English words of the built-in model's own list.
const WORDS: usize = 6_000;
/// Words this frequent carry no meaning; queries do without them.
const FUNCTION_WORDS: usize = 150;
/// Tags there are; each memory has one.
const TAGS: usize = 50;
/// Turns of one session.
const SESSION_TURNS: u64 = 20;

const NAMES: [&str; 40] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Grace", "Hugo", "Irene", "Jonas", "Kira", "Leo",
    "Maria", "Nils", "Olga", "Paul", "Quinn", "Rosa", "Sven", "Tara", "Ugo", "Vera", "Walter", "Xenia",
    "Yusuf", "Zoe", "Amir", "Bella", "Chen", "Dora", "Emil", "Farah", "Goran", "Hana", "Igor", "Judith",
    "Kofi", "Lena", "Mateo", "Nora",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const KINDS: [&str; 5] = ["note", "fact", "preference", "decision", "event"];

/// A source of texts.
#[derive(Debug)]
pub(super) struct Texts {
    seed: u64,
    words: Vec<&'static str>,
    /// Running sums of Zipf weights, one a word.
    weights: Vec<f64>,
}

impl Texts {
    /// Texts of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let vocabulary = StaticModel::shared().wordpiece().vocabulary();
        let whole_word =
            |piece: &&str| piece.len() > 1 && piece.bytes().all(|byte| byte.is_ascii_lowercase());
        let pieces = (0..).map_while(|number| vocabulary.piece(number));
        let words: Vec<_> = pieces.filter(whole_word).take(WORDS).collect();
        let mut sum = 0.0;
        // Zipf-Mandelbrot: rank^-1 with a small shift, as English has it.
        let weights = (0..words.len()).map(|rank| {
            sum += 1.0 / (rank as f64 + 2.7);
            sum
        });
        Self { seed, weights: weights.collect(), words }
    }

    /// What they are made from.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The body of the memory of this number, as `POST /v1/memories` takes it.
    pub(super) fn memory(&self, number: u64) -> Value {
        let mut dice = Dice::new(self.seed, number);
        let (session, actor) = (number / SESSION_TURNS, self.actor(number));
        let content = self.content(&mut dice);
        let (year, month, day) = (2022 + session % 3, 1 + session % 12, 1 + session % 28);
        json!({
            "content": content,
            "kind": KINDS[dice.below(KINDS.len())],
            "tags": [self.tag(dice.below(TAGS))],
            "importance": dice.below(11) as f64 / 10.0,
            "session_id": format!("session-{session}"),
            "actor": actor,
            "event_time": format!("{year}-{month:02}-{day:02}T12:00:00Z"),
        })
    }

    /// A filter that one memory in a hundred matches, more or less: a tag, and an importance of 0.5 or more.
    pub(super) fn filter(&self, number: u64) -> Value {
        let tag = self.tag((number % TAGS as u64) as usize);
        json!({"tags": {"contains": tag}, "importance": {"gte": 0.5}})
    }

    fn tag(&self, number: usize) -> &str {
        self.words[FUNCTION_WORDS + number]
    }

    /// A question about the memory of this number: some of its words, in a person's way of asking.
    pub(super) fn query(&self, number: u64) -> String {
        let content = self.content(&mut Dice::new(self.seed, number));
        let mut dice = Dice::new(self.seed ^ 0x51, number);
        let function_words = &self.words[..FUNCTION_WORDS];
        let telling: Vec<_> = content
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty() && !function_words.contains(word))
            .collect();
        let start = dice.below(telling.len().max(1));
        let picked: Vec<_> = telling.iter().cycle().skip(start).take(3 + dice.below(4)).copied().collect();
        let opening = ["what did", "when did", "where was", "who told", "why did", "how did"][dice.below(6)];
        format!("{opening} {} {}?", self.actor(number), picked.join(" "))
    }

    fn actor(&self, number: u64) -> &'static str {
        let session = number / SESSION_TURNS;
        // Two people take turns in a session.
        NAMES[(session as usize * 7 + (number % 2) as usize * 3) % NAMES.len()]
    }

    /// 9 to 45 words: two to five short sentences with a name or a date now and then.
    fn content(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        for _ in 0..2 + dice.below(4) {
            let mut sentence = Vec::new();
            match dice.below(4) {
                0 => sentence.push(NAMES[dice.below(NAMES.len())].to_owned()),
                1 => sentence.push(format!("On {} {}", 1 + dice.below(28), MONTHS[dice.below(12)])),
                _ => {}
            }
            sentence.extend((0..5 + dice.below(6)).map(|_| self.word(dice).to_owned()));
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&sentence.join(" "));
            text.push('.');
        }
        text
    }

    fn word(&self, dice: &mut Dice) -> &'static str {
        let total = self.weights.last().copied().unwrap_or_default();
        let wanted = dice.fraction() * total;
        self.words[self.weights.partition_point(|weight| *weight < wanted).min(self.words.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_always_makes_the_same_texts() {
        let (one, same, other) = (Texts::new(7), Texts::new(7), Texts::new(8));
        for number in [0, 1, 99_999] {
            assert_eq!(one.memory(number), same.memory(number));
            assert_eq!(one.query(number), same.query(number));
            assert_ne!(one.memory(number), other.memory(number));
        }
    }

    #[test]
    fn texts_are_varied_and_of_the_length_of_a_turn() {
        let texts = Texts::new(1);
        let contents: HashSet<_> =
            (0..1_000).map(|number| texts.memory(number)["content"].as_str().unwrap().to_owned()).collect();
        assert_eq!(contents.len(), 1_000);
        let words: usize = contents.iter().map(|content| content.split(' ').count()).sum();
        assert!((20_000..40_000).contains(&words), "{words}");
        let distinct: HashSet<_> = contents.iter().flat_map(|content| content.split(' ')).collect();
        assert!((2_000..8_000).contains(&distinct.len()), "{}", distinct.len());
    }

    #[test]
    fn a_query_shares_words_with_its_memory() {
        let texts = Texts::new(3);
        let content = texts.memory(12)["content"].as_str().unwrap().to_owned();
        let query = texts.query(12);
        assert!(
            query.trim_end_matches('?').split(' ').skip(3).all(|word| content.contains(word)),
            "{query} | {content}"
        );
    }
}
