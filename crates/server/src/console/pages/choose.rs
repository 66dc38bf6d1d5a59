//! Which tenant somebody looks at; how they get another one: by invite, or of their own where sign-up is open.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::config::SignUp;
use crate::console::asked::Asked;
use crate::console::fields::own_path;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{field, form_token, status, wrong};
use crate::decode;
use crate::operations::{self, Failure};

/// `GET /console/choose`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    choices(&asked, None).await
}

/// `POST /console/choose`.
pub(in crate::console) async fn choose(asked: Asked) -> Response {
    let outcome = async {
        let slug = decode::slug(Value::from(asked.sent().text("tenant")), decode::Form::Json)?;
        Ok::<_, Failure>(slug.to_string())
    };
    match outcome.await {
        Ok(slug) => enter(&asked, slug),
        Err(failure) => choices(&asked, Some(&failure)).await,
    }
}

/// `POST /console/choose/create`.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let outcome = async {
        let input = decode::create_tenant(Value::Object(asked.sent().object(&["slug", "name"])))?;
        operations::create_tenant(asked.app(), &asked.caller().await?, input).await
    };
    match outcome.await {
        Ok(tenant) => enter(&asked, tenant.slug),
        Err(failure) => choices(&asked, Some(&failure)).await,
    }
}

/// `POST /console/choose/accept`.
pub(in crate::console) async fn accept(asked: Asked) -> Response {
    let outcome = async {
        let token = decode::accept_invite(json!({ "token": asked.sent().text("token") }))?;
        operations::accept_invite(asked.app(), &asked.caller().await?, &token).await
    };
    match outcome.await {
        Ok(member) => enter(&asked, member.tenant),
        Err(failure) => choices(&asked, Some(&failure)).await,
    }
}

/// Whether they may look at it is decided by each page they open.
fn enter(asked: &Asked, slug: String) -> Response {
    asked.app().console.sessions.choose_tenant(asked.guest.cookie(), Some(slug));
    Redirect::to(own_path(asked.sent().text("next"))).into_response()
}

async fn choices(asked: &Asked, failure: Option<&Failure>) -> Response {
    let own = async {
        let query = decode::list_tenants(json!({"status": "active", "limit": "100"}))?;
        operations::list_tenants(asked.app(), &asked.caller().await?, query).await
    };
    match own.await {
        Ok(own) => page(asked, Tab::Elsewhere, "Choose a tenant", &shown(asked, &own.items, failure)),
        Err(failure) => failed(asked, Tab::Elsewhere, &failure),
    }
}

fn shown(asked: &Asked, own: &[api::Tenant], failure: Option<&Failure>) -> Markup {
    let next = own_path(asked.sent().text("next"));
    html! {
        h1 { "Choose a tenant" }
        @if let Some(failure) = failure { (wrong(failure)) }
        @if own.is_empty() { div .empty { p { "You belong to no tenant yet." } } }
        ul .rows {
            @for tenant in own {
                li .row-card {
                    div .row-main { strong { bdi { (tenant.name) } } (status(&tenant.status)) div .line { code { (tenant.slug) } @if let Some(role) = &tenant.role { span { "as " (role) } } span { (tenant.plan) } } }
                    form method="post" action="/console/choose" {
                        (form_token(&asked.guest))
                        input type="hidden" name="next" value=(next);
                        button name="tenant" value=(tenant.slug) .primary { "Open" }
                    }
                }
            }
        }
        section .card {
            h2 { "With an invite" }
            form .form method="post" action="/console/choose/accept" {
                (form_token(&asked.guest))
                (field("token", "Invite", "", &html! { input #token name="token" required autocomplete="off" placeholder="eng_inv_…"; }))
                div .submit { button { "Accept" } }
            }
        }
        @if asked.app().config.service.sign_up == SignUp::Open {
            section .card {
                h2 { "A tenant of your own" }
                form .form method="post" action="/console/choose/create" {
                    (form_token(&asked.guest))
                    div .fields {
                        (field("slug", "Short name", "Lower-case letters, digits and dashes", &html! { input #slug name="slug" required maxlength="63"; }))
                        (field("name", "Name", "", &html! { input #name name="name"; }))
                    }
                    div .submit { button { "Create" } }
                }
            }
        }
    }
}
