//! Memory for secrets, which is wiped before it is freed: freed memory, a core dump or a swapped-out page shows nothing of a
//! client that is gone. A vector that grows leaves its old bytes behind, so buffers that may hold a secret grow here.

use std::fmt;
use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;

use zeroize::Zeroizing;

/// A secret with one place in memory, however often it is cloned. The place is wiped when the last clone is dropped. `Debug`
/// hides it.
#[derive(Clone, PartialEq)]
pub(crate) struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Arc::new(Zeroizing::new(bytes)))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Appends bytes. If they need a new place, the old one is wiped.
pub(crate) fn append(to: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = to.len() + bytes.len();
    if needed > to.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * to.capacity())));
        larger.extend_from_slice(to);
        *to = larger;
    }
    to.extend_from_slice(bytes);
}

/// Reads everything from `from`; more than `limit` bytes are an error (`FileTooLarge`). `expected` is the probable length.
pub(crate) fn read(from: impl Read, expected: u64, limit: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut from = from.take(limit + 1);
    let mut all = Zeroizing::new(Vec::with_capacity(expected.min(limit) as usize + 1));
    let mut piece = Zeroizing::new([0; 4096]);
    loop {
        match from.read(&mut piece[..]) {
            Ok(0) if all.len() as u64 > limit => {
                return Err(Error::new(ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
            }
            Ok(0) => return Ok(all),
            Ok(length) => append(&mut all, &piece[..length]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The bytes of the stack to wipe after a cipher, which uses less for a message.
pub(crate) const SMALL: usize = 16 * 1024;
/// The bytes of the stack to wipe after deriving or opening a key, which uses less.
pub(crate) const LARGE: usize = 64 * 1024;

/// Runs work on secrets, and wipes the stack that it has used: hash functions and ciphers of other crates put keys and blocks
/// there, and moved values leave their bytes behind.
pub(crate) fn on_the_stack<const BYTES: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    wipe_stack::<BYTES>();
    result
}

/// Runs the work in a stack frame of its own: inlined, it would use the caller's frame, which is not wiped.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn wipe_stack<const BYTES: usize>() {
    // `black_box` makes the compiler assume that the array is read, so it can't remove the wiping.
    std::hint::black_box(&mut [0_u8; BYTES]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_whole_and_bounded() {
        let text: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
        for expected in [0, 100, 20_000, 1 << 40] {
            assert_eq!(*read(&text[..], expected, 1 << 20).expect("read"), text);
            assert_eq!(*read(&text[..], expected, 20_000).expect("read"), text);
            for limit in [19_999, 10] {
                assert_eq!(read(&text[..], expected, limit).expect_err("too much").kind(), ErrorKind::FileTooLarge);
            }
        }
    }

    #[test]
    fn clones_share_their_place() {
        let secret = Secret::new(b"secret".to_vec());
        assert!(std::ptr::eq(secret.bytes(), secret.clone().bytes()));
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
