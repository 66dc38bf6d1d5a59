//! A real PostgreSQL server for tests: on a free port, in a folder of its own, gone when the test ends.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a server to come up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Read last, so that it wins.
const SETTINGS: &str = "postgresql.auto.conf";
/// A small server that several tests can afford. Whoever connects says who they are at once: a server that is told to
/// stop waits for those who do not.
const MODEST: &str = "listen_addresses='127.0.0.1'
unix_socket_directories=''
fsync=off
max_connections=60
shared_buffers=32MB
authentication_timeout=3s
";
const PASSWORDS_OVER_TLS: &str = "host all postgres 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 scram-sha-256
";

/// A running server; stopped when dropped, and when the process that started it dies.
#[derive(Debug)]
pub struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Ends every session and writes everything down.
    Fast,
    /// Dies on the spot, as in a power cut.
    Immediate,
}

impl Server {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (`scripts/install-test-needs` does) or does not start.
    pub fn start() -> Self {
        let mut server = Self::initialised();
        server.run();
        server
    }

    /// The same, with TLS: everybody but `postgres` comes encrypted and with a password. Certificate and key are PEM.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let mut server = Self::initialised();
        server.keep("server.crt", certificate);
        server.keep("server.key", key);
        server.keep("pg_hba.conf", PASSWORDS_OVER_TLS);
        let mut settings = fs::read_to_string(server.data().join(SETTINGS)).expect("the settings");
        settings.push_str("ssl=on\n");
        server.keep(SETTINGS, &settings);
        server.run();
        server
    }

    fn initialised() -> Self {
        let folder = tempfile::Builder::new().prefix("engram-postgres-").tempdir().expect("a folder");
        let server = Self { folder, programs: programs(), port: free_port(), running: None };
        server.initialise();
        server
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database(&self, name: &str) -> String {
        let mut create = Command::new(self.programs.join("createdb"));
        create.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), name]);
        succeed(&mut create);
        self.url(name)
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// Runs one statement and returns what `psql` prints, bare.
    ///
    /// # Panics
    /// When the statement fails.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url(database)]);
        succeed(&mut psql)
    }

    /// Dumps a database into a file, as an operator would, while it is used.
    ///
    /// # Panics
    /// When `pg_dump` fails.
    pub fn dump(&self, database: &str, to: &Path) {
        let mut dump = Command::new(self.programs.join("pg_dump"));
        dump.arg("--format=custom").arg("--file").arg(to).arg(self.url(database));
        succeed(&mut dump);
    }

    /// Makes a database of a dump and returns its URL.
    ///
    /// # Panics
    /// When `pg_restore` fails.
    pub fn restore(&self, dump: &Path, database: &str) -> String {
        let url = self.database(database);
        let mut restore = Command::new(self.programs.join("pg_restore"));
        restore.args(["--dbname", &url, "--no-owner", "--exit-on-error"]).arg(dump);
        succeed(&mut restore);
        url
    }

    /// The port, which stays the same over stops and starts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server, and waits until it is gone.
    pub fn stop(&mut self, how: Stop) {
        self.thaw();
        let Some(mut child) = self.running.take() else { return };
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        let _ = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        let _ = child.wait();
    }

    /// Makes the server hang: the system takes connections for it, and nothing is answered.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    /// Lets a server that hangs go on.
    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    fn signal_all(&self, signal: &str) {
        let Some(child) = &self.running else { return };
        let (server, sessions) = (child.id().to_string(), format!("/proc/{0}/task/{0}/children", child.id()));
        // The server first, so that it starts no session meanwhile.
        let _ = Command::new("kill").args(["-s", signal, &server]).status();
        let sessions = fs::read_to_string(sessions).unwrap_or_default();
        let _ = Command::new("kill").args(["-s", signal]).args(sessions.split_whitespace()).output();
    }

    /// Starts the server again, on the same port and with the same data.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn run(&mut self) {
        if self.running.is_some() {
            return;
        }
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        // The server dies with the thread that started it, so a test that is killed leaves nothing behind.
        let mut server = as_nobody(&["--pdeathsig", "QUIT"], &self.programs.join("postgres"));
        server.arg("-D").arg(self.data()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(server.spawn().expect("setpriv and postgres are installed"));
        let started = Instant::now();
        while !self.answers() {
            assert!(started.elapsed() < PATIENCE, "PostgreSQL does not come up: {}", self.log());
            std::thread::sleep(LOOK);
        }
    }

    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() && {
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().is_ok_and(|status| status.success())
        }
    }

    fn initialise(&self) {
        open_to_nobody(self.folder.path());
        let mut initdb = as_nobody(&[], &self.programs.join("initdb"));
        initdb.arg("-D").arg(self.data());
        initdb.args(["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
        succeed(&mut initdb);
        self.keep(SETTINGS, &format!("port={}\n{MODEST}", self.port));
    }

    /// Writes a file of the cluster, as its owner's.
    fn keep(&self, name: &str, text: &str) {
        let file = self.data().join(name);
        fs::write(&file, text).expect("a file of the cluster");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a file of one's own");
        open_to_nobody(&file);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Stop::Immediate);
    }
}

/// The newest PostgreSQL that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.expect("PostgreSQL is not installed; scripts/install-test-needs installs it")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
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

fn open_to_nobody(path: &Path) {
    if is_root() {
        succeed(Command::new("chown").arg("nobody:nogroup").arg(path));
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
