//! Peppers: the secrets that API keys are hashed with, by version, so that a stolen table opens no door.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use stdx::hex;

/// Shortest pepper, in bytes: the strength of HMAC-SHA256.
const PEPPER_BYTES_MIN: usize = 32;

/// Peppers by version; the last one hashes new keys, the earlier ones still prove old keys.
///
/// Written as one line each, `<version> <hexadecimal>`, versions ascending.
#[derive(Clone)]
pub struct Peppers {
    versions: Vec<(u32, Hmac<Sha256>)>,
}

/// Why there are no peppers.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The file cannot be read or written.
    #[error("the pepper file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not a version and a secret of at least 32 bytes.
    #[error(
        "line {line} of the peppers is not `<version> <at least 64 hexadecimal digits>`, versions ascending"
    )]
    Malformed {
        /// Number of the line, from 1.
        line: usize,
    },
    /// There is no line.
    #[error("there is no pepper; API keys cannot be checked without one")]
    Empty,
}

impl Peppers {
    /// Reads the peppers at `path`, or makes a first one there, in a file of mode 0600.
    ///
    /// # Errors
    /// When the file is unreadable or malformed, or cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, PepperError> {
        let failed = |source| PepperError::File { path: path.display().to_string(), source };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("1 {}\n", hex::encode(&stdx::random::bytes::<PEPPER_BYTES_MIN>()));
                stdx::atomic_file::write(path, text.as_bytes(), 0o600).map_err(failed)?;
                Self::parse(&text)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Reads peppers from text, such as a secret from the environment.
    ///
    /// # Errors
    /// When a line is malformed, or there is none.
    pub fn parse(text: &str) -> Result<Self, PepperError> {
        let mut versions: Vec<(u32, Hmac<Sha256>)> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let pepper = pepper_of(line)
                .filter(|(version, _)| versions.last().is_none_or(|(last, _)| last < version))
                .ok_or(PepperError::Malformed { line: number + 1 })?;
            versions.push(pepper);
        }
        if versions.is_empty() { Err(PepperError::Empty) } else { Ok(Self { versions }) }
    }

    /// The version new keys are hashed with.
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |(version, _)| *version)
    }

    /// HMAC-SHA256 of a key; `None` when the version is not among the peppers.
    pub fn hash(&self, version: u32, key: &str) -> Option<[u8; 32]> {
        let (_, keyed) = self.versions.iter().find(|(known, _)| *known == version)?;
        let mut mac = keyed.clone();
        mac.update(key.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peppers").field("newest", &self.newest()).finish_non_exhaustive()
    }
}

fn pepper_of(line: &str) -> Option<(u32, Hmac<Sha256>)> {
    let (version, digits) = line.trim().split_once(' ')?;
    let secret = hex::decode(digits.trim())?;
    if secret.len() < PEPPER_BYTES_MIN {
        return None;
    }
    Some((version.parse().ok()?, Hmac::new_from_slice(&secret).ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_made_once_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pepper");
        let made = Peppers::load_or_create(&path).unwrap();
        let read = Peppers::load_or_create(&path).unwrap();
        assert_eq!(made.newest(), 1);
        assert_eq!(made.hash(1, "key"), read.hash(1, "key"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn versions_hash_differently_and_an_unknown_one_not_at_all() {
        let text = format!("1 {}\n\n3 {}\n", "ab".repeat(32), "cd".repeat(40));
        let peppers = Peppers::parse(&text).unwrap();
        assert_eq!(peppers.newest(), 3);
        assert_ne!(peppers.hash(1, "key"), peppers.hash(3, "key"));
        assert_eq!(peppers.hash(2, "key"), None);
        assert!(!format!("{peppers:?}").contains("ab"));
    }

    #[test]
    fn the_hash_is_hmac_sha256() {
        // RFC 4231 has no key of 32 bytes; this value is from Python's hmac module.
        let peppers = Peppers::parse(&format!("1 {}", "0b".repeat(32))).unwrap();
        let hash = hex::encode(&peppers.hash(1, "Hi There").unwrap());
        assert_eq!(hash, "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
    }

    #[test]
    fn malformed_lines_are_named() {
        let good = format!("2 {}", "ab".repeat(32));
        for (text, want) in [
            (String::new(), "there is no pepper"),
            ("1 abcd".to_owned(), "line 1"),
            ("nonsense".to_owned(), "line 1"),
            (format!("{good}\n{good}"), "line 2"),
            (format!("{good}\n3 {}", "zz".repeat(32)), "line 2"),
        ] {
            let error = Peppers::parse(&text).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
