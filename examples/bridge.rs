//! A bridge: what comes from one broker goes to another, which may be away for days, and the bridge may die meanwhile.
//! examples/Bridge.java does the same in Java.
//!
//! ```text
//! cargo run --example bridge
//! ```

use sinetstream::{ConnectionEvent, MessageReader, MessageWriter};

fn main() -> sinetstream::Result<()> {
    let told = |event: &ConnectionEvent| println!("{event}");
    // The broker keeps its session, and with it what comes while the bridge is not there. A message comes again unless the bridge
    // says that it has it ('acknowledge: processed').
    let reader = MessageReader::<String>::builder().service("bridge-from").on_connection_event(told).open()?;
    // It has an outbox on disk, and sends first what an earlier bridge has left in it.
    let writer = MessageWriter::<str>::builder().service("bridge-to").on_connection_event(told).open()?;
    println!("the bridge is open");
    while let Some(message) = reader.read()? {
        // Returns when the message is on disk. It keeps the time at which it was written first.
        writer.write_at(message.value(), message.timestamp_us())?;
        message.acknowledge();
        println!("{} is kept", message.value());
    }
    Ok(())
}
