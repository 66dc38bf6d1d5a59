//! The whole control plane as lines, out of one and into another, whatever each is stored in.

use std::io::{self, Cursor, Write};
use std::sync::mpsc;

use control::{
    Actor, Control, ControlError, Correction, ExportedKeys, Imported, KeyOwner, NewAdjustment, NewInvite,
    NewMember, NewRestore, OtherEnvironment, PruneStep, Transferred,
};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::{Value, json};
use stdx::clock::Clock;
use tenancy::{Limits, NodeHour, Role, TenantId, UsageSum, hour_start};

use crate::keys::new_key;
use crate::ledger::event;
use crate::safekeeping::{backup, test, wrapped};
use crate::{Place, Plane, START_MS, contract, plane_on};

contract! {
    every_column_of_every_table_is_exported,
    what_is_imported_is_what_was_exported,
    an_import_goes_on_where_the_export_ended,
    an_export_is_of_one_moment,
    a_kept_export_has_no_living_keys,
    more_rows_than_a_batch_arrive,
    a_full_control_plane_takes_no_import,
    what_is_no_whole_export_imports_nothing,
    an_export_of_another_environment_is_refused_unless_it_is_accepted,
    a_sink_that_fails_is_told,
}

const DAY_MS: i64 = 24 * 3_600_000;

async fn export(control: &Control) -> (String, Transferred) {
    let (sink, written) = job(control.export(Vec::new(), ExportedKeys::All, |_| {})).await.unwrap();
    (String::from_utf8(sink).unwrap(), written)
}

async fn import(control: &Control, lines: &str) -> Result<Imported, ControlError> {
    let source = Cursor::new(lines.to_owned().into_bytes());
    job(control.import(source, OtherEnvironment::Refuse, &Actor::local(), |_| {})).await
}

/// What a job runs may be moved between threads.
fn job<F: Future + Send>(work: F) -> F {
    work
}

/// The rows of an export, without what an import adds.
fn rows(lines: &str) -> Vec<&str> {
    let all: Vec<_> = lines.lines().collect();
    let row = |line: &&&str| !line.contains("\"action\":\"import_control_plane\"");
    all[1..all.len() - 1].iter().filter(row).copied().collect()
}

/// Empty ones to import into: in SQLite, and where `plane` is in PostgreSQL there too.
async fn empty_ones(plane: &Plane, name: &str) -> Vec<Plane> {
    let mut planes = vec![crate::plane().await];
    if let Place::Database(server, database) = &plane.place {
        planes.push(plane_on(server, &format!("{name}_of_{database}")).await);
    }
    planes
}

/// Does something to every table.
async fn fill(plane: &Plane) {
    let (control, by) = (&plane.control, Actor::user("ann").from_address("10.0.0.1"));
    let later = plane.clock.now() + SignedDuration::from_hours(1);
    let (acme, gone) = (plane.tenant("acme").await, plane.tenant("gone").await);
    let limits = Limits { memories: Some(7), ..Limits::default() };
    control.set_tenant_limits(&acme.slug, limits, &by).await.unwrap();
    people(control, &acme.id, &by, later).await;
    backups(plane, &acme.id, &by).await;
    control.delete_tenant(&gone.slug, &by).await.unwrap();
    control.note_deletion_failure(&gone.id, "the disk says \"no\"\n").await.unwrap();
    usage(plane, &acme.id, &by).await;
}

async fn people(control: &Control, tenant: &TenantId, by: &Actor, later: jiff::Timestamp) {
    let member = NewMember {
        tenant_id: tenant.clone(),
        user_id: "auth0|ann".to_owned(),
        email: Some("änn@example.com".to_owned()),
        role: Role::Owner,
    };
    control.add_member(member, by).await.unwrap();
    let invite = NewInvite {
        tenant_id: tenant.clone(),
        email: None,
        role: Role::Viewer,
        token_hash: [250; 32],
        expires_at: later,
    };
    control.create_invite(invite, by).await.unwrap();
    control.insert_api_key(new_key(KeyOwner::Operator, "eng_op_1"), by).await.unwrap();
    let owner = KeyOwner::Tenant(tenant.clone());
    let mut key = control.insert_api_key(new_key(owner.clone(), "rotated0"), by).await.unwrap();
    for n in 1..8 {
        let next = new_key(owner.clone(), &format!("rotated{n}"));
        key = control.rotate_api_key(&key.id, next, later, by).await.unwrap();
    }
}

async fn backups(plane: &Plane, tenant: &TenantId, by: &Actor) {
    let control = &plane.control;
    for (name, seconds) in [("1", 1), ("2", 2)] {
        control.record_backup(&backup(tenant, name, seconds), by).await.unwrap();
    }
    for subject in [tenant.as_str(), "control", "destroyed"] {
        control.put_backup_key(subject, &wrapped("op1", "{\"nonce\": \"ab\"}")).await.unwrap();
    }
    control.destroy_backup_key("destroyed", by).await.unwrap();
    control.request_erasures(tenant, &[(1, "abc".to_owned())], by).await.unwrap();
    let restore = NewRestore {
        id: "rst_1".to_owned(),
        tenant_id: tenant.clone(),
        source_tenant_id: tenant.clone(),
        backup_id: Some("bkp_1".to_owned()),
        node: "n1".to_owned(),
    };
    control.begin_restore(&NewRestore { id: "rst_0".to_owned(), ..restore.clone() }, by).await.unwrap();
    control.begin_restore(&restore, by).await.unwrap();
    let end = Ok(json!({ "memories": [1, 2.5, "x", null], "deep": { "a": true } }));
    control.finish_restore(&restore, &end, by).await.unwrap();
    control.record_restore_test(&test(tenant, "rt_1", "bkp_2", true, 9)).await.unwrap();
}

async fn usage(plane: &Plane, tenant: &TenantId, by: &Actor) {
    let control = &plane.control;
    let old = event(tenant, START_MS - 3 * DAY_MS);
    control.record_usage(vec![old.clone()]).await.unwrap();
    while control.prune_usage(date(2026, 11, 22)).await.unwrap() != PruneStep::Done {}
    let late = event(tenant, START_MS - 3 * DAY_MS + 1);
    let events = (0..3).map(|n| event(tenant, START_MS + n)).chain([late]).collect();
    assert_eq!(control.record_usage(events).await.unwrap().late.len(), 1);
    let sum = UsageSum { requests: 3, ..UsageSum::default() };
    let hour = NodeHour { hour_start: hour_start(plane.clock.now()), served: sum, sent: sum };
    control.report_node_hours("n1", vec![hour]).await.unwrap();
    let adjustment = NewAdjustment {
        id: "a-1".to_owned(),
        tenant_id: tenant.clone(),
        day: date(2026, 11, 23),
        correction: Correction { storage_bytes_delta: i64::from(i32::MIN), ..Correction::default() },
        reason: "because".to_owned(),
    };
    control.adjust_usage(adjustment, by).await.unwrap();
}

/// The columns of the schema, but for those of tables that are of one database alone.
fn columns(plane: &Plane) -> Vec<String> {
    let listed = plane.query(match plane.place {
        Place::Folder(_) => {
            "SELECT group_concat(t.name || '.' || c.name) FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT IN ('meta')"
        }
        Place::Database(..) => {
            "SELECT string_agg(table_name || '.' || column_name, ',') FROM information_schema.columns
             WHERE table_schema = 'public'
                 AND table_name NOT IN ('meta', 'changes', 'change_counter', 'refinery_schema_history')"
        }
    });
    let mut columns: Vec<_> = listed.trim().split(',').map(str::to_owned).collect();
    columns.sort();
    columns
}

async fn every_column_of_every_table_is_exported(plane: Plane) {
    fill(&plane).await;
    let (lines, written) = export(&plane.control).await;
    let mut exported: Vec<String> = Vec::new();
    for line in rows(&lines) {
        let line: Value = serde_json::from_str(line).unwrap();
        let table = line["table"].as_str().unwrap();
        exported.extend(line["row"].as_object().unwrap().keys().map(|column| format!("{table}.{column}")));
    }
    exported.sort();
    exported.dedup();
    assert_eq!(exported, columns(&plane));
    assert_eq!((written.rows, written.tables["members"]), (lines.lines().count() as u64 - 2, 1));
    assert_eq!(written.rows, written.tables.values().sum::<u64>());
}

async fn what_is_imported_is_what_was_exported(plane: Plane) {
    fill(&plane).await;
    let (first, written) = export(&plane.control).await;
    // There and, from each of them, to another: from SQLite to PostgreSQL and back.
    for (at, other) in empty_ones(&plane, "a").await.iter().enumerate() {
        let imported = import(&other.control, &first).await.unwrap();
        assert_eq!((imported.environment.as_str(), &imported.transferred), ("dev", &written));
        assert_eq!(imported.exported_at, plane.clock.now());
        let (second, _) = export(&other.control).await;
        assert_eq!(rows(&second), rows(&first));
        for back in empty_ones(&plane, &format!("b{at}")).await {
            import(&back.control, &second).await.unwrap();
            assert_eq!(rows(&export(&back.control).await.0), rows(&first));
        }
    }
}

async fn an_import_goes_on_where_the_export_ended(plane: Plane) {
    fill(&plane).await;
    let (lines, written) = export(&plane.control).await;
    for other in empty_ones(&plane, "go").await {
        let mut changes = other.control.changes();
        import(&other.control, &lines).await.unwrap();
        assert_eq!(crate::taken(&mut changes), [control::Change::Everything]);
        let log = other.log().await;
        assert_eq!((log[0].action.as_str(), log[0].actor.as_str()), ("import_control_plane", "local"));
        assert_eq!(log[0].details["rows"], written.rows);
        assert_eq!(log[1..], plane.log().await);
        assert!(log[0].id > log[1].id);
        other.tenant("new").await;
        assert_eq!(other.log().await.len(), log.len() + 1);
    }
}

async fn an_export_is_of_one_moment(plane: Plane) {
    plane.tenant("before").await;
    let (reached, hears) = mpsc::channel::<()>();
    let (goes, go_on) = mpsc::channel::<()>();
    let mut told = false;
    let progress = move |_: &Transferred| {
        // After the first batch, until the test has made another tenant.
        if !std::mem::replace(&mut told, true) {
            reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
    };
    let exporting = plane.control.export(Vec::new(), ExportedKeys::All, progress);
    let changing = async {
        tokio::task::spawn_blocking(move || hears.recv().unwrap()).await.unwrap();
        plane.tenant("meanwhile").await;
        goes.send(()).unwrap();
    };
    let (exported, ()) = tokio::join!(exporting, changing);
    let lines = String::from_utf8(exported.unwrap().0).unwrap();
    assert!(lines.contains("\"before\"") && !lines.contains("meanwhile"), "{lines}");
    assert!(export(&plane.control).await.0.contains("\"meanwhile\""));
}

async fn a_kept_export_has_no_living_keys(plane: Plane) {
    fill(&plane).await;
    let kept = plane.control.export(Vec::new(), ExportedKeys::DestroyedOnly, |_| {}).await.unwrap().0;
    let kept = String::from_utf8(kept).unwrap();
    assert!(!kept.contains("nonce"), "{kept}");
    for other in empty_ones(&plane, "kept").await {
        import(&other.control, &kept).await.unwrap();
        assert_eq!(other.control.backup_key("control").await.unwrap(), None);
        let destroyed = other.control.backup_key("destroyed").await.unwrap();
        assert_eq!(destroyed, plane.control.backup_key("destroyed").await.unwrap());
    }
}

async fn more_rows_than_a_batch_arrive(plane: Plane) {
    let acme = plane.tenant("acme").await.id;
    for count in [1_000, 1_500] {
        let events = (0..count).map(|n| event(&acme, START_MS + n)).collect();
        plane.control.record_usage(events).await.unwrap();
    }
    let (lines, written) = export(&plane.control).await;
    assert_eq!(written.tables["usage_events"], 2_500);
    for other in empty_ones(&plane, "more").await {
        import(&other.control, &lines).await.unwrap();
        assert_eq!(rows(&export(&other.control).await.0), rows(&lines));
    }
}

async fn a_full_control_plane_takes_no_import(plane: Plane) {
    let (lines, _) = export(&plane.control).await;
    plane.tenant("acme").await;
    let before = export(&plane.control).await.0;
    let error = import(&plane.control, &lines).await.unwrap_err();
    assert!(matches!(error, ControlError::NotEmpty { table: "tenants" }), "{error}");
    assert_eq!(rows(&export(&plane.control).await.0), rows(&before));
    for other in empty_ones(&plane, "full").await {
        import(&other.control, &lines).await.unwrap();
        let error = import(&other.control, &lines).await.unwrap_err();
        assert!(matches!(error, ControlError::NotEmpty { table: "audit_log" }), "{error}");
    }
}

async fn what_is_no_whole_export_imports_nothing(plane: Plane) {
    let source = crate::plane().await;
    fill(&source).await;
    let (whole, _) = export(&source.control).await;
    let untouched = rows(&export(&plane.control).await.0).join("\n");
    let lines: Vec<&str> = whole.lines().collect();
    let without = |at: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line);
        kept.collect::<Vec<_>>().join("\n") + "\n"
    };
    let at = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
    let tenant = at("\"slug\":\"acme\"");
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    };
    for (lines, why) in [
        (String::new(), "this is no export of a control plane"),
        ("a backup of something else".to_owned(), "this is no export of a control plane"),
        ("{\"table\":\"tenants\"}\n".to_owned(), "this is no export of a control plane"),
        (without(0), "this is no export of a control plane"),
        (without(lines.len() - 1), "it ends here, before its last line"),
        (whole[..whole.len() / 2].to_owned(), "it ends here, before its last line"),
        (whole[..whole.len() - 1].to_owned(), "it ends here, before its last line"),
        (without(lines.len() - 2), "rows, and there are"),
        (format!("{whole}{whole}"), "there is more after the last line"),
        (changed("\"format\":1", "\"format\":2"), "a newer engram wrote it"),
        (changed("\"sqlite\":4", "\"sqlite\":5"), "a newer engram wrote it"),
        (changed("{\"row\":", "{\"row\";"), "it is no JSON"),
        (changed("\"table\":\"tenants\"", "\"table\":\"songs\""), "there is no table \"songs\""),
        (changed("\"table\":\"audit_log\"", "\"table\":\"plans\""), "come earlier in an export"),
        (changed("\"slug\":\"acme\",", ""), "the column slug is missing"),
        (changed("\"slug\":\"acme\"", "\"slug\":\"acme\",\"colour\":1"), "tenants has no column \"colour\""),
        (changed("\"slug\":\"acme\"", "\"slug\":7"), "7 is no value of the column slug"),
        (changed("\"status\":\"active\"", "\"status\":\"asleep\""), ""),
        (changed("\"name\":\"acme\"", "\"name\":null"), ""),
        (without(tenant), ""),
    ] {
        let error = import(&plane.control, &lines).await.unwrap_err();
        assert!(matches!(error, ControlError::BadExport { .. }), "{why}: {error:?}");
        assert!(error.to_string().contains(why), "{why}: {error}");
        assert_eq!(rows(&export(&plane.control).await.0).join("\n"), untouched, "{why}");
    }
    import(&plane.control, &whole).await.unwrap();
}

async fn an_export_of_another_environment_is_refused_unless_it_is_accepted(plane: Plane) {
    let lines = export(&crate::plane().await.control).await.0;
    let staged = lines.replacen("\"environment\":\"dev\"", "\"environment\":\"staging\"", 1);
    let error = import(&plane.control, &staged).await.unwrap_err();
    assert!(error.to_string().contains("of an environment \"staging\""), "{error}");
    let source = Cursor::new(staged.into_bytes());
    let by = Actor::local();
    let imported = plane.control.import(source, OtherEnvironment::Accept, &by, |_| {}).await.unwrap();
    assert_eq!(imported.environment, "staging");
    assert_eq!(plane.query("SELECT value FROM meta WHERE name = 'environment'").trim(), "dev");
}

/// A disk that is full after so many bytes.
struct FullAfter(usize);

impl Write for FullAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn a_sink_that_fails_is_told(plane: Plane) {
    plane.tenant("acme").await;
    for room in [0, 400] {
        let failed = plane.control.export(FullAfter(room), ExportedKeys::All, |_| {}).await.err().unwrap();
        assert!(matches!(failed, ControlError::Io { deed: "write", .. }), "{failed}");
    }
    // Nothing is left behind of the exports that failed.
    plane.tenant("other").await;
    assert!(export(&plane.control).await.0.contains("other"));
}
