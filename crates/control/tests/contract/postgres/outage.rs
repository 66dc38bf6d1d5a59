//! A server that goes away, hangs, or cuts connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use control::{Actor, Change, Migrate, PostgresOptions};
use tenancy::{PlanName, TenantStatus};
use testkit::postgres::{Server, Stop};

use super::{eventually, open};
use crate::{plane_on, slug, taken};

#[tokio::test]
async fn a_server_that_goes_away_is_noticed_at_once_and_its_return_too() {
    let mut server = Server::start();
    let options = PostgresOptions::new(server.database("away"));
    let here = open(&options, Migrate::Auto).await.unwrap();
    let new = |name: &str| control::NewTenant {
        slug: slug(name),
        name: name.to_owned(),
        kind: tenancy::TenantKind::Live,
        plan: PlanName::new("free"),
        owner: None,
    };
    let acme = here.create_tenant(new("acme"), &Actor::system()).await.unwrap();
    server.stop(Stop::Immediate);

    let first = here.tenant_by_slug(&acme.slug).await.unwrap_err();
    assert!(first.is_unavailable(), "{first}");
    let started = Instant::now();
    for _ in 0..100 {
        assert!(here.tenant_by_slug(&acme.slug).await.unwrap_err().is_unavailable());
        assert!(here.touch_api_keys(Vec::new()).await.unwrap_err().is_unavailable());
    }
    assert!(started.elapsed() < Duration::from_millis(500), "nobody waits: {:?}", started.elapsed());

    let mut changes = here.changes();
    server.run();
    let there = open(&options, Migrate::Require).await.unwrap();
    there.set_tenant_status(&acme.slug, TenantStatus::Suspended, &Actor::system()).await.unwrap();
    // Whoever is let through again has been told what happened meanwhile, or is told within a look.
    eventually("the return", async || here.tenant_by_slug(&acme.slug).await.is_ok()).await;
    let told = Change::Tenant { id: acme.id.clone(), slug: acme.slug.clone() };
    let took = eventually("news", async || taken(&mut changes).contains(&told)).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_connection_that_was_cut_between_two_questions_is_not_noticed() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "cut").await;
    let acme = plane.tenant("acme").await;
    for _ in 0..5 {
        plane.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'engram'",
        );
        assert_eq!(plane.control.tenant_by_slug(&acme.slug).await.unwrap().unwrap(), acme);
        plane.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'engram'",
        );
        plane.control.set_tenant_plan(&acme.slug, &acme.plan, &Actor::system()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_one_question_and_no_more() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "hanging").await;
    let acme = plane.tenant("acme").await;
    server.freeze();
    let started = Instant::now();
    let first = plane.control.tenant_by_slug(&acme.slug).await.unwrap_err();
    assert!(first.is_unavailable(), "{first}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let started = Instant::now();
    for _ in 0..100 {
        assert!(plane.control.tenant_by_slug(&acme.slug).await.unwrap_err().is_unavailable());
    }
    assert!(started.elapsed() < Duration::from_millis(500), "nobody waits: {:?}", started.elapsed());
    let options = PostgresOptions::new(server.url("hanging"));
    let opening = open(&options, Migrate::Auto);
    let opening = tokio::time::timeout(Duration::from_secs(15), opening).await.expect("a start ends");
    assert!(opening.unwrap_err().is_unavailable());
    server.thaw();
    eventually("the return", async || plane.control.tenant_by_slug(&acme.slug).await.is_ok()).await;
}

#[tokio::test]
async fn a_look_over_a_dead_connection_is_no_outage() {
    let server = Arc::new(Server::start());
    let plane = plane_on(&server, "looking").await;
    for _ in 0..3 {
        plane.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
        );
        // Long enough for the follower to be the first who meets the dead connection.
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            plane.control.list_plans().await.unwrap();
        }
    }
}
