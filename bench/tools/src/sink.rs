//! A broker that costs next to nothing, so that the client is the limit: it acknowledges and counts every message, and passes
//! none on. A subscription to `flood/QOS/SIZE` starts a flood.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bench_tools::Outcome;
use bench_tools::control::{self, Counter};

use crate::flood::{self, Flood};
use crate::mqtt::incoming::{Incoming, Packet, length_at, malformed};
use crate::mqtt::packet;
use crate::mqtt::window::Window;

/// Prints the addresses of the broker and of its control port, and serves until it is killed.
pub fn run() -> Outcome {
    let broker = TcpListener::bind("127.0.0.1:0")?;
    let questions = TcpListener::bind("127.0.0.1:0")?;
    println!("{} {}", broker.local_addr()?, questions.local_addr()?);
    let counter = Arc::new(Counter::default());
    let counted = counter.clone();
    thread::spawn(move || control::serve(&questions, &counted));
    loop {
        let (stream, _) = broker.accept()?;
        let connection = Connection::new(stream, counter.clone())?;
        thread::spawn(move || connection.serve());
    }
}

struct Connection {
    incoming: Incoming,
    /// The socket that this connection's thread and its floods write to.
    outgoing: Arc<Mutex<TcpStream>>,
    counter: Arc<Counter>,
    window: Arc<Window>,
    /// The packets to send once everything that has arrived is handled.
    answers: Vec<u8>,
    floods: Vec<Flood>,
    published: u64,
    acknowledged: u64,
}

impl Connection {
    fn new(stream: TcpStream, counter: Arc<Counter>) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        Ok(Connection {
            incoming: Incoming::new(stream.try_clone()?),
            outgoing: Arc::new(Mutex::new(stream)),
            counter,
            window: Arc::default(),
            answers: Vec::new(),
            floods: Vec::new(),
            published: 0,
            acknowledged: 0,
        })
    }

    fn serve(mut self) {
        if let Err(error) = self.handle_all() {
            eprintln!("sink: {error}");
        }
        self.window.close();
        if let Ok(stream) = self.outgoing.lock() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn handle_all(&mut self) -> io::Result<()> {
        while receive(&mut self.incoming)? {
            let mut ended = false;
            while let Some(packet) = self.incoming.buffered()? {
                ended |= packet.kind == packet::DISCONNECT;
                self.handle(&packet)?;
            }
            self.counter.add(std::mem::take(&mut self.published));
            self.window.acknowledge(std::mem::take(&mut self.acknowledged));
            self.send()?;
            if ended {
                break;
            }
        }
        Ok(())
    }

    fn handle(&mut self, packet: &Packet) -> io::Result<()> {
        match packet.kind {
            packet::CONNECT => self.answers.extend_from_slice(&[packet::CONNACK << 4, 2, 0, 0]),
            packet::PUBLISH => {
                self.published += 1;
                match packet.qos() {
                    0 => {}
                    1 => self.confirm(packet, packet::PUBACK)?,
                    _ => self.confirm(packet, packet::PUBREC)?,
                }
            }
            packet::PUBREL => self.confirm(packet, packet::PUBCOMP)?,
            packet::PUBACK => self.acknowledged += 1,
            packet::SUBSCRIBE => self.subscribe(packet)?,
            packet::UNSUBSCRIBE => self.confirm(packet, packet::UNSUBACK)?,
            packet::PINGREQ => self.answers.extend_from_slice(&[packet::PINGRESP << 4, 0]),
            _ => {}
        }
        Ok(())
    }

    fn confirm(&mut self, packet: &Packet, with: u8) -> io::Result<()> {
        packet::put_id(&mut self.answers, with << 4, self.incoming.id(packet)?);
        Ok(())
    }

    fn subscribe(&mut self, packet: &Packet) -> io::Result<()> {
        let id = self.incoming.id(packet)?;
        let body = self.incoming.body(packet);
        let mut granted = Vec::new();
        let mut at = 2;
        while at < body.len() {
            let end = at + 2 + length_at(body, at)?;
            let topic =
                body.get(at + 2..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or_else(malformed)?;
            granted.push(*body.get(end).ok_or_else(malformed)?);
            self.floods.extend(flood::asked_by(topic));
            at = end + 1;
        }
        packet::put(&mut self.answers, packet::SUBACK << 4, &[&id, &granted]);
        Ok(())
    }

    /// Sends the answers, and only then starts the floods.
    fn send(&mut self) -> io::Result<()> {
        if !self.answers.is_empty() {
            self.outgoing.lock().map_err(|_| malformed())?.write_all(&self.answers)?;
            self.answers.clear();
        }
        for flood in self.floods.drain(..) {
            let (outgoing, window) = (self.outgoing.clone(), self.window.clone());
            thread::spawn(move || flood.run(&outgoing, &window));
        }
        Ok(())
    }
}

/// It is no error if a client is killed, or closes before it has read everything.
fn receive(incoming: &mut Incoming) -> io::Result<bool> {
    match incoming.receive() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
        other => other,
    }
}
