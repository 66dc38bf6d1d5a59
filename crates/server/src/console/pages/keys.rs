//! A tenant's API keys: made and shown once, replaced, revoked.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use tenancy::{Operation, Scope, Scopes};

use crate::console::asked::Asked;
use crate::console::fields::segment;
use crate::console::layout::{Tab, choose, failed, page};
use crate::console::parts::{careful, copyable, field, form_token, good, status, title, wrong};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Failure, Reach};

/// Times for which a replaced key still opens.
const OVERLAPS: [(&str, &str); 4] =
    [("0", "not at all"), ("3600", "for an hour"), ("86400", "for a day"), ("604800", "for a week")];

/// `GET /console/keys`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    if asked.session.tenant.is_none() && asked.session.menu.tenants {
        return choose("/console/keys");
    }
    list_page(
        &asked,
        &html! { @if asked.sent().text("done") == "revoked" { (good("The key opens nothing any more.")) } },
    )
    .await
}

/// `POST /console/keys`.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let outcome = asked
        .manage(Operation::CreateApiKey, async |pass, caller| {
            let input = decode::create_api_key(new_key(&asked), asked.app().clock.now())?;
            operations::create_api_key(asked.app(), pass, caller, input).await
        })
        .await;
    answer(&asked, outcome, "This is the new key. It is shown this once: copy it now.").await
}

/// `POST /console/keys/{id}/rotate`.
pub(in crate::console) async fn rotate(asked: Asked) -> Response {
    let overlap = asked.sent().text("overlap_s").parse::<u64>().map_or(Value::Null, Value::from);
    let outcome = asked
        .manage(Operation::RotateApiKey, async |pass, caller| {
            let overlap = decode::rotate_api_key(json!({ "overlap_s": overlap }))?;
            let id = asked.guest.segment("id");
            operations::rotate_api_key(asked.app(), Reach::Tenant(pass), caller, id, overlap).await
        })
        .await;
    answer(&asked, outcome, "This key takes the old one's place. It is shown this once: copy it now.").await
}

/// `POST /console/keys/{id}/revoke`.
pub(in crate::console) async fn revoke(asked: Asked) -> Response {
    let outcome = asked
        .manage(Operation::RevokeApiKey, async |pass, caller| {
            operations::revoke_api_key(asked.app(), Reach::Tenant(pass), caller, asked.guest.segment("id"))
                .await
        })
        .await;
    match outcome {
        Ok(_) => Redirect::to("/console/keys?done=revoked").into_response(),
        Err(failure) => failed(&asked, Tab::Keys, &failure),
    }
}

fn new_key(asked: &Asked) -> Value {
    let mut body: Map<String, Value> = asked.sent().object(&["name"]);
    body.insert("scopes".to_owned(), asked.sent().all("scope").map(Value::from).collect());
    if let Some(days) = asked.sent().filled("days") {
        let days = days.parse::<i64>().ok().filter(|days| (1..=3_650).contains(days));
        let at = days.and_then(|days| {
            asked.app().clock.now().checked_add(jiff::SignedDuration::from_hours(days * 24)).ok()
        });
        // What is no number of days is no time either, and refused as one.
        body.insert(
            "expires_at".to_owned(),
            at.map_or_else(|| Value::from("?"), |at| Value::from(at.to_string())),
        );
    }
    Value::Object(body)
}

async fn answer(asked: &Asked, outcome: Result<api::CreatedApiKey, Failure>, told: &str) -> Response {
    let above = match outcome {
        Ok(made) => html! {
            div .notice .good role="status" { p { (told) } (copyable(&made.key, "The new key")) }
        },
        Err(failure) if failure.status() == 401 => return failed(asked, Tab::Keys, &failure),
        Err(failure) => wrong(&failure),
    };
    list_page(asked, &above).await
}

async fn list_page(asked: &Asked, above: &Markup) -> Response {
    let keys = asked
        .manage(Operation::ListApiKeys, async |pass, _| {
            operations::list_api_keys(asked.app(), Reach::Tenant(pass)).await
        })
        .await;
    match keys {
        Ok(keys) => page(
            asked,
            Tab::Keys,
            "API keys",
            &html! {
                (title("API keys", &html! {}))
                (above)
                (list(asked, &keys.items))
                (form(asked))
            },
        ),
        Err(failure) => failed(asked, Tab::Keys, &failure),
    }
}

fn list(asked: &Asked, keys: &[api::ApiKey]) -> Markup {
    let now = asked.app().clock.now();
    html! {
        @if keys.is_empty() { div .empty { p { "There is no key yet." } } }
        ul .rows {
            @for key in keys.iter().rev() {
                li .row-card {
                    div .row-main {
                        strong { @if key.name.is_empty() { span .dim { "without a name" } } @else { bdi { (key.name) } } }
                        (status(state(key, now)))
                        div .line {
                            code { (key.prefix) "…" }
                            @for scope in &key.scopes { span .tag { (scope) } }
                            span { "made " (words::time(key.created_at, now)) }
                            span { @match key.last_used_at { Some(at) => { "used " (words::time(at, now)) }, None => "never used" } }
                            @if let Some(at) = key.expires_at { span { "expires " (words::time(at, now)) } }
                        }
                    }
                    @if key.revoked_at.is_none() { (deeds(asked, key)) }
                }
            }
        }
    }
}

fn deeds(asked: &Asked, key: &api::ApiKey) -> Markup {
    let path = format!("/console/keys/{}", segment(&key.id));
    html! {
        div .row-deeds {
            @if key.rotated_to.is_none() {
                details .careful {
                    summary { "Rotate" }
                    div .careful-body {
                        form .inline method="post" action={ (path) "/rotate" } {
                            (form_token(&asked.guest))
                            label { "The old key opens " select name="overlap_s" { @for (seconds, label) in OVERLAPS { option value=(seconds) selected[seconds == "86400"] { (label) } } } }
                            button { "Make its successor" }
                        }
                    }
                }
            }
            (careful("Revoke", "Whoever uses this key is refused at once. This cannot be undone.", &html! {
                form method="post" action={ (path) "/revoke" } { (form_token(&asked.guest)) button .danger { "Revoke for ever" } }
            }))
        }
    }
}

fn form(asked: &Asked) -> Markup {
    html! {
        section .card {
            h2 { "New key" }
            form .form method="post" action="/console/keys" {
                (form_token(&asked.guest))
                div .fields {
                    (field("name", "Name", "Who or what will use it", &html! { input #name name="name" maxlength="200"; }))
                    (field("days", "Expires after days", "Never unless said", &html! { input #days name="days" inputmode="numeric" pattern="[0-9]*"; }))
                }
                fieldset {
                    legend { "It may" }
                    @for scope in Scope::ALL {
                        label .check { input type="checkbox" name="scope" value=(scope.as_str()) checked[Scopes::DEFAULT.contains(scope)]; " " (means(scope)) " " code { (scope.as_str()) } }
                    }
                }
                div .submit { button .primary { "Make the key" } }
            }
        }
    }
}

fn means(scope: Scope) -> &'static str {
    match scope {
        Scope::MemoriesRead => "read memories",
        Scope::MemoriesWrite => "store, change and delete memories",
        Scope::Search => "search",
        Scope::Admin => "manage keys, people and usage",
    }
}

fn state(key: &api::ApiKey, now: jiff::Timestamp) -> &'static str {
    match (key.revoked_at, key.expires_at, &key.rotated_to) {
        (Some(_), _, _) => "revoked",
        (None, Some(at), _) if at <= now => "expired",
        (None, _, Some(_)) => "rotated",
        (None, _, None) => "active",
    }
}
