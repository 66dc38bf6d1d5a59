//! Decides and proves: who is asking, for which tenant, and whether they may. Knows no web framework.
//!
//! [`Gateway::admit`] is the only maker of a [`Pass`]; whatever works on a tenant's memories takes one. A pass ends
//! in [`Pass::settle`], which records the usage event before the answer leaves.

mod address;
mod admit;
mod at_work;
mod authenticate;
mod credentials;
mod follow;
mod invite_token;
mod issue_key;
mod jwt;
mod key_text;
mod last_use;
mod load;
mod membership;
mod metrics;
mod naming;
mod pass;
mod peppers;
mod quota;
mod rate;
mod refusal;
mod rehash;
mod remembered;
mod rotate_key;
mod seat;

pub use admit::{Enforcement, Gateway, GatewayOptions, GatewayTasks};
pub use authenticate::Principal;
pub use credentials::{Credentials, Peer};
pub use invite_token::InviteToken;
pub use issue_key::{IssuedKey, NewKey, issue_key};
pub use jwt::{JwksStatus, JwtOptions, SigningAlgorithm, User};
pub use key_text::KeyKind;
pub use metrics::{describe, quota_exceeded};
pub use pass::{OperatorPass, Pass};
pub use peppers::{PepperError, Peppers};
pub use rate::RateState;
pub use refusal::{AuthFailure, Needed, Refusal};
