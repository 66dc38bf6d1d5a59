//! What is asked of a restored file: is it the one that was copied, is it whole, and does it answer.

use std::path::{Path, PathBuf};

use backup::Manifest;
use engine::{EngineError, FileFacts, ListQuery, SearchQuery, Store};

use super::Trouble;
use super::back_up::to_manifest;

/// Words of a memory that a search looks for.
const WORDS_ASKED: usize = 8;

/// What is in a file that nobody serves.
pub(super) async fn examined(file: &Path) -> Result<FileFacts, Trouble> {
    let file = file.to_owned();
    blocking(move || engine::examine(&file)).await
}

/// Whether a file that nobody serves is whole in itself.
pub(super) async fn proven(file: &Path) -> Result<(), Trouble> {
    let file: PathBuf = file.to_owned();
    blocking(move || engine::prove(&file)).await
}

/// What differs between a file and what its manifest says; nothing when it is the one.
pub(super) fn differences(found: &FileFacts, manifest: &Manifest) -> Vec<String> {
    let (found, wanted) = (to_manifest(found), &manifest.facts);
    let mut told = Vec::new();
    if found.schema_version != wanted.schema_version {
        told.push(format!("schema version {} instead of {}", found.schema_version, wanted.schema_version));
    }
    for (name, table) in &wanted.tables {
        match found.tables.get(name) {
            None => told.push(format!("the table {name} is missing")),
            Some(here) if here.rows != table.rows => {
                told.push(format!("{} rows of {name} instead of {}", here.rows, table.rows));
            }
            Some(here) if here != table => told.push(format!("other rows of {name}")),
            Some(_) => {}
        }
    }
    if told.is_empty() && found.content_hash != wanted.content_hash {
        told.push("other contents".to_owned());
    }
    told
}

/// Asks an open store what anybody would: how much there is, the newest memory, and a search for what it says.
pub(super) fn ask(store: &Store) -> Result<String, EngineError> {
    let stats = store.stats()?;
    let newest = store.list(&ListQuery { limit: 1, ..ListQuery::default() })?;
    let Some(memory) = newest.items.first() else { return Ok("no memories".to_owned()) };
    store.get(memory.id)?;
    let words: Vec<_> = memory.content.split_whitespace().take(WORDS_ASKED).collect();
    let query = SearchQuery { text: words.join(" "), limit: 10, ..SearchQuery::default() };
    let found = store.search(&query)?;
    if found.hits.is_empty() && !engine::telling_words(&query.text).is_empty() {
        return Err(EngineError::Internal(format!(
            "a search for the words of memory {} finds nothing",
            memory.id
        )));
    }
    Ok(format!(
        "{} memories, {} found by the words of memory {}",
        stats.memories,
        found.hits.len(),
        memory.id
    ))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|panic| Err(EngineError::Internal(panic.to_string())))?)
}
