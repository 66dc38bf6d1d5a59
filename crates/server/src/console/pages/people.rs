//! The people of a tenant: members and their roles, invites and their links.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use tenancy::{Operation, Role};

use crate::console::asked::Asked;
use crate::console::fields::segment;
use crate::console::layout::{Tab, choose, failed, page};
use crate::console::parts::{careful, copyable, field, form_token, good, status, title, wrong};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Failure};

/// `GET /console/people`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    if asked.session.tenant.is_none() && asked.session.menu.tenants {
        return choose("/console/people");
    }
    let above = match asked.sent().text("done") {
        "role" => good("The role is changed."),
        "removed" => good("They are no member any more."),
        "revoked" => good("The invite opens nothing any more."),
        _ => html! {},
    };
    list_page(&asked, &above).await
}

/// `POST /console/people/invites`.
pub(in crate::console) async fn invite(asked: Asked) -> Response {
    let mut body = asked.sent().object(&["email", "role"]);
    if let Some(days) = asked.sent().filled("days") {
        let seconds = days
            .parse::<u64>()
            .map_or_else(|_| Value::from(days), |days| Value::from(days.saturating_mul(86_400)));
        body.insert("expires_in_s".to_owned(), seconds);
    }
    let outcome = asked
        .manage(Operation::CreateInvite, async |pass, caller| {
            let input = decode::create_invite(Value::Object(body))?;
            operations::create_invite(asked.app(), pass, caller, input).await
        })
        .await;
    let above = match outcome {
        Ok(made) => html! {
            div .notice .good role="status" {
                p { "Send this to whom you invite; it is shown this once. They sign in here, and enter it under “Choose a tenant”." }
                (copyable(&made.token, "The invite"))
            }
        },
        Err(failure) if failure.status() == 401 => return failed(&asked, Tab::People, &failure),
        Err(failure) => wrong(&failure),
    };
    list_page(&asked, &above).await
}

/// `POST /console/people/invites/{id}/revoke`.
pub(in crate::console) async fn revoke_invite(asked: Asked) -> Response {
    let outcome = asked
        .manage(Operation::RevokeInvite, async |pass, caller| {
            operations::revoke_invite(asked.app(), pass, caller, asked.guest.segment("id")).await
        })
        .await;
    lead(&asked, outcome, "revoked")
}

/// `POST /console/people/{user_id}/role`.
pub(in crate::console) async fn change_role(asked: Asked) -> Response {
    let outcome = asked
        .manage(Operation::UpdateMember, async |pass, caller| {
            let role = decode::update_member(json!({ "role": asked.sent().text("role") }))?;
            operations::update_member(asked.app(), pass, caller, asked.guest.segment("user_id"), role).await
        })
        .await;
    lead(&asked, outcome, "role")
}

/// `POST /console/people/{user_id}/remove`.
pub(in crate::console) async fn remove(asked: Asked) -> Response {
    let outcome = asked
        .manage(Operation::RemoveMember, async |pass, caller| {
            operations::remove_member(asked.app(), pass, caller, asked.guest.segment("user_id")).await
        })
        .await;
    lead(&asked, outcome, "removed")
}

fn lead<T>(asked: &Asked, outcome: Result<T, Failure>, done: &str) -> Response {
    match outcome {
        Ok(_) => Redirect::to(&format!("/console/people?done={done}")).into_response(),
        Err(failure) => failed(asked, Tab::People, &failure),
    }
}

async fn list_page(asked: &Asked, above: &Markup) -> Response {
    let both = async {
        let members = asked
            .manage(Operation::ListMembers, async |pass, _| operations::list_members(asked.app(), pass).await)
            .await?;
        let invites = asked
            .manage(Operation::ListInvites, async |pass, _| operations::list_invites(asked.app(), pass).await)
            .await?;
        Ok((members.items, invites.items))
    };
    match both.await {
        Ok((members, invites)) => page(
            asked,
            Tab::People,
            "People",
            &html! {
                (title("People", &html! {}))
                (above)
                (list_members(asked, &members))
                (list_invites(asked, &invites))
                (form(asked))
            },
        ),
        Err(failure) => failed(asked, Tab::People, &failure),
    }
}

fn list_members(asked: &Asked, members: &[api::Member]) -> Markup {
    let now = asked.app().clock.now();
    html! {
        @if members.is_empty() { div .empty { p { "Nobody is a member yet: this tenant is used by key alone." } } }
        ul .rows {
            @for member in members {
                @let path = format!("/console/people/{}", segment(&member.user_id));
                li .row-card {
                    div .row-main {
                        strong { bdi { (member.email.as_deref().unwrap_or(&member.user_id)) } }
                        span .badge { (member.role) }
                        div .line { code { bdi { (member.user_id) } } span { "since " (words::time(member.created_at, now)) } }
                    }
                    div .row-deeds {
                        details .careful {
                            summary { "Role" }
                            div .careful-body { form .inline method="post" action={ (path) "/role" } {
                                (form_token(&asked.guest))
                                (roles(&member.role, &format!("role-{}", member.user_id)))
                                button { "Change" }
                            } }
                        }
                        (careful("Remove", "They are refused at once. Their keys are the tenant's, and stay.", &html! {
                            form method="post" action={ (path) "/remove" } { (form_token(&asked.guest)) button .danger { "Remove" } }
                        }))
                    }
                }
            }
        }
    }
}

fn list_invites(asked: &Asked, invites: &[api::Invite]) -> Markup {
    let now = asked.app().clock.now();
    html! {
        @if !invites.is_empty() {
            h2 { "Invites" }
            ul .rows {
                @for invite in invites {
                    li .row-card {
                        div .row-main {
                            strong { @match &invite.email { Some(email) => bdi { (email) }, None => "whoever has it" } }
                            (status(&invite.status))
                            div .line { span { "as " (invite.role) } span { "made " (words::time(invite.created_at, now)) } @if invite.status == "open" { span { "expires " (words::time(invite.expires_at, now)) } } }
                        }
                        @if invite.status == "open" {
                            div .row-deeds {
                                (careful("Revoke", "The invite opens nothing any more.", &html! {
                                    form method="post" action={ "/console/people/invites/" (segment(&invite.id)) "/revoke" } { (form_token(&asked.guest)) button .danger { "Revoke" } }
                                }))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn form(asked: &Asked) -> Markup {
    html! {
        section .card {
            h2 { "Invite somebody" }
            form .form method="post" action="/console/people/invites" {
                (form_token(&asked.guest))
                div .fields {
                    (field("email", "Address", "Only whoever proves to have it may accept; leave it out for anybody", &html! { input #email name="email" type="email" maxlength="254"; }))
                    (field("role", "Role", "", &roles("member", "role")))
                    (field("days", "Holds for days", "7 unless said", &html! { input #days name="days" inputmode="numeric" pattern="[0-9]*"; }))
                }
                div .submit { button .primary { "Make the invite" } }
            }
        }
    }
}

fn roles(chosen: &str, id: &str) -> Markup {
    html! {
        select id=(id) name="role" aria-label="Role" {
            @for role in Role::ALL { option value=(role.as_str()) selected[role.as_str() == chosen] { (role.as_str()) } }
        }
    }
}
