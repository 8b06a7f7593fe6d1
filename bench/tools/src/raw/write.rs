//! Sends preassembled PUBLISH packets; at QoS 1 with a window.

use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bench_tools::Outcome;
use bench_tools::control::Control;
use bench_tools::measured::Measured;
use bench_tools::meter::Meter;
use bench_tools::options::Options;
use bench_tools::row::Row;

use crate::mqtt::batch::Batch;
use crate::mqtt::incoming::Incoming;
use crate::mqtt::login;
use crate::mqtt::message;
use crate::mqtt::packet;
use crate::mqtt::window::Window;

pub fn measure(options: &Options, row: &Row, window: usize) -> Outcome<Measured> {
    let link = login::log_in(options.get("broker")?, "raw")?;
    let confirmed: Arc<Window> = Arc::default();
    let by_broker = confirmed.clone();
    thread::spawn(move || confirm(link.incoming, &by_broker));
    let mut writer = Writer {
        outgoing: link.outgoing,
        batch: Batch::new(&row.write_topic(), row.qos, &message::value(row.size)),
        width: window as u64,
        confirmed,
        counter: if row.qos == 0 { Some(Control::connect(options.get("counter")?)?) } else { None },
        sent: 0,
    };
    writer.write_for(options.seconds("warm")?)?;
    let meter = Meter::start();
    let written = writer.write_for(options.seconds("seconds")?)?;
    Ok(Measured {
        messages: written.messages,
        lost: written.lost,
        elapsed: meter.elapsed().saturating_sub(written.idle),
        cpu: meter.cpu(),
        ..Measured::default()
    })
}

struct Writer {
    outgoing: std::net::TcpStream,
    batch: Batch,
    width: u64,
    confirmed: Arc<Window>,
    /// Counts the messages that arrive, at QoS 0.
    counter: Option<Control>,
    sent: u64,
}

struct Written {
    messages: u64,
    lost: u64,
    /// The time that was spent only on waiting for lost messages.
    idle: Duration,
}

impl Writer {
    fn write_for(&mut self, time: Duration) -> Outcome<Written> {
        let before = self.sent;
        if let Some(counter) = &mut self.counter {
            counter.reset()?;
        }
        let end = Instant::now() + time;
        while Instant::now() < end {
            let mut messages = self.batch.most();
            if self.counter.is_none() {
                let room = self.confirmed.room(self.sent, self.width).ok_or("the broker closed the connection")?;
                messages = messages.min(room);
            }
            self.outgoing.write_all(self.batch.take(messages, self.sent))?;
            self.sent += messages;
        }
        let sent = self.sent - before;
        let Some(counter) = &mut self.counter else {
            return match self.confirmed.drained(self.sent) {
                true => Ok(Written { messages: sent, lost: 0, idle: Duration::ZERO }),
                false => Err("the broker closed the connection".into()),
            };
        };
        let arrived = counter.wait(sent)?;
        Ok(Written { messages: arrived.messages, lost: sent.saturating_sub(arrived.messages), idle: arrived.idle })
    }
}

fn confirm(mut incoming: Incoming, confirmed: &Window) {
    while let Ok(true) = incoming.receive() {
        let mut messages = 0;
        while let Ok(Some(packet)) = incoming.buffered() {
            messages += u64::from(packet.kind == packet::PUBACK);
        }
        confirmed.acknowledge(messages);
    }
    confirmed.close();
}
