//! One setting: its name, what it means, how its text becomes a value, and how its value is shown.

use std::path::Path;
use std::time::Duration;

use super::Config;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, such as `limits.in_flight`.
    pub name: &'static str,
    /// What it means, its unit and its default.
    pub help: &'static str,
    /// Whether it takes several values.
    pub(super) shape: Shape,
    /// Reads the text into the configuration, or says which rule it breaks.
    pub(super) apply: fn(&mut Config, &str) -> Result<(), String>,
    /// The value in effect, for people; `None` where nothing is chosen. Never a secret.
    pub(super) show: fn(&Config) -> Option<String>,
}

/// How many values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One.
    Single,
    /// Several: an array of the file, or one text with commas.
    List,
}

impl Setting {
    pub(super) const fn new(
        name: &'static str,
        help: &'static str,
        apply: fn(&mut Config, &str) -> Result<(), String>,
        show: fn(&Config) -> Option<String>,
    ) -> Self {
        Self { name, help, shape: Shape::Single, apply, show }
    }

    /// The same for a setting of several values.
    pub(super) const fn list(
        name: &'static str,
        help: &'static str,
        apply: fn(&mut Config, &str) -> Result<(), String>,
        show: fn(&Config) -> Option<String>,
    ) -> Self {
        Self { name, help, shape: Shape::List, apply, show }
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("ENGRAM_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The value in effect, for people; `None` where nothing is chosen. Secrets are masked.
    pub fn shown(&self, config: &Config) -> Option<String> {
        (self.show)(config)
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

/// `true` or `false`.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", known.join(", "))
    })
}

/// The word for a value.
pub(super) fn spelled<T: Copy + PartialEq>(value: T, words: &[(&str, T)]) -> Option<String> {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| (*word).to_owned())
}

/// A text that says something.
pub(super) fn filled(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("must not be blank".into()) } else { Ok(text.to_owned()) }
}

/// The values of a list, without blanks around them.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Every value of a list by the same rule, or all that break it.
pub(super) fn each<T>(text: &str, rule: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let (mut values, mut broken) = (Vec::new(), Vec::new());
    for item in items(text) {
        match rule(item) {
            Ok(value) => values.push(value),
            Err(why) => broken.push(format!("{item:?} {why}")),
        }
    }
    if broken.is_empty() { Ok(values) } else { Err(format!("has wrong values: {}", broken.join(", "))) }
}

/// The values of a list as one text; `None` for none.
pub(super) fn joined<T: ToString>(values: &[T]) -> Option<String> {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// A duration as it is set.
pub(super) fn in_ms(duration: Duration) -> Option<String> {
    Some(duration.as_millis().to_string())
}

/// A path as it is set.
pub(super) fn path_text(path: &Path) -> String {
    path.display().to_string()
}
