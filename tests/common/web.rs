//! The server's end of a WebSocket, for scripts.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message, WebSocket};

use super::certificates;
use super::raw::{CONNECT, DISCONNECT, Packet, SUBSCRIBE};
use super::scripted::{Peer, Scripted, awaited};

/// A stream over TCP, with or without TLS.
pub trait Duplex: Read + Write {}

impl<T: Read + Write> Duplex for T {}

pub struct WebPeer {
    pub socket: WebSocket<Box<dyn Duplex>>,
    /// The HTTP request that opened the WebSocket.
    pub request: Request,
    /// The bytes of received messages from which no packet was made yet.
    input: Vec<u8>,
    /// The sizes of the received messages.
    pub messages: Vec<usize>,
    /// The control frames that the client has sent.
    pub control: Vec<Message>,
    /// The number of the connection, from 0.
    pub number: usize,
}

/// Runs the script for each WebSocket that is opened.
pub fn start(script: impl Fn(&mut WebPeer) + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |peer| {
        if let Some(mut web) = WebPeer::accept(peer, Box::new(peer.stream())) {
            script(&mut web);
        }
    })
}

/// Runs the script for each WebSocket over TLS, with the certificate of this run's authority.
pub fn start_tls(script: impl Fn(&mut WebPeer) + Send + Sync + 'static) -> Scripted {
    let certificate = certificates::server();
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem.as_bytes()).expect("PEM")];
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("PEM");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map(Arc::new)
        .expect("TLS");
    Scripted::start(move |peer| {
        let tls = ServerConnection::new(config.clone()).expect("TLS");
        if let Some(mut web) = WebPeer::accept(peer, Box::new(StreamOwned::new(tls, peer.stream()))) {
            script(&mut web);
        }
    })
}

/// Accepts every client, then goes on with the script.
pub fn open(script: impl Fn(&mut WebPeer) + Send + Sync + 'static) -> Scripted {
    start(move |web| {
        web.connack();
        script(web);
    })
}

impl WebPeer {
    #[allow(clippy::result_large_err)] // The crate prescribes this type of callback.
    fn accept(peer: &Peer, stream: Box<dyn Duplex>) -> Option<WebPeer> {
        let mut seen = None;
        let socket = tungstenite::accept_hdr(stream, |request: &Request, mut response: Response| {
            seen = Some(request.clone());
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
            Ok(response)
        });
        let (socket, request) = (socket.ok()?, seen?);
        Some(WebPeer { socket, request, input: vec![], messages: vec![], control: vec![], number: peer.number })
    }

    /// Returns the client's next packet; `None` if it has left, or has sent DISCONNECT.
    pub fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Ok(Some(packet)) = Packet::read(&mut self.input.as_slice()) {
                self.input.drain(..packet.bytes().len());
                return Some(packet).filter(|packet| packet.first != DISCONNECT);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Receives the client's next frame; returns false if it has left.
    pub fn read(&mut self) -> bool {
        match self.socket.read() {
            Ok(Message::Binary(data)) => {
                self.messages.push(data.len());
                self.input.extend_from_slice(&data);
                true
            }
            Ok(control) => {
                self.control.push(control);
                true
            }
            Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Protocol(_)) => false,
            Err(e) => panic!("the client's WebSocket: {e}"),
        }
    }

    pub fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet();
        awaited(self.number, kind, packet)
    }

    pub fn connack(&mut self) {
        self.expect(CONNECT);
        self.send(&[0x20, 2, 0, 0]);
    }

    pub fn suback(&mut self) {
        let packet = self.expect(SUBSCRIBE);
        self.send(&[0x90, 3, packet.body[0], packet.body[1], 0]);
    }

    /// Sends one message. If the client has left, it is lost, which is no error of the script.
    pub fn send(&mut self, bytes: &[u8]) {
        self.say(Message::Binary(bytes.to_vec().into()));
    }

    pub fn say(&mut self, message: Message) {
        let _ = self.socket.send(message);
    }

    /// Sends a fragment of a message.
    pub fn fragment(&mut self, bytes: &[u8], first: bool, last: bool) {
        let opcode = OpCode::Data(if first { Data::Binary } else { Data::Continue });
        self.say(Message::Frame(Frame::message(bytes.to_vec(), opcode, last)));
    }

    /// Reads frames until the client has left.
    pub fn drain(&mut self) {
        while self.read() {}
    }
}
