//! The name under which a node tells what it served; it is made once and stays with the spool.

use std::fs;
use std::io;
use std::path::Path;

use stdx::{atomic_file, random};

const FILE: &str = "node";
const TOKEN_LENGTH: usize = 16;

/// The node's name from the spool's folder, made if there is none.
pub(crate) fn name_of(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if is_name(text.trim_end()) => return Ok(text.trim_end().to_owned()),
        Ok(_) => tracing::error!("the name of this node makes no sense; it gets a new one"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = format!("node_{}", random::token(TOKEN_LENGTH));
    atomic_file::write(&path, format!("{name}\n").as_bytes(), 0o600)?;
    Ok(name)
}

fn is_name(text: &str) -> bool {
    let token = text.strip_prefix("node_").unwrap_or("");
    token.len() == TOKEN_LENGTH && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
