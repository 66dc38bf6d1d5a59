//! The operator's key, which opens the keys of all subjects and nothing else, so that it can be changed without
//! encrypting a single backup anew.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use stdx::hex;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::data_key::KEY_BYTES;
use crate::{BackupError, DataKey, Subject};

/// Begins the text of every operator's key, so that a stray one is recognised.
const PREFIX: &str = "engk_";
/// Binds a wrapped key to its use.
const PURPOSE: &str = "engram data key 1";

/// The operator's key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OperatorKey([u8; KEY_BYTES]);

/// The text of a key, forgotten when it is dropped.
pub type RevealedKey = Zeroizing<String>;

/// The operator's key in use, and older ones that still open what they closed.
#[derive(Debug, Clone)]
pub struct OperatorKeys {
    current: OperatorKey,
    older: Vec<OperatorKey>,
}

/// A subject's key, closed with an operator's key: safe to keep where the backups are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    /// The operator's key that opens it.
    pub operator_key: String,
    /// Nonce, ciphertext and tag, in hexadecimal.
    pub sealed: String,
}

impl OperatorKey {
    /// A new one, by chance.
    pub fn generate() -> Self {
        Self(stdx::random::bytes())
    }

    /// `engk_` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`BackupError::WrongKey`]; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let wrong = || BackupError::WrongKey {
            what: "backup.operator_key".into(),
            why: "it must be engk_ and 64 hexadecimal digits, as `engram operator-key create` prints it"
                .into(),
        };
        let digits = text.trim().strip_prefix(PREFIX).ok_or_else(wrong)?;
        let bytes = Zeroizing::new(from_hex(digits).ok_or_else(wrong)?);
        Ok(Self(bytes.as_slice().try_into().map_err(|_| wrong())?))
    }

    /// The key itself, for the file it is kept in.
    pub fn reveal(&self) -> RevealedKey {
        Zeroizing::new(format!("{PREFIX}{}", hex::encode(&self.0)))
    }

    /// Which key it is, without saying the key: 16 hexadecimal digits of a hash.
    pub fn id(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"engram operator key id");
        hash.update(&self.0);
        hex::encode(&hash.finish().as_ref()[..8])
    }

    fn cipher(&self) -> Result<LessSafeKey, BackupError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).map(LessSafeKey::new);
        key.map_err(|_| BackupError::Defect("AES-256 refuses a key of 32 bytes".into()))
    }
}

impl OperatorKeys {
    /// The first is the one in use.
    ///
    /// # Errors
    /// [`BackupError::WrongKey`] when there is none, or one is no key.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let mut keys = text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(OperatorKey::parse)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let none =
            || BackupError::WrongKey { what: "backup.operator_key".into(), why: "there is none".into() };
        Ok(Self { current: keys.next().ok_or_else(none)?, older: keys.collect() })
    }

    /// One key alone.
    pub fn only(current: OperatorKey) -> Self {
        Self { current, older: Vec::new() }
    }

    /// The one in use.
    pub fn current(&self) -> &OperatorKey {
        &self.current
    }

    /// Closes a subject's key with the operator's key in use. The nonce is derived from the key that is closed (as in
    /// SIV, RFC 5297), so the same key always becomes the same text: putting it into the vault again changes nothing, and
    /// a different text is a different key.
    ///
    /// # Errors
    /// [`BackupError::Defect`].
    pub fn wrap(&self, subject: &Subject, key: &DataKey) -> Result<WrappedKey, BackupError> {
        let nonce = key.nonce_for_wrapping(subject.as_str())?;
        let mut sealed = Zeroizing::new(key.as_bytes().to_vec());
        self.current
            .cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(subject), &mut *sealed)
            .map_err(|_| BackupError::Defect("a key cannot be sealed".into()))?;
        let text = format!("{}{}", hex::encode(&nonce), hex::encode(&sealed));
        Ok(WrappedKey { operator_key: self.current.id(), sealed: text })
    }

    /// Opens a subject's key.
    ///
    /// # Errors
    /// [`BackupError::WrongKey`] when none of the keys closed it, or it is another subject's.
    pub fn unwrap(&self, subject: &Subject, wrapped: &WrappedKey) -> Result<DataKey, BackupError> {
        let wrong = |why: String| BackupError::WrongKey { what: format!("the backup key of {subject}"), why };
        let opener =
            std::iter::once(&self.current).chain(&self.older).find(|key| key.id() == wrapped.operator_key);
        let opener = opener.ok_or_else(|| {
            wrong(format!(
                "it was closed with the operator's key {}, and that is not among those in backup.operator_key",
                wrapped.operator_key
            ))
        })?;
        let changed = || wrong("it was changed, or is another one's".into());
        let mut sealed = Zeroizing::new(from_hex(&wrapped.sealed).ok_or_else(changed)?);
        if sealed.len() < NONCE_LEN {
            return Err(changed());
        }
        let mut text = Zeroizing::new(sealed.split_off(NONCE_LEN));
        let nonce = Nonce::try_assume_unique_for_key(&sealed).map_err(|_| changed())?;
        let opened =
            opener.cipher()?.open_in_place(nonce, bound_to(subject), &mut text).map_err(|_| changed())?;
        Ok(DataKey::of_bytes((&*opened).try_into().map_err(|_| changed())?))
    }

    /// Whether a wrapped key was closed with the operator's key in use.
    pub fn is_current(&self, wrapped: &WrappedKey) -> bool {
        wrapped.operator_key == self.current.id()
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorKey({})", self.id())
    }
}

fn bound_to(subject: &Subject) -> Aad<Vec<u8>> {
    Aad::from(format!("{PURPOSE}\0{subject}").into_bytes())
}

/// Lower case only: one text for one value, so that a changed text is a changed value.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).filter(|_| !text.bytes().any(|digit| digit.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Subject {
        Subject::parse(name).unwrap()
    }

    #[test]
    fn a_wrapped_key_opens_for_its_subject_and_its_operator_alone() {
        let keys = OperatorKeys::only(OperatorKey::generate());
        let key = DataKey::generate();
        let wrapped = keys.wrap(&subject("a"), &key).unwrap();
        assert_eq!(keys.unwrap(&subject("a"), &wrapped).unwrap().as_bytes(), key.as_bytes());
        assert!(matches!(keys.unwrap(&subject("b"), &wrapped), Err(BackupError::WrongKey { .. })));
        let others = OperatorKeys::only(OperatorKey::generate());
        assert!(matches!(others.unwrap(&subject("a"), &wrapped), Err(BackupError::WrongKey { .. })));
        for at in 0..wrapped.sealed.len() {
            let mut bent = wrapped.clone();
            let other = if &bent.sealed[at..=at] == "0" { "1" } else { "0" };
            bent.sealed.replace_range(at..=at, other);
            assert!(keys.unwrap(&subject("a"), &bent).is_err(), "digit {at}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_the_newest_closes() {
        let (old, new) = (OperatorKey::generate(), OperatorKey::generate());
        let wrapped = OperatorKeys::only(old.clone()).wrap(&subject("a"), &DataKey::generate()).unwrap();
        let both = OperatorKeys::parse(&format!("{}\n{}", *new.reveal(), *old.reveal())).unwrap();
        let key = both.unwrap(&subject("a"), &wrapped).unwrap();
        assert!(!both.is_current(&wrapped));
        let again = both.wrap(&subject("a"), &key).unwrap();
        assert!(both.is_current(&again));
        assert!(OperatorKeys::only(new).unwrap(&subject("a"), &again).is_ok());
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in ["", "engk_", "engk_12", &format!("engk_{}", "g".repeat(64)), "secret"] {
            let told = OperatorKey::parse(text).unwrap_err().to_string();
            assert!(!told.contains("secret") && !told.contains("ggg"), "{told}");
        }
        assert!(OperatorKeys::parse("\n# none\n").is_err());
    }
}
