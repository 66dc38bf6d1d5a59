//! A PostgreSQL server of the run's own, that dies as in a power cut and comes back with its data.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Longest wait for the server to come up; after a crash it recovers first.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server; stopped when dropped, and when this process dies.
#[derive(Debug)]
pub(super) struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Postgres {
    pub(super) fn start() -> Result<Self> {
        let programs = programs().context(
            "no initdb under /usr/lib/postgresql: install PostgreSQL, or name a database with --control-url",
        )?;
        let folder = tempfile::Builder::new().prefix("engram-bench-postgres-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut server = Self { folder, programs, port, running: None };
        if is_root() {
            succeed(Command::new("chown").arg("nobody:nogroup").arg(server.folder.path()))?;
        }
        let mut initdb = as_nobody(&[], &server.programs.join("initdb"));
        initdb.arg("-D").arg(server.data()).args(["-U", "postgres", "--auth=trust", "-E", "UTF8"]);
        succeed(initdb.arg("--locale=C.UTF-8"))?;
        // Durable as in production: what it confirmed must survive its death.
        let settings = format!(
            "listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories=''\nshared_buffers=128MB\nmax_wal_size=2GB\n"
        );
        fs::write(server.data().join("postgresql.auto.conf"), settings)?;
        server.run()?;
        Ok(server)
    }

    /// Makes an empty database and returns its URL.
    pub(super) fn database(&self, name: &str) -> Result<String> {
        let mut create = Command::new(self.programs.join("createdb"));
        succeed(create.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), name]))?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", self.port))
    }

    /// Dies on the spot.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        Command::new("kill").args(["-s", "QUIT", &child.id().to_string()]).status()?;
        child.wait()?;
        Ok(())
    }

    /// Comes (back) up, on the same port and with the same data.
    pub(super) fn run(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let log = fs::File::create(self.folder.path().join("log"))?;
        let mut server = as_nobody(&["--pdeathsig", "QUIT"], &self.programs.join("postgres"));
        server.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(server.spawn()?);
        let started = Instant::now();
        loop {
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status()?.success() {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("PostgreSQL does not come up: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nothing is to be saved; the folder goes next.
        let _ = self.stop();
    }
}

/// The newest PostgreSQL that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// PostgreSQL refuses to run as root.
fn as_nobody(options: &[&str], program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    command.args(options).arg(program);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
