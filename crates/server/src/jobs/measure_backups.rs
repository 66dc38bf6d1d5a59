//! Tells how old the newest backups are, how many were proven, and how many tenants are set aside: what alerts ask every
//! minute, whatever the slower jobs are at.

use std::sync::Arc;

use crate::app::App;
use crate::backups::measure_ages;

pub(super) async fn run(app: Arc<App>) -> Result<(), String> {
    let looking = Arc::clone(&app);
    let quarantined = tokio::task::spawn_blocking(move || {
        let tenants = looking.fleet.tenants_on_disk().map_err(|error| error.to_string())?;
        Ok::<_, String>(tenants.iter().filter(|tenant| looking.fleet.quarantine(tenant).is_some()).count())
    });
    let quarantined = quarantined.await.map_err(|panic| panic.to_string())??;
    metrics::gauge!("engram_tenants_quarantined").set(quarantined as f64);

    let ages = measure_ages(&app).await.map_err(|error| error.to_string())?;
    // Nobody is late where backups are made by hand only.
    if app.config.backup.every_hours > 0 {
        metrics::gauge!("engram_backup_newest_age_seconds").set(ages.newest.as_secs_f64());
        metrics::gauge!("engram_backup_newest_verified_age_seconds").set(ages.newest_verified.as_secs_f64());
    }
    metrics::gauge!("engram_restore_test_coverage_ratio").set(ages.coverage());
    app.backups.remember(ages);
    Ok(())
}
