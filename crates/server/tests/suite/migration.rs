//! Stores of an older version: kept before they are migrated, also without a vault, and swept up before anybody asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use server::app::App;
use server::config::Config;
use server::jobs::JOBS;

use crate::house::House;

/// A service that was stopped, and whose stores another version wrote.
struct Stopped {
    folder: tempfile::TempDir,
    clock: Arc<stdx::clock::ManualClock>,
    databases: Vec<PathBuf>,
}

impl Stopped {
    /// Three tenants with a memory each.
    async fn new() -> Self {
        let house = House::new().await;
        house.remember("default's, about rivers").await;
        for slug in ["acme", "zeta"] {
            let key = house.another_tenant(slug).await;
            let memory = json!({"content": format!("{slug}'s, about rivers")});
            house.ask_as(&key, Method::POST, "/v1/memories", memory).await.expect(201);
        }
        let House { app, folder, clock, .. } = house;
        app.shutdown().await;
        drop(app);
        let databases = databases(folder.path());
        assert_eq!(databases.len(), 3);
        for database in &databases {
            make_older(database);
        }
        Self { folder, clock, databases }
    }

    async fn start(self, configure: impl FnOnce(&mut Config)) -> House {
        let mut config = Config::dev(self.folder.path());
        configure(&mut config);
        let app = App::open_with_clock(config, Arc::clone(&self.clock) as _).await.unwrap();
        let key = app.dev.clone().unwrap().api_key;
        House { router: app.router(), app, clock: self.clock, key, folder: self.folder }
    }
}

fn databases(data: &Path) -> Vec<PathBuf> {
    let groups = fs::read_dir(data.join("tenants")).unwrap().flatten();
    let tenants = groups.flat_map(|group| fs::read_dir(group.path()).unwrap().flatten());
    tenants.map(|tenant| tenant.path().join("engram.db")).filter(|file| file.exists()).collect()
}

/// Takes back what version 4 of the schema added.
fn make_older(database: &Path) {
    let connection = Connection::open(database).unwrap();
    connection.execute_batch("DROP TABLE facet; DROP TABLE meta; PRAGMA user_version = 3;").unwrap();
}

fn schema_version(database: &Path) -> i64 {
    let connection = Connection::open(database).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

async fn sweep(house: &House) -> Result<(), String> {
    JOBS.iter().find(|job| job.name == "migrate_stores").unwrap().run_now(&house.app).await
}

async fn backups(house: &House, slug: &str) -> Vec<Value> {
    let path = format!("/tenants/{slug}/backups");
    let list = house.ask_locally(Method::GET, &path, Value::Null).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_older_store_is_backed_up_and_then_migrated_before_anybody_asks() {
    let stopped = Stopped::new().await;
    let files = stopped.databases.clone();
    let house = stopped.start(|_| {}).await;
    sweep(&house).await.unwrap();
    for file in &files {
        assert_eq!(schema_version(file), engine::SCHEMA_VERSION);
    }
    for slug in ["default", "acme", "zeta"] {
        let kept = backups(&house, slug).await;
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!((&kept[0]["reason"], &kept[0]["schema_version"]), (&json!("before_migration"), &json!(3)));
    }
    // Nothing is left to do, and nothing is kept twice.
    sweep(&house).await.unwrap();
    assert_eq!(backups(&house, "acme").await.len(), 1);

    // What was kept is a backup like any other: it is proven, and it comes back.
    let which = json!({ "backup": backups(&house, "default").await[0]["id"] });
    house.clock.advance_ms(1_000);
    house.remember("later").await;
    let run = house.ask_locally(Method::POST, "/tenants/default/restores", which).await.expect(202);
    let run = crate::backups::ended(&house, run).await;
    assert_eq!((&run["state"], &run["result"]["memories"]), (&json!("done"), &json!(1)), "{run}");
    let found = house.get("/v1/search?q=rivers").await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
}

#[tokio::test]
async fn whoever_comes_before_the_sweep_finds_the_store_kept_and_migrated() {
    let house = Stopped::new().await.start(|_| {}).await;
    let page = house.get("/v1/memories").await.expect(200);
    assert_eq!(page["items"][0]["content"], "default's, about rivers");
    assert_eq!(backups(&house, "default").await[0]["reason"], "before_migration");
}

#[tokio::test]
async fn without_a_vault_the_file_is_kept_beside_the_store() {
    // A vault that takes nothing: a file stands where its folders would be.
    let blocked = tempfile::tempdir().unwrap();
    fs::write(blocked.path().join("tenants"), "").unwrap();
    let vault = format!("file://{}", blocked.path().display());
    let house = Stopped::new().await.start(|config| config.backup.vault = Some(vault)).await;
    let page = house.get("/v1/memories").await.expect(200);
    assert_eq!(page["items"][0]["content"], "default's, about rivers");
    assert_eq!(backups(&house, "default").await, [] as [Value; 0]);
    let kept = house.ask_locally(Method::GET, "/tenants/default/replaced", Value::Null).await.expect(200);
    let name = kept["items"][0]["name"].as_str().unwrap_or_else(|| panic!("{kept}"));
    let folder = databases(house.folder.path()).into_iter().find(|file| file.with_file_name(name).exists());
    let copy = folder.unwrap().with_file_name(name).join("engram.db");
    assert_eq!(schema_version(&copy), 3);
}

#[tokio::test]
async fn a_store_that_cannot_be_migrated_is_kept_and_refused_alone() {
    let stopped = Stopped::new().await;
    // Its next migration fails: the table it would add is there.
    for file in &stopped.databases {
        let connection = Connection::open(file).unwrap();
        let mine: i64 = connection
            .query_row("SELECT count(*) FROM memory WHERE content LIKE 'default%'", [], |row| row.get(0))
            .unwrap();
        if mine == 1 {
            connection.execute_batch("CREATE TABLE facet (x)").unwrap();
        }
    }
    let house = stopped.start(|_| {}).await;
    let told = sweep(&house).await.unwrap_err();
    assert!(told.starts_with("1 stores are not migrated"), "{told}");
    house.get("/v1/memories").await.expect_error(503, "tenant_unavailable");
    for slug in ["acme", "zeta"] {
        assert_eq!(backups(&house, slug).await.len(), 1);
    }
    let kept = backups(&house, "default").await;
    assert_eq!((kept.len(), &kept[0]["schema_version"]), (1, &json!(3)));
}

#[tokio::test]
async fn an_older_file_that_is_damaged_is_set_aside_and_can_be_restored() {
    let stopped = Stopped::new().await;
    for file in &stopped.databases {
        let mut bytes = fs::read(file).unwrap();
        let holds = |page: &[u8]| page[0] == 13 && page.windows(7).any(|word| word == b"default");
        for page in 1..bytes.len() / 4_096 {
            let page = &mut bytes[page * 4_096..(page + 1) * 4_096];
            if holds(page) {
                page[..8].fill(0x55);
            }
        }
        fs::write(file, bytes).unwrap();
    }
    let house = stopped.start(|_| {}).await;
    sweep(&house).await.unwrap_err();
    house.get("/v1/memories").await.expect_error(503, "tenant_unavailable");
    let slug = tenancy::Slug::parse("default").unwrap();
    let tenant = house.app.control.tenant_by_slug(&slug).await.unwrap().unwrap();
    assert!(house.app.fleet.quarantine(&tenant.id).is_some(), "a restore may take its place");
}

/// Run it alone: `cargo nextest run -p server --run-ignored only --no-capture migration::figures`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
#[allow(clippy::print_stdout, reason = "a measurement is read by people")]
async fn figures() {
    const TENANTS: usize = 500;
    let house = House::new().await;
    house.remember("default's, about rivers").await;
    house.more_tenants(TENANTS, 20).await;
    let House { app, folder, clock, .. } = house;
    app.shutdown().await;
    drop(app);
    let databases = databases(folder.path());
    databases.iter().for_each(|database| make_older(database));
    let house = Stopped { folder, clock, databases }.start(|_| {}).await;
    // The first request of a tenant, which migrates it, and then the requests of a warm one while the sweep works.
    let first = std::time::Instant::now();
    house.get("/v1/memories").await.expect(200);
    println!("first request of an older tenant: {:.1} ms", first.elapsed().as_secs_f64() * 1e3);
    let begun = std::time::Instant::now();
    let app = Arc::clone(&house.app);
    let sweeping = tokio::spawn(async move {
        JOBS.iter().find(|job| job.name == "migrate_stores").unwrap().run_now(&app).await.unwrap();
    });
    let mut took = Vec::new();
    while !sweeping.is_finished() {
        let asked = std::time::Instant::now();
        house.get("/v1/search?q=rivers").await.expect(200);
        took.push(asked.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "{TENANTS} tenants in {:.1} s; {} searches of a warm tenant meanwhile: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
        begun.elapsed().as_secs_f64(),
        took.len(),
        at(0.5),
        at(0.95),
        at(0.99)
    );
}
