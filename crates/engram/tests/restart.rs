//! Restarts under load: the listening socket outlives the processes, and no request fails.

mod harness;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::Folder;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

/// Clients at once, and how often each asks: 500 requests a second together.
const CLIENTS: usize = 50;
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long a leaving process still answers: each client asks at least once in it, and hears that it should close.
const NOTICE_MS: u64 = 500;

/// What systemd does with a socket unit: holds the socket, and starts processes that inherit it as descriptor 3.
struct Supervisor {
    listener: TcpListener,
    folder: Folder,
}

impl Supervisor {
    fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), folder: Folder::new() }
    }

    fn start(&self) -> Child {
        // A shell, because LISTEN_PID must be the id of the process that `exec` makes, and because it moves the socket
        // from standard input to descriptor 3.
        let mut command = Command::new("sh");
        let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
        command.args(["-c", script, env!("CARGO_BIN_EXE_engram"), "serve", "--json-ready", "--data-dir"]);
        command.arg(self.folder.path()).args(["--set", &format!("drain.wait_ms={NOTICE_MS}")]);
        command.stdin(OwnedFd::from(self.listener.try_clone().unwrap())).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }
}

/// A keep-alive client that closes when it is told to and otherwise forgives nothing.
async fn ask_for_ever(
    address: String,
    key: String,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut connection: Option<SendRequest<Full<Bytes>>> = None;
    let mut ticks = tokio::time::interval(ASK_EVERY);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let kept = connection.is_some();
        let mut answer = ask(&mut connection, &address, &key).await;
        if answer.is_err() && kept {
            // A kept connection may be closed while the request is on its way; every HTTP client asks again on a
            // new one (RFC 9112, section 9.3.1).
            answer = ask(&mut connection, &address, &key).await;
        }
        match answer {
            Ok(200) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Ok(status) => failures.push(format!("status {status}")),
            Err(error) => {
                failures.push(error);
                connection = None;
            }
        }
    }
    failures
}

async fn ask(
    connection: &mut Option<SendRequest<Full<Bytes>>>,
    address: &str,
    key: &str,
) -> Result<u16, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut sender = match connection.take() {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(address).await.map_err(|error| told(&error))?;
            let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
            tokio::spawn(driver);
            sender
        }
    };
    sender.ready().await.map_err(|error| format!("not ready: {error}"))?;
    let request = http::Request::get("/v1/memories?limit=5")
        .header("host", address)
        .header("x-api-key", key)
        .body(Full::default())
        .unwrap();
    let answer = sender.send_request(request).await.map_err(|error| format!("{error:?}"))?;
    let (parts, body) = answer.into_parts();
    body.collect().await.map_err(|error| told(&error))?;
    let closing = parts.headers.get("connection").is_some_and(|value| value == "close");
    if !closing {
        *connection = Some(sender);
    }
    Ok(parts.status.as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_restarts_under_load_fail_no_request() {
    let supervisor = Supervisor::new();
    let mut process = supervisor.start();
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let key_file = supervisor.folder.path().join("dev-key");
    harness::eventually("the first start makes a key", || key_file.exists());
    let key = std::fs::read_to_string(key_file).unwrap().trim().to_owned();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            tokio::spawn(ask_for_ever(
                supervisor.address(),
                key.clone(),
                Arc::clone(&stop),
                Arc::clone(&answered),
            ))
        })
        .collect();
    let begun = Instant::now();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(answered.load(Ordering::Relaxed) > 0, "nothing was answered");
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        // The next one starts while this one leaves, and waits for the folder.
        let next = supervisor.start();
        let status = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
        assert!(status.success(), "{status}");
        process = next;
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) < before + 2 * CLIENTS {
            assert!(begun.elapsed() < harness::PATIENCE, "the next process does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    stop.store(true, Ordering::Relaxed);
    let mut failures = Vec::new();
    for client in clients {
        let told = tokio::time::timeout(harness::PATIENCE, client).await.expect("every client is answered");
        failures.extend(told.unwrap());
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let (asked, took) = (answered.load(Ordering::Relaxed), begun.elapsed());
    assert!(
        failures.is_empty(),
        "{} of {asked} failed: {:?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    let per_second = asked as f64 / took.as_secs_f64();
    assert!(per_second > 50.0, "only {per_second:.0} requests a second were asked");
}
