//! A memory on one line, as a model reads it.

use embedding::{estimate_tokens, first_tokens};
use engine::Memory;
use jiff::Timestamp;

/// Marks the end of a text that goes on.
const CUT: &str = " ...";

/// One line of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `#12 [fact] 2023-05-08 Caroline: She moved to Lisbon.`
    pub(super) text: String,
    /// Where the memory's own text starts in `text`.
    content_at: usize,
    /// Whether the memory goes on.
    pub(super) is_cut: bool,
    /// An estimate of its tokens.
    pub(super) tokens: usize,
}

impl Line {
    /// The line of `memory`, with at most `content_tokens` of its text.
    pub(super) fn of(memory: &Memory, content_tokens: usize) -> Self {
        let mut text = head(memory);
        let content_at = text.len();
        let content = on_one_line(&memory.content);
        let start = first_tokens(&content, content_tokens);
        let is_cut = start.len() < content.len();
        text.push_str(start);
        if is_cut {
            text.push_str(CUT);
        }
        let tokens = estimate_tokens(&text);
        Self { text, content_at, is_cut, tokens }
    }

    /// The memory's own text.
    pub(super) fn content(&self) -> &str {
        &self.text[self.content_at..]
    }
}

/// When it happened, else when it was stored.
pub(super) fn date(memory: &Memory) -> Timestamp {
    memory.event_time.unwrap_or(memory.created_at)
}

fn head(memory: &Memory) -> String {
    let when = date(memory).strftime("%Y-%m-%d");
    let who = memory.actor.as_deref().map_or_else(String::new, |actor| format!(" {}", on_one_line(actor)));
    let state = match (memory.superseded_by, memory.valid_to) {
        (Some(other), _) => format!(" (replaced by #{other})"),
        (None, Some(end)) => format!(" (true until {})", end.strftime("%Y-%m-%d")),
        (None, None) => String::new(),
    };
    format!("#{} [{}] {when}{who}{state}: ", memory.id, memory.kind)
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::sample::memory;
    use super::*;

    #[test]
    fn a_line_says_when_who_and_whether_it_still_holds() {
        let mut memory = memory(12, "She moved\nto  Lisbon.");
        assert_eq!(Line::of(&memory, 50).text, "#12 [note] 1970-01-01: She moved to Lisbon.");
        memory.event_time = Some("2023-05-08T10:00:00Z".parse().unwrap());
        memory.actor = Some("Caroline\n#1".to_owned());
        assert_eq!(Line::of(&memory, 50).text, "#12 [note] 2023-05-08 Caroline #1: She moved to Lisbon.");
        memory.valid_to = Some("2024-01-01T00:00:00Z".parse().unwrap());
        assert!(Line::of(&memory, 50).text.contains(" (true until 2024-01-01): "));
        memory.superseded_by = Some(31);
        assert!(Line::of(&memory, 50).text.contains(" (replaced by #31): "));
    }
}
