//! The service's own certificate, met by a client that checks it.

mod harness;

use std::path::PathBuf;
use std::time::Duration;

use harness::{Folder, Service};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};

/// An authority that clients trust, and the files of a service's certificate.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("tls.crt")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("tls.key")
    }

    /// Puts a certificate for these names, signed by a fresh authority with the first one's key, into the files.
    fn issue(&self, names: &[&str]) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.key_file(), key.serialize_pem()).unwrap();
        std::fs::write(self.certificate_file(), certificate.pem()).unwrap();
    }

    fn serve(&self, folder: &Folder, more: &[&str]) -> Service {
        let set = |name: &str, path: PathBuf| format!("{name}={}", path.display());
        let (certificate, key) =
            (set("tls.certificate", self.certificate_file()), set("tls.key", self.key_file()));
        Service::start_with(&folder.path(), &[&["--set", &certificate, "--set", &key], more].concat())
    }

    /// Asks for /health under a name, over a new connection to the service.
    async fn ask(&self, service: &Service, name: &str) -> Result<reqwest::Response, reqwest::Error> {
        let address = service.url.strip_prefix("https://").unwrap().parse().unwrap();
        let root = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([root])
            .resolve(name, address)
            .no_proxy()
            .build()
            .unwrap();
        client.get(format!("https://{name}:{}/health", address.port())).send().await
    }

    async fn eventually_serves(&self, service: &Service, name: &str) {
        let begun = std::time::Instant::now();
        while self.ask(service, name).await.is_err() {
            assert!(begun.elapsed() < harness::PATIENCE, "the certificate for {name} is not in use");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn clients_get_http_2_and_are_told_to_come_back_by_tls() {
    let (authority, folder) = (Authority::new(), Folder::new());
    authority.issue(&["memory.test"]);
    let service = authority.serve(&folder, &["--env", "staging"]);
    let answer = authority.ask(&service, "memory.test").await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert!(authority.ask(&service, "other.test").await.is_err(), "the certificate is for one name");
    // Plain HTTP on the same port gets no answer and does no harm.
    let plain = service.url.replace("https://", "http://");
    assert!(reqwest::Client::new().get(format!("{plain}/health")).send().await.is_err());
    assert!(authority.ask(&service, "memory.test").await.is_ok());
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let (authority, folder) = (Authority::new(), Folder::new());
    authority.issue(&["first.test"]);
    let service = authority.serve(&folder, &[]);
    assert!(authority.ask(&service, "first.test").await.is_ok());
    let answer = authority.ask(&service, "first.test").await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"), "not in dev");

    // SIGHUP: at once.
    authority.issue(&["second.test"]);
    let pid = Pid::from_raw(i32::try_from(service.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    authority.eventually_serves(&service, "second.test").await;

    // Another's key, then nonsense: the old certificate stays.
    let good = std::fs::read(authority.key_file()).unwrap();
    for bad in [KeyPair::generate().unwrap().serialize_pem(), "nonsense".to_owned()] {
        std::fs::write(authority.key_file(), bad).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(authority.ask(&service, "second.test").await.is_ok());
    }
    std::fs::write(authority.key_file(), good).unwrap();

    // Without a signal: within a few seconds.
    authority.issue(&["third.test"]);
    authority.eventually_serves(&service, "third.test").await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_in_one_line() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let certificate = format!("tls.certificate={}", authority.certificate_file().display());
    let key = format!("tls.key={}", authority.key_file().display());
    let refused = |want: &str| {
        let (told, code) = folder.refusal(&["serve", "--set", &certificate, "--set", &key]);
        assert!(told.contains(want), "{told}");
        assert_eq!(code, 3);
    };
    refused("check tls.certificate and tls.key");
    authority.issue(&["first.test"]);
    std::fs::write(authority.key_file(), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    refused("cannot be used with its key");
    std::fs::write(authority.certificate_file(), "nonsense").unwrap();
    refused("holds no certificate as PEM");
}
