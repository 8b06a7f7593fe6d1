//! Counts the allocations of a message, so that nothing is timed: a writer without an outbox on disk must not pay for the
//! outbox.

use crate::common;
use crate::common::broker::Broker;
use allocation_counter::measure;
use sinetstream::MessageWriter;

/// The allocations of the caller for one message at QoS 0, 1 and 2 before there was an outbox on disk.
const BEFORE: [u64; 3] = [5, 5, 5];
const COUNT: usize = 1000;

/// Returns the least number of allocations of a write on its calling thread. Some writes allocate more, because buffers grow or
/// the engine's thread holds the socket at that moment; but what every write needs, the cheapest one needs, too.
fn least(writer: &MessageWriter<[u8]>) -> u64 {
    let cost = |_| measure(|| writer.write(&[7; 100]).expect("write")).count_total;
    (0..COUNT).map(cost).min().expect("some writes")
}

#[test]
fn a_writer_without_an_outbox_allocates_what_it_did_before() {
    let broker = Broker::start();
    let builder = |consistency| common::writer::<[u8]>(&broker.plain_address(), "t").consistency(consistency);
    let without = common::EVERY_CONSISTENCY.map(|consistency| least(&builder(consistency).open().expect("writer")));
    // A slow engine thread takes over more of the work, and the caller has less.
    assert!(without.iter().zip(BEFORE).all(|(now, before)| *now <= before), "{without:?} and not {BEFORE:?}");
}
