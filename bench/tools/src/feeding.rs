//! Asks the feeder for messages, for the rows that read from Mosquitto. The reader reports how many it has; the feeder keeps a
//! bounded number ahead, since Mosquitto itself would queue without limit.

use std::io::Write;
use std::net::TcpStream;

use crate::Outcome;
use crate::row::Row;

pub struct Feeding {
    stream: TcpStream,
    told: u64,
}

impl Feeding {
    /// Starts the feeder; the reader must be subscribed before. The feeder stops when this value is dropped.
    pub fn start(address: &str, row: &Row) -> Outcome<Feeding> {
        let mut stream = TcpStream::connect(address).map_err(|e| format!("feeder at {address}: {e}"))?;
        stream.set_nodelay(true)?;
        writeln!(stream, "{} {} {}", row.read_topic(), row.qos, row.size)?;
        Ok(Feeding { stream, told: 0 })
    }

    /// Reports how many messages the reader has by now.
    pub fn tell(&mut self, messages: u64) -> Outcome {
        if messages > self.told {
            self.told = messages;
            self.stream.write_all(format!("{messages}\n").as_bytes())?;
        }
        Ok(())
    }
}
