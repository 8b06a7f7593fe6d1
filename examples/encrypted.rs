//! Uses a service with encryption and compression, which need no code in the program. examples/Encrypted.java does the same
//! in Java.

use std::time::Duration;

use sinetstream::{MessageReader, MessageWriter};

fn main() -> sinetstream::Result<()> {
    let reader = MessageReader::<String>::builder().service("encrypted");
    let reader = reader.receive_timeout(Duration::from_secs(10)).open()?;
    let writer = MessageWriter::<str>::builder().service("encrypted").open()?;
    writer.write(&"a secret ".repeat(100))?;
    if let Some(message) = reader.read()? {
        println!("read {} characters", message.value().len());
    }
    let metrics = reader.metrics();
    println!("{} bytes on the wire", metrics.msg_bytes_total);
    reader.close()?;
    writer.close()
}
