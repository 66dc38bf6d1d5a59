//! The token of an invite: `eng_inv_`, 40 random letters; only its hash is stored.

use std::fmt;

use sha2::{Digest, Sha256};

const FIRST_LETTERS: &str = "eng_inv_";
/// 238 bits of chance: nothing to guess, so a plain hash is enough and needs no pepper.
const SECRET_LENGTH: usize = 40;

/// A token that makes its holder a member; the only moment at which it can be read is when it is made.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteToken(String);

impl InviteToken {
    /// A new token.
    pub fn generate() -> Self {
        Self(format!("{FIRST_LETTERS}{}", stdx::random::token(SECRET_LENGTH)))
    }

    /// Reads a token that somebody sent; `None` when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(FIRST_LETTERS)?;
        let written = secret.len() == SECRET_LENGTH && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        written.then(|| Self(text.to_owned()))
    }

    /// What is stored of it: SHA-256 of the whole token.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The whole token, to show it once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = InviteToken::generate();
        assert_eq!(InviteToken::parse(token.reveal()), Some(token.clone()));
        assert_ne!(token.hash(), InviteToken::generate().hash());
        let longer = format!("{}x", token.reveal());
        let umlaut = format!("{FIRST_LETTERS}{}", "ä".repeat(20));
        for bad in ["", "eng_inv_", "eng_live_x", &longer, &umlaut] {
            assert_eq!(InviteToken::parse(bad), None, "{bad:?}");
        }
        assert_eq!(format!("{token:?}"), "InviteToken");
    }
}
