//! How old everybody's newest backups are: what the alerts ask, the operator's pages show and a job measures.

use std::collections::HashMap;
use std::sync::Arc;

use control::Backup;
use jiff::{SignedDuration, Timestamp};
use tenancy::TenantId;

use super::Trouble;
use crate::app::App;

/// Ages as they were at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ages {
    /// Of the newest backup of the tenant that waits longest, among those that changed since.
    pub newest: SignedDuration,
    /// Of the newest proven one, the same way; one that was never proven is as old as its newest backup.
    pub newest_verified: SignedDuration,
    /// Tenants that have a backup.
    pub tenants: u32,
    /// Those of them that have a proven one.
    pub proven: u32,
}

impl Ages {
    /// Part of the tenants with a backup whose restore was proven.
    pub fn coverage(&self) -> f64 {
        if self.tenants == 0 { 1.0 } else { f64::from(self.proven) / f64::from(self.tenants) }
    }
}

/// Looks at everybody's newest backups and at what has changed since.
///
/// # Errors
/// [`Trouble::Control`].
pub(crate) async fn measure_ages(app: &Arc<App>) -> Result<Ages, Trouble> {
    let newest = app.control.newest_backups().await?;
    let looking = Arc::clone(app);
    let look = move || ages(&newest, looking.clock.now(), |tenant| looking.fleet.change_stamp(tenant));
    tokio::task::spawn_blocking(look).await.map_err(|panic| Trouble::Refused(panic.to_string()))
}

fn ages(newest: &[Backup], now: Timestamp, stamp: impl Fn(&TenantId) -> String) -> Ages {
    let mut of_tenants: HashMap<&TenantId, Vec<&Backup>> = HashMap::new();
    for backup in newest {
        of_tenants.entry(&backup.tenant_id).or_default().push(backup);
    }
    let mut ages = Ages::default();
    for (tenant, backups) in of_tenants {
        let at = |backup: &&&Backup| backup.created_at;
        let Some(newest) = backups.iter().max_by_key(at) else { continue };
        let proven = backups.iter().filter(|backup| backup.verified_at.is_some()).max_by_key(at);
        ages.tenants += 1;
        ages.proven += u32::from(proven.is_some());
        let unchanged = newest.source_stamp.as_deref() == Some(stamp(tenant).as_str());
        if !unchanged {
            ages.newest = ages.newest.max(now.duration_since(newest.created_at));
        }
        // A proven backup that is not the newest is as old as it is, whether the tenant changed since or not.
        let newest_is_proven = proven.is_some_and(|proven| proven.created_at == newest.created_at);
        if !(unchanged && newest_is_proven) {
            let counted = proven.unwrap_or(newest);
            ages.newest_verified = ages.newest_verified.max(now.duration_since(counted.created_at));
        }
    }
    ages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One backup of a tenant: its age in hours, and whether it was proven.
    fn backup(tenant: &TenantId, hours: i64, proven: bool) -> Backup {
        let created_at = Timestamp::UNIX_EPOCH - SignedDuration::from_hours(hours);
        Backup {
            id: format!("bkp_{hours}"),
            tenant_id: tenant.clone(),
            created_at,
            reason: "scheduled".into(),
            schema_version: 1,
            object_key: format!("{hours}"),
            size_bytes: 1,
            sha256: String::new(),
            plain_bytes: 1,
            memories: 1,
            ids_handed_out: 1,
            source_stamp: Some("then".into()),
            verified_at: proven.then_some(created_at),
        }
    }

    #[test]
    fn what_changed_waits_and_what_is_not_proven_is_as_old_as_its_proof() {
        let tenant = TenantId::parse(&format!("ten_{}", "0".repeat(32))).unwrap();
        for (backups, stamp, want) in [
            (&[][..], "now", (0, 0, 0, 0)),
            (&[(3, false)], "now", (3, 3, 1, 0)),
            (&[(3, false)], "then", (0, 3, 1, 0)),
            (&[(3, true)], "then", (0, 0, 1, 1)),
            (&[(3, true)], "now", (3, 3, 1, 1)),
            (&[(3, false), (90, true)], "now", (3, 90, 1, 1)),
            (&[(90, true), (3, false)], "then", (0, 90, 1, 1)),
        ] {
            let backups: Vec<_> =
                backups.iter().map(|(age, proven)| backup(&tenant, *age, *proven)).collect();
            let got = ages(&backups, Timestamp::UNIX_EPOCH, |_| stamp.to_owned());
            let hours = (got.newest.as_hours(), got.newest_verified.as_hours());
            assert_eq!((hours.0, hours.1, got.tenants, got.proven), want, "{stamp} {backups:?}");
        }
    }

    #[test]
    fn without_backups_nothing_is_left_to_prove() {
        assert_eq!(Ages::default().coverage(), 1.0);
        assert_eq!(Ages { tenants: 4, proven: 1, ..Ages::default() }.coverage(), 0.25);
    }
}
