//! What the crate promises to those who use it, tried from outside.

mod contract;
mod endpoint;
mod goldens;
mod hub;
mod properties;
mod remote_faults;
mod transformer;
