//! The rules of the house, as tests: edges between crates, licences, continuous integration, documents that name what is there, sources
//! that say what they are.

mod ci;
mod documents;
mod layering;
mod licences;
mod source;
