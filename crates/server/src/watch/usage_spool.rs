//! Whether usage events reach the ledger.

use std::time::Duration;

use metering::Pressure;

use super::Finding;
use crate::app::App;

/// Events that wait longer than this are a backlog.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long a repair sends.
const SENDING_MAX: Duration = Duration::from_secs(10);

pub(super) async fn look(app: &App) -> Finding {
    judge(app.meter.depth(), app.meter.oldest_age(), app.meter.pressure())
}

/// Sends what waits, now.
pub(super) async fn send_now(app: &App) {
    app.meter.drain(SENDING_MAX).await;
}

fn judge(depth: u64, oldest: Duration, pressure: Pressure) -> Finding {
    let told = format!("{depth} events wait, the oldest for {} s", oldest.as_secs());
    match pressure {
        Pressure::Near | Pressure::Full => {
            Finding::Fail(format!("{told}; the spool is nearly full or cannot be written"))
        }
        Pressure::Low if oldest > AGE_MAX => Finding::Warn(told),
        Pressure::Low => Finding::Ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_that_fills_is_worse_than_one_that_waits() {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(3_600));
        for (oldest, pressure, want) in [
            (short, Pressure::Low, "ok"),
            (long, Pressure::Low, "warn"),
            (short, Pressure::Near, "fail"),
            (long, Pressure::Full, "fail"),
        ] {
            assert_eq!(judge(7, oldest, pressure).status(), want);
        }
    }
}
