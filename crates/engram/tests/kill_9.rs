//! `kill -9` in the middle of concurrent writes, many times: what was acknowledged is in the table, the keyword
//! index and the vector index after the restart, and the three agree.

mod harness;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Folder, Service};
use serde_json::{Value, json};

/// Deaths.
const ROUNDS: u64 = 15;
/// Connections that write at once.
const WRITERS: usize = 8;
/// Rows of each batch; every third request is one.
const BATCH_ROWS: usize = 20;

/// What was acknowledged: id and content.
type Acknowledged = Arc<Mutex<BTreeMap<i64, String>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_every_index_after_any_death() {
    let folder = Folder::new();
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let service = Service::start(&folder.path());
        let dead = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let at = (service.url.clone(), service.api_key.clone());
                tokio::spawn(write(
                    at,
                    format!("r{round}w{writer}"),
                    Arc::clone(&acknowledged),
                    Arc::clone(&dead),
                ))
            })
            .collect();
        // Long enough to be busy however slow the machine, and never at the same point of the work.
        let before = acknowledged.lock().unwrap().len();
        harness::eventually("writes", || acknowledged.lock().unwrap().len() >= before + WRITERS);
        tokio::time::sleep(Duration::from_millis(round * 29)).await;
        service.kill();
        dead.store(true, Ordering::Release);
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 100, "only {} writes were acknowledged", acknowledged.len());

    let service = Service::start(&folder.path());
    let table = whole_table(&service).await;
    let (_, stats) = service.call("GET", "/v1/stats", None).await;
    assert_eq!(stats["memories"].as_u64(), Some(table.len() as u64), "{stats}");
    assert_eq!(stats["pending_embeddings"], 0, "{stats}");
    for (id, content) in &acknowledged {
        assert_eq!(table.get(id), Some(content), "memory {id} was acknowledged");
    }
    // Every row of the table, acknowledged or not, is in both indexes; a part of them is looked up.
    for (id, content) in table.iter().step_by(1 + table.len() / 150) {
        found_by_word(&service, *id, content).await;
        found_by_meaning(&service, *id, content).await;
    }
}

/// Writes until the service is dead; notes what it acknowledged.
async fn write(at: (String, String), name: String, acknowledged: Acknowledged, dead: Arc<AtomicBool>) {
    let client = reqwest::Client::new();
    for turn in 0.. {
        let content = |row: usize| format!("the colour of apples unique{name}t{turn}n{row}");
        let rows = if turn % 3 == 2 { BATCH_ROWS } else { 1 };
        let (path, body) = match rows {
            1 => ("/v1/memories", json!({"content": content(0), "session_id": name})),
            _ => {
                let memories: Vec<_> =
                    (0..rows).map(|row| json!({"content": content(row), "session_id": name})).collect();
                ("/v1/memories/batch", json!({"memories": memories}))
            }
        };
        let request = client.post(format!("{}{path}", at.0)).bearer_auth(&at.1).json(&body);
        let Ok(answer) = request.send().await else { return };
        let status = answer.status().as_u16();
        let Ok(answer) = answer.json::<Value>().await else { return };
        if dead.load(Ordering::Acquire) {
            return;
        }
        assert_eq!(status, 201, "{answer}");
        let items = answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        assert_eq!(items.len(), rows);
        let mut acknowledged = acknowledged.lock().unwrap();
        for item in items {
            let earlier = acknowledged
                .insert(item["id"].as_i64().unwrap(), item["content"].as_str().unwrap().to_owned());
            assert_eq!(earlier, None, "an id was given twice");
        }
    }
}

async fn whole_table(service: &Service) -> BTreeMap<i64, String> {
    let mut table = BTreeMap::new();
    let mut cursor = None::<String>;
    loop {
        let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let (status, page) = service.call("GET", &format!("/v1/memories?limit=100{from}"), None).await;
        assert_eq!(status, 200, "{page}");
        for memory in page["items"].as_array().unwrap() {
            table.insert(memory["id"].as_i64().unwrap(), memory["content"].as_str().unwrap().to_owned());
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return table;
        }
    }
}

async fn found_by_word(service: &Service, id: i64, content: &str) {
    let word = content.split(' ').next_back().unwrap();
    let (_, found) = service.call("POST", "/v1/search", Some(json!({"query": word, "limit": 3}))).await;
    assert_eq!(found["items"][0]["memory"]["id"], id, "{word}: {found}");
}

/// The query shares no word with any memory; the filter leaves this one alone to be found.
async fn found_by_meaning(service: &Service, id: i64, content: &str) {
    let query = json!({"query": "red fruit", "limit": 1, "explain": true, "filters": {"id": id}});
    let (status, found) = service.call("POST", "/v1/search", Some(query)).await;
    let hit = &found["items"][0];
    assert_eq!((status, &hit["memory"]["content"]), (200, &json!(content)), "{found}");
    let signals = hit["explain"]["signals"].as_array().unwrap();
    let meaning =
        signals.iter().find(|signal| signal["name"] == "meaning").unwrap_or_else(|| panic!("{hit}"));
    assert!(meaning["contribution"].as_f64().unwrap() > 0.0, "{meaning}");
}
