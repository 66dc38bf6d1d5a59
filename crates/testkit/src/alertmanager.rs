//! A real Alertmanager for tests: on a free port, in a folder of its own, gone when the test ends.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::postgres::free_port;

/// Longest wait for it to come up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Everything goes to nobody.
const CONFIGURATION: &str = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";

/// A running Alertmanager; stopped when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    folder: tempfile::TempDir,
    port: u16,
    running: Option<Child>,
}

impl Alertmanager {
    /// Starts one that nobody has told anything.
    ///
    /// # Panics
    /// When it is not installed (`scripts/install-test-needs` does) or does not start.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("engram-alertmanager-").tempdir().expect("a folder");
        fs::write(folder.path().join("alertmanager.yml"), CONFIGURATION).expect("its configuration");
        let mut server = Self { folder, port: free_port(), running: None };
        let path = |name: &str| server.folder.path().join(name).display().to_string();
        let running = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", path("alertmanager.yml")))
            .arg(format!("--storage.path={}", path("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{}", server.port))
            // Alone, without a cluster.
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        server.running =
            Some(running.expect("prometheus-alertmanager is there; scripts/install-test-needs installs it"));
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the Alertmanager does not come up");
            std::thread::sleep(LOOK);
        }
        server
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.stop();
    }
}
