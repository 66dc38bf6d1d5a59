//! The control plane in the vault: exported as lines, without a single key of a tenant, so that a key that is destroyed later
//! is in no older export.

use std::fs::File;
use std::io::BufWriter;

use backup::{
    BackupId, Description, Facts, Found, Kept, Kind, Manifest, Policy, Reason, Subject, TableFacts, removals,
};
use control::{AuditQuery, ExportedKeys};
use jiff::{SignedDuration, Timestamp};

use super::data_key::data_key;
use super::scratch::Scratch;
use super::{Progress, Trouble};
use crate::app::App;

/// Whose backups these are.
const SUBJECT: &str = "control";
/// Deeds after which a backup is due at once: a rebuild from before them would give back what was taken away.
const TAKEN_AWAY: &[&str] = &[
    "delete_tenant",
    "erase_memories",
    "remove_member",
    "revoke_api_key",
    "revoke_invite",
    "rotate_api_key",
    "set_member_role",
    "set_tenant_status",
];
/// Deeds of the service itself, which the vault tells of without the control plane.
const CHORES: &[&str] = &[
    "begin_restore",
    "create_backup",
    "destroy_backup_key",
    "finish_restore",
    "finish_tenant_deletion",
    "remove_backup",
];
/// The longest that any other deed waits for its backup.
const CHANGES_WAIT_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Deeds that are looked at, from the newest.
const DEEDS_READ: usize = 500;
/// Version of the lines of an export.
const EXPORT_VERSION: i64 = 1;

pub(super) fn subject() -> Result<Subject, Trouble> {
    Subject::parse(SUBJECT).map_err(|error| Trouble::Refused(error.to_string()))
}

/// Exports the control plane and ships it.
///
/// # Errors
/// [`Trouble`]; there is no new backup then.
pub(crate) async fn back_up_control_plane(
    app: &App,
    reason: Reason,
    progress: &Progress,
) -> Result<Manifest, Trouble> {
    progress.stage("exporting");
    // Before the export: a deed done meanwhile makes the next backup due.
    let at = app.clock.now();
    let scratch = Scratch::new(&app.fleet)?;
    let path = scratch.file("control.jsonl");
    let file =
        File::create(&path).map_err(|error| Trouble::Refused(format!("{}: {error}", path.display())))?;
    let (_, written) = app.control.export(BufWriter::new(file), ExportedKeys::DestroyedOnly, |_| {}).await?;
    let subject = subject()?;
    let key = data_key(app, Kind::ControlPlane, &subject).await?;
    progress.stage("shipping");
    let rows =
        |(name, rows): (&'static str, u64)| (name.to_owned(), TableFacts { rows, hash: String::new() });
    let description = Description {
        id: BackupId::at(at),
        subject,
        kind: Kind::ControlPlane,
        ts_ms: at.as_millisecond(),
        reason,
        facts: Facts {
            schema_version: EXPORT_VERSION,
            written_by: app.control.kind().to_owned(),
            ids_handed_out: 0,
            tables: written.tables.into_iter().map(rows).collect(),
            content_hash: String::new(),
        },
        made_by: concat!("engram ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let told = |done, total| progress.at(done, total);
    Ok(backup::ship(&app.backups.vault, &key, &path, description, &told).await?)
}

/// Whether the control plane should be backed up now: its newest backup is older than `older_than`, or does not know of a deed
/// that must not be undone by a rebuild.
///
/// # Errors
/// [`Trouble`].
pub(crate) async fn control_plane_is_due(app: &App, older_than: SignedDuration) -> Result<bool, Trouble> {
    let newest = whole(app).await?.iter().map(|kept| kept.at).max();
    let deeds = app.control.audit_log(AuditQuery { limit: DEEDS_READ, ..AuditQuery::default() }).await?;
    let deeds: Vec<_> = deeds.iter().map(|deed| (deed.action.as_str(), deed.occurred_at)).collect();
    Ok(is_due(newest, app.clock.now(), older_than, &deeds))
}

fn is_due(
    newest: Option<Timestamp>,
    now: Timestamp,
    older_than: SignedDuration,
    deeds: &[(&str, Timestamp)],
) -> bool {
    let Some(newest) = newest else { return true };
    let age = now.duration_since(newest);
    // Behind so many new deeds there may be one that matters.
    let more_than_read = deeds.len() >= DEEDS_READ && deeds.iter().all(|(_, at)| *at >= newest);
    age >= older_than
        || more_than_read
        || deeds.iter().filter(|(_, at)| *at >= newest).any(|(action, _)| {
            TAKEN_AWAY.contains(action) || (age >= CHANGES_WAIT_MAX && !CHORES.contains(action))
        })
}

/// Backs the control plane up, and removes those backups that the rules let go.
///
/// # Errors
/// [`Trouble`].
pub(crate) async fn keep_control_plane(app: &App, progress: &Progress) -> Result<(), Trouble> {
    back_up_control_plane(app, Reason::Scheduled, progress).await?;
    let settings = &app.config.backup;
    let policy =
        Policy { daily: settings.keep_daily, weekly: settings.keep_weekly, monthly: settings.keep_monthly };
    for object in removals(&whole(app).await?, &policy) {
        app.backups.vault.remove_backup(Kind::ControlPlane, &object).await?;
    }
    Ok(())
}

async fn whole(app: &App) -> Result<Vec<Kept<String>>, Trouble> {
    let listed = app.backups.vault.listed(Kind::ControlPlane, &subject()?).await?;
    let whole = listed.into_iter().filter(|listed| listed.found == Found::Whole);
    Ok(whole
        .filter_map(|listed| {
            Some(Kept { at: moment_of(&listed.object)?, id: listed.object, verified: false })
        })
        .collect())
}

/// The moment that an object's name says it shows.
pub(super) fn moment_of(object: &str) -> Option<Timestamp> {
    let (ms, _) = object.rsplit('/').next()?.split_once("_v")?;
    Timestamp::from_millisecond(ms.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_that_takes_away_is_backed_up_at_once_and_others_soon() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let minutes = |ago: i64| now - SignedDuration::from_mins(ago);
        let check = |newest: Option<i64>, deeds: &[(&str, i64)], due: bool| {
            let deeds: Vec<_> = deeds.iter().map(|(action, ago)| (*action, minutes(*ago))).collect();
            let found = is_due(newest.map(minutes), now, SignedDuration::from_hours(24), &deeds);
            assert_eq!(found, due, "{newest:?} {deeds:?}");
        };
        check(None, &[], true);
        check(Some(1), &[], false);
        check(Some(24 * 60), &[], true);
        check(Some(1), &[("erase_memories", 0)], true);
        check(Some(1), &[("erase_memories", 1)], true);
        check(Some(1), &[("erase_memories", 2)], false);
        check(Some(1), &[("create_tenant", 0)], false);
        check(Some(10), &[("create_tenant", 9)], true);
        check(Some(10), &[("create_tenant", 11)], false);
        check(Some(60), &[("create_backup", 9), ("finish_restore", 8)], false);
        check(Some(1), &[("create_backup", 0), ("revoke_api_key", 0)], true);
        check(Some(1), &vec![("create_backup", 0); DEEDS_READ], true);
        check(Some(1), &vec![("create_backup", 2); DEEDS_READ], false);
    }

    #[test]
    fn a_name_says_its_moment() {
        let at = moment_of("control/1700000000000_v1.jsonl.zst.enc").unwrap();
        assert_eq!(at.as_millisecond(), 1_700_000_000_000);
        assert_eq!(moment_of("control/key.0123.json"), None);
    }
}
