//! A process that restores a tenant and really dies, at every step of the swap and again at every step of the recovery:
//! afterwards the tenant has what it had, or the restored file, and in that case what it had is kept whole.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use engine::{Bounds, Draft, ListQuery, NewMemory};
use stdx::clock::SystemClock;
use tenancy::TenantId;

use crate::{Fleet, FleetError, FleetOptions};

/// More steps than a swap or a recovery has.
const STEPS: u32 = 12;

/// Steps left until the process dies.
static STEPS_LEFT: AtomicU32 = AtomicU32::new(u32::MAX);

pub(super) fn step() {
    if STEPS_LEFT.load(Ordering::Acquire) != u32::MAX && STEPS_LEFT.fetch_sub(1, Ordering::AcqRel) == 0 {
        die();
    }
}

fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

fn tenant() -> TenantId {
    TenantId::parse("ten_00000000000000000000000000000007").unwrap()
}

fn open(root: &Path) -> Arc<Fleet> {
    let options = FleetOptions {
        clock: SystemClock::shared(),
        model: None,
        stores_open_max: Some(10),
        idle: Duration::from_secs(300),
    };
    Fleet::open(root, options).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn add(fleet: &Arc<Fleet>, contents: &[&str]) -> Result<(), FleetError> {
    let lease = fleet.store(&tenant()).await?;
    for content in contents {
        let memory = NewMemory { content: (*content).into(), ..NewMemory::default() };
        let draft = Draft { memory, embedded: None };
        lease.write(|store| store.create(vec![draft], None, Bounds::NONE)).await?;
    }
    Ok(())
}

async fn contents(fleet: &Arc<Fleet>) -> Result<Vec<String>, FleetError> {
    let lease = fleet.store(&tenant()).await?;
    let query = ListQuery { limit: 100, ..ListQuery::default() };
    let page = lease.read(move |store| store.list(&query)).await?;
    let mut contents: Vec<_> = page.items.into_iter().map(|memory| memory.content).collect();
    contents.sort();
    Ok(contents)
}

/// What a child does; it is this test binary, started again.
#[test]
#[ignore = "started by the test below, which tells it what to do"]
fn child() {
    let task = std::io::read_to_string(std::io::stdin()).unwrap();
    if task.is_empty() {
        return;
    }
    let [root, deed, steps] = task.split('\n').collect::<Vec<_>>()[..] else { panic!("{task}") };
    let (root, steps) = (PathBuf::from(root), steps.parse().unwrap());
    run(async {
        let fleet = open(&root.join("volume"));
        match deed {
            "write" => {
                add(&fleet, &["c", "d"]).await.unwrap();
                die();
            }
            "swap" => {
                STEPS_LEFT.store(steps, Ordering::Release);
                let maintenance = fleet.begin_maintenance(&tenant()).await.unwrap();
                maintenance.swap(&root.join("new.db"), |store| store.stats().map(drop)).await.unwrap();
            }
            "open" => {
                STEPS_LEFT.store(steps, Ordering::Release);
                contents(&fleet).await.unwrap();
            }
            other => panic!("{other}"),
        }
        STEPS_LEFT.store(u32::MAX, Ordering::Release);
    });
}

/// Whether the child died by the signal; anything but that and a good end fails the test.
fn start(root: &Path, deed: &str, steps: u32) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["swap::tests::kill_9::child", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What to do: the folder, the deed, the steps it lives.
    let task = format!("{}\n{deed}\n{steps}", root.display());
    child.stdin.take().unwrap().write_all(task.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let died = output.status.signal() == Some(9);
    assert!(died || output.status.success(), "{deed} {steps}: {}", String::from_utf8_lossy(&output.stderr));
    died
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy_folder(&entry.path(), &to) } else { drop(fs::copy(entry.path(), to)) }
    }
}

/// What a tenant had before the restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Closed in good order.
    Closed,
    /// Its process died, so that commits are in the log alone.
    Died,
    /// Nothing at all.
    Nothing,
    /// A damaged file.
    Damaged,
}

/// A volume and, beside it, the file to restore, which holds `a`.
fn prepare(root: &Path, before: Before) -> Vec<String> {
    let volume = root.join("volume");
    run(async {
        let fleet = open(&volume);
        fleet.create_tenant_folder(&tenant()).unwrap();
        add(&fleet, &["a"]).await.unwrap();
        let new = root.join("new.db");
        fleet.store(&tenant()).await.unwrap().read(move |store| store.snapshot(&new)).await.unwrap();
        add(&fleet, &["b"]).await.unwrap();
        fleet.close_all().await;
    });
    let database = crate::layout::database(&volume, &tenant());
    match before {
        Before::Closed => vec!["a", "b"],
        Before::Died => {
            assert!(start(root, "write", 0));
            assert!(fs::metadata(database.with_file_name("engram.db-wal")).unwrap().len() > 0);
            vec!["a", "b", "c", "d"]
        }
        Before::Nothing => {
            fs::remove_file(&database).unwrap();
            vec![]
        }
        Before::Damaged => {
            fs::write(&database, vec![7; 8192]).unwrap();
            assert!(run(async { contents(&open(&volume)).await }).is_err());
            vec![]
        }
    }
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn check(root: &Path, before: Before, had: &[String], here: &str) -> bool {
    run(async {
        let fleet = open(&root.join("volume"));
        let found = contents(&fleet).await;
        let replaced = fleet.replaced(&tenant()).await.unwrap();
        let restored = found.as_ref().is_ok_and(|found| found == &["a"]);
        if !restored {
            match before {
                Before::Damaged => assert!(matches!(found, Err(FleetError::Quarantined(_))), "{here}"),
                Before::Closed | Before::Died | Before::Nothing => assert_eq!(found.unwrap(), had, "{here}"),
            }
            assert_eq!(replaced, [], "{here}");
            return false;
        }
        assert_eq!(replaced.len(), usize::from(before != Before::Nothing), "{here}");
        if before == Before::Closed || before == Before::Died {
            // What was replaced comes back by the same way, with what only its log holds.
            let old = fleet.copy_replaced(&tenant(), &replaced[0].name, &root.join("old")).await.unwrap();
            let maintenance = fleet.begin_maintenance(&tenant()).await.unwrap();
            maintenance.swap(&old, |_| Ok(())).await.unwrap();
            assert_eq!(contents(&fleet).await.unwrap(), had, "{here}");
            assert_eq!(fleet.replaced(&tenant()).await.unwrap().len(), 2, "{here}");
        }
        assert!(before != Before::Damaged || replaced[0].corrupt, "{here}");
        true
    })
}

#[test]
fn a_death_at_any_step_leaves_the_tenant_whole() {
    let (mut deaths, mut deaths_in_recovery, mut restored, mut runs) = (0, 0, 0, 0);
    for before in [Before::Closed, Before::Died, Before::Nothing, Before::Damaged] {
        let template = tempfile::tempdir().unwrap();
        let had = prepare(template.path(), before);
        let mut died_at_last = true;
        for steps in 0..STEPS {
            for recovery_steps in 0..=5 {
                let root = tempfile::tempdir().unwrap();
                copy_folder(template.path(), root.path());
                let here = format!("{before:?}, swap {steps}, recovery {recovery_steps}");
                died_at_last = start(root.path(), "swap", steps);
                deaths += u32::from(died_at_last);
                // At 5 nobody tries before the check does; a damaged file opens for no child.
                if died_at_last && recovery_steps < 5 && before != Before::Damaged {
                    deaths_in_recovery += u32::from(start(root.path(), "open", recovery_steps));
                }
                restored += u32::from(check(root.path(), before, &had, &here));
                runs += 1;
                if !died_at_last {
                    break;
                }
            }
        }
        assert!(!died_at_last, "{before:?}: a swap has more than {STEPS} steps");
    }
    let told =
        format!("{runs} runs, {deaths} deaths, {deaths_in_recovery} more in recovery, {restored} restored");
    assert!(runs > 150 && deaths > 100 && deaths_in_recovery > 30 && restored > 8, "{told}");
}
