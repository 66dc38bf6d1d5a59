//! What is wrong now, for whoever runs the service: the checks of the playbook, and error budgets that burn too fast.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::runbook;
use crate::console::alertmanager::Firing;
use crate::console::asked::Asked;
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{careful, form_token, good, status, title};
use crate::console::words;
use crate::operations;
use crate::telemetry::Sums;
use crate::watch::{Finding, Found, Round, runbook as known_runbook};

/// Where the page is.
const PATH: &str = "/console/service/alerts";
const MINUTE_MS: i64 = 60_000;
/// Alerts of an Alertmanager that are shown; it has a page of its own for more.
const FIRING_SHOWN: usize = 50;
/// A pair of windows and how many times too fast a budget burns when both say so (the first two of the alerts).
const PAIRS: [(&str, i64, &str, i64, f64); 2] =
    [("5 min", 5, "1 h", 60, 14.4), ("30 min", 30, "6 h", 360, 6.0)];

/// One promise: the part of the requests that may break it, and which do.
struct Budget {
    name: &'static str,
    promised: &'static str,
    allowed: f64,
    spent: fn(&Sums) -> u64,
    runbook: &'static str,
}

const BUDGETS: &[Budget] = &[
    Budget {
        name: "Availability",
        promised: "99.9\u{a0}% are served",
        allowed: 0.001,
        spent: |sums| sums.unserved,
        runbook: "availability_burn",
    },
    Budget {
        name: "Errors",
        promised: "fewer than 0.5\u{a0}% fail",
        allowed: 0.005,
        spent: |sums| sums.failed,
        runbook: "error_rate_burn",
    },
    Budget {
        name: "Latency",
        promised: "95\u{a0}% below 250\u{a0}ms",
        allowed: 0.05,
        spent: Sums::slow,
        runbook: "latency_burn",
    },
    Budget {
        name: "Failed sign-ins",
        promised: "fewer than 2\u{a0}%",
        allowed: 0.02,
        spent: |sums| sums.unauthenticated,
        runbook: "auth_failure_burn",
    },
];

/// How fast a budget burns in each of the four windows: 1 spends it exactly.
struct Burn {
    budget: &'static Budget,
    rates: [[f64; 2]; PAIRS.len()],
}

impl Burn {
    /// Whether both windows of a pair are above its threshold.
    fn is_firing(&self) -> bool {
        self.rates.iter().zip(PAIRS).any(|(rates, pair)| rates.iter().all(|rate| *rate > pair.4))
    }
}

/// `GET /console/service/alerts`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    let found = asked
        .operate(async |pass, _| {
            let app = asked.app();
            if app.findings.newest().is_none() {
                operations::run_checks(app, pass, None).await?;
            }
            let firing = match &app.console.alertmanager {
                Some(alertmanager) => Some(alertmanager.firing().await),
                None => None,
            };
            Ok((app.findings.newest(), firing))
        })
        .await;
    match found {
        Ok((round, firing)) => {
            page(&asked, Tab::Alerts, "Alerts", &shown(&asked, round.as_ref(), firing.as_ref()))
        }
        Err(failure) => failed(&asked, Tab::Alerts, &failure),
    }
}

/// `POST /console/service/alerts`: looks again, or repairs what can be repaired without harm.
pub(in crate::console) async fn act(asked: Asked) -> Response {
    let repairs = asked.sent().text("do") == "repair";
    let done = asked
        .operate(async |pass, _| {
            let app = asked.app();
            if repairs {
                operations::repair(app, pass).await.map(|_| ())
            } else {
                operations::run_checks(app, pass, None).await.map(|_| ())
            }
        })
        .await;
    match done {
        Ok(()) => {
            Redirect::to(&format!("{PATH}?done={}", if repairs { "repair" } else { "look" })).into_response()
        }
        Err(failure) => failed(&asked, Tab::Alerts, &failure),
    }
}

fn shown(asked: &Asked, round: Option<&Round>, told: Option<&Result<Vec<Firing>, String>>) -> Markup {
    let burns = burns(asked);
    let found = round.map(|round| round.found.as_slice()).unwrap_or_default();
    let wrong: Vec<_> = found.iter().filter(|found| !matches!(found.finding, Finding::Ok(_))).collect();
    let firing: Vec<_> = burns.iter().filter(|burn| burn.is_firing()).collect();
    html! {
        (title("Alerts", &html! {
            form method="post" action=(PATH) { (form_token(&asked.guest)) button name="do" value="look" { "Look again" } }
        }))
        @if asked.sent().text("done") == "repair" { (good("What could be repaired without harm was; this is what the checks find now.")) }
        h2 { "Now" }
        @if wrong.is_empty() && firing.is_empty() {
            div .empty { p { "Every check of this process is well, and no budget burns too fast." } }
        } @else {
            div .rows {
                @for burn in firing { div .row-card { div .row-main { strong { (burn.budget.name) } (status("burns")) p { "The error budget is spent too fast." } (leads(burn.budget.runbook)) } } }
                @for found in wrong { (row(found)) }
            }
            (careful("Repair what can be", "Reads the identity provider's keys anew, opens stores again that did not open and sends usage that waits, each only where its check found something.", &html! {
                form method="post" action=(PATH) { (form_token(&asked.guest)) button name="do" value="repair" { "Repair" } }
            }))
        }
        @if let Some(told) = told { (of_alertmanager(asked, told)) }
        (budgets(&burns))
        h2 { "Checks" }
        @if let Some(round) = round { p .hint { "As of " (words::time(round.at, asked.app().clock.now())) ", by this process; a round is made every minute." } }
        div .rows { @for found in found.iter().filter(|found| matches!(found.finding, Finding::Ok(_))) { (row(found)) } }
    }
}

fn row(found: &Found) -> Markup {
    html! { div .row-card {
        div .row-main {
            strong { (found.check.replace('_', " ")) } (status(found.finding.status()))
            p { bdi .break { (found.finding.clone().into_detail()) } }
        }
        (leads(found.runbook))
    } }
}

/// What an Alertmanager says, or why it says nothing.
fn of_alertmanager(asked: &Asked, told: &Result<Vec<Firing>, String>) -> Markup {
    let now = asked.app().clock.now();
    html! {
        h2 { "Alertmanager" }
        @match told {
            Err(why) => div .notice .bad { p { "What fires there is not known: " bdi { (why) } "." } },
            Ok(firing) if firing.is_empty() => div .empty { p { "Nothing fires there that is not silenced." } },
            Ok(firing) => {
                div .rows { @for alert in firing.iter().take(FIRING_SHOWN) { div .row-card {
                    div .row-main {
                        strong { bdi { (alert.name()) } } @if let Some(severity) = alert.severity() { span .badge .warn { (severity) } }
                        p { bdi .break { (alert.summary()) } }
                        p .hint { bdi .break { (alert.others()) } " · " (words::time(alert.starts_at, now)) }
                    }
                    @if known_runbook(alert.name()).is_some() { (leads(alert.name())) }
                } } }
                @if firing.len() > FIRING_SHOWN { p .hint { (words::count((firing.len() - FIRING_SHOWN) as u64)) " more fire." } }
            }
        }
    }
}

fn leads(name: &str) -> Markup {
    html! { a href=(runbook::path(name)) { "Runbook: " (name) } }
}

fn budgets(burns: &[Burn]) -> Markup {
    html! {
        h2 { "Error budgets" }
        div .scroll tabindex="0" role="region" aria-label="How fast budgets burn" { table {
            thead { tr {
                th scope="col" { "Promise" }
                @for (short, _, long, _, _) in PAIRS { th .num scope="col" { (short) } th .num scope="col" { (long) } }
                th scope="col" { "State" }
            } }
            tbody { @for burn in burns { tr {
                td { a href=(runbook::path(burn.budget.runbook)) { (burn.budget.name) } div .dim { (burn.budget.promised) } }
                @for rate in burn.rates.iter().flatten() { td .num { (format!("{rate:.1}×")) } }
                td { (status(if burn.is_firing() { "burns" } else { "ok" })) }
            } } }
        } }
        p .hint { "1× spends a budget exactly by its end. An alert is 14.4× in 5 min and 1 h, or 6× in 30 min and 6 h; slower burns need Prometheus, since this process remembers six hours." }
    }
}

fn burns(asked: &Asked) -> Vec<Burn> {
    let app = asked.app();
    let now_ms = app.clock.now_ms();
    let within = |minutes: i64| {
        let samples = app.history.since(now_ms - minutes * MINUTE_MS, now_ms);
        samples.iter().fold(Sums::default(), |sums, sample| sums.plus(&sample.sums))
    };
    let windows = PAIRS.map(|(_, short, _, long, _)| [within(short), within(long)]);
    BUDGETS.iter().map(|budget| burn(budget, &windows)).collect()
}

fn burn(budget: &'static Budget, windows: &[[Sums; 2]; PAIRS.len()]) -> Burn {
    let rate = |sums: &Sums| (budget.spent)(sums) as f64 / sums.requests.max(1) as f64 / budget.allowed;
    Burn { budget, rates: windows.each_ref().map(|pair| pair.each_ref().map(rate)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_fires_when_both_windows_of_a_pair_say_so() {
        let sums = |failed| {
            let mut sums = Sums::default();
            (sums.requests, sums.failed) = (10_000, failed);
            sums
        };
        // Failed of 10,000 requests; 0.5 % are allowed, so 720 burn 14.4 times too fast, and 300 six times.
        for (short, long, half, whole, want) in [
            (0, 0, 0, 0, false),
            (721, 721, 0, 0, true),
            (721, 719, 0, 0, false),
            (719, 721, 0, 0, false),
            (0, 0, 301, 301, true),
            (0, 0, 301, 299, false),
        ] {
            let windows = [[sums(short), sums(long)], [sums(half), sums(whole)]];
            assert_eq!(burn(&BUDGETS[1], &windows).is_firing(), want, "{short} {long} {half} {whole}");
        }
    }
}
