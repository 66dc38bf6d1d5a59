//! What is sent to search.

use engine::{Explain, Filter};
use serde_json::Value;

use super::fields::{Fields, Form, Problems};
use super::memories::{PAGE_LIMIT_MAX, filter, whole, workspace};
use super::values::{boolean, integer, number, text};

/// Hits of a search unless said.
pub const SEARCH_LIMIT_DEFAULT: i64 = 10;
/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 64 * 1024;

/// A search.
#[derive(Debug, Clone)]
pub struct SearchInput {
    /// What is looked for; may be blank.
    pub text: String,
    /// At most this many hits, 1 to 100.
    pub limit: usize,
    /// Only memories it matches.
    pub filter: Option<Filter>,
    /// Only this workspace (normalised).
    pub workspace: Option<String>,
    /// Only hits with at least this score.
    pub min_score: Option<f64>,
    /// How much novelty counts beside the score, 0 to 1.
    pub diversity: f64,
    /// Whether scores are explained.
    pub explain: Explain,
    /// Whether a second model is asked about the best hits.
    pub rerank: Rerank,
}

/// Whether a second model is asked about the best hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rerank {
    /// The ranking as it is.
    #[default]
    No,
    /// In time, or the ranking as it is.
    Yes,
}

/// Reads a search; in a query string, `q` is the same as `query`.
///
/// # Errors
/// Every problem.
pub fn search(asked: Value, form: Form) -> Result<SearchInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(asked, form, &mut problems).and_then(|mut fields| {
        let name = match form {
            Form::Json => "query",
            Form::Query => "q",
        };
        let text = query_text(&mut fields, name);
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(SEARCH_LIMIT_DEFAULT);
        let filter = fields.get("filters", filter);
        let workspace = fields.get("workspace", workspace);
        let min_score = share(&mut fields, "min_score");
        let diversity = share(&mut fields, "diversity").unwrap_or(0.0);
        let rerank = rerank(&mut fields);
        let explain = match fields.get("explain", boolean) {
            Some(true) => Explain::Yes,
            Some(false) | None => Explain::No,
        };
        fields.finish();
        let limit = usize::try_from(limit).unwrap_or(1);
        Some(SearchInput { text: text?, limit, filter, workspace, min_score, diversity, explain, rerank })
    });
    whole(input, problems)
}

/// What is looked for.
pub(super) fn query_text(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    let text = fields.need(name, text);
    if text.as_ref().is_some_and(|text| text.len() > QUERY_BYTES_MAX) {
        fields.refuse(name, format!("must have at most {QUERY_BYTES_MAX} bytes"));
    }
    text
}

/// Whether a second model is asked.
pub(super) fn rerank(fields: &mut Fields<'_>) -> Rerank {
    match fields.get("rerank", boolean) {
        Some(true) => Rerank::Yes,
        Some(false) | None => Rerank::No,
    }
}

/// A number from 0 to 1.
pub(super) fn share(fields: &mut Fields<'_>, name: &'static str) -> Option<f64> {
    let share = fields.get(name, number);
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        fields.refuse(name, "must be between 0 and 1");
    }
    share
}
