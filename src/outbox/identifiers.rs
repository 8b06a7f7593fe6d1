//! The packet identifiers of messages in the outbox, which are computed from their numbers: so another process knows them, too,
//! and they need not be stored.

/// The number of packet identifiers, which are 1 to 65,535.
const COUNT: u64 = 65_535;
/// At QoS 2 no message is sent whose number is further than this ahead of what is done. This is less than the number of packet
/// identifiers, so no identifier means two messages, in this process or the next.
pub(super) const FURTHEST_AHEAD: u64 = 30_000;

/// Returns the packet identifier of the message with this number.
pub(super) fn identifier(number: u64) -> u16 {
    (number % COUNT) as u16 + 1
}

/// Returns the number of the message with this packet identifier: the first one that is not below `done`.
pub(super) fn number(identifier: u16, done: u64) -> u64 {
    let place = u64::from(identifier).wrapping_sub(1) % COUNT;
    done + (place + COUNT - done % COUNT) % COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tells_the_other() {
        for done in [0, 1, 65_533, 65_534, 65_535, 65_536, 1 << 40] {
            for ahead in [0, 1, 2, 29_999, 65_534] {
                let identifier = identifier(done + ahead);
                assert_ne!(identifier, 0);
                assert_eq!(number(identifier, done), done + ahead, "{ahead} after {done}");
            }
        }
    }
}
