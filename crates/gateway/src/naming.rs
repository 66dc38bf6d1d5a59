//! Which tenant a request names: by its host, by a header, or not at all.

use std::borrow::Cow;

use tenancy::Slug;

use crate::{Credentials, Gateway, Refusal};

impl Gateway {
    /// The one tenant that everything in the request agrees on. `None`: it names none.
    ///
    /// # Errors
    /// [`Refusal::ConflictingTenants`], [`Refusal::MalformedHost`].
    pub(crate) fn named_tenant<'a>(
        &self,
        credentials: &Credentials<'a>,
    ) -> Result<Option<Cow<'a, str>>, Refusal> {
        let of_host = match (credentials.host, &self.options.domain) {
            (Some(host), Some(domain)) => slug_of_host(host, domain)?.map(Cow::Owned),
            _ => None,
        };
        let headers = [credentials.tenant_header, credentials.slug_header].into_iter().flatten();
        let mut names = headers.map(Cow::Borrowed).chain(of_host);
        let Some(one) = names.next() else { return Ok(None) };
        match names.find(|other| *other != one) {
            Some(other) => {
                Err(Refusal::ConflictingTenants { one: one.into_owned(), other: other.into_owned() })
            }
            None => Ok(Some(one)),
        }
    }
}

/// The slug of `<slug>.<domain>`; the domain itself and hosts elsewhere (an address, a load balancer's name) name
/// nobody.
fn slug_of_host(host: &str, domain: &str) -> Result<Option<String>, Refusal> {
    let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    let Some(label) = name.strip_suffix(&domain).and_then(|rest| rest.strip_suffix('.')) else {
        return Ok(None);
    };
    match Slug::parse(label) {
        Ok(_) => Ok(Some(label.to_owned())),
        Err(_) => Err(Refusal::MalformedHost { host: host.to_owned(), domain }),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_names_its_tenant() {
        let check = |host: &str, want: Result<Option<&str>, &str>| {
            let got = slug_of_host(host, "engram.example").map_err(|refusal| refusal.code());
            assert_eq!(got.as_ref().map(Option::as_deref).map_err(|code| *code), want, "{host}");
        };
        check("acme.engram.example", Ok(Some("acme")));
        check("ACME.Engram.Example.:8443", Ok(Some("acme")));
        for nobody in
            ["engram.example", "127.0.0.1:8080", "[::1]:8080", "acme.example", "xengram.example", ""]
        {
            check(nobody, Ok(None));
        }
        for odd in [
            "a.b.engram.example",
            "-.engram.example",
            "ä.engram.example",
            ".engram.example",
            "a_b.engram.example",
        ] {
            check(odd, Err("invalid_host"));
        }
    }
}
