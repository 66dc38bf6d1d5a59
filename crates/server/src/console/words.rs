//! Numbers, sizes and times as people read them.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

/// `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 memory`, `2 memories`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `1.5 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// JSON as a person says it: `a 1, b none`.
pub(super) fn value(value: &Value) -> String {
    let joined = |parts: Vec<String>| if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => joined(items.iter().map(self::value).collect()),
        Value::Object(fields) => joined(
            fields
                .iter()
                .map(|(name, field)| format!("{} {}", name.replace('_', " "), self::value(field)))
                .collect(),
        ),
    }
}

/// A latency: `0.8 ms`, `12 ms`, `1.2 s`.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    }
}

/// A share: `99.95 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == percent.round() { format!("{percent:.0} %") } else { format!("{percent:.2} %") }
}

/// A time: how far away it is, and the whole of it on a closer look.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (distance(at, now)) } }
}

/// `2026-11-25 08:01 UTC`.
pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 min ago`, `in 2 days`, and a date when that is far away.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let size = match seconds.abs() {
        0..5 => return "now".to_owned(),
        s @ 5..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s @ 86_400..2_592_000 if s / 86_400 == 1 => "1 day".to_owned(),
        s @ 86_400..2_592_000 => format!("{} days", s / 86_400),
        _ => return at.strftime("%Y-%m-%d").to_string(),
    };
    if seconds > 0 { format!("{size} ago") } else { format!("in {size}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([12, 1_536, 3 << 30].map(bytes), ["12 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!([0.84, 12.4, 1_240.0].map(milliseconds), ["0.8 ms", "12 ms", "1.2 s"]);
        assert_eq!([1.0, 0.9995].map(percent), ["100 %", "99.95 %"]);
        assert_eq!(
            (counted(1, "memory", "memories"), counted(0, "memory", "memories")),
            ("1 memory".into(), "0 memories".into())
        );
    }

    #[test]
    fn json_reads_as_words() {
        let json = serde_json::json!({"applied": 0, "ids": [], "took_ms": 81, "into": {"tenant": "acme"}, "x": [1, true]});
        assert_eq!(value(&json), "applied 0, ids none, into tenant acme, took ms 81, x 1, true");
        assert_eq!(value(&Value::Null), "none");
    }

    #[test]
    fn times_are_near_or_far() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        for (ago, want) in [
            (0, "now"),
            (59, "59 s ago"),
            (120, "2 min ago"),
            (90_000, "1 day ago"),
            (-7_200, "in 2 h"),
            (40 * 86_400, "2026-08-12"),
        ] {
            let at = Timestamp::from_second(1_790_000_000 - ago).unwrap();
            assert_eq!(distance(at, now), want);
        }
    }
}
