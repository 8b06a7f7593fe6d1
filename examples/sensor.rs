//! Writes five values a second, and continues after failures of the broker. examples/Sensor.java does the same in Java.
//!
//! ```text
//! cargo run --example sensor -- COUNT
//! ```

use std::thread;
use std::time::Duration;

use sinetstream::{ConnectionEvent, MessageWriter};

fn main() -> sinetstream::Result<()> {
    let count: u32 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(20);
    let told = |event: &ConnectionEvent| println!("{event}");
    let writer = MessageWriter::<str>::builder().service("sensor").on_connection_event(told).open()?;
    for number in 0..count {
        // Waits while the broker is unreachable, and resends messages that the broker has not confirmed.
        writer.write(&format!("value {number}"))?;
        println!("value {number} is confirmed");
        thread::sleep(Duration::from_millis(200));
    }
    writer.close()
}
