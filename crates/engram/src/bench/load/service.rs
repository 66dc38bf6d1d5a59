//! The service under load as a child process: started, timed until its first answer, weighed, stopped.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::connection::{Call, Connection, Target};

/// `/proc/PID/stat` counts CPU time in these, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Longest wait for a start or a stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running child.
pub(in crate::bench) struct Service {
    child: Child,
    pub(in crate::bench) target: Target,
    /// From the start of the process to its first answer over HTTP.
    pub(in crate::bench) start: Duration,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    api_key: String,
}

impl Service {
    /// Starts `engram serve` on `folder` and a port of its own.
    pub(in crate::bench) async fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// The same with settings of its own, as `NAME=VALUE`.
    pub(in crate::bench) async fn start_with(folder: &Path, settings: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--json-ready", "--data-dir"])
            .arg(folder)
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(fs::File::create(folder.with_extension("log"))?))
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the service")?;
        let stdout = child.stdout.take().context("the service has no output")?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        let read = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line));
        read.await.context("the service did not start in time")??;
        let log = || fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
        let ready: Ready =
            serde_json::from_str(&line).map_err(|_| anyhow!("the service did not start: {}", log()))?;
        let target = Target { url: ready.url, api_key: ready.api_key };
        Connection::open(&target).await?.call(&Call::get(0, "/health")).await?;
        Ok(Self { child, target, start: started.elapsed() })
    }

    /// Asks it to end, and waits.
    pub(in crate::bench) async fn stop(mut self) -> Result<()> {
        if let Some(pid) =
            self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        }
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the service did not stop in time")??;
        Ok(())
    }

    /// Its process id, while it lives.
    pub(in crate::bench) fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Resident memory of a process in MiB; `None` where `/proc` does not tell.
pub(in crate::bench) fn resident_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// CPU time a process has used, all threads; `None` where `/proc` does not tell.
pub(in crate::bench) fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted from behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_weighed() {
        assert!(resident_mib(std::process::id()).unwrap() > 1.0);
        assert!(cpu_time(std::process::id()).is_some());
        assert_eq!(resident_mib(0), None);
    }
}
