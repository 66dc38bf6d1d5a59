//! What `deploy/` gives to others, tried as far as a machine without a cloud can: nginx in front of a real service, the
//! units by systemd's own words, and that settings, ports and paths in all files agree with the program.

mod harness;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::{Folder, Service, engram, eventually, stderr, stdout};
use serde_json::{Value, json};

/// Where the service listens unless it is told otherwise, as the files say it.
const PORT: &str = "8080";
/// The longest a service takes to leave, in seconds.
const LEAVES_WITHIN_S: i64 = 30;

fn file(path: &str) -> String {
    let path = testkit::workspace_root().join("deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Variables of a file must all be settings, with values that hold in prod.
fn settings_hold(variables: &BTreeMap<String, String>) {
    let secrets = [
        ("ENGRAM_CONTROL_URL", "embedded".to_owned()),
        ("ENGRAM_KEYS_PEPPERS", format!("1 {}", "0f".repeat(32))),
        ("ENGRAM_BACKUP_OPERATOR_KEY", operator_key()),
        ("ENGRAM_PROXY_TRUSTED", "10.0.0.0/8".to_owned()),
    ];
    let mut check = engram(["config", "check", "--env", "prod", "--json"]);
    // What the file says comes last and holds.
    let output = check.envs(secrets).envs(variables).output().unwrap();
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["unsafe"], json!([]), "{told}");
}

fn operator_key() -> String {
    let folder = Folder::new();
    drop(Service::start(&folder.path()));
    std::fs::read_to_string(folder.path().join("control/operator-key")).unwrap().trim().to_owned()
}

fn port_of(address: &str) -> String {
    address.parse::<SocketAddr>().unwrap_or_else(|_| panic!("{address} is no address")).port().to_string()
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_says_what_the_program_understands() {
    let text = file("docker/Dockerfile").replace("\\\n", " ");
    let steps: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(word, rest)| (word, rest.trim()))
        .collect();
    let all = |word: &str| {
        steps.iter().filter(|(said, _)| *said == word).map(|(_, rest)| *rest).collect::<Vec<_>>()
    };
    let known = [
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "EXPOSE",
        "ENV",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    ];
    for (word, rest) in &steps {
        assert!(known.contains(word), "{word} {rest}");
    }
    let toolchain = std::fs::read_to_string(testkit::workspace_root().join("rust-toolchain.toml")).unwrap();
    let built_with = all("FROM")[0].trim_start_matches("rust:").split('-').next().unwrap();
    assert!(toolchain.contains(&format!("\"{built_with}")), "{built_with} is not in {toolchain}");
    // The build's folder, and in it what cargo makes.
    assert_eq!(all("WORKDIR"), ["/src"]);
    assert_eq!(all("COPY"), [". .", "--from=build /src/target/release/engram /usr/local/bin/engram"]);
    let user = all("USER");
    assert_eq!(user, ["engram"], "not root");
    assert!(all("RUN")[1].contains("useradd --system --uid 10001") && all("RUN")[1].contains("-o engram"));
    let variables = all("ENV").into_iter().flat_map(|said| said.split_whitespace());
    let variables: BTreeMap<_, _> = variables
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(all("VOLUME"), [variables["ENGRAM_DATA_DIR"].as_str()]);
    let ports = [port_of(&variables["ENGRAM_LISTEN"]), port_of(&variables["ENGRAM_METRICS_LISTEN"])];
    assert_eq!(all("EXPOSE"), [ports.join(" ")]);
    settings_hold(&variables);
    let command =
        [all("ENTRYPOINT")[0], all("CMD")[0]].map(|said| serde_json::from_str::<Vec<String>>(said).unwrap());
    assert_eq!(command.concat(), ["engram", "serve", "--env", "prod"]);
}

#[test]
fn the_platform_knows_ports_paths_and_patience_of_the_service() {
    let text = file("fly/fly.toml");
    let fly: toml::Table = text.parse().unwrap();
    let image =
        testkit::workspace_root().join("deploy/fly").join(fly["build"]["dockerfile"].as_str().unwrap());
    assert!(image.exists(), "{}", image.display());
    let variables: BTreeMap<String, String> = fly["env"].clone().try_into().unwrap();
    assert_eq!(fly["http_service"]["internal_port"].to_string(), port_of(&variables["ENGRAM_LISTEN"]));
    assert_eq!(fly["metrics"]["port"].to_string(), port_of(&variables["ENGRAM_METRICS_LISTEN"]));
    let volume = fly["mounts"]["destination"].as_str().unwrap();
    assert!(variables["ENGRAM_DATA_DIR"].starts_with(&format!("{volume}/")));
    assert!(fly["kill_timeout"].as_integer().unwrap() > LEAVES_WITHIN_S);
    assert_eq!(fly["http_service"]["auto_stop_machines"].as_str(), Some("off"), "jobs run at night");
    let most = fly["http_service"]["concurrency"]["hard_limit"].as_integer().unwrap();
    assert!(most <= 512, "limits.in_flight refuses more");
    assert_eq!(fly["http_service"]["checks"][0]["path"].as_str(), Some("/ready"));
    settings_hold(&variables);
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let (service, socket) = (file("systemd/engram.service"), file("systemd/engram.socket"));
    let said = |name: &str| {
        let line = service.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    assert!(said("TimeoutStopSec").parse::<i64>().unwrap() > LEAVES_WITHIN_S);
    assert!(socket.contains(&format!("ListenStream=0.0.0.0:{PORT}")));
    let (program, words) =
        said("ExecStart").split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    // The same words, of which only the last two name what is not on this machine.
    let words: Vec<_> = words.split(' ').collect();
    assert_eq!(words[words.len() - 2], "--data-dir");
    assert_eq!(format!("/var/lib/{}", said("StateDirectory")), words[words.len() - 1]);
    let help = engram(words.iter().copied().chain(["--help"])).output().unwrap();
    assert!(help.status.success(), "{}", stderr(&help));
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return eprintln_skipped("systemd-analyze");
    }
    let folder = tempfile::tempdir().unwrap();
    let here = service.replace(&program, env!("CARGO_BIN_EXE_engram"));
    std::fs::write(folder.path().join("engram.service"), here).unwrap();
    std::fs::write(folder.path().join("engram.socket"), socket).unwrap();
    let mut verify = Command::new("systemd-analyze");
    let units = ["engram.service", "engram.socket"].map(|name| folder.path().join(name));
    let output = verify.args(["verify", "--man=no"]).args(units).output().unwrap();
    assert!(output.status.success() && stderr(&output).is_empty(), "{}", stderr(&output));
}

#[allow(clippy::print_stderr, reason = "a test says what it did not do")]
fn eprintln_skipped(program: &str) {
    eprintln!("{program} is not here; what it would say is not known");
}

/// A real nginx with our file; stopped when dropped.
struct Nginx {
    child: Child,
    address: SocketAddr,
    root: reqwest::Certificate,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// The file with this machine's addresses and certificate, and nothing else changed.
    fn before(service: &Service) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ["engram.example.com", "*.engram.example.com"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(folder.path().join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut ours = file("nginx/engram.conf");
        for (theirs, here) in [
            ("127.0.0.1:8080", service.url.trim_start_matches("http://").to_owned()),
            ("listen 443 ssl;", format!("listen {address} ssl;")),
            ("listen [::]:443 ssl;", String::new()),
            ("/etc/engram/", format!("{}/", folder.path().display())),
        ] {
            assert!(ours.contains(theirs), "{theirs} is not in the file any more");
            ours = ours.replace(theirs, &here);
        }
        let around = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\n\
             scgi_temp_path scgi;\n{ours}\n}}\n"
        );
        let whole = folder.path().join("nginx.conf");
        std::fs::write(&whole, around).unwrap();
        let command = || {
            let mut nginx = nginx();
            nginx.arg("-e").arg("stderr").arg("-p").arg(folder.path()).arg("-c").arg(&whole);
            nginx
        };
        let checked = command().arg("-t").output().unwrap();
        let told = stderr(&checked);
        assert!(checked.status.success() && !told.contains("[warn]"), "{told}");
        let child = command().stdout(Stdio::null()).spawn().unwrap();
        eventually("nginx listens", || std::net::TcpStream::connect(address).is_ok());
        let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        Self { child, address, root, _folder: folder }
    }

    /// A client that is known by an address of its own, as clients from elsewhere are.
    fn client(&self, host: &str) -> reqwest::Client {
        let client = reqwest::Client::builder().tls_certs_only([self.root.clone()]).no_proxy();
        let client = client.local_address(std::net::IpAddr::from([127, 0, 0, 2]));
        client.resolve(host, self.address).build().unwrap()
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nginx() -> Command {
    // Debian keeps it where only root looks.
    let there = Path::new("/usr/sbin/nginx");
    Command::new(if there.exists() { there.to_owned() } else { PathBuf::from("nginx") })
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_on_what_counts_and_keeps_what_is_not_for_strangers() {
    if nginx().arg("-v").output().is_err() {
        return eprintln_skipped("nginx");
    }
    let folder = Folder::new();
    let settings =
        ["env=staging", "proxy.trusted=127.0.0.1/32", "domain=engram.example.com", "drain.wait_ms=1"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let service = Service::start_with(&folder.path(), &settings);
    folder.json(&["tenant", "create", "acme"]);
    folder.json(&["tenant", "create", "other"]);
    let key = folder.json(&[
        "key",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "admin,search,memories:read,memories:write",
    ]);
    let key = key["key"].as_str().unwrap();
    let nginx = Nginx::before(&service);

    // The host names the tenant.
    for (host, status) in [("acme.engram.example.com", 200), ("other.engram.example.com", 403)] {
        let asked =
            nginx.client(host).get(nginx.url(host, "/v1/stats")).bearer_auth(key).send().await.unwrap();
        assert_eq!(asked.status(), status, "{host}: {}", asked.text().await.unwrap());
    }

    let host = "engram.example.com";
    let client = nginx.client(host);
    // The scheme is the client's, and what it says itself of scheme and address is not believed.
    let asked =
        client.get(nginx.url(host, "/health")).header("x-forwarded-proto", "http").send().await.unwrap();
    assert_eq!(
        (asked.status().as_u16(), asked.headers().contains_key("strict-transport-security")),
        (200, true)
    );
    let made =
        client.post(nginx.url(host, "/api-keys")).bearer_auth(key).header("x-forwarded-for", "9.9.9.9");
    let made = made.json(&json!({"tenant": "acme", "scopes": ["search"]})).send().await.unwrap();
    assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
    let log = folder.json(&["audit", "--limit", "1"]);
    assert!(log.to_string().contains("127.0.0.2") && !log.to_string().contains("9.9.9.9"), "{log}");

    let metrics = client.get(nginx.url(host, "/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), 404);

    // Larger than the service takes, and smaller than nginx refuses: the answer is ours.
    let large = json!({"content": "x".repeat(4_500_000)});
    let refused =
        client.post(nginx.url(host, "/v1/memories")).bearer_auth(key).json(&large).send().await.unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "body_too_large");

    // An import is as large as a tenant, and an export leaves while it is made.
    let line = json!({"content": "y".repeat(100_000)}).to_string() + "\n";
    let sent = client
        .post(nginx.url(host, "/v1/import"))
        .bearer_auth(key)
        .body(line.repeat(60))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.headers()["content-type"], "application/json", "nginx answered: {}", sent.status());
    assert_ne!(sent.status(), 413);
    let exported = client.get(nginx.url(host, "/v1/export")).bearer_auth(key).send().await.unwrap();
    assert!(exported.text().await.unwrap().lines().count() >= 2);

    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let ask = client.post(nginx.url(host, "/v1/mcp")).bearer_auth(key).json(&ask);
    let answered = ask.header("accept", "application/json, text/event-stream").send().await.unwrap();
    assert_eq!(answered.status(), 200);
    assert!(answered.text().await.unwrap().contains("memory_create"));
}
