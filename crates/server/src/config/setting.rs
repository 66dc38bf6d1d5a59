//! One setting: its name, what it means, and how its text becomes a value.

use std::time::Duration;

use super::Config;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, such as `limits.in_flight`.
    pub name: &'static str,
    /// What it means, its unit and its default.
    pub help: &'static str,
    /// Reads the text into the configuration, or says which rule it breaks.
    pub(super) apply: fn(&mut Config, &str) -> Result<(), String>,
}

impl Setting {
    pub(super) const fn new(
        name: &'static str,
        help: &'static str,
        apply: fn(&mut Config, &str) -> Result<(), String>,
    ) -> Self {
        Self { name, help, apply }
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("ENGRAM_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The setting of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        all().find(|setting| setting.name == name)
    }
}

/// Every setting of every subject.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    super::SUBJECTS.iter().flat_map(|subject| subject.iter())
}

/// A whole number within bounds.
pub(super) fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("must be a whole number between {least} and {most}")),
    }
}

/// Milliseconds, at least one and at most an hour.
pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    number::<u64>(text, 1, 3_600_000).map(Duration::from_millis)
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", known.join(", "))
    })
}
