//! Percent-encoded text (RFC 3986), read strictly: what is half an escape, or no UTF-8, is no text.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The text meant by `text`; `None` when a `%` is not followed by two hexadecimal digits, or the bytes are no UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    // The library would take half an escape for itself.
    let is_whole = |after: &str| {
        after.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_whole) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_read_and_bad_ones_refused() {
        assert_eq!(decoded("a%20b+c%C3%A4%25%2b").as_deref(), Some("a b+cä%+"));
        for bad in ["%", "%2", "%zz", "%+1", "%2%30", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
