//! A corpus with known answers: groups of documents, and questions whose relevant documents are known.

use anyhow::{Context, Result, bail};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

/// What a run measures on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Corpus {
    /// Each group is a store of its own.
    pub(crate) groups: Vec<Group>,
    /// Groups that the ranking was tuned on; the others say more.
    pub(crate) tuned_on: &'static [&'static str],
}

/// Documents that are searched together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
    pub(crate) questions: Vec<Question>,
    /// Questions that nothing here answers though it is about the same people and things.
    pub(crate) unanswerable: Vec<String>,
    /// Oddities met while reading, one sentence each.
    pub(crate) remarks: Vec<String>,
}

/// One memory to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) session: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) time: Option<Timestamp>,
}

/// One query and what it should find.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Question {
    /// What tells it from others of the corpus, in every run.
    pub(crate) id: String,
    pub(crate) text: String,
    /// Positions in the group's documents; never empty, without repeats.
    pub(crate) relevant: Vec<usize>,
    pub(crate) category: Option<String>,
}

impl Corpus {
    /// Only the groups named, in the order of the corpus.
    ///
    /// # Errors
    /// When a name is no group's; the error lists those there are.
    pub(crate) fn only(mut self, names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(self);
        }
        if let Some(unknown) = names.iter().find(|name| self.groups.iter().all(|group| group.name != **name))
        {
            let known: Vec<_> = self.groups.iter().map(|group| group.name.as_str()).collect();
            bail!("there is no conversation {unknown:?}: choose among {}", known.join(", "));
        }
        self.groups.retain(|group| names.contains(&group.name));
        Ok(self)
    }

    /// Documents in all groups.
    pub(crate) fn documents(&self) -> usize {
        self.groups.iter().map(|group| group.documents.len()).sum()
    }

    /// Oddities in all groups.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = &String> {
        self.groups.iter().flat_map(|group| &group.remarks)
    }

    /// Questions in all groups.
    pub(crate) fn questions(&self) -> usize {
        self.groups.iter().map(|group| group.questions.len()).sum()
    }
}

/// Reads RFC 3339, a date and time or a date (taken as UTC), or LoCoMo's `1:56 pm on 8 May, 2023`.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .or_else(|_| strtime::parse("%I:%M %p on %d %B, %Y", text).and_then(|time| time.to_datetime()))
        .with_context(|| format!("{text:?} is no time: write it as 2023-05-08T13:56:00Z"))?;
    Ok(civil.to_zoned(TimeZone::UTC)?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_a_corpus_has() {
        for (text, want) in [
            ("2023-05-08T13:56:00Z", "2023-05-08T13:56:00Z"),
            ("2023-05-08T13:56:00+02:00", "2023-05-08T11:56:00Z"),
            ("2023-05-08 13:56:00", "2023-05-08T13:56:00Z"),
            ("2023-05-08", "2023-05-08T00:00:00Z"),
            ("1:56 pm on 8 May, 2023", "2023-05-08T13:56:00Z"),
            ("12:09 am on 13 September, 2023", "2023-09-13T00:09:00Z"),
        ] {
            assert_eq!(parse_time(text).unwrap().to_string(), want, "{text}");
        }
        assert!(parse_time("yesterday").is_err());
    }
}
