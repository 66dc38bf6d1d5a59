//! The service as a whole, for whoever runs it: what was promised and what is kept, traffic and latency as they are.

use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::console::asked::Asked;
use crate::console::chart::{self, Series};
use crate::console::layout::{Tab, failed, page};
use crate::console::words;
use crate::operations::Failure;
use crate::telemetry::{RouteSums, SAMPLE_EVERY, Sample, Sums};

/// Spans to look at: the word of the address, for people, in seconds.
const SPANS: [(&str, &str, i64); 3] =
    [("15m", "15 minutes", 900), ("1h", "1 hour", 3_600), ("6h", "6 hours", 21_600)];
/// Points of a chart.
const POINTS: i64 = 90;
/// Routes that are named, slowest first.
const ROUTES_SHOWN: usize = 8;
/// What is promised (docs/console.md).
const AVAILABLE: f64 = 0.999;
const FAILED_MOST: f64 = 0.005;
const UNPROVEN_MOST: f64 = 0.02;
const P95_MS: f64 = 250.0;

/// `GET /console/service`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    match live_part(&asked).await {
        Ok(part) => page(
            &asked,
            Tab::Service,
            "Health of the service",
            &html! {
                h1 { "Health" }
                nav .tabs aria-label="Span" {
                    @for (word, label, _) in SPANS { a href={ "/console/service?last=" (word) } aria-current=[(word == span(&asked).0).then_some("page")] { (label) } }
                }
                div #live data-live={ "/console/service/live?last=" (span(&asked).0) } data-every=(SAMPLE_EVERY.as_millis()) { (part) }
            },
        ),
        Err(failure) => failed(&asked, Tab::Service, &failure),
    }
}

/// `GET /console/service/live`: the part of the page that changes by itself.
pub(in crate::console) async fn live(asked: Asked) -> Response {
    match live_part(&asked).await {
        Ok(part) => Html(part.into_string()).into_response(),
        Err(failure) => failed(&asked, Tab::Service, &failure),
    }
}

fn span(asked: &Asked) -> (&'static str, &'static str, i64) {
    let wanted = asked.sent().text("last");
    SPANS.into_iter().find(|(word, _, _)| *word == wanted).unwrap_or(SPANS[1])
}

async fn live_part(asked: &Asked) -> Result<Markup, Failure> {
    asked.operate(async |_, _| Ok(shown(asked))).await
}

fn shown(asked: &Asked) -> Markup {
    let app = asked.app();
    let (_, label, seconds) = span(asked);
    let now_ms = app.clock.now_ms();
    let samples = app.history.since(now_ms - seconds * 1_000, now_ms);
    let all = samples.iter().fold(Sums::default(), |sums, sample| sums.plus(&sample.sums));
    // What ended since the last sample is no whole step yet, and would look like a fall.
    let steps = steps(samples.split_last().map_or(&[][..], |(_, whole)| whole), now_ms, seconds);
    let began = Timestamp::from_millisecond(now_ms - seconds * 1_000)
        .map_or_else(|_| String::new(), |at| at.strftime("%H:%M UTC").to_string());
    html! {
        (promises(&all, label))
        div .charts {
            section .card { (traffic(&steps, &began)) }
            section .card { (latency(&steps, &began)) }
            section .card { (refusals(&steps, &began)) }
        }
        (routes(app.history.routes()))
        (state(asked))
    }
}

/// The promises, each with what is kept of it.
fn promises(all: &Sums, label: &str) -> Markup {
    let requests = all.requests.max(1) as f64;
    let failed = all.failed as f64 / requests;
    let spent = failed / (1.0 - AVAILABLE);
    let unproven = all.unauthenticated as f64 / requests;
    let p95 = all.quantile_ms(0.95);
    html! {
        div .tiles .promises {
            (promise("Availability", &words::percent(1.0 - failed), "promised 99.9\u{a0}%", 1.0 - failed >= AVAILABLE))
            (promise("Error budget", &format!("{} left", words::percent((1.0 - spent).max(0.0))), "of what 99.9\u{a0}% allows", spent < 1.0))
            (promise("p95 latency", &p95.map_or_else(|| "no requests".to_owned(), words::milliseconds), "promised below 250\u{a0}ms", p95.is_none_or(|p95| p95 < P95_MS)))
            (promise("Errors", &words::percent(failed), "promised below 0.5\u{a0}%", failed < FAILED_MOST))
            (promise("Failed sign-ins", &words::percent(unproven), "promised below 2\u{a0}%", unproven < UNPROVEN_MOST))
        }
        p .hint { (words::counted(all.requests, "request", "requests")) " in the last " (label) ", by what this process remembers." }
    }
}

fn promise(label: &str, value: &str, beside: &str, is_kept: bool) -> Markup {
    html! {
        div .tile .{ @if is_kept { "kept" } @else { "broken" } } {
            span .label { (label) } strong { (value) }
            span .hint { (beside) @if !is_kept { " · broken" } }
        }
    }
}

/// One point of a chart.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    sums: Sums,
    /// Samples in it: the newest step is seldom whole.
    samples: u32,
}

/// Samples put together into the points of a chart; `None` before the service began.
fn steps(samples: &[Sample], now_ms: i64, seconds: i64) -> Vec<Option<Step>> {
    let sample_ms = i64::try_from(SAMPLE_EVERY.as_millis()).unwrap_or(10_000);
    let step_ms = (seconds * 1_000 / POINTS).max(sample_ms);
    let count = (seconds * 1_000 / step_ms).max(1);
    let mut steps = vec![None::<Step>; usize::try_from(count).unwrap_or(1)];
    for sample in samples {
        let at = usize::try_from(count - 1 - (now_ms - sample.at_ms) / step_ms).ok();
        if let Some(step) = at.and_then(|at| steps.get_mut(at)) {
            let known = step.unwrap_or_default();
            *step = Some(Step { sums: known.sums.plus(&sample.sums), samples: known.samples + 1 });
        }
    }
    steps
}

fn series<'a>(
    name: &'a str,
    class: &'a str,
    steps: &[Option<Step>],
    of: impl Fn(&Sums) -> Option<f64>,
) -> Series<'a> {
    Series {
        name,
        class,
        values: steps.iter().map(|step| step.as_ref().and_then(|step| of(&step.sums))).collect(),
    }
}

fn traffic(steps: &[Option<Step>], began: &str) -> Markup {
    let rate =
        |step: &Step| step.sums.requests as f64 / (f64::from(step.samples) * SAMPLE_EVERY.as_secs_f64());
    let values = steps.iter().map(|step| step.as_ref().map(rate)).collect();
    let show = |value: f64| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let requests = Series { name: "requests", class: "one", values };
    chart::lines("Requests a second", &[requests], (began, "now"), show)
}

fn latency(steps: &[Option<Step>], began: &str) -> Markup {
    let p95 = series("p95", "one", steps, |sums| sums.quantile_ms(0.95));
    let p50 = series("p50", "two", steps, |sums| sums.quantile_ms(0.5));
    chart::lines("Latency", &[p95, p50], (began, "now"), words::milliseconds)
}

fn refusals(steps: &[Option<Step>], began: &str) -> Markup {
    let failed = series("5xx", "bad", steps, |sums| Some(sums.failed as f64));
    let unproven = series("401", "warn", steps, |sums| Some(sums.unauthenticated as f64));
    let limited = series("429", "two", steps, |sums| Some(sums.limited as f64));
    chart::lines("Errors and refusals", &[failed, unproven, limited], (began, "now"), |value| {
        format!("{value:.0}")
    })
}

fn routes(mut routes: Vec<RouteSums>) -> Markup {
    let p95 = |route: &RouteSums| route.sums.quantile_ms(0.95).unwrap_or(0.0);
    routes.sort_by(|a, b| p95(b).total_cmp(&p95(a)));
    html! {
        @if !routes.is_empty() {
            section {
                h2 { "Slowest routes since the start" }
                div .scroll tabindex="0" role="region" aria-label="Slowest routes" { table {
                    thead { tr { th scope="col" { "Route" } th .num scope="col" { "p95" } th .num scope="col" { "p50" } th .num scope="col" { "Requests" } th .num scope="col" { "5xx" } } }
                    tbody { @for route in routes.iter().take(ROUTES_SHOWN) { tr {
                        td { code { (route.route) } }
                        td .num { (words::milliseconds(p95(route))) }
                        td .num { (words::milliseconds(route.sums.quantile_ms(0.5).unwrap_or(0.0))) }
                        td .num { (words::count(route.sums.requests)) }
                        td .num { (words::count(route.sums.failed)) }
                    } } }
                } }
            }
        }
    }
}

fn state(asked: &Asked) -> Markup {
    let app = asked.app();
    let in_flight = u64::try_from(app.lifecycle.in_flight()).unwrap_or_default();
    html! {
        section .card {
            h2 .small { "This process" }
            dl .properties {
                dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) }
                dt { "Environment" } dd { (app.config.service.environment.as_str()) }
                dt { "Requests at work" } dd { (words::count(in_flight)) }
                dt { "Tenant stores open" } dd { (words::count(u64::try_from(app.fleet.stores_open()).unwrap_or_default())) }
                @if let Some(jwks) = app.gateway.jwks_status() {
                    dt { "Identity provider" } dd { (words::counted(u64::try_from(jwks.keys).unwrap_or_default(), "key", "keys")) @if let Some(error) = &jwks.error { " · " span .badge .warn { "not reachable" } " " (error) } }
                }
                dt { "Vectors" } dd {
                    @match app.vectors.model() { Some(model) => (model.name), None => span .badge .warn { "no answer yet" } }
                    @let waiting = app.embedding_backlog.waiting();
                    @if waiting.memories > 0 {
                        " · " (words::counted(waiting.memories, "memory waits", "memories wait"))
                        @if waiting.stores > 0 { ", " (words::counted(waiting.stores, "closed tenant store", "closed tenant stores")) " to go" }
                    }
                }
                dt { "History kept" } dd { "6 hours, in memory" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::History;

    #[test]
    fn samples_fall_into_their_steps() {
        let history = History::default();
        for (requests, at_ms) in [(3, 105_000), (2, 995_000), (1, 1_000_000)] {
            for _ in 0..requests {
                history.note("/v1/search", 200, Duration::from_millis(1));
            }
            history.sample(at_ms);
        }
        let samples = history.since(0, 1_000_000);
        let (_, samples) = samples.split_last().unwrap();
        let steps = steps(samples, 1_000_000, 900);
        assert_eq!(steps.len(), 90);
        let last = steps[89].unwrap();
        assert_eq!((last.sums.requests, last.samples), (3, 2));
        assert_eq!(steps[0].unwrap().sums.requests, 3);
        assert!(steps[1..89].iter().all(Option::is_none));
    }
}
