//! What can be asked of a store: lists, searches, statistics; and the shapes of the answers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::analysis;
use crate::filter::Filter;
use crate::memory::{Memory, MemoryId};
use crate::search::{self, Scale};
use crate::vector::Embedded;

/// Direction of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Highest id first.
    #[default]
    NewestFirst,
    /// Lowest id first.
    OldestFirst,
}

/// A page of memories.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only this workspace (normalised); all of them when absent.
    pub workspace: Option<String>,
    /// Only memories the filter matches.
    pub filter: Option<Filter>,
    /// Direction.
    pub order: Order,
    /// The page starts after this id, in the direction of `order`.
    pub after: Option<MemoryId>,
    /// At most this many.
    pub limit: usize,
}

/// One page, and where the next one starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The memories.
    pub items: Vec<Memory>,
    /// `after` of the next page; `None` at the end.
    pub next: Option<MemoryId>,
}

/// Whether a search explains its scores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Explain {
    /// Scores only.
    #[default]
    No,
    /// Every contribution by name.
    Yes,
}

/// Which signals rank a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ranking {
    /// Words, meaning, neighbours, people, dates: the default.
    #[default]
    Hybrid,
    /// Plain BM25, the baseline of benchmarks.
    Bm25,
}

/// A search.
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// What is looked for, in the words of a person or an agent. Blank finds nothing.
    pub text: String,
    /// The vector of `text`; without it the search goes by words alone.
    pub embedded: Option<Embedded>,
    /// Words near in meaning to words of `text`; see [`telling_words`]. A memory that holds one, and not the
    /// word itself, is found by it.
    pub near_words: Vec<NearWord>,
    /// Tells misspelt words from words that no memory has, and reads `text` again once it is corrected; without it the
    /// vector and the near words stay those of the misspelt ones.
    pub reader: Option<Arc<dyn Reader>>,
    /// Only this workspace (normalised); all of them when absent.
    pub workspace: Option<String>,
    /// Only memories the filter matches.
    pub filter: Option<Filter>,
    /// At most this many hits.
    pub limit: usize,
    /// Only hits with at least this score.
    pub min_score: Option<f64>,
    /// How much a hit's novelty counts beside its score, 0 (not at all) to 1 (alone): hits that repeat a better one
    /// give way to others.
    pub diversity: f64,
    /// Whether scores are explained.
    pub explain: Explain,
    /// Which signals rank.
    pub ranking: Ranking,
    /// After this long the search answers with what it has.
    pub deadline: Option<Duration>,
}

impl SearchQuery {
    /// The query whose hits are shown to a second model before [`Store::rerank`](crate::Store::rerank).
    pub fn before_rerank(&self) -> Self {
        search::before_rerank(self)
    }
}

/// Knows the language of queries; the engine knows none. It is asked within a search, so it must not wait for anything.
pub trait Reader: fmt::Debug + Send + Sync {
    /// What `text` means.
    fn read(&self, text: &str) -> Reading;
    /// Whether the model that makes the vectors knows the writing of `text`; else its vector counts for little.
    fn knows_writing_of(&self, text: &str) -> bool;
    /// Whether the folded `word` is spelt right, whether or not a store uses it.
    fn is_spelt_right(&self, word: &str) -> bool;
    /// Words it knows one edit from the folded `word`.
    fn spellings(&self, word: &str) -> Vec<Spelling>;
}

/// A word as it is spelt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    /// The word, folded.
    pub word: Cow<'static, str>,
    /// Its place among all words of its language by how common they are, from 1.
    pub rank: u32,
}

/// What a query's text means.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Its vector; `None` where that takes waiting, and the one at hand stays.
    pub embedded: Option<Embedded>,
    /// Words near in meaning to its words.
    pub near_words: Vec<NearWord>,
}

impl Completeness {
    /// Whether both ran to their ends.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Complete { other } else { self }
    }
}

/// A word that means nearly what a word of a query means.
#[derive(Debug, Clone, PartialEq)]
pub struct NearWord {
    /// The word of the query, as [`telling_words`] gives it.
    pub of: String,
    /// The other word.
    pub word: Cow<'static, str>,
    /// How near: the cosine of the two, above 0 and at most 1.
    pub cosine: f32,
}

/// The words of a query that say what is asked for, folded, in order, each once: what near words are looked up for.
pub fn telling_words(text: &str) -> Vec<String> {
    analysis::telling_tokens(text).into_iter().map(|token| token.word).collect()
}

/// What a search found, best first.
#[derive(Debug, Clone, Default)]
pub struct SearchAnswer {
    /// At most `limit` hits.
    pub hits: Vec<Hit>,
    /// Misspelt words of the query, and the words that were searched instead.
    pub corrections: Vec<Correction>,
    /// The query with its words corrected, if any was misspelt.
    pub meant: Option<String>,
    /// Whether every stage ran to its end before the deadline.
    pub completeness: Completeness,
    /// How long each stage took.
    pub stages: StageTimes,
    /// From sums to scores.
    pub(crate) scale: Scale,
}

/// How long the stages of a search took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Words, people and dates of the query, and the candidates they lead to.
    pub gather: Duration,
    /// Every signal of every candidate.
    pub rank: Duration,
    /// The best ones read from the file, filters asked.
    pub fill: Duration,
}

/// Whether a search had time for every stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Completeness {
    /// Every stage ran to its end.
    #[default]
    Complete,
    /// The deadline came first; better hits may exist.
    DeadlineReached,
}

/// A misspelt word and what was searched instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The word of the query.
    pub from: String,
    /// The word that was meant: one of the store, else one of the language.
    pub to: String,
}

/// One memory found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// The weighted sum of its signals.
    pub raw: f32,
    /// 0 to 1: which part of a perfect answer to this query the memory is; comparable between queries and stores.
    pub score: f64,
    /// Where the score comes from, if asked for.
    pub explanation: Option<Explanation>,
}

/// Contributions to a score: `raw` is the sum of the weighted signals, the score its share of a perfect answer's.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Sum of all contributions.
    pub raw: f64,
    /// Each signal: its own value, its weight, and what it added.
    pub signals: Vec<Signal>,
    /// Words of the query (stemmed) that the memory itself holds.
    pub matched_terms: Vec<String>,
    /// Its likeness (cosine) to the nearest hit before it, where diversity was asked for.
    pub repeats: Option<f64>,
}

/// One signal's part in a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// `keywords`, `related`, `meaning`, `stated`, `actor`, `date`, `importance`, `recency`, `alike`, `session`, `rerank`.
    pub name: &'static str,
    /// The signal's own value.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
    /// `value * weight`.
    pub contribution: f64,
}

/// One workspace and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceSummary {
    /// Its name.
    pub name: String,
    /// Memories in it that have not expired.
    pub memories: u64,
    /// When it was made.
    pub created_at: jiff::Timestamp,
}

/// Which page of sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only sessions whose newest memory is older than this one.
    pub before: Option<MemoryId>,
    /// Most of the page.
    pub limit: usize,
}

/// One session: memories that were stored with the same `session_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its name, as whoever stores memories gives it.
    pub session_id: String,
    /// The workspace of its newest memory.
    pub workspace: String,
    /// Memories in it; those that have expired count until they are removed.
    pub memories: u64,
    /// When the first of them was stored.
    pub first_at: jiff::Timestamp,
    /// When the newest of them was stored.
    pub last_at: jiff::Timestamp,
}

/// A page of sessions, the one with the newest memory first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions.
    pub items: Vec<SessionSummary>,
    /// What the next page is before; `None` on the last one.
    pub next: Option<MemoryId>,
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Memories that have not expired.
    pub memories: u64,
    /// Memories that wait to be embedded by the model in use.
    pub pending_embeddings: u64,
    /// Workspaces.
    pub workspaces: u64,
    /// Memories of each kind, most first.
    pub by_kind: Vec<(String, u64)>,
    /// Bytes of the database file.
    pub storage_bytes: u64,
    /// Oldest memory.
    pub oldest: Option<jiff::Timestamp>,
    /// Newest memory.
    pub newest: Option<jiff::Timestamp>,
    /// Schema version of the file.
    pub schema_version: i64,
    /// Version of the SQLite library.
    pub sqlite_version: &'static str,
}
