//! Sends SINETStream messages without end to one subscriber.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;

use crate::mqtt::batch::Batch;
use crate::mqtt::message;
use crate::mqtt::window::Window;

/// This many messages of QoS 1 may be unacknowledged.
const WIDTH: u64 = 1000;

pub struct Flood {
    topic: String,
    qos: u8,
    size: usize,
}

/// Returns the flood that a subscription to `flood/QOS/SIZE`, perhaps with more levels, asks for.
pub fn asked_by(topic: &str) -> Option<Flood> {
    let mut levels = topic.strip_prefix("flood/")?.split('/');
    let qos = levels.next()?.parse().ok().filter(|qos| *qos <= 1)?;
    let size = levels.next()?.parse().ok()?;
    Some(Flood { topic: topic.to_owned(), qos, size })
}

impl Flood {
    /// Sends messages until the connection ends.
    pub fn run(self, outgoing: &Mutex<TcpStream>, window: &Window) {
        let mut batch = Batch::new(&self.topic, self.qos, &message::sinetstream(self.size));
        let mut sent = 0;
        loop {
            let mut messages = batch.most();
            if self.qos > 0 {
                let Some(room) = window.room(sent, WIDTH) else { return };
                messages = messages.min(room);
            }
            let Ok(mut outgoing) = outgoing.lock() else { return };
            if outgoing.write_all(batch.take(messages, sent)).is_err() {
                return;
            }
            sent += messages;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_floods_are_floods() {
        let flood = asked_by("flood/1/100/any").unwrap();
        assert_eq!((flood.qos, flood.size), (1, 100));
        assert!(["bench/1", "flood/2/100", "flood/1", "flood/1/x"].into_iter().all(|topic| asked_by(topic).is_none()));
    }
}
