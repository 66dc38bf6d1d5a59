//! `engram serve`: what it prints, what it keeps, what it refuses, how it ends.

mod harness;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use harness::{Folder, Service, engram, stderr, stdout};
use rustix::process::Signal;
use serde_json::json;

#[tokio::test]
async fn a_second_start_has_the_same_key_and_the_same_memories() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    assert_eq!(service.ready["tenant"], "default");
    assert!(service.api_key.starts_with("eng_live_"));
    let (status, memory) =
        service.call("POST", "/v1/memories", Some(json!({"content": "zebra crossing"}))).await;
    assert_eq!((status, &memory["id"]), (201, &json!(1)), "{memory}");
    let key = service.api_key.clone();
    let (rest, status) = service.signal(Signal::INT);
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));

    let service = Service::start(&folder.path());
    assert_eq!(service.api_key, key);
    let (_, found) = service.call("POST", "/v1/search", Some(json!({"query": "zebra"}))).await;
    assert_eq!(found["items"][0]["memory"]["content"], "zebra crossing", "{found}");
}

#[test]
fn ctrl_c_stops_at_once_in_dev() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    let begun = Instant::now();
    let (_, status) = service.signal(Signal::INT);
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.contains(&"engram.sock".into()), "{left:?}");
}

#[tokio::test]
async fn sigterm_says_goodbye_before_it_leaves() {
    let folder = Folder::new();
    let service = Service::start_with(&folder.path(), &["--set", "drain.wait_ms=2000"]);
    let pid = i32::try_from(service.pid()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(service.call("GET", "/ready", None).await.0, 503);
    let (status, _) = service.call("POST", "/v1/memories", Some(json!({"content": "last words"}))).await;
    assert_eq!(status, 201, "requests are served until the doors close");
    let begun = Instant::now();
    let (rest, status) = service.signal(Signal::TERM);
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(folder.json(&["search", "last words"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let folder = Folder::new();
    let service = Service::start_with(&folder.path(), &["--env", "staging"]);
    let pid = i32::try_from(service.pid()).unwrap();
    let begun = Instant::now();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::INT);
    });
    let (_, status) = service.signal(Signal::INT);
    assert!(!status.success());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_busy_port_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (told, code) = Folder::new().refusal(&["serve", "--listen", &address]);
    assert!(told.contains(&address) && told.contains("--listen"), "{told}");
    assert_eq!(code, 3);
}

#[test]
fn a_folder_of_another_process_is_told_in_one_line() {
    let folder = Folder::new();
    let service = Service::start(&folder.path());
    let (told, code) = folder.refusal(&["serve", "--listen", "127.0.0.1:0"]);
    let pid = service.pid().to_string();
    assert!(told.contains(&pid) && told.contains(&service.url) && told.contains("--data-dir"), "{told}");
    assert_eq!(code, 3);
}

#[test]
fn an_unusable_folder_is_told_in_one_line() {
    let output = engram(["serve", "--listen", "127.0.0.1:0", "--data-dir", "/proc/engram"]).output().unwrap();
    let told = stderr(&output);
    assert_eq!((output.status.code(), told.lines().count()), (Some(3), 1), "{told}");
    assert!(told.contains("/proc/engram") && told.contains("--data-dir"), "{told}");
}

#[tokio::test]
async fn a_person_gets_lines_to_paste() {
    use std::io::Read;
    let folder = Folder::new();
    let mut command = folder.command(["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    harness::eventually("the folder is owned", || folder.json(&["status"])["url"].is_string());
    let url = folder.json(&["status"])["url"].as_str().unwrap().to_owned();
    child.kill().unwrap();
    child.wait().unwrap();
    let mut printed = String::new();
    stdout.read_to_string(&mut printed).unwrap();
    assert!(printed.contains(&url) && printed.contains("eng_live_"), "{printed}");
    let curls: Vec<_> = printed.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert_eq!(curls.len(), 2, "{printed}");
    let start = printed.find('{').unwrap();
    let snippet = printed[start..].lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert!(printed.contains("mcpServers"), "{snippet}");
}

#[tokio::test]
async fn a_service_that_was_killed_leaves_nothing_in_the_way() {
    let folder = Folder::new();
    Service::start(&folder.path()).kill();
    let service = Service::start(&folder.path());
    let (status, _) = service.call("GET", "/health", None).await;
    assert_eq!(status, 200);
    assert_eq!(folder.json(&["status"])["pid"], service.pid());
}

#[test]
fn a_wrong_setting_is_told_with_its_neighbour() {
    let folder = Folder::new();
    let (told, code) = folder.refusal(&["serve", "--set", "lisen=1"]);
    assert!(told.contains("did you mean listen?"), "{told}");
    assert_eq!(code, 2);
}

#[test]
fn help_shows_examples() {
    for command in [
        &["--help"][..],
        &["tenant", "--help"],
        &["key", "--help"],
        &["bench", "load", "--help"],
        &["mcp", "--help"],
    ] {
        let output = engram(command).output().unwrap();
        assert!(stdout(&output).contains("engram "), "{command:?}");
        assert!(output.status.success());
    }
}
