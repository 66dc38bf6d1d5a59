//! Reads LoCoMo (Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM Agents", 2024):
//! each conversation a group, each dialog turn a document, each question's evidence turns its answers.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::corpus::{Corpus, Document, Group, Question, parse_time};

/// The category whose questions have no answer in the conversation, and so nothing to find.
const ADVERSARIAL: u64 = 5;
/// The conversations that the ranking was tuned on.
const TUNED_ON: &[&str] = &["conv-26", "conv-42", "conv-49"];

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    conversation: Map<String, Value>,
    qa: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    question: String,
    #[serde(default)]
    evidence: Vec<String>,
    category: u64,
}

#[derive(Deserialize)]
struct Turn {
    speaker: String,
    dia_id: String,
    text: String,
    blip_caption: Option<String>,
}

/// Reads `locomo10.json` or a file of its shape. Categories 1-4 only.
///
/// # Errors
/// When the file cannot be read or is not of that shape.
pub(crate) fn read_locomo(path: &Path) -> Result<Corpus> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let samples: Vec<Sample> = serde_json::from_str(&text)
        .with_context(|| format!("{} is not LoCoMo: a list of conversations with `qa`", path.display()))?;
    let mut corpus = Corpus { groups: Vec::new(), tuned_on: TUNED_ON };
    for sample in samples {
        let documents = turns(&sample).with_context(|| format!("in conversation {}", sample.sample_id))?;
        let positions =
            documents.iter().enumerate().map(|(at, document)| (document.id.clone(), at)).collect();
        let (mut questions, mut unanswerable, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
        for (number, asked) in sample.qa.iter().enumerate() {
            if asked.category == ADVERSARIAL {
                unanswerable.push(asked.question.clone());
                continue;
            }
            let relevant = evidence(&asked.evidence, &positions);
            if relevant.is_empty() {
                remarks.push(format!("{}: no evidence for {:?}", sample.sample_id, asked.question));
                continue;
            }
            let category = Some(asked.category.to_string());
            let id = format!("{}/{number}", sample.sample_id);
            questions.push(Question { id, text: asked.question.clone(), relevant, category });
        }
        corpus.groups.push(Group { name: sample.sample_id, documents, questions, unanswerable, remarks });
    }
    Ok(corpus)
}

fn turns(sample: &Sample) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for number in 1.. {
        let session = format!("session_{number}");
        let time = sample.conversation.get(&format!("{session}_date_time")).and_then(Value::as_str);
        let Some(turns) = sample.conversation.get(&session) else {
            // Some conversations have a date for sessions that never took place.
            if time.is_none() {
                break;
            }
            continue;
        };
        let time = time.map(parse_time).transpose()?;
        let turns = Vec::<Turn>::deserialize(turns).with_context(|| format!("in {session}"))?;
        documents.extend(turns.into_iter().map(|turn| Document {
            id: turn.dia_id,
            text: match turn.blip_caption {
                Some(caption) => format!("{} ({caption})", turn.text),
                None => turn.text,
            },
            session: Some(session.clone()),
            actor: Some(turn.speaker),
            time,
        }));
    }
    Ok(documents)
}

/// Positions of the turns that `evidence` names, without those that are not there.
fn evidence(evidence: &[String], positions: &HashMap<String, usize>) -> Vec<usize> {
    let mut found = Vec::new();
    let names =
        evidence.iter().flat_map(|text| text.split(|c: char| c == ';' || c == ',' || c.is_whitespace()));
    for at in names.filter_map(turn_id).filter_map(|id| positions.get(&id)) {
        if !found.contains(at) {
            found.push(*at);
        }
    }
    found
}

/// The turn's id as the dialogs write it: `D11:26` for `D:11:26`, `D30:5` for `D30:05`.
fn turn_id(name: &str) -> Option<String> {
    let mut numbers = name.strip_prefix('D')?.split(':').filter(|part| !part.is_empty());
    let (session, turn) = (numbers.next()?.parse::<u32>().ok()?, numbers.next()?.parse::<u32>().ok()?);
    numbers.next().is_none().then(|| format!("D{session}:{turn}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_with_its_misprints() {
        let positions = ["D8:6", "D9:17", "D11:26", "D30:5"];
        let positions: HashMap<_, _> =
            positions.iter().enumerate().map(|(at, id)| ((*id).to_owned(), at)).collect();
        let check = |names: &[&str], want: &[usize]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(evidence(&names, &positions), want, "{names:?}");
        };
        check(&["D8:6"], &[0]);
        check(&["D8:6; D9:17"], &[0, 1]);
        check(&["D9:17 D8:6", "D8:6"], &[1, 0]);
        check(&["D:11:26", "D30:05"], &[2, 3]);
        check(&["D", "D4:36", "nonsense", ""], &[]);
    }

    #[test]
    fn a_conversation_becomes_a_group() {
        let file = r#"[{"sample_id": "conv-1", "conversation": {"speaker_a": "Ann", "speaker_b": "Bo",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a photo of a cat"}],
            "session_2_date_time": "2:00 pm on 9 May, 2023"},
            "qa": [{"question": "Which pet?", "answer": "a cat", "evidence": ["D1:1"], "category": 4},
                   {"question": "Which dog?", "evidence": ["D1:1"], "category": 5},
                   {"question": "Why?", "evidence": [], "category": 3}]}]"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locomo.json");
        fs::write(&path, file).unwrap();
        let corpus = read_locomo(&path).unwrap();
        assert_eq!((corpus.documents(), corpus.questions(), corpus.remarks().count()), (1, 1, 1));
        let document = &corpus.groups[0].documents[0];
        assert_eq!(document.text, "Look! (a photo of a cat)");
        assert_eq!(document.session.as_deref(), Some("session_1"));
        assert_eq!(document.time.unwrap().to_string(), "2023-05-08T13:56:00Z");
    }
}
