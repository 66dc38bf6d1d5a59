//! Sets a run beside an earlier one, question by question, and says whether they differ by more than chance.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, mean};
use super::report::{Report, Score};

/// An earlier run's report, as far as it is read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Earlier {
    questions: Vec<Score>,
}

/// What changed since the earlier run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// Questions that both runs asked.
    pub(crate) questions: usize,
    /// By measure, `recall@1` to `recall@20`.
    pub(crate) measures: Vec<Difference>,
}

/// How one measure changed, in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Difference {
    pub(crate) measure: &'static str,
    pub(crate) earlier: f64,
    pub(crate) now: f64,
    /// Mean of the differences, question by question.
    pub(crate) difference: f64,
    /// Where the mean lies.
    pub(crate) interval: Interval,
    pub(crate) verdict: Verdict,
}

/// What the difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Better, and the interval has no 0.
    Gain,
    /// Worse, and the interval has no 0.
    Loss,
    /// The interval has 0: it may be chance.
    NoChange,
}

/// The measure that decides whether a run is worse.
pub(crate) const DECISIVE: &str = "recall@10";

impl Earlier {
    /// Reads what `--json` wrote.
    ///
    /// # Errors
    /// When the file cannot be read or has no questions.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no report of `engram bench retrieval --json`", path.display()))
    }
}

impl Comparison {
    /// Sets `now` beside `earlier`.
    ///
    /// # Errors
    /// When they have no question in common.
    pub(crate) fn new(earlier: &Earlier, now: &Report, seed: u64) -> Result<Self> {
        let before: HashMap<&str, &Score> =
            earlier.questions.iter().map(|score| (score.id.as_str(), score)).collect();
        let pairs: Vec<(&Score, &Score)> =
            now.questions.iter().filter_map(|now| Some((*before.get(now.id.as_str())?, now))).collect();
        if pairs.is_empty() {
            bail!("the earlier run asked none of these questions");
        }
        let difference = |(measure, of): (&'static str, fn(&Score) -> f64)| {
            let earlier: Vec<f64> = pairs.iter().map(|(earlier, _)| of(earlier)).collect();
            let now: Vec<f64> = pairs.iter().map(|(_, now)| of(now)).collect();
            let differences: Vec<f64> =
                now.iter().zip(&earlier).map(|(now, earlier)| now - earlier).collect();
            let interval = Interval::of_mean(&differences, seed);
            let verdict = Verdict::of(interval);
            let (earlier, now, difference) = (mean(&earlier), mean(&now), mean(&differences));
            Difference { measure, earlier, now, difference, interval, verdict }
        };
        Ok(Self { questions: pairs.len(), measures: Score::MEASURES.into_iter().map(difference).collect() })
    }

    /// Whether the decisive measure is worse by more than chance.
    pub(crate) fn is_worse(&self) -> bool {
        self.measures.iter().any(|one| one.measure == DECISIVE && one.verdict == Verdict::Loss)
    }
}

impl Verdict {
    fn of(interval: Interval) -> Self {
        match interval {
            Interval { low, .. } if low > 0.0 => Self::Gain,
            Interval { high, .. } if high < 0.0 => Self::Loss,
            _ => Self::NoChange,
        }
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Gain => "better",
            Self::Loss => "worse",
            Self::NoChange => "no more than chance",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_when_its_interval_has_no_zero() {
        for (low, high, want) in [
            (0.1, 2.0, Verdict::Gain),
            (-2.0, -0.1, Verdict::Loss),
            (-0.1, 2.0, Verdict::NoChange),
            (0.0, 0.0, Verdict::NoChange),
        ] {
            assert_eq!(Verdict::of(Interval { low, high }), want, "{low} {high}");
        }
    }
}
