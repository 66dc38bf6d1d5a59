//! The only crate that knows a tenant and a file: where each tenant's store lies, which stores are open, and
//! who may use them. One store handle per tenant, opened on first use, pinned while borrowed, closed when idle.

mod capacity;
mod error;
mod fleet;
mod holdings;
mod kept;
mod layout;
mod lease;
mod maintenance;
mod migration;
mod quarantine;
mod slot;
mod swap;
mod visit;
mod volume;

pub use capacity::raise_open_files_limit;
pub use error::FleetError;
pub use fleet::{Fleet, FleetOptions};
pub use holdings::Holdings;
pub use lease::Lease;
pub use maintenance::{Maintenance, Replaced};
pub use migration::Kept;
pub use quarantine::Quarantine;
pub use visit::Visit;
pub use volume::VolumeSpace;
