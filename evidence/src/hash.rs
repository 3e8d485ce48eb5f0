//! The digest of a file of any length, read piece by piece.

use std::io::{ErrorKind, Read, Result};

use sluice_domain::digest::{Digest, Hasher};

/// How much is read at once, in bytes: enough that the hash, not the calls, takes the
/// time.
const PIECE: usize = 1024 * 1024;

/// The digest of all that can be read.
///
/// # Errors
/// When reading fails.
pub fn digest(from: &mut impl Read) -> Result<Digest> {
    let mut piece = vec![0; PIECE];
    let mut hash = Hasher::default();
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(hash.finish()),
            Ok(length) => hash.update(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            let length = self.0.len().min(into.len()).min(7);
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn however_it_comes_the_digest_is_that_of_the_whole() {
        let bytes = vec![7; 3 * PIECE / 2];
        let whole = Digest::of(&bytes);
        assert_eq!(digest(&mut bytes.as_slice()).expect("read"), whole);
        assert_eq!(digest(&mut Slow(&bytes)).expect("read"), whole);
    }
}
