//! A second opinion on hits, from outside: it moves them, it is accounted for, and without one they stay as they are.

use engine::{Bounds, Draft, Explain, Hit, NewMemory, RERANKED_MAX, SearchQuery, Store, StoreOptions};
use stdx::clock::ManualClock;

struct Bench {
    store: Store,
    _folder: tempfile::TempDir,
}

/// Memories of ever fewer of the words asked for, so that they are found in this order.
fn bench(memories: usize) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at("2026-11-24T10:00:00Z".parse().unwrap());
    let store = Store::open(&folder.path().join("engram.db"), StoreOptions { clock, model: None }).unwrap();
    let draft = |number: usize| {
        let said = if number == 0 { "The blue boat sails at noon" } else { "A boat is at sea today" };
        let memory = NewMemory {
            content: format!("{said}, number {number}"),
            importance: Some(0.9 - number as f64 * 0.02),
            ..NewMemory::default()
        };
        Draft { memory, embedded: None }
    };
    store.create((0..memories).map(draft).collect(), None, Bounds::NONE).unwrap();
    Bench { store, _folder: folder }
}

impl Bench {
    /// What is found when the second model says `cosines`.
    fn ask(&self, query: &SearchQuery, cosines: &[f32]) -> Vec<Hit> {
        let found = self.store.search(&query.before_rerank()).unwrap();
        self.store.rerank(query, found, cosines).unwrap().hits
    }
}

fn query(limit: usize) -> SearchQuery {
    SearchQuery { text: "blue boat".into(), limit, explain: Explain::Yes, ..SearchQuery::default() }
}

fn ids(hits: &[Hit]) -> Vec<i64> {
    hits.iter().map(|hit| hit.memory.id).collect()
}

#[test]
fn a_second_opinion_moves_hits_and_none_leaves_them() {
    let bench = bench(30);
    let plain = ids(&bench.store.search(&query(5)).unwrap().hits);
    assert_eq!(plain, [1, 2, 3, 4, 5]);
    let check = |cosines: &[f32], want: &[i64]| assert_eq!(ids(&bench.ask(&query(5), cosines)), want);
    check(&[], &plain);
    check(&[0.5; RERANKED_MAX], &plain);
    // The third and the one that would not have been on the page.
    check(&[0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.9], &[8, 1, 3, 2, 4]);
    // What is no cosine is cut to one.
    check(&[f32::NAN, 7.0, -3.0, f32::NAN, 0.0, 0.0], &[2, 1, 3, 4, 5]);
}

#[test]
fn an_opinion_is_a_line_of_the_account_and_scores_stay_shares_of_a_perfect_answer() {
    let bench = bench(30);
    let mut cosines = [0.1; RERANKED_MAX];
    cosines[1] = 1.0;
    let hits = bench.ask(&query(30), &cosines);
    assert_eq!(hits.len(), 30);
    for (at, hit) in hits.iter().enumerate() {
        let explanation = hit.explanation.as_ref().unwrap();
        let sum: f64 = explanation.signals.iter().map(|signal| signal.contribution).sum();
        assert!((sum - explanation.raw).abs() < 1e-4 && (sum - f64::from(hit.raw)).abs() < 1e-4);
        let opinion = explanation.signals.iter().find(|signal| signal.name == "rerank");
        assert_eq!(opinion.is_some(), at < RERANKED_MAX, "{at}");
        assert!((0.0..=1.0).contains(&hit.score));
    }
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn what_leaves_hits_out_is_asked_after_the_opinion() {
    let bench = bench(30);
    let all = bench.ask(&query(30), &[0.9; RERANKED_MAX]);
    let least = all[3].score;
    let kept = bench.ask(&SearchQuery { min_score: Some(least), ..query(30) }, &[0.9; RERANKED_MAX]);
    assert_eq!(ids(&kept), ids(&all[..4]));
    let varied = SearchQuery { diversity: 0.5, ..query(3) };
    assert_eq!(bench.ask(&varied, &[0.9; RERANKED_MAX]).len(), 3);
}
