//! A broker that follows a test's script, for behaviour that Mosquitto can't show.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::PATIENCE;
use super::raw::{CONNECT, Connect, DISCONNECT, Packet, Property, Publish, SUBSCRIBE, property};

/// Runs the script once for each connection, each on its own thread. Dropping it closes all connections.
pub struct Scripted {
    port: u16,
    connections: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
    acceptor: Option<JoinHandle<()>>,
    packets: Receiver<Packet>,
}

/// The broker's end of a connection, for the script.
pub struct Peer {
    stream: TcpStream,
    packets: std::sync::mpsc::Sender<Packet>,
    /// Whether DISCONNECT has come: a broker closes the connection then.
    ended: bool,
    /// The number of the connection, from 0.
    pub number: usize,
}

/// The panic of a script whose client has come back only to leave again.
struct Gone;

/// Returns the packet that a script waits for, which must be of this type. A client that has come back may leave instead: a
/// test ends when it has seen enough, and on a busy machine its client may reconnect once more.
pub fn awaited(connection: usize, kind: u8, packet: Option<Packet>) -> Packet {
    if connection > 0 && packet.is_none() {
        std::panic::resume_unwind(Box::new(Gone));
    }
    let packet = packet.expect("the client has gone");
    assert_eq!(packet.kind(), kind & 0xF0, "{packet:x?}");
    packet
}

impl Scripted {
    pub fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Scripted {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let (sender, packets) = channel();
        let acceptor = std::thread::spawn({
            let (connections, stopping, sockets) = (connections.clone(), stopping.clone(), sockets.clone());
            let script = Arc::new(script);
            move || {
                let mut peers = Vec::new();
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    let stream = stream.expect("accept");
                    stream.set_nodelay(true).expect("no delay");
                    sockets.lock().expect("sockets").push(stream.try_clone().expect("clone"));
                    let number = connections.fetch_add(1, Ordering::SeqCst);
                    let mut peer = Peer { stream, packets: sender.clone(), ended: false, number };
                    let script = script.clone();
                    peers.push(std::thread::spawn(move || {
                        script(&mut peer);
                        // The other handles of the socket would keep it open.
                        let _ = peer.stream.shutdown(Shutdown::Both);
                    }));
                }
                for peer in peers {
                    if let Err(panic) = JoinHandle::join(peer)
                        && !panic.is::<Gone>()
                    {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        });
        Scripted { port, connections, stopping, sockets, acceptor: Some(acceptor), packets }
    }

    /// Accepts every client, then goes on with the script.
    pub fn open(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Scripted {
        Scripted::start(move |peer| {
            peer.connack(0);
            script(peer);
        })
    }

    /// Accepts every client of MQTT 5, then goes on with the script.
    pub fn open_v5(properties: &[Property], script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Scripted {
        let properties = properties.to_vec();
        Scripted::start(move |peer| {
            peer.connack_v5(0, &properties);
            script(peer);
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns how many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns the next packet that any script has read.
    pub fn next_packet(&self) -> Packet {
        self.packets.recv_timeout(PATIENCE).expect("no packet came")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // A connection wakes the acceptor.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for socket in self.sockets.lock().expect("sockets").iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let ended = self.acceptor.take().map(JoinHandle::join);
        if let (Some(Err(panic)), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Peer {
    /// Returns the client's next packet; `None` if it has left, or has sent DISCONNECT.
    pub fn packet(&mut self) -> Option<Packet> {
        if self.ended {
            return None;
        }
        let packet = Packet::read(&mut self.stream).ok().flatten()?;
        self.ended = packet.first == DISCONNECT;
        let _ = self.packets.send(packet.clone());
        Some(packet)
    }

    /// Returns the connection itself, for bytes that are not plain MQTT.
    pub fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("clone")
    }

    /// Returns the next packet, which must be of this type.
    pub fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet().filter(|_| !self.ended || kind == DISCONNECT);
        awaited(self.number, kind, packet)
    }

    /// Returns true if the client sends nothing for this long.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a time-out");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(None).expect("no time-out");
        peeked.is_err()
    }

    /// Sends bytes. If the client has left, they are lost, which is no error of the script.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads CONNECT, and answers with this code.
    pub fn connack(&mut self, code: u8) {
        self.expect(CONNECT);
        self.send(&[0x20, 2, 0, code]);
    }

    /// Reads SUBSCRIBE, and answers with this code for its one filter.
    pub fn suback(&mut self, code: u8) {
        let packet = self.expect(SUBSCRIBE);
        self.send(&[0x90, 3, packet.body[0], packet.body[1], code]);
    }

    /// Reads a CONNECT of MQTT 5, and answers with this code and these properties.
    pub fn connack_v5(&mut self, code: u8, properties: &[Property]) -> Connect {
        let connect = Connect::parse(&self.expect(CONNECT));
        let body = [vec![0, code], property::block(properties)].concat();
        self.send(&Packet::new(0x20, body).bytes());
        connect
    }

    /// Reads a SUBSCRIBE of MQTT 5, and answers with this code for its one filter.
    pub fn suback_v5(&mut self, code: u8, properties: &[Property]) {
        let packet = self.expect(SUBSCRIBE);
        let body = [packet.body[..2].to_vec(), property::block(properties), vec![code]].concat();
        self.send(&Packet::new(0x90, body).bytes());
    }

    /// Sends an MQTT 5 acknowledgement with this packet identifier, code and properties.
    pub fn answer_v5(&mut self, first: u8, id: u16, code: u8, properties: &[Property]) {
        let body = [id.to_be_bytes().to_vec(), vec![code], property::block(properties)].concat();
        self.send(&Packet::new(first, body).bytes());
    }

    /// Acknowledges publishes of QoS 1 or 2 one at a time, and only when `most` of them are in flight and no other comes.
    /// `total` is the number of publishes that will come.
    pub fn acknowledge_slowly(&mut self, most: usize, total: usize) {
        // This is long enough to notice a packet that must not come.
        const MOMENT: Duration = Duration::from_millis(80);
        let mut under_way = Vec::new();
        for ended in 0..total {
            while under_way.len() < most.min(total - ended) {
                let publish = Publish::parse(&self.expect(0x30));
                under_way.push((publish.id, publish.qos));
            }
            assert!(self.is_silent_for(MOMENT), "more than {most} under way");
            let (id, qos) = under_way.remove(0);
            let [high, low] = id.to_be_bytes();
            if qos == 2 {
                self.send(&[0x50, 2, high, low]);
                assert_eq!(self.expect(0x62).id(), id);
                // The last publish still takes its place in the in-flight window.
                assert!(self.is_silent_for(MOMENT), "more than {most} under way");
                self.send(&[0x70, 2, high, low]);
            } else {
                self.send(&[0x40, 2, high, low]);
            }
        }
    }

    /// Reads packets until the client has left.
    pub fn drain(&mut self) {
        while self.packet().is_some() {}
    }

    /// Reads bytes without parsing them, until the client has closed the connection.
    pub fn swallow(&mut self) {
        let mut buffer = [0; 65_536];
        while matches!(self.stream.read(&mut buffer), Ok(1..)) {}
    }
}
