//! Sends bytes unchanged. examples/Binary.java does the same in Java.

use std::time::Duration;

use sinetstream::{MessageReader, MessageWriter};

fn main() -> sinetstream::Result<()> {
    let reader = MessageReader::<Vec<u8>>::builder().service("binary");
    let reader = reader.receive_timeout(Duration::from_secs(10)).open()?;
    let writer = MessageWriter::<[u8]>::builder().service("binary").open()?;
    writer.write(&[0, 1, 254, 255])?;
    if let Some(message) = reader.read()? {
        println!("read {:?} of {} µs since 1970", message.value(), message.timestamp_us());
    }
    reader.close()?;
    writer.close()
}
