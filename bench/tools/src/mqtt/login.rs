//! Connects and subscribes.

use std::io::{self, Write};
use std::net::TcpStream;

use bench_tools::Outcome;

use super::incoming::Incoming;
use super::packet;

/// The two directions of a connection to a broker.
pub struct Link {
    pub incoming: Incoming,
    pub outgoing: TcpStream,
}

/// Connects, and logs in with a client identifier that only this process has.
pub fn log_in(broker: &str, name: &str) -> Outcome<Link> {
    let mut outgoing = TcpStream::connect(broker).map_err(|e| format!("broker {broker}: {e}"))?;
    outgoing.set_nodelay(true)?;
    outgoing.write_all(&packet::connect(&format!("bench-{name}-{}", std::process::id())))?;
    let mut incoming = Incoming::new(outgoing.try_clone()?);
    let answer = incoming.wait()?;
    match (answer.kind, incoming.body(&answer)) {
        (packet::CONNACK, [_, 0]) => Ok(Link { incoming, outgoing }),
        _ => Err(format!("broker {broker} refused the connection").into()),
    }
}

impl Link {
    pub fn subscribe(&mut self, topic: &str, qos: u8) -> Outcome {
        self.outgoing.write_all(&packet::subscribe(topic, qos))?;
        let answer = self.incoming.wait()?;
        match (answer.kind, self.incoming.body(&answer)) {
            (packet::SUBACK, [_, _, granted]) if *granted == qos => Ok(()),
            _ => Err(format!("the subscription to {topic} was refused").into()),
        }
    }

    pub fn log_out(&mut self) -> io::Result<()> {
        self.outgoing.write_all(&[packet::DISCONNECT << 4, 0])
    }
}
