//! One memory store in one SQLite file: memories, their history, hybrid search, and the group-committed
//! writer. Knows no tenant, no network, no price and no async; every call blocks.

mod analysis;
mod bounds;
mod connection;
mod cues;
mod error;
mod export;
mod facet;
mod filter;
mod import;
mod index;
mod integrity;
mod memory;
mod query;
mod read;
mod salvage;
mod schema;
mod search;
mod snapshot;
mod stated;
mod store;
mod typo;
mod vector;
mod write;
mod writer;

pub use bounds::{Bound, Bounds, Tally};
pub use error::{EngineError, Problem};
pub use export::{Exported, export_file};
pub use filter::Filter;
pub use import::{ExportFacts, ImportIds, Imported, check_export};
pub use memory::{
    BATCH_ROWS_MAX, CONTENT_BYTES_MAX, Change, Draft, EmbeddingState, IDENTIFIER_CHARS_MAX, KIND_CHARS_MAX,
    METADATA_BYTES_MAX, METADATA_DEPTH_MAX, Memory, MemoryId, MemoryPatch, NewMemory, Revision,
    RevisionChange, TAG_CHARS_MAX, TAGS_MAX, Tier, normal_workspace,
};
pub use query::{
    Completeness, Correction, Explain, Explanation, Hit, ListQuery, NearWord, Order, Page, Ranking, Reader,
    Reading, SearchAnswer, SearchQuery, SessionPage, SessionQuery, SessionSummary, Signal, Spelling,
    StageTimes, Stats, WorkspaceSummary, telling_words,
};
pub use read::pending_embeddings_in;
pub use salvage::{Salvaged, Wreck};
pub use schema::{SCHEMA_VERSION, needs_migration, sqlite_version};
pub use search::RERANKED_MAX;
pub use snapshot::{FileFacts, TableRows, copy_file, examine, prove};
pub use store::{
    Changed, DeleteMode, Deleted, Idempotency, Outcome, PendingEmbedding, Store, StoreOptions, Stored,
    StoredMemory,
};
pub use vector::{Embedded, ModelIdentity};
