//! A memory on one line, as a person or a model reads it.

/// Longest text of a memory on a line, in characters; `memory_get` has the rest.
const CONTENT_CHARS_MAX: usize = 600;

/// `#12 [fact] 2023-05-08 Caroline: She moved to Lisbon.` The day is when it happened, else when it was stored.
pub(super) fn memory_line(memory: &api::Memory) -> String {
    let when = memory.event_time.unwrap_or(memory.created_at).strftime("%Y-%m-%d");
    let who = memory.actor.as_deref().map_or_else(String::new, |actor| format!(" {actor}"));
    let words: Vec<_> = memory.content.split_whitespace().collect();
    let mut content = words.join(" ");
    if let Some((end, _)) = content.char_indices().nth(CONTENT_CHARS_MAX) {
        content.truncate(end);
        content.push_str(" ...");
    }
    format!("#{} [{}] {when}{who}: {content}", memory.id, memory.kind)
}
