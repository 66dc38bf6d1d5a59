//! Whether the settings for tokens fit together: issuer, audience, and the address that clients ask tokens for.

use gateway::JwtOptions;

use super::Finding;
use crate::app::App;
use crate::config::is_loopback;

pub(super) async fn look(app: &App) -> Finding {
    judge(app.gateway.jwt_options(), app.config.service.known_url().as_deref())
}

fn judge(options: Option<&JwtOptions>, public_url: Option<&str>) -> Finding {
    let Some(options) = options else {
        return Finding::Ok("no tokens are taken (jwt.issuer is not set)".to_owned());
    };
    let issuer = &options.issuer;
    for (setting, url) in [("jwt.issuer", issuer), ("jwt.jwks_url", &options.jwks_url)] {
        if url.starts_with("http://") && !is_loopback(url) {
            return Finding::Fail(format!("{setting} is {url}: whoever sits in between makes tokens"));
        }
    }
    let audiences = options.audiences.join(", ");
    // MCP clients ask the provider for a token for this very address.
    let resource = public_url.map(|url| format!("{}/v1/mcp", url.trim_end_matches('/')));
    match resource {
        Some(resource) if !options.audiences.contains(&resource) => Finding::Warn(format!(
            "tokens of {issuer} for {audiences}; MCP clients ask for {resource}, which jwt.audience does not have"
        )),
        Some(_) | None => Finding::Ok(format!("tokens of {issuer} for {audiences}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        let options = |issuer: &str, audience: &str| JwtOptions {
            issuer: issuer.to_owned(),
            audiences: vec![audience.to_owned()],
            jwks_url: format!("{issuer}/.well-known/jwks.json"),
            algorithms: Vec::new(),
            tenant_claim: "tenant".to_owned(),
            operator_claim: "operator".to_owned(),
            clock_skew: Duration::from_secs(60),
        };
        let (url, mcp) = ("https://engram.example.com", "https://engram.example.com/v1/mcp");
        for (options, public_url, want) in [
            (None, Some(url), "ok"),
            (Some(options("https://id.example.com", mcp)), Some(url), "ok"),
            (Some(options("https://id.example.com", "engram")), Some(url), "warn"),
            (Some(options("https://id.example.com", "engram")), None, "ok"),
            (Some(options("http://id.example.com", mcp)), Some(url), "fail"),
            (Some(options("http://127.0.0.1:9", mcp)), Some(url), "ok"),
        ] {
            assert_eq!(judge(options.as_ref(), public_url).status(), want, "{options:?}");
        }
    }
}
