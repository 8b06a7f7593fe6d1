//! A connection's bytes, in layers: `dialer` opens a `transport` through the `network`, `socket` is the transport with or
//! without TLS, and a `websocket` may lie on it. Every operation is non-blocking; [`Link::ready`] waits.

mod dialer;
mod lookup;
mod network;
mod socket;
mod tls;
mod transport;
mod tunnel;
mod websocket;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::config::{Broker, WebSocketSettings};
use crate::error::{Error, Obstacle, Result};
use crate::mqtt::spare;
use crate::mqtt::steps::{Step, Steps};
pub(crate) use dialer::Dialer;
pub(crate) use network::Network;
pub(crate) use socket::Written;
use socket::{Socket, advance};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use tls::fuzz_certificate;
pub(crate) use tls::{Tls, explain};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use websocket::fuzz_answer;

/// An open connection. One thread may read while another one writes.
pub(crate) struct Link {
    socket: Arc<Socket>,
    web_socket: Option<websocket::Stream>,
}

/// The beginning of a TLS server's answer to what is not TLS (RFC 8446, section 5.1: an alert of version 3.x).
pub(crate) const TLS_ALERT: [u8; 2] = [0x15, 3];

/// The most that one read takes, unless a larger packet is under way.
pub(crate) const READ: usize = 64 * 1024;
/// The step by which the buffer grows for a packet, however large a length it announces.
pub(crate) const MAX_READ: usize = 1024 * 1024;
/// The time that the broker has to close the connection after our DISCONNECT.
const GOODBYE: Duration = Duration::from_secs(1);

impl Link {
    /// Opens a connection with DNS, TCP, TLS and WebSocket. The caller sets the deadline.
    pub async fn open(
        dialer: &Dialer,
        broker: &Broker,
        tls: Option<&Tls>,
        web_socket: Option<&WebSocketSettings>,
        steps: &mut Steps,
    ) -> Result<Link> {
        let transport = dialer.connect(broker, steps).await?;
        let socket = match tls {
            None => Socket { transport, tls: None },
            Some(tls) => {
                let (transport, tls, warning) = tls.handshake(broker, transport).await?;
                steps.warnings.extend(warning);
                steps.done(Step::Tls);
                Socket { transport, tls: Some(tls) }
            }
        };
        let socket = Arc::new(socket);
        let web_socket = match web_socket {
            None => None,
            Some(settings) => {
                let stream = websocket::open(broker, settings, &socket).await?;
                steps.done(Step::WebSocket);
                Some(stream)
            }
        };
        Ok(Link { socket, web_socket })
    }

    /// Has TCP acknowledge the next bytes at once. Mosquitto sends its CONNACK behind the session tickets of TLS, and only when
    /// those are acknowledged (Nagle's algorithm, RFC 896), which Linux delays by 40 ms.
    pub fn acknowledge_at_once(&self) {
        self.socket.transport.acknowledge_at_once();
    }

    /// Gives callers on other threads a moment to append to the output, if they are about to.
    pub fn let_others_append(&self) {
        self.socket.transport.let_others_append();
    }

    /// Appends to `input` what has come, and returns its length; 0 is the end of the stream. `missing` is the number of bytes
    /// that the packet under way still lacks. A WebSocket appends whole messages only; the bytes of a partial one count, so
    /// that the peer is known to be alive. `Interrupted` means that bytes have come, but none of MQTT, and that more may wait.
    pub fn try_read(&self, input: &mut BytesMut, missing: usize) -> io::Result<usize> {
        input.reserve(missing.clamp(READ, MAX_READ));
        match &self.web_socket {
            None => self.socket.try_read(input),
            Some(web_socket) => web_socket.try_read(input),
        }
    }

    /// Writes as much of `chunks` as the socket takes, and drops the written bytes from them.
    pub fn try_write(&self, chunks: &mut VecDeque<Bytes>) -> io::Result<Written> {
        match &self.web_socket {
            None => self.socket.try_write(chunks),
            Some(web_socket) => web_socket.try_write(chunks),
        }
    }

    /// Returns true when TLS or the WebSocket have something of their own to send, or a rest of what they have taken.
    pub fn wants_write(&self) -> bool {
        self.web_socket.as_ref().is_some_and(websocket::Stream::wants_write) || self.socket.wants_write()
    }

    /// Waits until reading or writing may go on, or for ever when neither is asked for.
    pub async fn ready(&self, read: bool, write: bool) -> io::Result<()> {
        self.socket.ready(read, write).await
    }

    /// Reads on after [`Link::shutdown`] until the peer closes, for this long or a second at most. A socket that is closed with
    /// unread bytes is reset, and the peer would lose our last bytes by that.
    pub async fn closed(&self, within: Duration) {
        let mut rest = BytesMut::new();
        let until_closed = async {
            loop {
                spare::borrow(&mut rest);
                let read = self.try_read(&mut rest, 0);
                rest.clear();
                spare::give_back(&mut rest);
                match read {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => tokio::task::yield_now().await,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        if self.ready(true, false).await.is_err() {
                            break;
                        }
                    }
                    Err(_) => break,
                }
            }
        };
        if tokio::time::timeout(within.min(GOODBYE), until_closed).await.is_err() {
            tracing::debug!("the broker did not close the connection after DISCONNECT");
        }
    }

    /// Tells the peer that nothing more follows, as far as that is possible without waiting.
    pub fn shutdown(&self) {
        if let Some(web_socket) = &self.web_socket {
            web_socket.close();
        }
        self.socket.shutdown();
    }
}

/// Returns the error for a failed step of opening a connection.
pub(crate) fn failed(broker: &Broker, step: &str, obstacle: Obstacle, why: impl std::fmt::Display) -> Error {
    Error::Connection { message: format!("connect {broker}: {step}: {why}"), obstacle, delivery: None }
}
