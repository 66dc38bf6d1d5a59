//! Several nodes on one PostgreSQL: what one revokes the others refuse, and what goes on while it is away.

#![allow(clippy::print_stdout, reason = "a measurement is read by people")]

mod harness;

use std::time::{Duration, Instant};

use harness::{Folder, PATIENCE, Service, eventually};
use serde_json::{Value, json};
use testkit::postgres::{Server, Stop};

/// Keys revoked, one after the other.
const REVOCATIONS: usize = 20;
/// How long another node may go on with a key that is revoked.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);
/// Requests while PostgreSQL is away, and between two of them.
const REQUESTS: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);
/// Nodes send usage this often.
const FLUSH: Duration = Duration::from_secs(1);
/// How long after PostgreSQL's return usage may still wait: 5 s between two tries, and a busy machine.
const USAGE_WITHIN: Duration = Duration::from_secs(15);

/// What two nodes must have in common.
fn shared(url: &str) -> [String; 6] {
    let pepper = format!("keys.peppers=1 {}", "ab".repeat(32));
    let (set, flush) = ("--set".to_owned(), format!("usage.flush_every_ms={}", FLUSH.as_millis()));
    ["--control-url".to_owned(), url.to_owned(), set.clone(), pepper, set, flush]
}

fn start(folder: &Folder, settings: &[String]) -> Service {
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    Service::start_with(&folder.path(), &settings)
}

/// A new key of the tenant, which may do everything there.
fn key(folder: &Folder) -> String {
    let scopes = "memories:read,memories:write,search,admin";
    let made = folder.json(&["key", "create", "--tenant", "acme", "--scopes", scopes]);
    made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// The status of a request that needs nothing but a key that holds.
async fn knock(service: &Service, key: &str) -> u16 {
    service.call_with(key, "GET", "/v1/usage", None).await.0
}

#[tokio::test]
async fn a_key_revoked_at_one_node_is_refused_by_the_other_within_five_seconds() {
    let postgres = Server::start();
    let settings = shared(&postgres.database("engram"));
    let (here, there) = (Folder::new(), Folder::new());
    let (first, second) = (start(&here, &settings), start(&there, &settings));
    here.json(&["tenant", "create", "acme"]);
    let operator = here.json(&["key", "create", "--operator"])["key"].as_str().unwrap().to_owned();
    let mut taken = Vec::new();
    for _ in 0..REVOCATIONS {
        let body = json!({"tenant": "acme", "scopes": ["admin"]});
        let (status, made) = first.call_with(&operator, "POST", "/api-keys", Some(body)).await;
        assert_eq!(status, 201, "{made}");
        let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        for service in [&first, &second] {
            assert_eq!(knock(service, key).await, 200, "both nodes know the key, and remember it");
        }
        let path = format!("/api-keys/{id}");
        let (status, told) = first.call_with(&operator, "DELETE", &path, None).await;
        let revoked = Instant::now();
        assert!((200..300).contains(&status), "{status} {told}");
        assert_eq!(knock(&first, key).await, 401, "the node that revoked it refuses it at once");
        while knock(&second, key).await != 401 {
            assert!(revoked.elapsed() < REVOKED_WITHIN, "a revoked key is still taken");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        taken.push(revoked.elapsed());
    }
    taken.sort_unstable();
    println!(
        "{REVOCATIONS} revocations: fastest {:.1?}, median {:.1?}, slowest {:.1?}",
        taken[0],
        taken[REVOCATIONS / 2],
        taken[REVOCATIONS - 1]
    );
}

#[tokio::test]
async fn without_postgresql_a_warm_tenant_goes_on_and_its_usage_arrives_once() {
    let mut postgres = Server::start();
    let settings = shared(&postgres.database("engram"));
    let (here, there) = (Folder::new(), Folder::new());
    let (first, second) = (start(&here, &settings), start(&there, &settings));
    here.json(&["tenant", "create", "acme"]);
    let (warm, unknown) = (key(&here), key(&here));
    let (status, told) = store(&first, &warm, "before").await;
    assert_eq!(status, 201, "{told}");

    postgres.stop(Stop::Immediate);
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for number in 0..REQUESTS {
        let asked = Instant::now();
        let (status, told) = match number % 2 {
            0 => store(&first, &warm, &format!("the outage's fact {number}")).await,
            _ => first.call_with(&warm, "POST", "/v1/search", Some(json!({"query": "which fact?"}))).await,
        };
        assert!(status == 200 || status == 201, "request {number}: {status} {told}");
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    println!(
        "{REQUESTS} of {REQUESTS} requests in {:.1?} without PostgreSQL, the slowest {slowest:.1?}",
        begun.elapsed()
    );

    for service in [&first, &second] {
        let answer = reqwest::Client::new()
            .get(format!("{}/v1/usage", service.url))
            .bearer_auth(&unknown)
            .send()
            .await
            .unwrap();
        let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        assert_eq!(answer.status(), 503, "nobody can tell whether the key holds");
        assert!(wait.is_some_and(|wait| wait.parse::<u32>().unwrap() > 0));
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"], "unavailable", "{told}");
    }

    postgres.run();
    let back = Instant::now();
    eventually_knows(&first, &unknown).await;
    // The one before, and half of those meanwhile.
    let (stored, searched) = ((REQUESTS / 2 + 1).to_string(), (REQUESTS / 2).to_string());
    let counted = || {
        let sql = "SELECT sum(memories_created), sum(search_queries) FROM usage_hourly h
            JOIN tenants t ON t.id = h.tenant_id WHERE t.slug = 'acme'";
        postgres.query("engram", sql)
    };
    let wanted = format!("{stored}|{searched}");
    eventually("the usage arrives", || counted() == wanted);
    let took = back.elapsed();
    println!("the usage arrived {took:.1?} after PostgreSQL came back");
    assert!(took < USAGE_WITHIN, "{took:?}");
    tokio::time::sleep(FLUSH + FLUSH / 2).await;
    assert_eq!(counted(), wanted, "and is not counted again");
}

async fn store(service: &Service, key: &str, content: &str) -> (u16, Value) {
    service.call_with(key, "POST", "/v1/memories", Some(json!({"content": content}))).await
}

async fn eventually_knows(service: &Service, key: &str) {
    let begun = Instant::now();
    while knock(service, key).await != 200 {
        assert!(begun.elapsed() < PATIENCE, "the key is never taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
