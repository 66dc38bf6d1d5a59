//! `engram usage export`: one JSON line an event, with the key under which it counts once.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::with_query;
use crate::door::{Door, encode};
use crate::failure::Failure;
use crate::terminal;

/// Events asked for at once.
const PAGE: &str = "5000";

/// Single events as JSON Lines, in a shape that billing meters take
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only this tenant
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// From this time on, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Go on where an earlier export ended or was cut off: the cursor it told on standard error
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// The shape of a line
    #[arg(long = "as", value_enum, default_value = "events", value_name = "SHAPE")]
    shape: Shape,
    /// The meter's event name, for --as stripe
    #[arg(long, default_value = "engram_usage", value_name = "NAME")]
    event_name: String,
    /// The counter that is metered, for --as stripe
    #[arg(long, value_enum, default_value = "api-calls")]
    counter: Counter,
    /// Test tenants too, which nobody is billed for
    #[arg(long)]
    include_test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Every field of the event.
    Events,
    /// A meter event as Stripe takes it: event_name, timestamp, identifier, payload.
    Stripe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Counter {
    /// Charged requests.
    ApiCalls,
    /// Searches.
    SearchQueries,
    /// Memories stored.
    MemoriesCreated,
}

impl Export {
    pub(super) async fn run(mut self, door: &Door) -> Result<(), Failure> {
        let asked = [
            ("limit", Some(PAGE)),
            ("tenant", self.tenant.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
        ];
        let path = with_query("/usage/events", &asked);
        let mut cursor = self.cursor.take();
        loop {
            let page = match &cursor {
                Some(cursor) => format!("{path}&cursor={}", encode(cursor)),
                None => path.clone(),
            };
            let page: api::UsageEventList = door.get(&page).await.inspect_err(|_| tell(cursor.as_deref()))?;
            self.write(&page.items).inspect_err(|_| tell(cursor.as_deref()))?;
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn write(&self, events: &[api::UsageEvent]) -> Result<(), Failure> {
        let mut lines = String::new();
        for event in events.iter().filter(|event| event.billed || self.include_test) {
            let line = match self.shape {
                Shape::Events => serde_json::to_value(event).map_err(Failure::refused)?,
                Shape::Stripe => match self.stripe(event) {
                    Some(line) => line,
                    None => continue,
                },
            };
            lines.push_str(&format!("{line}\n"));
        }
        // Unlike a table, half an export must not look like a whole one.
        io::stdout().lock().write_all(lines.as_bytes()).map_err(|error| {
            Failure::refused(format!("the export was cut off: {error}; go on with --cursor"))
        })
    }

    /// What counts nothing is not sent.
    fn stripe(&self, event: &api::UsageEvent) -> Option<Value> {
        let value = match self.counter {
            Counter::ApiCalls => event.api_calls,
            Counter::SearchQueries => event.search_queries,
            Counter::MemoriesCreated => event.memories_created,
        };
        let customer = event.tenant.as_deref().unwrap_or(&event.tenant_id);
        // Stripe takes values as strings.
        let payload = json!({ "tenant": customer, "tenant_id": event.tenant_id, "value": value.to_string() });
        (value > 0).then(|| {
            json!({
                "event_name": self.event_name,
                "timestamp": event.occurred_at.as_second(),
                "identifier": event.request_id,
                "payload": payload,
            })
        })
    }
}

fn tell(cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        terminal::remark(format!("everything before it was written: --cursor {cursor}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_stripe_has_its_key_and_its_value() {
        let event = api::UsageEvent {
            request_id: "0193".to_owned(),
            tenant_id: "ten_1".to_owned(),
            tenant: Some("acme".to_owned()),
            billed: true,
            workspace: None,
            route: "search".to_owned(),
            status: 200,
            api_calls: 1,
            search_queries: 1,
            memories_created: 0,
            storage_bytes: 0,
            occurred_at: jiff::Timestamp::from_second(1_795_428_000).unwrap(),
        };
        let export = |counter| Export {
            tenant: None,
            from: None,
            to: None,
            cursor: None,
            shape: Shape::Stripe,
            event_name: "calls".to_owned(),
            counter,
            include_test: false,
        };
        let want = json!({"event_name": "calls", "timestamp": 1_795_428_000, "identifier": "0193",
            "payload": {"tenant": "acme", "tenant_id": "ten_1", "value": "1"}});
        assert_eq!(export(Counter::ApiCalls).stripe(&event), Some(want));
        assert_eq!(export(Counter::MemoriesCreated).stripe(&event), None);
    }
}
