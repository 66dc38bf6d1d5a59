//! Rules for URLs, origins and host names in settings.

use std::net::IpAddr;

use http::Uri;

/// Longest name of a host (RFC 1035).
const NAME_BYTES_MAX: usize = 253;

/// An absolute `http` or `https` URL with a host and no user, query or fragment.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    let rule = || "must be an http:// or https:// URL with a host".to_owned();
    let text = text.trim();
    let url: Uri = text.parse().map_err(|_| rule())?;
    let authority = url.authority().ok_or_else(rule)?;
    let whole = matches!(url.scheme_str(), Some("http" | "https"))
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && !text.contains(['?', '#']);
    if whole { Ok(text.to_owned()) } else { Err(rule()) }
}

/// An origin as browsers write it: scheme, host, port if it is not the usual one, and nothing more.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let rule = || "must be an origin such as https://app.example.com, without a path".to_owned();
    let text = http_url(text).map_err(|_| rule())?.to_ascii_lowercase();
    let url: Uri = text.parse().map_err(|_| rule())?;
    if text.ends_with('/') || url.path() != "/" {
        return Err(rule());
    }
    // Browsers leave the usual port out, so an origin with it would never match.
    let usual = if url.scheme_str() == Some("https") { ":443" } else { ":80" };
    Ok(text.strip_suffix(usual).unwrap_or(&text).to_owned())
}

/// A host name of labels, in lower case.
pub(super) fn domain_name(text: &str) -> Result<String, String> {
    let name = text.trim().trim_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= NAME_BYTES_MAX && name.split('.').all(label) && name.parse::<IpAddr>().is_err() {
        Ok(name)
    } else {
        Err("must be a host name such as engram.example.com, without a scheme or a port".into())
    }
}

/// Whether the URL leads to this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or("").trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_browsers_send() {
        for (text, want) in [
            ("https://app.example.com", Some("https://app.example.com")),
            ("HTTPS://App.example.com:443", Some("https://app.example.com")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("https://app.example.com/", None),
            ("https://app.example.com/x", None),
            ("https://u:p@app.example.com", None),
            ("app.example.com", None),
            ("ftp://app.example.com", None),
            ("null", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), want, "{text}");
        }
    }

    #[test]
    fn domains_are_names() {
        for (text, want) in [
            (".Engram.Example.com", Some("engram.example.com")),
            ("localhost", Some("localhost")),
            ("https://x.example", None),
            ("x.example:80", None),
            ("127.0.0.1", None),
            ("a..b", None),
            ("-a.b", None),
            ("", None),
        ] {
            assert_eq!(domain_name(text).ok().as_deref(), want, "{text}");
        }
    }

    #[test]
    fn urls_are_whole() {
        for good in ["https://id.example.com/", "http://127.0.0.1:9/a/b", "http://[::1]:9"] {
            assert!(http_url(good).is_ok(), "{good}");
        }
        for bad in
            ["", "id.example.com", "https://", "https://a?b", "https://u@a", "file:///x", "https://a b"]
        {
            assert!(http_url(bad).is_err(), "{bad}");
        }
        assert!(
            is_loopback("http://[::1]:9/x") && is_loopback("http://LOCALHOST") && !is_loopback("http://a")
        );
    }
}
