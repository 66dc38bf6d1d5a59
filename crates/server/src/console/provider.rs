//! Signing in at the identity provider: the browser goes there with a state and a challenge that are made of a cookie,
//! and comes back with a code that only that cookie can redeem. Nothing is kept here in between.

use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;

use super::asked::Guest;
use super::cookie;
use super::layout::error_page;
use super::sign_in::{begin, enter_from_elsewhere, put_cookie};
use crate::operations::Failure;

/// Time to sign in at the provider.
const SIGN_IN_S: i64 = 600;

/// `GET /console/sign-in/provider`.
pub(super) async fn leave(guest: Guest) -> Response {
    let Some(provider) = &guest.app.console.provider else {
        return refused(&guest, "off", "no client_id is set");
    };
    let name = stdx::random::token(43);
    let (state, verifier) = secrets(&guest, &name);
    match provider.address(&redirect_uri(&guest), &state.to_hex(), &verifier).await {
        Ok(address) => {
            let mut response = Redirect::to(&address).into_response();
            // The provider leads the browser back: a link, for which a stricter cookie would stay at home.
            put_cookie(
                &mut response,
                guest.transport(),
                cookie::SIGN_IN,
                &name,
                SIGN_IN_S,
                cookie::From::Links,
            );
            response
        }
        Err(why) => {
            let message = "the identity provider does not answer as it should; try again, or sign in by key";
            tracing::warn!(why, "nobody can sign in at the console by the identity provider");
            error_page(&guest, &Failure::Coded(api::ErrorCode::Unavailable, message.to_owned()))
        }
    }
}

/// `GET /console/sign-in/callback`.
pub(super) async fn come_back(guest: Guest) -> Response {
    let Some(provider) = &guest.app.console.provider else {
        return refused(&guest, "off", "no client_id is set");
    };
    let name = cookie::read(guest.headers(), guest.transport(), cookie::SIGN_IN).unwrap_or("");
    let (state, verifier) = secrets(&guest, name);
    // Digests compare in constant time.
    let is_ours = blake3::Hash::from_hex(guest.sent.text("state")).is_ok_and(|sent| sent == state);
    if name.is_empty() || !is_ours {
        return refused(&guest, "state", "the browser did not begin here, or long ago");
    }
    if let Some(issuer) = guest.sent.filled("iss").filter(|issuer| *issuer != provider.issuer()) {
        return refused(&guest, "iss", issuer);
    }
    if let Some(error) = guest.sent.filled("error") {
        return refused(&guest, "error", error);
    }
    let redeemed = provider.redeem(guest.sent.text("code"), &redirect_uri(&guest), &verifier).await;
    let signed_in = match redeemed {
        Ok(signed_in) => signed_in,
        Err(why) => return refused(&guest, "code", &why),
    };
    let lifetime = signed_in.expires_in.and_then(|time| SignedDuration::try_from(time).ok());
    let mut response = match begin(&guest, &signed_in.access_token, lifetime).await {
        Ok(opened) => enter_from_elsewhere(&guest, &opened),
        Err(failure) => error_page(&guest, &failure),
    };
    put_cookie(&mut response, guest.transport(), cookie::SIGN_IN, "", 0, cookie::From::Links);
    response
}

/// The state that comes back by the browser, and the verifier that is told to the provider alone.
fn secrets(guest: &Guest, name: &str) -> (blake3::Hash, String) {
    let console = &guest.app.console;
    (console.sign("state", name), console.sign("verifier", name).to_hex().to_string())
}

fn redirect_uri(guest: &Guest) -> String {
    format!("{}/console/sign-in/callback", guest.origin())
}

fn refused(guest: &Guest, step: &str, why: &str) -> Response {
    tracing::warn!(step, why, "somebody did not get into the console by the identity provider");
    let mut response = Redirect::to("/console/sign-in?ended=provider").into_response();
    put_cookie(&mut response, guest.transport(), cookie::SIGN_IN, "", 0, cookie::From::Links);
    response
}
