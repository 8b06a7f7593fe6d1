//! A client's key that is in a token. The token may answer slowly, so a waiting caller can be told to wait no longer.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use crate::config::TokenKey;
use crate::error::Result;
use crate::keys::token::Key;
use crate::lock::lock;
use crate::material;

pub(super) struct InToken {
    configured: TokenKey,
    /// The key, once it is found.
    key: Mutex<Option<Arc<Key>>>,
    /// True when a broker got the certificate and has not answered the login yet: the token may hold another key by now.
    is_in_doubt: AtomicBool,
}

impl InToken {
    pub fn new(configured: &TokenKey) -> InToken {
        InToken { configured: configured.clone(), key: Mutex::default(), is_in_doubt: AtomicBool::new(false) }
    }

    pub fn key(&self) -> Option<Arc<Key>> {
        lock(&self.key).clone()
    }

    pub fn doubt(&self, is_in_doubt: bool) {
        self.is_in_doubt.store(is_in_doubt, Ordering::Relaxed);
    }

    /// Finds the key. The token may take this long.
    pub async fn find(&self, patience: Duration) -> Result<Arc<CertifiedKey>> {
        self.found(material::token_identity(&self.configured, None, patience).await)
    }

    /// Looks for the key and its certificate again if they are in doubt. When this fails, the next connection uses the known
    /// ones: a file may have been needed at the beginning only.
    pub async fn renewed(&self) -> Result<Option<Arc<CertifiedKey>>> {
        let Some(key) = self.key().filter(|_| self.is_in_doubt.swap(false, Ordering::Relaxed)) else { return Ok(None) };
        let again = async |pin, patience| material::token_identity(&self.configured, pin, patience).await;
        self.found(key.look_again(again).await).map(Some)
    }

    fn found(&self, found: Result<(Arc<CertifiedKey>, Arc<Key>)>) -> Result<Arc<CertifiedKey>> {
        let (certified, key) = found?;
        *lock(&self.key) = Some(key);
        Ok(certified)
    }
}

/// A connection in a handshake whose signature comes from a token. Any bytes from the broker may require that signature, for
/// which a thread waits; so bytes are handed on only to as many handshakes at a time as the token has turns. A handshake that
/// waits for the broker holds no turn.
pub(super) struct InTurn {
    pub tcp: TcpStream,
    key: Arc<Key>,
    turn: Turn,
}

enum Turn {
    None,
    Waiting(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    Taken { _turn: Option<OwnedSemaphorePermit> },
}

impl InTurn {
    pub fn new(tcp: TcpStream, key: Arc<Key>) -> InTurn {
        InTurn { tcp, key, turn: Turn::None }
    }

    /// Gives the turn back, since the bytes that were handed on have been processed.
    fn give_back(&mut self) {
        if matches!(self.turn, Turn::Taken { .. }) {
            self.turn = Turn::None;
        }
    }
}

impl AsyncRead for InTurn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.give_back();
        ready!(this.tcp.poll_read_ready(cx))?;
        if matches!(this.turn, Turn::None) {
            this.turn = Turn::Waiting(Box::pin(this.key.clone().turn()));
        }
        if let Turn::Waiting(turn) = &mut this.turn {
            let turn = ready!(turn.as_mut().poll(cx));
            this.turn = Turn::Taken { _turn: turn };
        }
        let read = Pin::new(&mut this.tcp).poll_read(cx, buffer);
        if read.is_pending() {
            this.give_back();
        }
        read
    }
}

impl AsyncWrite for InTurn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.give_back();
        Pin::new(&mut this.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

/// Runs a handshake in a task of its own, since rustls waits for a signature without yielding to anything else in its task,
/// such as a time-out or a close. Dropping the future gives the task up.
pub(super) async fn beside<T: Send + 'static>(handshake: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    let mut task = JoinSet::new();
    task.spawn(handshake);
    match task.join_next().await {
        Some(Ok(output)) => Ok(output),
        Some(Err(e)) => Err(io::Error::other(format!("the handshake ended: {e}"))),
        None => Err(io::Error::other("the handshake ended")),
    }
}
