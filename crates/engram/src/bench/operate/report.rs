//! What a run found, as JSON for machines; people get tables of the same numbers.

use serde::Serialize;

/// Longest a scrape may take, in milliseconds.
const SCRAPE_MS_MAX: f64 = 50.0;
/// Most a scrape may weigh.
const SCRAPE_BYTES_MAX: u64 = 1_000_000;
/// Longest a page may take on the server, in milliseconds.
const PAGE_MS_MAX: f64 = 100.0;
/// Most a page may weigh with everything that belongs to it, over the wire.
const PAGE_BYTES_MAX: u64 = 100_000;

/// Every number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Tenants beside two that are always there.
    pub(crate) tenants: u64,
    /// Of them, those that had just stored and searched.
    pub(crate) active: u64,
    /// Memories of the tenant whose pages were looked at, and of each service that was traced.
    pub(crate) memories: u64,
    pub(crate) scrape: Scrapes,
    pub(crate) pages: Vec<PageRow>,
    pub(crate) traces: Traces,
}

/// Scrapes of `/metrics` of one process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Scrapes {
    /// With one tenant that stored and searched.
    pub(crate) alone: Scrape,
    /// With all of them.
    pub(crate) among: Scrape,
}

/// How long scrapes took, to the last byte, and what the largest weighed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Scrape {
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) bytes: u64,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PageRow {
    pub(crate) path: String,
    pub(crate) status: u16,
    /// By the header `Server-Timing`.
    pub(crate) server_p50_ms: f64,
    pub(crate) server_max_ms: f64,
    /// Headers and body, compressed.
    pub(crate) bytes: u64,
    /// The same with style, script and icon, which a browser keeps afterwards.
    pub(crate) first_view_bytes: u64,
}

/// What traces cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Traces {
    pub(crate) rows: Vec<TraceRow>,
    pub(crate) spans: Vec<Spans>,
    /// What the collector was sent in all.
    pub(crate) collected_bytes: u64,
}

/// One kind of request, with traces going one way; medians over the turns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TraceRow {
    pub(crate) traces: String,
    pub(crate) request: String,
    pub(crate) p50_ms: f64,
    /// CPU time of the service for one request.
    pub(crate) cpu_ms: f64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// What became of the spans of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Spans {
    pub(crate) traces: String,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
}

/// Something that was aimed at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aim {
    pub(crate) what: &'static str,
    pub(crate) aim: String,
    pub(crate) measured: String,
    pub(crate) is_reached: bool,
}

impl Report {
    /// What was aimed at, and what came of it. Speed is for the reader to judge: a miss fails no run.
    pub(crate) fn aims(&self) -> [Aim; 4] {
        let among = &self.scrape.among;
        let slowest = self.pages.iter().map(|page| page.server_p50_ms).fold(0.0, f64::max);
        let heaviest = self.pages.iter().map(|page| page.first_view_bytes).max().unwrap_or(0);
        let ms = |what, max: f64, measured: f64| Aim {
            what,
            aim: format!("< {max:.0} ms"),
            measured: format!("{measured:.1} ms"),
            is_reached: measured < max,
        };
        let kb = |what, max: u64, measured: u64| Aim {
            what,
            aim: format!("< {} kB", max / 1_000),
            measured: format!("{:.1} kB", measured as f64 / 1e3),
            is_reached: measured < max,
        };
        [
            ms("a scrape among all, p95", SCRAPE_MS_MAX, among.p95_ms),
            kb("a scrape among all", SCRAPE_BYTES_MAX, among.bytes),
            ms("the slowest page, p50", PAGE_MS_MAX, slowest),
            kb("the heaviest page, first view", PAGE_BYTES_MAX, heaviest),
        ]
    }

    /// What must hold on every machine, as sentences; empty when it does.
    pub(crate) fn broken(&self) -> Vec<String> {
        let failed = |page: &&PageRow| page.status != 200;
        let pages = self.pages.iter().filter(failed);
        let pages = pages.map(|page| format!("{} was answered with {}", page.path, page.status));
        let refused = self.traces.rows.iter().filter(|row| row.errors > 0);
        let refused = refused.map(|row| format!("{} requests failed with traces {}", row.errors, row.traces));
        let silent = (self.traces.collected_bytes == 0).then(|| "no trace reached the collector".to_owned());
        pages.chain(refused).chain(silent).collect()
    }
}
