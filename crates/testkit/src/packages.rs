//! The packages that cargo builds from: ours with the edges between them, and everybody else's with licences.

use std::process::Command;

use serde_json::Value;

use crate::repository::root;

/// A platform the service is released for; packages of other platforms are not looked at.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// A package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What its manifest says of its licence (SPDX); empty if nothing.
    pub license: String,
    /// Names of the packages its code needs; what only its tests need is left out.
    pub needs: Vec<String>,
}

/// The packages of this workspace, sorted by name.
pub fn ours() -> Vec<Package> {
    read(&["--no-deps"])
}

/// Every package that is built for the platform, ours among them.
pub fn all() -> Vec<Package> {
    read(&["--filter-platform", PLATFORM])
}

fn read(more: &[&str]) -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1"]).args(more).current_dir(root());
    let output = cargo.output().expect("cargo tells its metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let mut packages: Vec<_> = array(&metadata["packages"]).iter().map(package).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages
}

fn package(value: &Value) -> Package {
    let needs = array(&value["dependencies"]).iter().filter(|edge| edge["kind"] != "dev");
    Package {
        name: text(&value["name"]),
        license: text(&value["license"]),
        needs: needs.map(|edge| text(&edge["name"])).collect(),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
