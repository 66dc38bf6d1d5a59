//! The control plane in the vault: exported as lines, without a single key of a tenant, so that a key that is destroyed later
//! is in no older export.

use std::fs::File;
use std::io::BufWriter;

use backup::{
    BackupId, Description, Facts, Found, Kept, Kind, Manifest, Policy, Reason, Subject, TableFacts, removals,
};
use control::ExportedKeys;
use jiff::{SignedDuration, Timestamp};

use super::data_key::data_key;
use super::scratch::Scratch;
use super::{Progress, Trouble};
use crate::app::App;

/// Whose backups these are.
const SUBJECT: &str = "control";
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
    let scratch = Scratch::new(&app.fleet)?;
    let path = scratch.file("control.jsonl");
    let file =
        File::create(&path).map_err(|error| Trouble::Refused(format!("{}: {error}", path.display())))?;
    let (_, written) = app.control.export(BufWriter::new(file), ExportedKeys::DestroyedOnly, |_| {}).await?;
    let (subject, at) = (subject()?, app.clock.now());
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

/// Backs the control plane up if its newest backup is older than `older_than`, and removes those that the rules let go.
///
/// # Errors
/// [`Trouble`].
pub(crate) async fn keep_control_plane(
    app: &App,
    older_than: SignedDuration,
    progress: &Progress,
) -> Result<bool, Trouble> {
    let kept = whole(app).await?;
    let newest = kept.iter().map(|kept| kept.at).max();
    if newest.is_some_and(|at| app.clock.now().duration_since(at) < older_than) {
        return Ok(false);
    }
    back_up_control_plane(app, Reason::Scheduled, progress).await?;
    let settings = &app.config.backup;
    let policy =
        Policy { daily: settings.keep_daily, weekly: settings.keep_weekly, monthly: settings.keep_monthly };
    for object in removals(&whole(app).await?, &policy) {
        app.backups.vault.remove_backup(Kind::ControlPlane, &object).await?;
    }
    Ok(true)
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
    fn a_name_says_its_moment() {
        let at = moment_of("control/1700000000000_v1.jsonl.zst.enc").unwrap();
        assert_eq!(at.as_millisecond(), 1_700_000_000_000);
        assert_eq!(moment_of("control/key.0123.json"), None);
    }
}
