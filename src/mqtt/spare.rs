//! The buffer into which the connections of one engine thread read, one after the other. An idle connection has no buffer of
//! its own, so that thousands of them cost no more than their sessions.

use std::cell::Cell;

use bytes::BytesMut;

use super::link::{MAX_READ, READ};

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Lends the thread's buffer, if it is there, to a connection that has none.
pub(crate) fn borrow(input: &mut BytesMut) {
    if input.capacity() == 0 {
        *input = SPARE.take();
    }
}

/// Takes the buffer back from a connection that has read all there was. A buffer that can't be reused is dropped: messages that
/// wait for the application may share it.
pub(crate) fn give_back(input: &mut BytesMut) {
    if input.is_empty() {
        let mut buffer = std::mem::take(input);
        // A buffer that grew for a large packet is not kept for the usual small ones.
        if buffer.try_reclaim(READ) && buffer.capacity() <= MAX_READ {
            SPARE.set(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_have_read_all_share_one_buffer() {
        let mut one = BytesMut::new();
        borrow(&mut one);
        one.reserve(READ);
        one.extend_from_slice(b"message");
        give_back(&mut one);
        assert_eq!(one, b"message"[..], "what is not processed stays");

        let message = one.split();
        give_back(&mut one);
        let mut other = BytesMut::new();
        borrow(&mut other);
        assert_eq!(other.capacity(), 0, "the message, which somebody has, lies in the buffer");

        drop(message);
        other.reserve(READ);
        give_back(&mut other);
        assert_eq!(other.capacity(), 0);
        borrow(&mut one);
        assert!(one.capacity() >= READ, "the buffer of the other connection");

        one.reserve(2 * MAX_READ);
        give_back(&mut one);
        borrow(&mut other);
        assert_eq!(other.capacity(), 0, "a large one is not kept");
    }
}
