//! Tokens of an identity provider (JWT), proven here against its public keys: no question goes out while a request
//! waits, but for a key nobody has seen.

mod algorithm;
mod claims;
mod code_flow;
mod issuer;
mod jwks;
mod key_set;
mod token;

pub use algorithm::SigningAlgorithm;
pub use claims::User;
pub use code_flow::{CodeFlow, CodeFlowOptions, SignedIn};
pub use issuer::{JwksStatus, JwtOptions};

pub(crate) use issuer::Issuer;
pub(crate) use token::is_token;
