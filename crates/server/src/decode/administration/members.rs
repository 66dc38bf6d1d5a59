//! What operators, owners and admins send about members and invites.

use jiff::SignedDuration;
use serde_json::Value;
use tenancy::Role;

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::whole;
use crate::decode::values::{integer, text, word};

/// Longest user id: OpenID Connect Core 1.0 bounds `sub` at 255 ASCII characters.
const USER_ID_BYTES_MAX: usize = 255;
/// Longest address a mail server takes (RFC 5321, with erratum 1690).
const EMAIL_BYTES_MAX: usize = 254;
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 512;
/// An invite holds at least an hour, in seconds.
const INVITE_S_MIN: i64 = 3_600;
/// And at most 30 days.
const INVITE_S_MAX: i64 = 30 * 86_400;
/// Unless said, 7 days.
const INVITE_S_DEFAULT: i64 = 7 * 86_400;

/// A known person to add to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInput {
    /// Who, as the identity provider names them.
    pub user_id: String,
    /// Their address.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
}

/// An invite to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInput {
    /// Whom it is for, if it is for one address alone.
    pub email: Option<String>,
    /// The role it gives.
    pub role: Role,
    /// How long it holds.
    pub lifetime: SignedDuration,
}

/// Reads which tenant to leave: named even by who belongs to no other, so that nobody leaves by chance.
///
/// # Errors
/// Every problem.
pub fn leave_tenant(query: Value) -> Result<(), Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).and_then(|mut fields| {
        let named = fields.need("tenant", slug);
        fields.finish();
        named.map(drop)
    });
    whole(input, problems)
}

/// Reads a person to add.
///
/// # Errors
/// Every problem.
pub fn add_member(body: Value) -> Result<MemberInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        fields.get("tenant", slug);
        let user_id = fields.need("user_id", text);
        if user_id.as_ref().is_some_and(|id| id.trim().is_empty() || id.len() > USER_ID_BYTES_MAX) {
            fields.refuse("user_id", format!("must have 1-{USER_ID_BYTES_MAX} bytes"));
        }
        let email = email(&mut fields);
        let role = fields.need("role", role);
        fields.finish();
        Some(MemberInput { user_id: user_id?, email, role: role? })
    });
    whole(input, problems)
}

/// Reads a member's role from now on.
///
/// # Errors
/// Every problem.
pub fn update_member(body: Value) -> Result<Role, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        fields.get("tenant", slug);
        let role = fields.need("role", role);
        fields.finish();
        role
    });
    whole(input, problems)
}

/// Reads an invite to make.
///
/// # Errors
/// Every problem.
pub fn create_invite(body: Value) -> Result<InviteInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        fields.get("tenant", slug);
        let email = email(&mut fields);
        let role = fields.need("role", role);
        let seconds =
            fields.get("expires_in_s", integer(INVITE_S_MIN, INVITE_S_MAX)).unwrap_or(INVITE_S_DEFAULT);
        fields.finish();
        Some(InviteInput { email, role: role?, lifetime: SignedDuration::from_secs(seconds) })
    });
    whole(input, problems)
}

/// Reads the token of an invite to accept.
///
/// # Errors
/// Every problem.
pub fn accept_invite(body: Value) -> Result<String, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let token = fields.need("token", text);
        if token.as_ref().is_some_and(|token| token.len() > TOKEN_BYTES_MAX) {
            fields.refuse("token", format!("has at most {TOKEN_BYTES_MAX} bytes"));
        }
        fields.finish();
        token
    });
    whole(input, problems)
}

fn role(value: Value, form: Form) -> Result<Role, Problems> {
    word(&["owner", "admin", "member", "viewer"], Role::parse)(value, form)
}

/// An address is proven by whoever gives out tokens; here it must only look like one.
fn email(fields: &mut Fields<'_>) -> Option<String> {
    let email = fields.get("email", text)?;
    let parts = email.split_once('@');
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let whole = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if plain && whole && email.len() <= EMAIL_BYTES_MAX {
        return Some(email);
    }
    fields.refuse(
        "email",
        format!("must be an address such as anna@example.com of at most {EMAIL_BYTES_MAX} bytes"),
    );
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_of_an_invite_is_told() {
        let told = create_invite(json!({"role": "king", "email": "anna", "expires_in_s": 1, "x": 1}));
        let fields: Vec<_> = told.unwrap_err().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["email", "role", "expires_in_s", "x"]);
    }

    #[test]
    fn an_address_looks_like_one() {
        for (email, fine) in [
            ("anna@example.com", true),
            ("a+b@x", true),
            ("@x", false),
            ("a@", false),
            ("a@b@c", false),
            ("a b@c", false),
            ("", false),
        ] {
            let invite = create_invite(json!({"role": "viewer", "email": email}));
            assert_eq!(invite.is_ok(), fine, "{email}");
        }
    }
}
