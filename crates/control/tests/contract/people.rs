//! Members and invites.

use control::{Actor, AuditQuery, Change, ControlError, NewInvite, NewMember, NewOwner, NewTenant, Spent};
use jiff::{SignedDuration, Timestamp};
use stdx::clock::Clock;
use tenancy::{PlanName, Role, TenantId, TenantKind};

use crate::{Plane, contract, slug, taken};

contract! {
    of_two_owners_who_leave_at_once_one_stays,
    an_invite_that_two_show_at_once_makes_one_member,
    people_belong_to_tenants_with_one_role_in_each,
    the_last_owner_stays,
    signing_up_makes_the_tenant_and_its_owner_or_neither,
    an_invite_is_accepted_once_and_in_time,
    an_invite_needs_a_tenant_and_a_future,
    a_tenant_reads_its_own_part_of_the_audit_log_page_by_page,
}

fn person(tenant: &TenantId, user_id: &str, role: Role) -> NewMember {
    let email = Some(format!("{user_id}@example.com"));
    NewMember { tenant_id: tenant.clone(), user_id: user_id.to_owned(), email, role }
}

fn invite(plane: &Plane, tenant: &TenantId, token: u8, hours: i64) -> NewInvite {
    NewInvite {
        tenant_id: tenant.clone(),
        email: None,
        role: Role::Member,
        token_hash: [token; 32],
        expires_at: plane.clock.now() + SignedDuration::from_hours(hours),
    }
}

async fn people_belong_to_tenants_with_one_role_in_each(plane: Plane) {
    let (acme, other) = (plane.tenant("acme").await, plane.tenant("other").await);
    let by = Actor::user("root");
    let control = &plane.control;
    let ann = control.add_member(person(&acme.id, "ann", Role::Owner), &by).await.unwrap();
    plane.clock.advance_ms(1);
    control.add_member(person(&other.id, "ann", Role::Viewer), &by).await.unwrap();
    control.add_member(person(&acme.id, "bob", Role::Member), &by).await.unwrap();
    assert_eq!(control.membership(&acme.id, "ann").await.unwrap(), Some(ann));
    assert_eq!(control.membership(&other.id, "bob").await.unwrap(), None);
    let roles: Vec<_> = control.memberships("ann").await.unwrap().into_iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::Owner, Role::Viewer]);
    let names: Vec<_> =
        control.list_members(&acme.id).await.unwrap().into_iter().map(|m| m.user_id).collect();
    assert_eq!(names, ["ann", "bob"]);
    let twice = control.add_member(person(&acme.id, "bob", Role::Admin), &by).await.unwrap_err();
    assert_eq!(twice.to_string(), "member \"bob\" exists already");
    for (user_id, email) in [
        ("", None),
        ("x", Some("no address")),
        ("x", Some("@")),
        ("x", Some("a b@c")),
        ("x", Some("a\0@c")),
        ("x\0", None),
    ] {
        let email = email.map(str::to_owned);
        let odd =
            NewMember { tenant_id: acme.id.clone(), user_id: user_id.into(), email, role: Role::Member };
        assert!(matches!(control.add_member(odd, &by).await, Err(ControlError::Invalid(_))));
    }
}

async fn the_last_owner_stays(plane: Plane) {
    let acme = plane.tenant("acme").await;
    let (control, by) = (&plane.control, Actor::user("root"));
    control.add_member(person(&acme.id, "ann", Role::Owner), &by).await.unwrap();
    control.add_member(person(&acme.id, "bob", Role::Admin), &by).await.unwrap();
    let demoted = control.set_member_role(&acme.id, "ann", Role::Admin, &by).await;
    assert!(matches!(demoted, Err(ControlError::LastOwner)));
    assert!(matches!(control.remove_member(&acme.id, "ann", &by).await, Err(ControlError::LastOwner)));
    control.set_member_role(&acme.id, "bob", Role::Owner, &by).await.unwrap();
    let mut changes = control.changes();
    assert_eq!(control.remove_member(&acme.id, "ann", &by).await.unwrap().user_id, "ann");
    assert_eq!(taken(&mut changes), [Change::Member { tenant: acme.id.clone(), user_id: "ann".into() }]);
    let gone = control.remove_member(&acme.id, "ann", &by).await.unwrap_err();
    assert_eq!(gone.to_string(), "there is no member \"ann\"");
    let told = plane.audited().await;
    assert_eq!(
        told[1..],
        [
            r#"user:root add_member {"email":"ann@example.com","role":"owner"}"#,
            r#"user:root add_member {"email":"bob@example.com","role":"admin"}"#,
            r#"user:root set_member_role {"from":"admin","to":"owner"}"#,
            r#"user:root remove_member {"role":"owner"}"#,
        ]
    );
}

async fn signing_up_makes_the_tenant_and_its_owner_or_neither(plane: Plane) {
    let new = |user_id: &str| NewTenant {
        slug: slug("acme"),
        name: "Acme".to_owned(),
        kind: TenantKind::Live,
        plan: PlanName::new("free"),
        owner: Some(NewOwner { user_id: user_id.to_owned(), email: None }),
    };
    assert!(plane.control.create_tenant(new(" "), &Actor::user("x")).await.is_err());
    assert_eq!(plane.control.tenant_by_slug(&slug("acme")).await.unwrap(), None);
    let tenant = plane.control.create_tenant(new("ann"), &Actor::user("ann")).await.unwrap();
    let owner = plane.control.membership(&tenant.id, "ann").await.unwrap().unwrap();
    assert_eq!(owner.role, Role::Owner);
}

async fn an_invite_is_accepted_once_and_in_time(plane: Plane) {
    let acme = plane.tenant("acme").await;
    let (control, by) = (&plane.control, Actor::user("ann"));
    for token in 1..=4 {
        control.create_invite(invite(&plane, &acme.id, token, 1), &by).await.unwrap();
    }
    let accept = async |token: u8, user: &str| {
        let accepted = control.accept_invite(&[token; 32], user, None, &Actor::user(user)).await;
        accepted.map(|member| member.role).map_err(|error| error.to_string())
    };
    assert_eq!(accept(1, "bob").await, Ok(Role::Member));
    assert_eq!(accept(1, "cyd").await, Err("this invite is accepted; ask for another".into()));
    assert_eq!(accept(1, "bob").await, Err("this invite is accepted; ask for another".into()));
    assert_eq!(accept(2, "bob").await, Err("member \"bob\" exists already".into()));
    assert_eq!(accept(9, "cyd").await, Err("there is no invite \"of this token\"".into()));

    let all = control.list_invites(&acme.id).await.unwrap();
    let third = all.iter().find(|i| i.spent(plane.clock.now()).is_none()).unwrap();
    let other = plane.tenant("other").await;
    assert!(matches!(
        control.revoke_invite(&other.id, &third.id, &by).await,
        Err(ControlError::NotFound { .. })
    ));
    let revoked = control.revoke_invite(&acme.id, &third.id, &by).await.unwrap();
    assert_eq!(revoked.spent(plane.clock.now()), Some(Spent::Revoked));
    assert_eq!(control.revoke_invite(&acme.id, &third.id, &by).await.unwrap(), revoked);

    plane.clock.advance_ms(3_600_000);
    for token in [2, 3, 4] {
        let refused = accept(token, "cyd").await.unwrap_err();
        assert!(refused.contains("expired") || refused.contains("revoked"), "{refused}");
    }
    assert_eq!(control.list_members(&acme.id).await.unwrap().len(), 1);
}

async fn an_invite_needs_a_tenant_and_a_future(plane: Plane) {
    let acme = plane.tenant("acme").await;
    let by = Actor::local();
    let late = plane.control.create_invite(invite(&plane, &acme.id, 1, 0), &by).await;
    assert!(matches!(late, Err(ControlError::Invalid(_))));
    plane.control.create_invite(invite(&plane, &acme.id, 2, 1), &by).await.unwrap();
    plane.control.delete_tenant(&acme.slug, &by).await.unwrap();
    let gone = plane.control.create_invite(invite(&plane, &acme.id, 3, 1), &by).await;
    assert!(matches!(gone, Err(ControlError::NotFound { .. })));
    let accepted = plane.control.accept_invite(&[2; 32], "bob", None, &by).await;
    assert!(matches!(accepted, Err(ControlError::InviteSpent { why: Spent::Revoked })));
}

async fn a_tenant_reads_its_own_part_of_the_audit_log_page_by_page(plane: Plane) {
    let (acme, other) = (plane.tenant("acme").await, plane.tenant("other").await);
    let by = Actor::user("root");
    for user in ["a", "b", "c"] {
        plane.control.add_member(person(&acme.id, user, Role::Member), &by).await.unwrap();
        plane.control.add_member(person(&other.id, user, Role::Member), &by).await.unwrap();
    }
    let mut before = None;
    let mut targets = Vec::new();
    loop {
        let query = AuditQuery { tenant: Some(acme.id.clone()), before, limit: 2 };
        let page = plane.control.audit_log(query).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        assert!(page.iter().all(|record| record.tenant.as_ref() == Some(&acme.id)));
        assert!(page.iter().all(|record| record.occurred_at > Timestamp::UNIX_EPOCH));
        targets.extend(page.into_iter().map(|record| record.target));
    }
    assert_eq!(targets, ["c", "b", "a", acme.id.as_str()]);
}

async fn of_two_owners_who_leave_at_once_one_stays(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    for round in 0..10 {
        let tenant = plane.tenant(&format!("acme-{round}")).await;
        for user in ["ann", "bob"] {
            control.add_member(person(&tenant.id, user, Role::Owner), &by).await.unwrap();
        }
        let (ann, bob) = tokio::join!(
            control.remove_member(&tenant.id, "ann", &by),
            control.set_member_role(&tenant.id, "bob", Role::Viewer, &by)
        );
        let refused = [ann.err(), bob.err()];
        let refused: Vec<_> = refused.iter().flatten().collect();
        assert!(matches!(refused[..], [ControlError::LastOwner]), "{refused:?}");
    }
}

async fn an_invite_that_two_show_at_once_makes_one_member(plane: Plane) {
    let (control, by) = (&plane.control, Actor::local());
    let acme = plane.tenant("acme").await;
    for token in 0..10 {
        control.create_invite(invite(&plane, &acme.id, token, 1), &by).await.unwrap();
        let hash = [token; 32];
        let (ann, bob) = (format!("ann-{token}"), format!("bob-{token}"));
        let (ann, bob) = tokio::join!(
            control.accept_invite(&hash, &ann, None, &by),
            control.accept_invite(&hash, &bob, None, &by)
        );
        let refused = [ann.err(), bob.err()];
        let refused: Vec<_> = refused.iter().flatten().collect();
        assert!(matches!(refused[..], [ControlError::InviteSpent { why: Spent::Accepted }]), "{refused:?}");
    }
    assert_eq!(control.list_members(&acme.id).await.unwrap().len(), 10);
}
