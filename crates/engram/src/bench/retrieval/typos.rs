//! Misspells queries as fingers do: a letter left out, doubled, mistaken or swapped with the next.

use crate::bench::dice::Dice;

/// Shorter words are left alone: three letters with a wrong one are another word.
const LETTERS_MIN: usize = 4;
const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";

/// `text` with one edit in each of `edits` words (in fewer where there are not so many) that say what is asked for:
/// a typo in "what" costs nothing. The same for the same seed and number.
pub(super) fn misspell(text: &str, edits: usize, seed: u64, number: usize) -> String {
    let mut dice = Dice::new(seed, number as u64);
    let telling = engine::telling_words(text);
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let mut left: Vec<usize> = (0..words.len()).filter(|at| is_telling(&words[*at], &telling)).collect();
    for _ in 0..edits.min(left.len()) {
        let at = left.swap_remove(dice.below(left.len()));
        words[at] = edit(&words[at], &mut dice);
    }
    words.join(" ")
}

fn is_telling(word: &str, telling: &[String]) -> bool {
    let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let is_plain = bare.len() >= LETTERS_MIN && bare.bytes().all(|letter| letter.is_ascii_lowercase());
    is_plain && telling.contains(&bare)
}

/// One edit anywhere in the letters of the word.
fn edit(word: &str, dice: &mut Dice) -> String {
    let start = word.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(0);
    let length = word[start..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let mut bytes = word.as_bytes().to_vec();
    let at = start + dice.below(length);
    let other = |dice: &mut Dice, than: u8| {
        let place = dice.below(LETTERS.len() - 1);
        let letter = LETTERS[place];
        if letter == than.to_ascii_lowercase() { LETTERS[LETTERS.len() - 1] } else { letter }
    };
    match dice.below(4) {
        0 => {
            bytes.remove(at);
        }
        1 => bytes.insert(at, bytes[at]),
        2 => bytes[at] = other(dice, bytes[at]),
        _ => {
            let at = at.min(start + length - 2);
            bytes.swap(at, at + 1);
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that differ, by place.
    fn differing(one: &str, other: &str) -> Vec<usize> {
        let pairs = one.split(' ').zip(other.split(' ')).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect()
    }

    #[test]
    fn so_many_telling_words_get_one_edit_each() {
        let text = "What did Caroline buy for the birthday in Lisbon?";
        let mut met = [0; 9];
        for number in 0..200 {
            for edits in [1, 2] {
                let misspelt = misspell(text, edits, 7, number);
                assert_eq!(misspelt, misspell(text, edits, 7, number));
                let differing = differing(text, &misspelt);
                // To swap two equal letters changes nothing.
                assert!(differing.len() <= edits, "{misspelt}");
                assert!(misspelt.len().abs_diff(text.len()) <= edits, "{misspelt}");
                differing.into_iter().for_each(|at| met[at] += 1);
            }
        }
        let telling: Vec<usize> = (0..9).filter(|at| met[*at] > 50).collect();
        assert_eq!((telling, met.iter().filter(|n| **n > 0).count()), (vec![2, 6, 8], 3));
    }

    #[test]
    fn what_has_no_such_word_stays() {
        for text in ["", "why?", "\u{6771}\u{4eac} 2024"] {
            assert_eq!(misspell(text, 2, 7, 1), text);
        }
    }
}
