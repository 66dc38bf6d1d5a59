//! Which crate may know which: the edges that ARCHITECTURE.md draws, and the words that live in one place only.

use testkit::packages;

/// Every crate, and the crates of ours that it may need.
const EDGES: &[(&str, &[&str])] = &[
    ("stdx", &[]),
    ("tenancy", &["stdx"]),
    ("api", &[]),
    ("engine", &["stdx"]),
    ("embedding", &["stdx"]),
    ("fleet", &["engine", "tenancy", "stdx"]),
    ("control", &["tenancy", "stdx"]),
    ("metering", &["control", "tenancy", "stdx"]),
    ("gateway", &["metering", "control", "tenancy", "stdx"]),
    ("backup", &["stdx"]),
    (
        "server",
        &[
            "gateway",
            "metering",
            "control",
            "fleet",
            "backup",
            "embedding",
            "engine",
            "tenancy",
            "api",
            "stdx",
        ],
    ),
    // `control` and `metering` for the benchmark of usage, which kills a meter of its own.
    (
        "engram",
        &["server", "gateway", "metering", "control", "engine", "embedding", "tenancy", "api", "stdx"],
    ),
    ("testkit", &[]),
];

/// Libraries of others that decide what a crate is about, and the crates that may use them.
const HOMES: &[(&str, &[&str])] = &[
    ("rusqlite", &["engine", "control"]),
    ("rusqlite_migration", &["engine", "control"]),
    ("rust-stemmers", &["engine"]),
    ("governor", &["gateway"]),
    ("hmac", &["gateway"]),
    ("subtle", &["gateway"]),
    // `server` sends traces.
    ("reqwest", &["embedding", "engram", "gateway", "server"]),
    ("safetensors", &["embedding"]),
    ("tokio-postgres", &["control"]),
    ("deadpool-postgres", &["control"]),
    ("refinery", &["control"]),
    ("jsonwebtoken", &["gateway"]),
    ("object_store", &["backup"]),
    ("zstd", &["backup"]),
    ("aws-lc-rs", &["backup"]),
    ("zeroize", &["backup"]),
    ("tokio-rustls", &["server"]),
    ("listenfd", &["engram"]),
    // The binary hands the router of `server` to its own door; it has no route of its own.
    ("axum", &["server", "engram"]),
    // `testkit` runs an S3 server for the tests of others.
    ("hyper", &["server", "engram", "testkit"]),
    ("s3s", &["testkit"]),
    ("s3s-fs", &["testkit"]),
    ("http", &["server", "engram"]),
    ("tower", &["server", "engram"]),
    ("tower-http", &["server"]),
    ("rmcp", &["server"]),
    ("maud", &["server"]),
    ("similar", &["server"]),
    ("schemars", &["server"]),
    ("utoipa", &["api", "server"]),
    ("utoipa-axum", &["server"]),
    ("metrics-exporter-prometheus", &["server"]),
    ("opentelemetry", &["server"]),
    ("opentelemetry_sdk", &["server"]),
    ("tracing-opentelemetry", &["server"]),
    // `testkit` is a collector for the tests of others.
    ("opentelemetry-proto", &["server", "testkit"]),
    ("prost", &["server", "testkit"]),
    ("tracing-subscriber", &["server"]),
    // `engram` reads an example of another tool in a test.
    ("toml", &["server", "engram"]),
    ("clap", &["engram"]),
    ("clap_complete", &["engram"]),
    ("indicatif", &["engram"]),
    ("comfy-table", &["engram"]),
    ("owo-colors", &["engram"]),
    ("mimalloc", &["engram"]),
    ("libmimalloc-sys", &["engram"]),
];

/// Crates that wait for nothing but the disk: no runtime, no network, no metrics.
const PLAIN: &[&str] = &["tenancy", "engine", "api"];
const NOT_PLAIN: &[&str] = &["tokio", "tokio-util", "futures", "metrics", "moka"];

#[test]
fn every_crate_needs_only_what_it_may_know() {
    let ours = packages::ours();
    let known: Vec<_> = ours.iter().map(|package| package.name.as_str()).collect();
    let mut astray = Vec::new();
    for package in &ours {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            panic!("{} is not in the table of edges: put it there and into ARCHITECTURE.md", package.name);
        };
        for need in package.needs.iter().filter(|need| known.contains(&need.as_str())) {
            if !allowed.contains(&need.as_str()) {
                astray.push(format!("{} must not know {need}", package.name));
            }
        }
    }
    assert!(astray.is_empty(), "{}", astray.join("\n"));
    for (name, _) in EDGES {
        assert!(known.contains(name), "{name} is in the table of edges but not in the workspace");
    }
}

#[test]
fn edges_point_one_way() {
    for (name, allowed) in EDGES {
        for below in *allowed {
            let (_, back) =
                EDGES.iter().find(|(other, _)| other == below).expect("every edge leads to a crate");
            assert!(!back.contains(name), "{name} and {below} may not know each other");
        }
    }
}

#[test]
fn what_decides_a_crate_stays_in_that_crate() {
    let mut astray = Vec::new();
    for package in packages::ours() {
        for (library, homes) in HOMES.iter().filter(|(library, _)| package.needs.iter().any(|n| n == library))
        {
            if !homes.contains(&package.name.as_str()) {
                astray.push(format!("{} must not use {library}; only {homes:?} may", package.name));
            }
        }
    }
    assert!(astray.is_empty(), "{}", astray.join("\n"));
}

#[test]
fn plain_crates_know_no_runtime_and_no_network() {
    for package in packages::ours().iter().filter(|package| PLAIN.contains(&package.name.as_str())) {
        for need in &package.needs {
            assert!(!NOT_PLAIN.contains(&need.as_str()), "{} must not use {need}", package.name);
        }
    }
}
