//! A real S3 server for tests: HTTP and signatures (sigv4) as Amazon's, on a free port, objects as files in a folder of
//! its own, gone when the test ends. It can be stopped, started again, and told to misbehave.

mod faults;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse};
use s3s_fs::FileSystem;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

pub use faults::{Fault, Faults};

/// Who signs requests to the server.
pub const ACCESS_KEY_ID: &str = "engram-test-key";
/// With what.
pub const SECRET_ACCESS_KEY: &str = "engram-test-secret";

/// Threads that serve: enough for uploads in parts, few enough for a small machine.
const THREADS: usize = 2;

/// A running server; stopped when dropped.
pub struct Server {
    folder: tempfile::TempDir,
    port: u16,
    doors: Arc<Doors>,
    running: Option<Runtime>,
}

/// What every connection shares.
struct Doors {
    s3: S3Service,
    folder: PathBuf,
    /// s3s-fs looks whether an object is there and then writes it; two conditional puts at once would both succeed.
    one_writes: Mutex<()>,
    faults: Faults,
}

impl Server {
    /// Starts a server without buckets.
    ///
    /// # Panics
    /// When there is no folder or no port for it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("engram-s3-").tempdir().expect("a folder");
        let mut builder =
            S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a folder for objects"));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let root = folder.path().to_owned();
        let doors = Doors {
            s3: builder.build(),
            folder: root,
            one_writes: Mutex::new(()),
            faults: Faults::default(),
        };
        let mut server = Self { folder, port: 0, doors: Arc::new(doors), running: None };
        server.run();
        server
    }

    /// Makes an empty bucket and returns its URL.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn bucket(&self, name: &str) -> String {
        fs::create_dir(self.folder.path().join(name)).expect("a bucket's folder");
        format!("s3://{name}")
    }

    /// The server's URL, the same over stops and starts.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder in which an object is the file `bucket/key`, to be looked at and damaged.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of an object.
    pub fn file_of(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.path().join(bucket).join(key)
    }

    /// What goes wrong, and what has gone wrong so far.
    pub fn faults(&self) -> &Faults {
        &self.doors.faults
    }

    /// Ends every connection and takes no more: the server has vanished.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        }
    }

    /// Starts the server again, on the same port and with the same objects.
    ///
    /// # Panics
    /// When somebody else took the port meanwhile.
    pub fn run(&mut self) {
        if self.running.is_some() {
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        self.port = listener.local_addr().expect("an address").port();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        let runtime = runtime.expect("threads for the server");
        runtime.spawn(serve(listener, Arc::clone(&self.doors)));
        self.running = Some(runtime);
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("folder", &self.folder)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not waited for: a runtime must not block inside another one's task.
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, doors: Arc<Doors>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of the runtime");
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let doors = Arc::clone(&doors);
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&doors), request));
            // A connection that ends badly is the client's affair, or one of the faults.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(doors: Arc<Doors>, request: hyper::Request<Incoming>) -> Result<HttpResponse, HttpError> {
    let fault = doors.faults.next(&request);
    if let Some(answer) = faults::before(fault).await.map_err(hang_up)? {
        return Ok(answer);
    }
    if !doors.has_bucket(&request) {
        return Ok(no_such_bucket());
    }
    let _one_writes = if creates(&request) { Some(doors.one_writes.lock().await) } else { None };
    let answer = doors.s3.call(request.map(Body::from)).await?;
    faults::after(fault, answer).await.map_err(hang_up)
}

impl Doors {
    /// s3s-fs makes a bucket when something is put into it; Amazon does not.
    fn has_bucket(&self, request: &hyper::Request<Incoming>) -> bool {
        let bucket = request.uri().path().split('/').find(|part| !part.is_empty());
        bucket.is_none_or(|bucket| self.folder.join(bucket).is_dir())
    }
}

fn no_such_bucket() -> HttpResponse {
    let said = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchBucket</Code></Error>";
    let mut answer = HttpResponse::new(Body::from(said.to_owned()));
    *answer.status_mut() = hyper::StatusCode::NOT_FOUND;
    answer
}

/// Whether a request may make an object: a put that is no part of an upload, or the end of an upload.
fn creates(request: &hyper::Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    match request.method().as_str() {
        "PUT" => !query.contains("partNumber="),
        "POST" => query.contains("uploadId="),
        _ => false,
    }
}

/// hyper drops a connection whose service fails.
fn hang_up(_: faults::HangUp) -> HttpError {
    HttpError::new(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)))
}
