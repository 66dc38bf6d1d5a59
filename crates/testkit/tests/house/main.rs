//! The rules of the house, as tests: edges between crates, licences, documents that name what is there, sources
//! that say what they are.

mod documents;
mod layering;
mod licences;
mod sources;
