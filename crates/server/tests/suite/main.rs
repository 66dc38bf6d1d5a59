//! The REST contract from outside: requests through the whole router on a data folder of their own. The files
//! mirror the URLs.

mod bad_input;
mod edge;
mod embedding;
mod house;
mod isolation;
mod operators;
mod service;
mod v1;
