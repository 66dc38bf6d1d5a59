//! Whether our clock can be believed: tokens, rates and bills go by it.

use std::time::UNIX_EPOCH;

use control::AuditQuery;
use jiff::Timestamp;

use super::Finding;
use crate::app::App;

/// Further off than this, tokens are refused that should not be, in milliseconds.
const OFF_MS_MAX: i64 = 60_000;

/// Compares it with what was recorded before, which can only be older, and with the time that the volume gives to a
/// fresh file, which is another machine's where the volume is.
pub(super) async fn look(app: &App) -> Finding {
    let now = app.clock.now();
    let newest = app.control.audit_log(AuditQuery { tenant: None, before: None, limit: 1 }).await;
    let recorded = newest.ok().and_then(|rows| rows.first().map(|row| row.occurred_at));
    let folder = app.config.service.data_dir.clone();
    let written = tokio::task::spawn_blocking(move || {
        let file = tempfile_in(&folder).ok()?;
        let since = file.duration_since(UNIX_EPOCH).ok()?;
        Timestamp::from_millisecond(i64::try_from(since.as_millis()).ok()?).ok()
    });
    judge(now, recorded, written.await.ok().flatten())
}

/// The time of a file that was just written; the file is gone again.
fn tempfile_in(folder: &std::path::Path) -> std::io::Result<std::time::SystemTime> {
    let path = folder.join(".clock");
    std::fs::write(&path, b"engram")?;
    let modified = std::fs::metadata(&path)?.modified();
    std::fs::remove_file(&path)?;
    modified
}

fn judge(now: Timestamp, recorded: Option<Timestamp>, written: Option<Timestamp>) -> Finding {
    let ahead_ms = |other: Timestamp| other.as_millisecond() - now.as_millisecond();
    if let Some(ahead) = recorded.map(ahead_ms).filter(|ahead| *ahead > OFF_MS_MAX) {
        return Finding::Fail(format!("it is {now} here, {} s before the newest record", ahead / 1_000));
    }
    if let Some(off) = written.map(ahead_ms).filter(|off| off.abs() > OFF_MS_MAX) {
        return Finding::Warn(format!("it is {now} here, and the volume's clock is {} s off", off / 1_000));
    }
    Finding::Ok(format!("it is {now}, after everything that is on record"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_went_back_is_told() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (recorded, written, want) in [
            (None, None, "ok"),
            (Some(at(900)), Some(at(1_001)), "ok"),
            (Some(at(1_100)), None, "fail"),
            (Some(at(900)), Some(at(1_200)), "warn"),
            (None, Some(at(800)), "warn"),
        ] {
            assert_eq!(judge(at(1_000), recorded, written).status(), want, "{recorded:?} {written:?}");
        }
    }
}
