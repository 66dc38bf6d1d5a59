//! Whether there are tenants whose changes are in no backup yet.

use super::Finding;
use crate::app::App;

/// What the backup job measures: the largest age of the newest backup, over tenants that changed since.
const AGE: &str = "engram_backup_newest_age_seconds";
/// Backups are made every day; two hours are for the run itself.
const AGE_S_MAX: f64 = 26.0 * 3_600.0;

pub(super) async fn look(app: &App) -> Finding {
    judge(app.telemetry.value(AGE).unwrap_or_default())
}

fn judge(age_s: f64) -> Finding {
    let hours = age_s / 3_600.0;
    if age_s > AGE_S_MAX {
        return Finding::Fail(format!("a tenant that changed has had no backup for {hours:.1} hours"));
    }
    if age_s > 0.0 {
        return Finding::Ok(format!(
            "no tenant that changed has been without a backup for more than {hours:.1} hours"
        ));
    }
    Finding::Ok("the backup job knows of no tenant that waits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_little_is_too_long() {
        for (age_s, want) in [(0.0, "ok"), (90_000.0, "ok"), (94_000.0, "fail")] {
            assert_eq!(judge(age_s).status(), want, "{age_s}");
        }
    }
}
