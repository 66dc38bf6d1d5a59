//! Reads a corpus of one's own: a folder with `documents.jsonl` and `queries.jsonl`, one JSON object a line.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::corpus::{Corpus, Document, Group, Question, parse_time};

/// A name that may be written as a string or as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

#[derive(Deserialize)]
struct DocumentLine {
    id: Name,
    text: String,
    group: Option<Name>,
    session: Option<Name>,
    actor: Option<String>,
    time: Option<String>,
}

#[derive(Deserialize)]
struct QueryLine {
    id: Name,
    text: String,
    group: Option<Name>,
    relevant: Vec<Name>,
    category: Option<Name>,
}

/// Reads `documents.jsonl` (`id`, `text`, `group`, and if known `session`, `actor`, `time`) and
/// `queries.jsonl` (`id`, `text`, `group`, `relevant`, and if known `category`) of `folder`. A query whose `relevant` is
/// empty is one that nothing answers.
///
/// # Errors
/// When a file is missing or a line is not of that shape; the error names the line.
pub(crate) fn read_jsonl(folder: &Path) -> Result<Corpus> {
    let mut corpus = Corpus::default();
    let mut groups: HashMap<String, usize> = HashMap::new();
    let mut positions: HashMap<(usize, String), usize> = HashMap::new();
    for (place, line) in lines::<DocumentLine>(&folder.join("documents.jsonl"))? {
        let (group, id) = (text_of(line.group), line.id.text());
        let at = *groups.entry(group.clone()).or_insert_with(|| {
            corpus.groups.push(Group { name: group, ..Group::default() });
            corpus.groups.len() - 1
        });
        let documents = &mut corpus.groups[at].documents;
        if positions.insert((at, id.clone()), documents.len()).is_some() {
            bail!("{place}: the group has a document {id:?} already");
        }
        documents.push(Document {
            id,
            text: line.text,
            session: line.session.map(Name::text),
            actor: line.actor,
            time: line.time.map(|time| parse_time(&time)).transpose().context(place)?,
        });
    }
    for (place, line) in lines::<QueryLine>(&folder.join("queries.jsonl"))? {
        let group = text_of(line.group);
        let Some(at) = groups.get(&group).copied() else {
            bail!("{place}: no document is in group {group:?}")
        };
        if line.relevant.is_empty() {
            corpus.groups[at].unanswerable.push(line.text);
            continue;
        }
        let mut relevant = Vec::new();
        for id in line.relevant.into_iter().map(Name::text) {
            match positions.get(&(at, id.clone())) {
                Some(position) if relevant.contains(position) => {}
                Some(position) => relevant.push(*position),
                None => corpus.groups[at].remarks.push(format!("{place}: the group has no document {id:?}")),
            }
        }
        if relevant.is_empty() {
            corpus.groups[at]
                .remarks
                .push(format!("{place}: query {:?} has nothing to find", line.id.text()));
            continue;
        }
        let category = line.category.map(Name::text);
        let id = format!("{group}/{}", line.id.text());
        corpus.groups[at].questions.push(Question { id, text: line.text, relevant, category });
    }
    Ok(corpus)
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

fn text_of(name: Option<Name>) -> String {
    name.map(Name::text).unwrap_or_default()
}

/// Every line that is not blank, with its place as `file:line`.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<(String, T)>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut parsed = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{}", path.display(), number + 1);
        parsed.push((place.clone(), serde_json::from_str(line).context(place)?));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus_of(documents: &str, queries: &str) -> Result<Corpus> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("documents.jsonl"), documents).unwrap();
        fs::write(folder.path().join("queries.jsonl"), queries).unwrap();
        read_jsonl(folder.path())
    }

    #[test]
    fn numbers_and_strings_name_the_same_things() {
        let documents = r#"{"id": 1, "text": "one", "group": "a", "session": 3, "actor": "Ann", "time": "2024-01-02"}
            {"id": "1", "text": "other", "group": 7}"#;
        let queries = r#"{"id": 1, "text": "one?", "group": "a", "relevant": ["1", 1], "category": 2}
            {"id": "b", "text": "other?", "group": "7", "relevant": [1, "missing"]}"#;
        let corpus = corpus_of(documents, queries).unwrap();
        assert_eq!(corpus.groups.len(), 2);
        assert_eq!(corpus.groups[0].documents[0].session.as_deref(), Some("3"));
        assert_eq!(corpus.groups[0].questions[0].relevant, [0]);
        assert_eq!(corpus.groups[0].questions[0].category.as_deref(), Some("2"));
        assert_eq!(corpus.groups[1].questions[0].relevant, [0]);
        assert_eq!(corpus.remarks().count(), 1);
    }

    #[test]
    fn a_query_without_relevant_documents_has_no_answer() {
        let document = r#"{"id": 1, "text": "one"}"#;
        let corpus = corpus_of(document, r#"{"id": 1, "text": "two?", "relevant": []}"#).unwrap();
        assert_eq!(corpus.groups[0].unanswerable, ["two?"]);
        assert_eq!((corpus.questions(), corpus.remarks().count()), (0, 0));
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"id": 1, "text": "one", "group": "a"}"#;
        for (documents, queries, want) in [
            ("{", "", "documents.jsonl:1"),
            (&*format!("{good}\n{good}"), "", "documents.jsonl:2"),
            (good, r#"{"id": 1, "text": "q", "group": "b", "relevant": [1]}"#, "no document is in group"),
        ] {
            let error = format!("{:#}", corpus_of(documents, queries).unwrap_err());
            assert!(error.contains(want), "{error}");
        }
    }
}
