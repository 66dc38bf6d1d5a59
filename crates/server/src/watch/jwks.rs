//! Whether the identity provider's keys are reachable and fresh.

use gateway::JwksStatus;
use jiff::Timestamp;

use super::Finding;
use crate::app::App;

/// Keys are read every 10 to 30 minutes; older than this they are stale.
const AGE_S_MAX: i64 = 3_600;

pub(super) async fn look(app: &App) -> Finding {
    let Some(status) = app.gateway.jwks_status() else {
        return Finding::Ok("no identity provider is configured; keys alone open".to_owned());
    };
    // Before the first token nobody has asked for them, or somebody is asking right now.
    let status = match status.read_at {
        Some(_) => status,
        None => app.gateway.refresh_jwks().await.unwrap_or(status),
    };
    judge(&status, app.clock.now())
}

/// Reads them now.
pub(super) async fn read_anew(app: &App) {
    let _ = app.gateway.refresh_jwks().await;
}

fn judge(status: &JwksStatus, now: Timestamp) -> Finding {
    let age_s = status.read_at.map(|at| (now.as_millisecond() - at.as_millisecond()) / 1_000);
    match (age_s, &status.error) {
        (None, error) => {
            let why = error.as_deref().unwrap_or("they were never read");
            Finding::Fail(format!("no keys from {}: {why}; tokens are refused", status.url))
        }
        (Some(age_s), Some(error)) if age_s > AGE_S_MAX => Finding::Fail(format!(
            "{} keys of {} s ago, and {} gives none: {error}",
            status.keys, age_s, status.url
        )),
        (Some(age_s), Some(error)) => {
            Finding::Warn(format!("{} keys of {age_s} s ago; the last try failed: {error}", status.keys))
        }
        (Some(age_s), None) if age_s > AGE_S_MAX => {
            Finding::Warn(format!("{} keys, read {age_s} s ago", status.keys))
        }
        (Some(age_s), None) => Finding::Ok(format!("{} keys, read {age_s} s ago", status.keys)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_old_or_out_of_reach_are_told() {
        let now = Timestamp::from_second(100_000).unwrap();
        let status = |age_s: Option<i64>, error: Option<&str>| JwksStatus {
            url: "https://id.example.com/jwks.json".to_owned(),
            keys: 2,
            read_at: age_s.map(|age_s| Timestamp::from_second(100_000 - age_s).unwrap()),
            tried_at: Some(now),
            error: error.map(str::to_owned),
        };
        for (status, want) in [
            (status(Some(60), None), "ok"),
            (status(Some(7_200), None), "warn"),
            (status(Some(60), Some("connection refused")), "warn"),
            (status(Some(7_200), Some("connection refused")), "fail"),
            (status(None, Some("connection refused")), "fail"),
        ] {
            assert_eq!(judge(&status, now).status(), want, "{status:?}");
        }
    }
}
