//! Contexts on the wire: the memories for a task, packed into so many tokens.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::CorrectedWord;

/// What a context is wanted for, and how long it may be.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct RecallContext {
    /// The task or the question, in plain words; a blank one recalls nothing.
    #[schema(example = "announce the release")]
    pub query: String,
    /// Most tokens of `text`, 64 to 32,000; 2,000 unless said.
    #[schema(minimum = 64, maximum = 32000)]
    pub budget_tokens: Option<u32>,
    /// Most memories, 1 to 200; as many as fit unless said.
    #[schema(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `relevance` (the best match first, unless said otherwise) or `time` (the oldest first).
    #[schema(pattern = "^(relevance|time)$")]
    pub order: Option<String>,
    /// Only memories this filter matches.
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Map<String, Value>>,
    /// Only this workspace; all of them when absent.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub workspace: Option<String>,
    /// Only memories with at least this score.
    #[schema(minimum = 0, maximum = 1)]
    pub min_score: Option<f64>,
    /// Whether a second, slower model is asked about the best twenty; refused where the service has none.
    pub rerank: Option<bool>,
}

/// What is remembered for a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Context {
    /// Ready to paste into a prompt: a sentence on what follows, then one memory a line; empty when nothing fits.
    pub text: String,
    /// The same memories in the same order.
    pub items: Vec<ContextItem>,
    /// An estimate of the tokens of `text`; every language model counts in its own way.
    #[schema(example = 412)]
    pub tokens: usize,
    /// The budget that was kept to.
    #[schema(example = 2000)]
    pub budget_tokens: usize,
    /// Memories that were found and are not in the text.
    pub left_out: LeftOut,
    /// Misspelt words, and what was searched instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectedWord>,
    /// `false` when the search ran out of time and better memories may exist.
    pub complete: bool,
    /// Milliseconds it took in the service.
    #[schema(example = 1.6)]
    pub took_ms: f64,
}

/// One memory of a context.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContextItem {
    /// The memory's number.
    pub id: i64,
    /// What it says, as the text has it.
    pub content: String,
    /// Whether `content` is only the start of a long memory; the number leads to the rest.
    pub cut: bool,
    /// Its kind.
    #[schema(example = "decision")]
    pub kind: String,
    /// When it happened, else when it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub date: Timestamp,
    /// Where it comes from.
    pub source: ContextSource,
    /// 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.87)]
    pub score: f64,
    /// An estimate of the tokens of its line.
    pub tokens: usize,
}

/// Where a memory comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContextSource {
    /// Who said or did it.
    pub actor: Option<String>,
    /// The session it came from.
    pub session_id: Option<String>,
    /// The workspace it is in.
    pub workspace: String,
}

/// How many memories were found and left out, and why.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct LeftOut {
    /// They say what another one in the text says.
    pub near_duplicates: usize,
    /// They did not fit into the budget any more.
    pub over_budget: usize,
}
