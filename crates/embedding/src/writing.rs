//! Which writing the built-in model knows: it learnt from English, whose letters most European languages share.

use unicode_normalization::UnicodeNormalization;

/// Whether at least half of the letters of `text` are Latin; true of a text without letters.
pub fn is_latin(text: &str) -> bool {
    let (mut latin, mut others) = (0, 0);
    for letter in text.nfkd().filter(|character| character.is_alphabetic()) {
        *(if is_latin_letter(letter) { &mut latin } else { &mut others }) += 1;
    }
    latin >= others
}

/// ASCII, and Latin with accents: Unicode's blocks Latin-1 to Latin Extended-B, and Latin Extended Additional.
fn is_latin_letter(letter: char) -> bool {
    letter.is_ascii() || matches!(u32::from(letter), 0xAA..=0x24F | 0x1E00..=0x1EFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_is_told_by_its_letters() {
        for (text, want) in [
            ("", true),
            ("12:30!", true),
            ("Where is Ana?", true),
            ("Où est l'été à Zürich, Łódź, Hà Nội?", true),
            ("ＩＢＭ", true),
            ("我的上司是哪个学校毕业的呢", false),
            ("Где живёт Анна", false),
            ("HelloFresh 的折扣是多少呢", true),
            ("用 SQL 写的数据库在哪里", false),
        ] {
            assert_eq!(is_latin(text), want, "{text}");
        }
    }
}
