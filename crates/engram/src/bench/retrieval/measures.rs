//! The measures of one ranking, and their means: recall@k, all@k, any@k, MRR and nDCG@10.

use serde::Serialize;

/// Means over questions, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Measures {
    /// Share of the relevant documents among the first.
    #[serde(rename = "recall@1")]
    pub(crate) recall_1: f64,
    /// Share of the relevant documents among the first five.
    #[serde(rename = "recall@5")]
    pub(crate) recall_5: f64,
    /// Share of the relevant documents among the first ten.
    #[serde(rename = "recall@10")]
    pub(crate) recall_10: f64,
    /// Share of the relevant documents among the first twenty.
    #[serde(rename = "recall@20")]
    pub(crate) recall_20: f64,
    /// Questions all of whose relevant documents are among the first five.
    #[serde(rename = "all@5")]
    pub(crate) all_5: f64,
    /// Questions all of whose relevant documents are among the first ten.
    #[serde(rename = "all@10")]
    pub(crate) all_10: f64,
    /// Questions with a relevant document among the first five.
    #[serde(rename = "any@5")]
    pub(crate) any_5: f64,
    /// Questions with a relevant document among the first ten.
    #[serde(rename = "any@10")]
    pub(crate) any_10: f64,
    /// Mean of 1 / rank of the first relevant document (0 when it is not found).
    pub(crate) mrr: f64,
    /// Normalised discounted cumulative gain of the first ten, relevance 0 or 1.
    #[serde(rename = "ndcg@10")]
    pub(crate) ndcg_10: f64,
}

impl Measures {
    /// Measures one ranking, best first, in fractions of 1; `relevant` is not empty.
    pub(super) fn of(ranking: &[usize], relevant: &[usize]) -> Self {
        let wanted = relevant.len() as f64;
        let found = |k: usize| ranking.iter().take(k).filter(|at| relevant.contains(at)).count();
        let recall = |k| found(k) as f64 / wanted;
        let all = |k| f64::from(u8::from(found(k) == relevant.len()));
        let any = |k| f64::from(u8::from(found(k) > 0));
        let first = ranking.iter().position(|at| relevant.contains(at));
        let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let ranks = ranking.iter().take(10).enumerate();
        let gained: f64 = ranks.filter(|(_, at)| relevant.contains(at)).map(|(rank, _)| gain(rank)).sum();
        let ideal: f64 = (0..relevant.len().min(10)).map(gain).sum();
        Self {
            recall_1: recall(1),
            recall_5: recall(5),
            recall_10: recall(10),
            recall_20: recall(20),
            all_5: all(5),
            all_10: all(10),
            any_5: any(5),
            any_10: any(10),
            mrr: first.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0)),
            ndcg_10: gained / ideal,
        }
    }

    /// Every measure, in a fixed order.
    fn values_mut(&mut self) -> [&mut f64; 10] {
        [
            &mut self.recall_1,
            &mut self.recall_5,
            &mut self.recall_10,
            &mut self.recall_20,
            &mut self.all_5,
            &mut self.all_10,
            &mut self.any_5,
            &mut self.any_10,
            &mut self.mrr,
            &mut self.ndcg_10,
        ]
    }
}

/// Sums measures until their means are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    sum: Measures,
    questions: u32,
}

impl Tally {
    /// Counts one question.
    pub(crate) fn add(&mut self, mut one: Measures) {
        for (sum, value) in self.sum.values_mut().into_iter().zip(one.values_mut()) {
            *sum += *value;
        }
        self.questions += 1;
    }

    /// Means in percent, to the hundredth; all zero when nothing was counted.
    pub(crate) fn means(&self) -> Measures {
        let mut means = self.sum;
        for value in means.values_mut() {
            *value = (*value / f64::from(self.questions.max(1)) * 10_000.0).round() / 100.0;
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ranking_is_measured_as_the_definitions_say() {
        // Relevant documents at ranks 2 and 7 of ten.
        let ranking = [9, 1, 8, 7, 6, 5, 2, 4, 3, 0];
        let one = Measures::of(&ranking, &[1, 2]);
        assert_eq!((one.recall_1, one.recall_5, one.recall_10, one.recall_20), (0.0, 0.5, 1.0, 1.0));
        assert_eq!((one.all_5, one.all_10, one.any_5, one.any_10), (0.0, 1.0, 1.0, 1.0));
        assert_eq!(one.mrr, 0.5);
        let want = (1.0 / 3f64.log2() + 1.0 / 8f64.log2()) / (1.0 + 1.0 / 3f64.log2());
        assert!((one.ndcg_10 - want).abs() < 1e-12);
    }

    #[test]
    fn means_are_percents() {
        let mut tally = Tally::default();
        for ranking in [&[0][..], &[1], &[]] {
            tally.add(Measures::of(ranking, &[0]));
        }
        let means = tally.means();
        assert_eq!((tally.questions, means.recall_1, means.mrr, means.ndcg_10), (3, 33.33, 33.33, 33.33));
        assert_eq!(Tally::default().means(), Measures::default());
    }
}
