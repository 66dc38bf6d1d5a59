//! How an API key is written: `eng_live_` (or `eng_test_`, `eng_op_`), 32 random letters, 6 letters of checksum.
//!
//! The checksum (CRC-32 in base 62, as GitHub's tokens carry it) lets garbage be refused before any look-up, and
//! lets secret scanners tell a key from a word.

use crate::AuthFailure;

const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// Letters of the secret that are stored and shown: 47 bits, so that two keys hardly ever share them.
const SHOWN_LENGTH: usize = 8;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What the first letters of a key promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A key of a tenant that is billed.
    Live,
    /// A key of a test tenant; the same rights, never billed.
    Test,
    /// A key of whoever runs the installation.
    Operator,
}

impl KeyKind {
    const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Operator];

    /// The first letters of such keys.
    pub fn first_letters(self) -> &'static str {
        match self {
            Self::Live => "eng_live_",
            Self::Test => "eng_test_",
            Self::Operator => "eng_op_",
        }
    }
}

/// A well-formed key that somebody sent; it proves nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PresentedKey<'a> {
    pub(crate) whole: &'a str,
    /// What it is looked up by.
    pub(crate) prefix: &'a str,
}

impl<'a> PresentedKey<'a> {
    /// Takes the text apart. No secret is compared here, so nothing needs constant time.
    pub(crate) fn parse(whole: &'a str) -> Result<Self, AuthFailure> {
        let first_letters = KeyKind::ALL.into_iter().map(KeyKind::first_letters);
        let kind =
            first_letters.into_iter().find(|kind| whole.starts_with(kind)).ok_or(AuthFailure::Malformed)?;
        let body = &whole[kind.len()..];
        if body.len() != SECRET_LENGTH + CHECKSUM_LENGTH || !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(AuthFailure::Malformed);
        }
        let (signed, sent) = whole.split_at(kind.len() + SECRET_LENGTH);
        if checksum(signed) != sent.as_bytes() {
            return Err(AuthFailure::BadChecksum);
        }
        Ok(Self { whole, prefix: prefix_of(whole, kind) })
    }
}

/// A new key and the prefix it is stored under.
pub(crate) fn generate(kind: KeyKind) -> (String, String) {
    let mut whole = kind.first_letters().to_owned();
    whole.push_str(&stdx::random::token(SECRET_LENGTH));
    let checksum = checksum(&whole);
    whole.extend(checksum.map(char::from));
    let prefix = prefix_of(&whole, kind.first_letters()).to_owned();
    (whole, prefix)
}

fn prefix_of<'a>(whole: &'a str, first_letters: &str) -> &'a str {
    &whole[..first_letters.len() + SHOWN_LENGTH]
}

fn checksum(signed: &str) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(signed.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_parses_and_its_prefix_is_stable() {
        for kind in KeyKind::ALL {
            let (whole, prefix) = generate(kind);
            let presented = PresentedKey::parse(&whole).unwrap();
            assert_eq!((presented.whole, presented.prefix), (whole.as_str(), prefix.as_str()));
            assert!(prefix.starts_with(kind.first_letters()));
            assert_eq!(whole.len(), kind.first_letters().len() + 38);
        }
    }

    #[test]
    fn the_checksum_of_a_known_key_stays_what_it_is() {
        let signed = "eng_live_0123456789abcdefghijklmnopqrstuv";
        assert_eq!(std::str::from_utf8(&checksum(signed)).unwrap(), "0gqEID");
    }

    #[test]
    fn every_wrong_letter_is_noticed() {
        let (whole, _) = generate(KeyKind::Live);
        for at in 0..whole.len() {
            let mut letters: Vec<char> = whole.chars().collect();
            letters[at] = if letters[at] == 'x' { 'y' } else { 'x' };
            let typo: String = letters.into_iter().collect();
            assert!(PresentedKey::parse(&typo).is_err(), "{typo}");
        }
    }

    #[test]
    fn what_is_no_key_is_malformed() {
        let (whole, _) = generate(KeyKind::Test);
        let longer = format!("{whole}0");
        let shorter = &whole[..whole.len() - 1];
        let umlaut = format!("{}ä", &whole[..whole.len() - 2]);
        let huge = "eng_live_".to_owned() + &"x".repeat(100_000);
        for bad in
            ["", "eng_", "eng_live_", "sk-123", "ENG_LIVE_x", "a.b.c", &longer, shorter, &umlaut, &huge]
        {
            assert_eq!(PresentedKey::parse(bad), Err(AuthFailure::Malformed), "{bad:?}");
        }
    }
}
