//! Search, with a picture of where each score comes from.

use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use tenancy::Operation;

use crate::console::asked::Asked;
use crate::console::layout::{Tab, page};
use crate::console::parts::{field, memory_line, shortened, wrong};
use crate::console::{chart, words};
use crate::decode::{self, Form};
use crate::operations;

/// What each signal says, for people.
const SIGNALS: &[(&str, &str)] = &[
    ("keywords", "words of the query, rare ones first"),
    ("related", "words close to those of the query"),
    ("meaning", "closeness in meaning"),
    ("stated", "how much it says beyond a question"),
    ("actor", "the query names who said it"),
    ("date", "the query names its day"),
    ("importance", "what its writer thought of it"),
    ("recency", "how lately it happened"),
    ("alike", "closeness to the best hits"),
    ("session", "good hits around it in its session"),
];
/// Hits asked for unless said.
const LIMIT: &str = "10";

/// `GET /console/search`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let query = asked.sent().text("q").to_owned();
    let found = if query.is_empty() { None } else { Some(find(&asked).await) };
    if let Some(Err(failure)) = &found
        && matches!(failure.status(), 401 | 403 | 429 | 503)
    {
        return crate::console::layout::failed(&asked, Tab::Search, failure);
    }
    page(
        &asked,
        Tab::Search,
        "Search",
        &html! {
            h1 { "Search" }
            form .searchbar role="search" action="/console/search" {
                label .visually-hidden for="q" { "What to look for" }
                input #q name="q" type="search" value=(query) placeholder="What does Anna like to drink?" autocomplete="off" maxlength="10000" data-focus dir="auto";
                button .primary { "Search" }
                details .more-fields open[asked.sent().filled("workspace").is_some() || asked.sent().filled("filters").is_some()] {
                    summary { "Filters" }
                    div .fields {
                        (field("workspace", "Workspace", "", &html! { input #workspace name="workspace" value=(asked.sent().text("workspace")); }))
                        (field("limit", "Hits", "", &html! { input #limit name="limit" type="number" min="1" max="100" value=(asked.sent().filled("limit").unwrap_or(LIMIT)); }))
                        (field("filters", "Filter", "As JSON, such as {\"kind\": \"preference\"}", &html! { input #filters name="filters" value=(asked.sent().text("filters")) spellcheck="false"; }))
                    }
                }
            }
            @match found {
                None => div .empty { p { "Words, meaning and typos in one ranking. Press " kbd { "/" } " anywhere to search." } },
                Some(Err(failure)) => (wrong(&failure)),
                Some(Ok(answer)) => (results(&asked, &answer)),
            }
        },
    )
}

async fn find(asked: &Asked) -> Result<api::SearchAnswer, operations::Failure> {
    let mut fields = asked.sent().object(&["q", "workspace", "limit", "filters"]);
    fields.insert("explain".to_owned(), Value::from("true"));
    asked
        .run(Operation::Search, async |pass| {
            let input = decode::search(Value::Object(fields), Form::Query)?;
            operations::search(asked.app(), pass, input).await
        })
        .await
}

fn results(asked: &Asked, answer: &api::SearchAnswer) -> Markup {
    let now = asked.app().clock.now();
    let explained: Vec<_> = answer.items.iter().filter_map(|hit| hit.explain.as_ref()).collect();
    let all =
        || explained.iter().flat_map(|explanation| &explanation.signals).map(|signal| signal.contribution);
    let (least, most) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
    let highest = explained.iter().map(|explanation| positive(explanation)).fold(0.0, f64::max);
    let hits = u64::try_from(answer.items.len()).unwrap_or_default();
    html! {
        p .found role="status" {
            (words::counted(hits, "memory", "memories")) " in " (words::milliseconds(answer.took_ms))
            @if !answer.complete { ". Time ran out: better ones may exist." }
            @for word in &answer.corrections { " · searched " mark { (word.to) } " instead of " bdi { (word.from) } }
        }
        @if answer.items.is_empty() { div .empty { p { "Nothing is close enough to this. Try other words, or fewer filters." } } }
        ol .hits {
            @for (at, hit) in answer.items.iter().enumerate() {
                li .hit {
                    div .hit-head {
                        a .content href={ "/console/memories/" (hit.memory.id) } dir="auto" { (shortened(&hit.memory.content)) }
                        span .score title="Score, 0 to 1" { (format!("{:.2}", hit.score)) }
                    }
                    (memory_line(&hit.memory, now))
                    @if let Some(explanation) = &hit.explain {
                        details .explain open[at == 0] {
                            summary {
                                span { "Why it ranks here" }
                                @let parts: Vec<_> = explanation.signals.iter().map(|signal| (signal.name, signal.contribution)).collect();
                                (chart::stacked(&parts, highest))
                            }
                            (account(explanation, least, most))
                        }
                    }
                }
            }
        }
    }
}

/// Every signal that counted, as a bar; the bars of all hits have one scale.
fn account(explanation: &api::Explanation, least: f64, most: f64) -> Markup {
    let counted: Vec<_> =
        explanation.signals.iter().filter(|signal| signal.contribution.abs() >= 0.0005).collect();
    html! {
        table .signals {
            caption .visually-hidden { "Each signal's part in the score" }
            thead .visually-hidden { tr { th scope="col" { "Signal" } th scope="col" { "Picture" } th scope="col" { "Part" } th scope="col" { "Value and weight" } } }
            tbody {
                @for signal in counted {
                    tr {
                        th scope="row" title=(meaning_of(signal.name)) { i .swatch .{ "sig-" (signal.name) } {} (signal.name) }
                        td .bar { (chart::amount(&format!("sig-{}", signal.name), signal.contribution, least, most)) }
                        td .num { (format!("{:+.3}", signal.contribution)) }
                        td .num .dim { (format!("{:.3} × {}", signal.value, signal.weight)) }
                    }
                }
            }
        }
        @if !explanation.matched_terms.is_empty() {
            p .hint { "Words it holds: " @for term in &explanation.matched_terms { span .tag { bdi { (term) } } " " } }
        }
    }
}

fn positive(explanation: &api::Explanation) -> f64 {
    explanation.signals.iter().map(|signal| signal.contribution.max(0.0)).sum()
}

fn meaning_of(name: &str) -> &'static str {
    SIGNALS.iter().find(|(known, _)| *known == name).map_or("", |(_, meaning)| meaning)
}
