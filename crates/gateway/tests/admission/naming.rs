//! Hosts and headers that name a tenant: they agree, or the request says something impossible.

use gateway::{Credentials, GatewayOptions};
use tenancy::Operation;

use crate::{World, outcome, with_key};

async fn at_home() -> World {
    let domain = Some("engram.example".to_owned());
    World::with_options(GatewayOptions { domain, ..GatewayOptions::default() }).await
}

#[tokio::test]
async fn everything_a_request_names_must_agree_with_each_other_and_with_its_key() {
    let world = at_home().await;
    let (_, issued) = world.tenant_key("acme").await;
    world.tenant("other").await;
    for (host, tenant, slug, want) in [
        (None, None, None, "ok"),
        (Some("acme.engram.example"), None, None, "ok"),
        (Some("ACME.engram.example.:8443"), Some("acme"), Some("acme"), "ok"),
        (Some("engram.example"), None, None, "ok"),
        (Some("127.0.0.1:8080"), None, Some("acme"), "ok"),
        (Some("other.engram.example"), None, None, "tenant_mismatch"),
        (Some("ghost.engram.example"), None, None, "tenant_mismatch"),
        (None, None, Some("other"), "tenant_mismatch"),
        (Some("other.engram.example"), Some("acme"), None, "conflicting_tenant"),
        (None, Some("acme"), Some("other"), "conflicting_tenant"),
        (Some("acme.engram.example"), Some(""), None, "conflicting_tenant"),
        (Some("a.acme.engram.example"), None, None, "invalid_host"),
        (Some("-acme.engram.example"), Some("acme"), None, "invalid_host"),
        (Some("../acme.engram.example"), None, None, "invalid_host"),
        // Somebody else's domain, however it ends, names nobody.
        (Some("other.engram.example.evil.example"), None, None, "ok"),
        (Some("otherengram.example"), None, None, "ok"),
    ] {
        let credentials =
            Credentials { host, tenant_header: tenant, slug_header: slug, ..with_key(&issued.key) };
        let got = outcome(world.admit(&credentials, Operation::Search).await);
        assert_eq!(got, want, "{host:?} {tenant:?} {slug:?}");
    }
}

#[tokio::test]
async fn a_host_names_the_tenant_of_whoever_may_choose_one() {
    let world = at_home().await;
    let acme = world.tenant("acme").await;
    let local = |host| Credentials { host: Some(host), ..Credentials::local(None) };
    let pass = world.admit(&local("acme.engram.example"), Operation::Search).await.unwrap();
    assert_eq!(pass.tenant(), &acme.id);
    let refused = world.admit(&local("ghost.engram.example"), Operation::Search).await;
    assert_eq!(outcome(refused), "tenant_not_found");
}

#[tokio::test]
async fn without_a_domain_hosts_name_nobody() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    let credentials = Credentials { host: Some("other.engram.example"), ..with_key(&issued.key) };
    assert_eq!(outcome(world.admit(&credentials, Operation::Search).await), "ok");
}
