//! Tenants and plans: what may be done with them, what is told and what is audited.

use control::{Actor, Change, ControlError, NewTenant, Plan, TenantsQuery};
use tenancy::{Limits, PlanName, Tenant, TenantId, TenantKind, TenantStatus};

use crate::{Plane, contract, slug, taken};

contract! {
    of_two_who_want_a_slug_at_once_one_gets_it,
    a_slug_belongs_to_one_tenant_until_it_is_deleted,
    pages_hold_every_tenant_once_in_order,
    what_is_missing_or_malformed_is_named,
    every_change_is_audited_and_told_and_a_change_to_the_same_is_neither,
    the_seeded_plans_read_back_and_limits_follow_the_plan,
    a_follower_that_falls_behind_is_told_to_forget_everything,
}

async fn a_slug_belongs_to_one_tenant_until_it_is_deleted(plane: Plane) {
    let first = plane.tenant("acme").await;
    let by = Actor::local();
    let new = NewTenant {
        slug: slug("acme"),
        name: "Acme again".to_owned(),
        kind: TenantKind::Test,
        plan: PlanName::new("unlimited"),
        owner: None,
    };
    let error = plane.control.create_tenant(new.clone(), &by).await.unwrap_err();
    assert_eq!(error.to_string(), "tenant \"acme\" exists already");

    plane.control.delete_tenant(&first.slug, &by).await.unwrap();
    assert_eq!(plane.control.tenant_by_slug(&first.slug).await.unwrap(), None);
    let second = plane.control.create_tenant(new, &by).await.unwrap();
    assert_ne!(first.id, second.id);
    let kept = plane.control.tenant_by_id(&first.id).await.unwrap().unwrap();
    assert_eq!(kept.status, TenantStatus::Deleted);
    assert_eq!(plane.control.list_tenants().await.unwrap().len(), 2);
}

async fn pages_hold_every_tenant_once_in_order(plane: Plane) {
    let (by, mut made) = (Actor::local(), Vec::new());
    // A hyphen sorts before letters here, whatever the language of the database thinks of it.
    for (name, is_deleted) in
        [("b", true), ("c", false), ("b", true), ("a-z", false), ("b", false), ("ab", true), ("a", false)]
    {
        made.push((name.to_owned(), plane.tenant(name).await.id, is_deleted));
        if is_deleted {
            plane.control.delete_tenant(&slug(name), &by).await.unwrap();
        }
    }
    let by_slug = async |status: Option<TenantStatus>, limit: u32| {
        let (mut seen, mut after) = (Vec::<Tenant>::new(), None);
        loop {
            let query = TenantsQuery { status, after, limit };
            let page = plane.control.tenants_by_slug(query).await.unwrap();
            assert!(page.len() <= limit as usize);
            seen.extend(page.iter().cloned());
            let Some(last) = page.last() else { break };
            after = Some((last.slug.clone(), last.id.clone()));
        }
        let told = seen.iter().map(|tenant| (tenant.slug.to_string(), tenant.id.clone()));
        told.collect::<Vec<_>>()
    };
    made.sort();
    let all: Vec<_> = made.iter().map(|(name, id, _)| (name.clone(), id.clone())).collect();
    let kept = made.iter().filter(|(_, _, is_deleted)| !is_deleted);
    let active: Vec<_> = kept.map(|(name, id, _)| (name.clone(), id.clone())).collect();
    let mut ids: Vec<_> = made.into_iter().map(|(_, id, _)| id).collect();
    ids.sort();
    for limit in 1..=8 {
        assert_eq!(by_slug(None, limit).await, all, "{limit} a page");
        assert_eq!(by_slug(Some(TenantStatus::Active), limit).await, active, "{limit} a page");
        let (mut seen, mut after) = (Vec::<TenantId>::new(), None);
        loop {
            let page = plane.control.tenants_made_after(after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit as usize);
            seen.extend(page.into_iter().map(|tenant| tenant.id));
            if after.as_ref() == seen.last() {
                break;
            }
            after = seen.last().cloned();
        }
        assert_eq!(seen, ids, "{limit} a page");
    }
}

async fn what_is_missing_or_malformed_is_named(plane: Plane) {
    let by = Actor::local();
    let new = |name: &str, plan: &str| NewTenant {
        slug: slug("acme"),
        name: name.to_owned(),
        kind: TenantKind::Live,
        plan: PlanName::new(plan),
        owner: None,
    };
    let error = plane.control.create_tenant(new("Acme", "gold"), &by).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no plan \"gold\"");
    for odd in ["  ", "a\0b", "a\nb"] {
        let error = plane.control.create_tenant(new(odd, "free"), &by).await.unwrap_err();
        assert!(matches!(error, ControlError::Invalid(_)), "{odd:?}: {error}");
    }
    let error = plane.control.set_tenant_status(&slug("ghost"), TenantStatus::Active, &by).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no tenant \"ghost\"");
    let plan = Plan { name: PlanName::new(" "), limits: Limits::default() };
    assert!(matches!(plane.control.upsert_plan(plan, &by).await, Err(ControlError::Invalid(_))));
    assert!(plane.audited().await.is_empty(), "what failed left no trace");
}

async fn every_change_is_audited_and_told_and_a_change_to_the_same_is_neither(plane: Plane) {
    let mut changes = plane.control.changes();
    let before = plane.control.revision();
    let tenant = plane.tenant("acme").await;
    let by = Actor::key("key_1").from_address("192.0.2.7");
    for status in [TenantStatus::Suspended, TenantStatus::Suspended, TenantStatus::Active] {
        plane.control.set_tenant_status(&tenant.slug, status, &by).await.unwrap();
    }
    assert_eq!(
        plane.audited().await,
        [
            r#"system create_tenant {"kind":"live","plan":"free","slug":"acme"}"#,
            r#"key:key_1 set_tenant_status {"from":"active","to":"suspended"}"#,
            r#"key:key_1 set_tenant_status {"from":"suspended","to":"active"}"#,
        ]
    );
    assert_eq!(plane.log().await[0].origin.as_deref(), Some("192.0.2.7"));
    let told = Change::Tenant { id: tenant.id, slug: tenant.slug };
    assert_eq!(taken(&mut changes), vec![told; 3]);
    assert_eq!(plane.control.revision(), before + 3);
}

async fn the_seeded_plans_read_back_and_limits_follow_the_plan(plane: Plane) {
    let names: Vec<_> = plane.control.list_plans().await.unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["free", "unlimited"].map(PlanName::new));
    let unlimited = plane.control.plan(&PlanName::new("unlimited")).await.unwrap().unwrap();
    assert_eq!(unlimited.limits, Limits::default());

    let tenant = plane.tenant("acme").await;
    let limits = async || plane.control.tenant_with_limits(&tenant.id).await.unwrap().unwrap().limits;
    assert_eq!(limits().await.memories, Some(10_000));

    let mut changes = plane.control.changes();
    let by = Actor::local();
    let own = Limits { memories: Some(100), ..Limits::default() };
    let moved = plane.control.set_tenant_limits(&tenant.slug, own, &by).await.unwrap();
    assert_eq!(limits().await, own);
    assert_eq!(
        taken(&mut changes),
        [
            Change::Plan { name: moved.plan.clone() },
            Change::Tenant { id: tenant.id.clone(), slug: tenant.slug.clone() }
        ]
    );

    let own = Limits { memories: Some(200), ..Limits::default() };
    plane.control.set_tenant_limits(&tenant.slug, own, &by).await.unwrap();
    assert_eq!(limits().await, own);
    assert_eq!(taken(&mut changes), [Change::Plan { name: moved.plan }]);

    plane.control.set_tenant_plan(&tenant.slug, &PlanName::new("unlimited"), &by).await.unwrap();
    assert_eq!(limits().await, Limits::default());
    let gold = Plan { name: PlanName::new("gold"), limits: own };
    assert_eq!(plane.control.upsert_plan(gold.clone(), &by).await.unwrap(), gold);
}

async fn a_follower_that_falls_behind_is_told_to_forget_everything(plane: Plane) {
    let mut changes = plane.control.changes();
    let tenant = plane.tenant("acme").await;
    for round in 0..1_100 {
        let status = if round % 2 == 0 { TenantStatus::Suspended } else { TenantStatus::Active };
        plane.control.set_tenant_status(&tenant.slug, status, &Actor::system()).await.unwrap();
    }
    assert_eq!(changes.take(), Some(Change::Everything));
}

async fn of_two_who_want_a_slug_at_once_one_gets_it(plane: Plane) {
    for round in 0..10 {
        let new = NewTenant {
            slug: slug(&format!("acme-{round}")),
            name: "Acme".to_owned(),
            kind: TenantKind::Live,
            plan: PlanName::new("free"),
            owner: None,
        };
        let by = Actor::local();
        let (one, two) = tokio::join!(
            plane.control.create_tenant(new.clone(), &by),
            plane.control.create_tenant(new, &by)
        );
        let refused = [one.err(), two.err()];
        let refused: Vec<_> = refused.iter().flatten().collect();
        assert!(matches!(refused[..], [ControlError::Conflict { .. }]), "{refused:?}");
    }
    assert_eq!(plane.audited().await.len(), 10);
}
