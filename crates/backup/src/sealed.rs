//! The encrypted form of a file: a header, then chunks of a mebibyte, each sealed with AES-256-GCM.
//!
//! The nonce of a chunk is its number and whether it is the last (the STREAM construction: Hoang, Reyhanitabar, Rogaway,
//! Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015), so a chunk that is left out,
//! put elsewhere or cut off does not open. Every backup has a key of its own, so numbers may start at zero. Whose backup
//! it is and which one are associated data: a file does not open under another name.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use aws_lc_rs::digest;
use stdx::hex;

use crate::{BackupId, Subject};

/// What every encrypted file begins with; the digit is the format.
const MAGIC: &[u8; 8] = b"EngramB1";
/// Plain bytes of a chunk: what is held in memory at once.
const CHUNK_BYTES: usize = 1024 * 1024;
/// AES-GCM's tag.
const TAG_BYTES: usize = 16;

/// Encrypts what is written to it.
pub(crate) struct Sealer<W> {
    to: W,
    key: LessSafeKey,
    bound: Vec<u8>,
    chunk: Vec<u8>,
    number: u32,
}

/// Decrypts what is read from it; fails before it gives out a byte that is not what was sealed.
pub(crate) struct Opener<R> {
    from: R,
    key: LessSafeKey,
    bound: Vec<u8>,
    /// Sealed bytes of the next chunk, and one beyond, which tells whether it is the last.
    sealed: Vec<u8>,
    plain: Vec<u8>,
    given: usize,
    number: u32,
    last_opened: bool,
}

impl<W: Write> Sealer<W> {
    pub(crate) fn new(mut to: W, key: LessSafeKey, subject: &Subject, id: &BackupId) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        let chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Ok(Self { to, key, bound: bound_to(subject, id), chunk, number: 0 })
    }

    /// Seals the last chunk, and gives back what was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.seal(Last::Yes)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, last: Last) -> io::Result<()> {
        let (nonce, bound) = (nonce(self.number, last), Aad::from(&self.bound));
        self.key
            .seal_in_place_append_tag(nonce, bound, &mut self.chunk)
            .map_err(|_| io::Error::other("a chunk cannot be sealed"))?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number = self.number.checked_add(1).ok_or_else(|| io::Error::other("the file is too large"))?;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for the byte behind it: until then it may be the last.
        if self.chunk.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(Last::No)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Read> Opener<R> {
    pub(crate) fn new(mut from: R, key: LessSafeKey, subject: &Subject, id: &BackupId) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic).map_err(|_| damaged("it is cut off"))?;
        if &magic != MAGIC {
            return Err(damaged("it does not begin as a backup does"));
        }
        Ok(Self {
            from,
            key,
            bound: bound_to(subject, id),
            sealed: Vec::with_capacity(CHUNK_BYTES + TAG_BYTES + 1),
            plain: Vec::new(),
            given: 0,
            number: 0,
            last_opened: false,
        })
    }

    /// What it read from, with whatever was not read.
    pub(crate) fn into_inner(self) -> R {
        self.from
    }

    fn open_next(&mut self) -> io::Result<()> {
        let whole = CHUNK_BYTES + TAG_BYTES;
        let missing = whole + 1 - self.sealed.len();
        self.from.by_ref().take(missing as u64).read_to_end(&mut self.sealed)?;
        let last = if self.sealed.len() > whole { Last::No } else { Last::Yes };
        let behind = self.sealed.split_off(self.sealed.len().min(whole));
        let mut chunk = std::mem::replace(&mut self.sealed, behind);
        let opened = self
            .key
            .open_in_place(nonce(self.number, last), Aad::from(&self.bound), &mut chunk)
            .map_err(|_| damaged("a part of it was changed, cut off, or is of another backup"))?
            .len();
        chunk.truncate(opened);
        (self.plain, self.given) = (chunk, 0);
        self.number = self.number.checked_add(1).ok_or_else(|| damaged("it is too large"))?;
        self.last_opened = last == Last::Yes;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.last_opened {
                return Ok(0);
            }
            self.open_next()?;
        }
        let given = into.len().min(self.plain.len() - self.given);
        into[..given].copy_from_slice(&self.plain[self.given..self.given + given]);
        self.given += given;
        Ok(given)
    }
}

/// Counts and hashes what passes.
pub(crate) struct Measured<T> {
    inner: T,
    hash: digest::Context,
    bytes: u64,
}

impl<T> Measured<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, hash: digest::Context::new(&digest::SHA256), bytes: 0 }
    }

    /// What passed through: the bytes, and their SHA-256 in hexadecimal.
    pub(crate) fn finish(self) -> (T, u64, String) {
        let hash = hex::encode(self.hash.finish().as_ref());
        (self.inner, self.bytes, hash)
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.pass(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.pass(&into[..read]);
        Ok(read)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    No,
    Yes,
}

fn nonce(number: u32, last: Last) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[7..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last == Last::Yes);
    Nonce::assume_unique_for_key(bytes)
}

fn bound_to(subject: &Subject, id: &BackupId) -> Vec<u8> {
    [MAGIC.as_slice(), subject.as_str().as_bytes(), b"\0", id.as_str().as_bytes()].concat()
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::DataKey;

    struct Owner {
        key: DataKey,
        subject: Subject,
        id: BackupId,
    }

    fn owner(name: &str) -> Owner {
        let id = BackupId::at(Timestamp::UNIX_EPOCH);
        Owner { key: DataKey::generate(), subject: Subject::parse(name).unwrap(), id }
    }

    fn seal(owner: &Owner, plain: &[u8]) -> Vec<u8> {
        let key = owner.key.for_file(owner.id.as_str()).unwrap();
        let mut sealer = Sealer::new(Vec::new(), key, &owner.subject, &owner.id).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn open(owner: &Owner, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let key = owner.key.for_file(owner.id.as_str()).unwrap();
        let mut plain = Vec::new();
        Opener::new(sealed, key, &owner.subject, &owner.id)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn what_was_sealed_opens_at_every_length_around_a_chunk() {
        let owner = owner("a");
        for count in
            [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7]
        {
            let plain = bytes(count);
            assert_eq!(open(&owner, &seal(&owner, &plain)).unwrap(), plain, "{count} bytes");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let owner = owner("a");
        let sealed = seal(&owner, &bytes(300));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(open(&owner, &bent).is_err(), "byte {at}");
            assert!(open(&owner, &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&owner, &[sealed.as_slice(), b"x"].concat()).is_err(), "a byte more");
    }

    #[test]
    fn chunks_cannot_be_left_out_swapped_or_taken_as_the_last() {
        let owner = owner("a");
        let sealed = seal(&owner, &bytes(2 * CHUNK_BYTES + 7));
        let (head, rest) = sealed.split_at(MAGIC.len());
        let (first, rest) = rest.split_at(CHUNK_BYTES + TAG_BYTES);
        let (second, third) = rest.split_at(CHUNK_BYTES + TAG_BYTES);
        for odd in [
            [head, first, second].concat(),
            [head, first, third].concat(),
            [head, second, first, third].concat(),
            [head, first, second, third, third].concat(),
            head.to_vec(),
        ] {
            assert!(open(&owner, &odd).is_err());
        }
        assert!(open(&owner, &[head, first, second, third].concat()).is_ok());
    }

    #[test]
    fn a_file_opens_under_its_own_name_alone() {
        let mine = owner("mine");
        let sealed = seal(&mine, b"secret");
        let (other_key, other_subject, other_id) = (
            Owner { key: DataKey::generate(), subject: mine.subject.clone(), id: mine.id.clone() },
            Owner { key: mine.key.clone(), subject: Subject::parse("theirs").unwrap(), id: mine.id.clone() },
            Owner { key: mine.key.clone(), subject: mine.subject.clone(), id: owner("x").id },
        );
        for other in [other_key, other_subject, other_id] {
            assert!(open(&other, &sealed).is_err());
        }
    }
}
