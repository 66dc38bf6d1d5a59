//! What is sent to recall a context.

use engine::Filter;
use serde_json::Value;

use super::fields::{Fields, Form, Problems};
use super::memories::{filter, whole, workspace};
use super::search::{Rerank, query_text, rerank, share};
use super::values::{integer, word};

/// Tokens of a context unless said: what an agent gives away without thinking about it.
const BUDGET_TOKENS_DEFAULT: i64 = 2_000;
/// Smallest budget: the sentence above the memories and a short one.
const BUDGET_TOKENS_MIN: i64 = 64;
/// Largest budget: more than a search finds that bears on one task.
const BUDGET_TOKENS_MAX: i64 = 32_000;
/// Most memories of a context.
pub const CONTEXT_LIMIT_MAX: usize = 200;

/// What is to be recalled, and how much of it.
#[derive(Debug, Clone)]
pub struct ContextInput {
    /// The task or the question; may be blank.
    pub text: String,
    /// Most tokens.
    pub budget_tokens: usize,
    /// Most memories.
    pub limit: usize,
    /// How they are put.
    pub order: ContextOrder,
    /// Only memories it matches.
    pub filter: Option<Filter>,
    /// Only this workspace (normalised).
    pub workspace: Option<String>,
    /// Only memories with at least this score.
    pub min_score: Option<f64>,
    /// Whether a second model is asked about the best ones.
    pub rerank: Rerank,
}

/// The order of the memories of a context. The best are chosen either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContextOrder {
    /// The best match first.
    #[default]
    Relevance,
    /// The oldest first.
    Time,
}

impl ContextOrder {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "relevance" => Some(Self::Relevance),
            "time" => Some(Self::Time),
            _ => None,
        }
    }
}

/// Reads what is to be recalled.
///
/// # Errors
/// Every problem.
pub fn recall_context(asked: Value) -> Result<ContextInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(asked, Form::Json, &mut problems).and_then(|mut fields| {
        let text = query_text(&mut fields, "query");
        let budget = fields.get("budget_tokens", integer(BUDGET_TOKENS_MIN, BUDGET_TOKENS_MAX));
        let limit = fields.get("limit", integer(1, CONTEXT_LIMIT_MAX as i64));
        let order = fields.get("order", word(&["relevance", "time"], ContextOrder::parse));
        let filter = fields.get("filters", filter);
        let workspace = fields.get("workspace", workspace);
        let min_score = share(&mut fields, "min_score");
        let rerank = rerank(&mut fields);
        fields.finish();
        let in_bounds = |number: i64| usize::try_from(number).unwrap_or(1);
        Some(ContextInput {
            text: text?,
            budget_tokens: in_bounds(budget.unwrap_or(BUDGET_TOKENS_DEFAULT)),
            limit: limit.map_or(CONTEXT_LIMIT_MAX, in_bounds),
            order: order.unwrap_or_default(),
            filter,
            workspace,
            min_score,
            rerank,
        })
    });
    whole(input, problems)
}
