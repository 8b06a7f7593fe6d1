//! Receives messages, and at QoS 1 acknowledges them, without parsing their payloads.

use std::io::Write;
use std::time::Duration;

use bench_tools::Outcome;
use bench_tools::feeding::Feeding;
use bench_tools::measured::Measured;
use bench_tools::meter::Meter;
use bench_tools::options::Options;
use bench_tools::row::Row;

use crate::mqtt::login::{self, Link};
use crate::mqtt::packet;

pub fn measure(options: &Options, row: &Row) -> Outcome<Measured> {
    let mut link = login::log_in(options.get("broker")?, "raw")?;
    link.subscribe(&row.read_topic(), row.qos)?;
    let feeding = options.find("feeder").map(|feeder| Feeding::start(feeder, row)).transpose()?;
    let mut reader = Reader { link, feeding, messages: 0, acknowledgements: Vec::new() };
    reader.read_for(options.seconds("warm")?)?;
    let meter = Meter::start();
    let messages = reader.read_for(options.seconds("seconds")?)?;
    Ok(Measured { messages, elapsed: meter.elapsed(), cpu: meter.cpu(), ..Measured::default() })
}

struct Reader {
    link: Link,
    feeding: Option<Feeding>,
    messages: u64,
    acknowledgements: Vec<u8>,
}

impl Reader {
    fn read_for(&mut self, time: Duration) -> Outcome<u64> {
        let before = self.messages;
        let clock = Meter::start();
        while clock.elapsed() < time {
            while let Some(packet) = self.link.incoming.buffered()? {
                if packet.kind != packet::PUBLISH {
                    continue;
                }
                self.messages += 1;
                if packet.qos() > 0 {
                    let id = self.link.incoming.id(&packet)?;
                    packet::put_id(&mut self.acknowledgements, packet::PUBACK << 4, id);
                }
            }
            self.link.outgoing.write_all(&self.acknowledgements)?;
            self.acknowledgements.clear();
            if let Some(feeding) = &mut self.feeding {
                feeding.tell(self.messages)?;
            }
            if !self.link.incoming.receive()? {
                return Err("the broker closed the connection".into());
            }
        }
        Ok(self.messages - before)
    }
}
