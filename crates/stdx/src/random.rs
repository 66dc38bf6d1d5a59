//! The one place that rolls dice: bytes from the operating system.

/// Letters of tokens: digits, upper and lower case, so that a double click selects a whole token.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `N` random bytes fit for keys.
///
/// # Panics
/// When the operating system has no randomness to give; nothing can be done safely then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random token of `length` base-62 characters (5.95 bits each).
pub fn token(length: usize) -> String {
    let mut token = String::with_capacity(length);
    while token.len() < length {
        for byte in bytes::<64>() {
            // 248 is the largest multiple of 62 in a byte; the rest would favour the first letters.
            if byte < 248 && token.len() < length {
                token.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_asked_length_and_differ() {
        let (one, other) = (token(32), token(32));
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }
}
