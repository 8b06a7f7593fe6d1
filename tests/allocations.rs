//! What a message costs, counted and not timed: a writer that has no outbox on disk pays nothing for those that have one.

use crate::common;
use crate::common::broker::Broker;
use allocation_counter::measure;
use sinetstream::MessageWriter;

/// The allocations of the caller for one message at QoS 0, 1 and 2, as they were before there were outboxes on disk.
const BEFORE: [u64; 3] = [5, 5, 5];
const COUNT: usize = 1000;

/// The least that a write allocates on the thread that calls it. Some writes allocate more, because buffers grow or the thread
/// of the engine holds the socket just then; but what every write needs, the cheapest one needs, too.
fn least(writer: &MessageWriter<[u8]>) -> u64 {
    let cost = |_| measure(|| writer.write(&[7; 100]).expect("write")).count_total;
    (0..COUNT).map(cost).min().expect("some writes")
}

#[test]
fn a_writer_without_an_outbox_allocates_what_it_did_before() {
    let broker = Broker::start();
    let builder = |consistency| common::writer::<[u8]>(&broker.plain_address(), "t").consistency(consistency);
    let without = common::EVERY_CONSISTENCY.map(|consistency| least(&builder(consistency).open().expect("writer")));
    // Where the engine's thread is slow, it has more of the work, and the caller less.
    assert!(without.iter().zip(BEFORE).all(|(now, before)| *now <= before), "{without:?} and not {BEFORE:?}");
}
