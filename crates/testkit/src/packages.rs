//! The packages that cargo builds from: ours with the edges between them, and everybody else's with licences.

use std::process::Command;

use serde_json::Value;

use crate::repository::workspace_root;

/// The platform of this machine, whose packages cargo has at hand once it has built them; those that only other
/// platforms need may never have been fetched.
const PLATFORM: &str = "host-tuple";

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

/// What cargo says of this workspace alone, as its `metadata` command prints it (format 1).
///
/// # Panics
/// When cargo cannot read the workspace.
pub fn metadata() -> Value {
    ask(&["--no-deps"])
}

/// The packages of this workspace, sorted by name.
pub fn ours() -> Vec<Package> {
    packages(&metadata())
}

/// Every package that is built for this platform, ours among them, sorted by name.
pub fn all() -> Vec<Package> {
    packages(&ask(&["--filter-platform", PLATFORM]))
}

fn ask(more: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]).args(more);
    cargo.current_dir(workspace_root());
    let output = cargo.output().expect("cargo tells its metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

fn packages(metadata: &Value) -> Vec<Package> {
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
