//! Settings that nobody may read in a log, a printed configuration or an error.

use std::fmt;

/// What is shown in place of a secret.
const MASK: &str = "***";

/// A text that is used and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whatever it opens.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A URL without its password: neither the one before the host nor the parameters that carry one.
pub(super) fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    // The last @ decides: a password may have a slash in it that nobody escaped.
    let host_at = rest.rfind('@').unwrap_or(0);
    let authority_end = rest[host_at..].find(['/', '?', '#']).map_or(rest.len(), |end| host_at + end);
    let (authority, tail) = rest.split_at(authority_end);
    let masked = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{MASK}@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let tail = match tail.split_once('?') {
        Some((path, query)) => {
            format!("{path}?{}", query.split('&').map(masked_pair).collect::<Vec<_>>().join("&"))
        }
        None => tail.to_owned(),
    };
    if scheme.is_empty() { format!("{masked}{tail}") } else { format!("{scheme}://{masked}{tail}") }
}

fn masked_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_password() {
        for (url, want) in [
            ("postgres://u:p@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@h:5432/db?sslmode=require", "postgres://u:***@h:5432/db?sslmode=require"),
            ("postgres://h/db?user=u&password=p", "postgres://h/db?user=u&password=***"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://u:p@x@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p/x@h/db", "postgres://u:***@h/db"),
            ("http://proxy:3128", "http://proxy:3128"),
        ] {
            assert_eq!(without_password(url), want);
        }
    }

    #[test]
    fn a_printed_secret_stays_one() {
        assert_eq!(format!("{:?}", Secret::new("open sesame")), "Secret(..)");
    }
}
