//! Forwards the messages of one broker to another, which may be unreachable for days, and survives its own crash.
//! examples/Bridge.java does the same in Java.
//!
//! ```text
//! cargo run --example bridge
//! ```

use sinetstream::{ConnectionEvent, MessageReader, MessageWriter};

fn main() -> sinetstream::Result<()> {
    let told = |event: &ConnectionEvent| println!("{event}");
    // The broker keeps the reader's session, and in it the messages that arrive while the bridge is down. It sends a message
    // again until the bridge acknowledges it ('acknowledge: processed').
    let reader = MessageReader::<String>::builder().service("bridge-from").on_connection_event(told).open()?;
    // The writer has an outbox on disk, and sends the messages first that an earlier process has left there.
    let writer = MessageWriter::<str>::builder().service("bridge-to").on_connection_event(told).open()?;
    println!("the bridge is open");
    while let Some(message) = reader.read()? {
        // Returns when the message is on disk. The message keeps its original time.
        writer.write_at(message.value(), message.timestamp_us())?;
        message.acknowledge();
        println!("{} is kept", message.value());
    }
    Ok(())
}
