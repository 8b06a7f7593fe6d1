//! Memory with secrets, which is wiped before it is given back: whoever reads freed memory, a core dump or a page that was
//! swapped out finds nothing of a client that is gone. A vector that grows leaves its old bytes behind, so what may hold a secret
//! grows here.

use std::fmt;
use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;

use zeroize::Zeroizing;

/// A secret with one place in memory however often it is cloned. The place is wiped with the last of its clones. `Debug` hides it.
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

/// Appends bytes. Where they need another place, the former one is wiped.
pub(crate) fn append(to: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = to.len() + bytes.len();
    if needed > to.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * to.capacity())));
        larger.extend_from_slice(to);
        *to = larger;
    }
    to.extend_from_slice(bytes);
}

/// Everything that there is to read; more than `limit` bytes are an error (`FileTooLarge`). `expected` is how much it probably is.
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

/// Of the stack, in bytes: more than a cipher uses for a message …
pub(crate) const SMALL: usize = 16 * 1024;
/// … and more than deriving or opening a key takes.
pub(crate) const LARGE: usize = 64 * 1024;

/// Runs something that works with secrets, and wipes what it has left on the stack: hash functions and ciphers of other crates
/// put keys and blocks there, and whatever is moved leaves its bytes behind.
pub(crate) fn on_the_stack<const BYTES: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    wipe_stack::<BYTES>();
    result
}

/// In the caller's place in the code it would have its place on the stack, too, which is not wiped.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn wipe_stack<const BYTES: usize>() {
    // The compiler has to take for granted that somebody reads it.
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
