//! A token (JWT in the compact form, RFC 7519) taken apart. Nothing here is believed until its signature holds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::AuthFailure;

/// Longest token, in bytes: beyond it a header is not worth hashing.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A token that somebody sent.
#[derive(Debug)]
pub(super) struct PresentedToken<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
    payload: &'a str,
    pub(super) header: Header,
}

/// What of a header is read. `jku`, `x5u`, `x5c` and `jwk` would let the sender choose the key; nobody reads them.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    /// Extensions the reader must understand (RFC 7515 section 4.1.11); we understand none.
    crit: Option<Value>,
}

/// Whether the text is written like a token: three parts of base64url. The signature may be empty, as with `none`,
/// so that it is refused for what it is.
pub(crate) fn is_token(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut parts = text.split('.');
    let (header, payload) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    !header.is_empty()
        && !payload.is_empty()
        && parts.next().is_some()
        && parts.next().is_none()
        && text.bytes().all(is_letter)
}

impl<'a> PresentedToken<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, AuthFailure> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(AuthFailure::TokenTooLarge);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(AuthFailure::MalformedToken)?;
        let (header, payload) = signed.split_once('.').ok_or(AuthFailure::MalformedToken)?;
        let header: Header = decoded(header)?;
        if header.crit.is_some() {
            return Err(AuthFailure::MalformedToken);
        }
        Ok(Self { signed, signature, payload, header })
    }

    /// The claims; to be asked for when the signature has been checked.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, AuthFailure> {
        decoded(self.payload)
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, AuthFailure> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthFailure::MalformedToken)?;
    serde_json::from_slice(&json).map_err(|_| AuthFailure::MalformedToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_of_base64url_are_a_token() {
        for (text, want) in [
            ("a.b.c", true),
            ("eyJ-_.e30.", true),
            ("a.b", false),
            ("a.b.c.d.e", false),
            (".b.c", false),
            ("a..c", false),
            ("a.b.c=", false),
            ("a.b.ä", false),
            ("eng_live_x", false),
            ("", false),
        ] {
            assert_eq!(is_token(text), want, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_malformed() {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let good = part(r#"{"alg":"RS256","kid":"k","jku":"https://evil","jwk":{"kty":"oct"}}"#);
        assert!(PresentedToken::parse(&format!("{good}.e30.AA")).is_ok());
        for header in ["{", "{}", r#"{"alg":7}"#, r#"{"alg":"RS256","crit":["exp"]}"#, "[]", "null"] {
            let text = format!("{}.e30.AA", part(header));
            assert_eq!(PresentedToken::parse(&text).unwrap_err(), AuthFailure::MalformedToken, "{header}");
        }
        let huge = format!("{good}.{}.AA", "e".repeat(TOKEN_BYTES_MAX));
        assert_eq!(PresentedToken::parse(&huge).unwrap_err(), AuthFailure::TokenTooLarge);
        let no_claims = format!("{good}.{}.AA", part("[1]"));
        assert!(PresentedToken::parse(&no_claims).unwrap().claims().is_err());
    }
}
