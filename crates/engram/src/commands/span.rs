//! Times as people write them on a command line: an instant, or a while such as `90d` or `12h`.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::failure::Failure;

/// A time, or a while from `now`; a day has 24 hours.
pub(crate) fn expiry(option: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let later = duration(text).and_then(|duration| now.checked_add(duration).ok());
    later.ok_or_else(|| {
        Failure::usage(format!("{option} {text} is no time: write 90d, 12h or 2027-01-31T00:00:00Z"))
    })
}

/// A while, in seconds.
pub(crate) fn seconds(option: &str, text: &str) -> Result<u64, Failure> {
    let found = duration(text).and_then(|duration| u64::try_from(duration.as_secs()).ok());
    found.ok_or_else(|| Failure::usage(format!("{option} {text} is no while: write 7d, 12h or 0s")))
}

fn duration(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_or_a_while() {
        let now = Timestamp::UNIX_EPOCH;
        for (text, want) in [
            ("90d", "1970-04-01T00:00:00Z"),
            ("12h", "1970-01-01T12:00:00Z"),
            ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ] {
            assert_eq!(expiry("--expires", text, now).unwrap().to_string(), want);
        }
        assert!(expiry("--expires", "soon", now).unwrap_err().to_string().contains("90d"));
    }

    #[test]
    fn a_while_is_in_seconds() {
        for (text, want) in [("7d", 604_800), ("1h", 3_600), ("0s", 0), ("1d12h", 129_600)] {
            assert_eq!(seconds("--overlap", text).unwrap(), want);
        }
        for text in ["-1h", "soon", "7"] {
            assert!(seconds("--overlap", text).unwrap_err().to_string().contains("--overlap"), "{text}");
        }
    }
}
