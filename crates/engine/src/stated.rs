//! How much a memory states: its words outside questions. A question is answered by statements; the turn that
//! asked it shares its words and says nothing.

use crate::analysis::is_cjk;

/// Words of `text` outside sentences that end in a question mark.
pub(crate) fn words(text: &str) -> u32 {
    let (mut stated, mut sentence, mut within_word) = (0u32, 0u32, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if is_cjk(character) && character.is_alphanumeric() {
            // Scripts without blanks: a character is about a word.
            sentence = sentence.saturating_add(1);
            within_word = false;
            continue;
        }
        if character.is_alphanumeric() {
            sentence = sentence.saturating_add(u32::from(!within_word));
            within_word = true;
            continue;
        }
        within_word = within_word && matches!(character, '\'' | '\u{2019}');
        // The "?" of an address and the "." of 3.5 end nothing.
        let ends = characters.peek().is_none_or(|next| !next.is_alphanumeric()) || !character.is_ascii();
        match character {
            '?' | '？' if ends => sentence = 0,
            '.' | '!' if ends => stated = stated.saturating_add(std::mem::take(&mut sentence)),
            '。' | '！' | '\n' => stated = stated.saturating_add(std::mem::take(&mut sentence)),
            _ => {}
        }
    }
    stated.saturating_add(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: u32) {
        assert_eq!(words(text), want, "{text:?}");
    }

    #[test]
    fn words_of_questions_do_not_count() {
        check("I adopted a dog. What about you?", 4);
        check("What about you? I adopted a dog", 4);
        check("Really?! How come?", 0);
        check("I'm here. Don't worry!", 4);
        check("", 0);
    }

    #[test]
    fn marks_within_words_and_addresses_end_no_sentence() {
        check("Version 3.5 is at https://example.com/?q=1 now", 11);
        check("The plan:\n- milk\n- who comes?\nThat is all", 6);
    }

    #[test]
    fn scripts_without_blanks_count_characters() {
        check("我喜欢茶。你呢？", 4);
    }
}
