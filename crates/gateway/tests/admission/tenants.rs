//! Which tenant a request is for.

use gateway::Credentials;
use tenancy::{Operation, Scopes};

use crate::{World, outcome, with_key};

#[tokio::test]
async fn a_key_names_its_tenant_and_a_header_may_only_agree() {
    let world = World::new().await;
    let (_, issued) = world.tenant_key("acme").await;
    world.tenant("other").await;
    for (header, want) in [
        (None, "ok"),
        (Some("acme"), "ok"),
        (Some("other"), "tenant_mismatch"),
        (Some("nobody"), "tenant_mismatch"),
        (Some("Acme"), "tenant_mismatch"),
        (Some("../acme"), "tenant_mismatch"),
        (Some(""), "tenant_mismatch"),
    ] {
        let credentials = Credentials { tenant_header: header, ..with_key(&issued.key) };
        assert_eq!(outcome(world.admit(&credentials, Operation::Search).await), want, "{header:?}");
    }
}

#[tokio::test]
async fn a_local_caller_is_any_tenant_with_every_scope() {
    let world = World::new().await;
    let refusal = world.admit(&Credentials::local(None), Operation::Search).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("tenant_not_found", 404));
    let default = world.tenant("default").await;
    let acme = world.tenant("acme").await;
    for (named, want) in [(None, &default), (Some("default"), &default), (Some("acme"), &acme)] {
        let pass = world.admit(&Credentials::local(named), Operation::ShowUsage).await.unwrap();
        assert_eq!((pass.tenant(), pass.scopes()), (&want.id, Scopes::ALL));
    }
    for named in ["nobody", "", "A B", "../default"] {
        let refusal = world.admit(&Credentials::local(Some(named)), Operation::Search).await.unwrap_err();
        assert_eq!((refusal.code(), &refusal.details()["tenant"]), ("tenant_not_found", &named.into()));
    }
}

#[tokio::test]
async fn a_key_on_the_local_socket_is_still_only_that_key() {
    let world = World::new().await;
    let (acme, issued) = world.tenant_key("acme").await;
    world.tenant("default").await;
    let credentials = Credentials { x_api_key: Some(&issued.key), ..Credentials::local(None) };
    let pass = world.admit(&credentials, Operation::Search).await.unwrap();
    assert_eq!(pass.tenant(), &acme.id);
    let credentials = Credentials { x_api_key: Some(&issued.key), ..Credentials::local(Some("default")) };
    assert_eq!(outcome(world.admit(&credentials, Operation::Search).await), "tenant_mismatch");
}

#[tokio::test]
async fn a_slug_that_changes_hands_leads_to_its_new_tenant() {
    let world = World::new().await;
    let first = world.tenant("acme").await;
    let local = Credentials::local(Some("acme"));
    assert_eq!(world.admit(&local, Operation::Search).await.unwrap().tenant(), &first.id);
    world.control.delete_tenant(&first.slug, &world.by).await.unwrap();
    assert_eq!(outcome(world.admit(&local, Operation::Search).await), "tenant_not_found");
    let second = world.tenant("acme").await;
    assert_eq!(world.admit(&local, Operation::Search).await.unwrap().tenant(), &second.id);
}
