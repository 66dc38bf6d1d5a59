//! The console's cookies: read by name, written so that no script, no other site and no plain connection gets them.

use http::{HeaderMap, HeaderValue, header};

use crate::edge::Transport;

/// The session's name.
pub(super) const SESSION: &str = "engram_session";
/// What the forms of the sign-in are bound to. Not the session's: a page that another site leads to comes without that
/// one, and must not replace it.
pub(super) const VISIT: &str = "engram_visit";
/// What a sign-in at the provider is bound to, for the minutes it takes.
pub(super) const SIGN_IN: &str = "engram_sign_in";
/// `light` or `dark`, when somebody chose.
pub(super) const THEME: &str = "engram_theme";

/// Who may send a cookie along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Our own pages only.
    OurPages,
    /// Also whoever leads the browser here, as the provider does.
    Links,
}

/// The value of a cookie; one that is there twice is none.
pub(super) fn read<'a>(headers: &'a HeaderMap, transport: Transport, name: &str) -> Option<&'a str> {
    let name = full_name(name, transport);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The line that sets a cookie for `seconds`; 0 removes it.
pub(super) fn write(
    transport: Transport,
    name: &str,
    value: &str,
    seconds: i64,
    from: From,
) -> Option<HeaderValue> {
    let site = match from {
        From::OurPages => "Strict",
        From::Links => "Lax",
    };
    let secure = match transport {
        Transport::Tls => "; Secure",
        Transport::Plain => "",
    };
    let name = full_name(name, transport);
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}");
    HeaderValue::from_str(&line).ok()
}

/// A name with this prefix is kept by browsers only with `Secure`, without a domain, and for the whole host: no
/// neighbouring host can plant it.
fn full_name(name: &str, transport: Transport) -> String {
    match transport {
        Transport::Tls => format!("__Host-{name}"),
        Transport::Plain => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; engram_session=x; xengram_session=y"));
        assert_eq!(read(&headers, Transport::Plain, SESSION), Some("x"));
        assert_eq!(read(&headers, Transport::Tls, SESSION), None);
        headers.append(header::COOKIE, HeaderValue::from_static("engram_session=z"));
        assert_eq!(read(&headers, Transport::Plain, SESSION), None);
    }

    #[test]
    fn over_tls_a_cookie_is_this_hosts_alone() {
        let line = write(Transport::Tls, SESSION, "v", 60, From::OurPages).unwrap();
        assert_eq!(line, "__Host-engram_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        let line = write(Transport::Plain, SIGN_IN, "v", 0, From::Links).unwrap();
        assert_eq!(line, "engram_sign_in=v; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
