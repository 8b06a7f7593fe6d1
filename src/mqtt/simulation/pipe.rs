//! A connection in memory: two lanes of bytes of a bounded size, which can be cut at any byte or fall silent.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::Interest;
use tokio::time::Instant;

use crate::lock::lock;

/// The fate of a connection's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// The bytes that each lane holds before its writer has to wait.
    pub capacity: usize,
    /// The number of bytes to the broker after which the connection breaks; the rest never arrives.
    pub cut_up: Option<u64>,
    /// The number of bytes to the client after which the connection breaks.
    pub cut_down: Option<u64>,
    /// The moment from which nothing arrives any more, and neither end is told.
    pub silent_from: Option<Instant>,
}

/// The number of calls of the client's end at one moment, without any movement, that count as a spin.
const MAX_IDLE_CALLS: usize = 3_000;

pub(super) struct Wire {
    fate: Fate,
    up: Lane,
    down: Lane,
    broken: bool,
    closed_by_client: bool,
    closed_by_broker: bool,
    /// The wakers of tasks that wait for a change at the client's end, and at the broker's.
    client: Vec<Waker>,
    broker: Vec<Waker>,
    /// The moment at which a byte last left or reached the client.
    last_moved: Instant,
    /// True when the client waits for input, and not only for room to write.
    client_reads: bool,
    /// True when the client has got its CONNACK, or the beginning of it. Until then another deadline counts.
    answered: bool,
    idle_calls: usize,
    idle_since: Instant,
}

#[derive(Default)]
struct Lane {
    bytes: BytesMut,
    total: u64,
}

impl Lane {
    /// Takes in as much as there is room for, and forgets the bytes beyond the cut. The flag is true when the cut is reached.
    fn push(&mut self, bytes: &[u8], capacity: usize, cut: Option<u64>) -> (usize, bool) {
        let room = capacity.saturating_sub(self.bytes.len()).min(bytes.len());
        let kept = cut.map_or(room, |cut| room.min(cut.saturating_sub(self.total) as usize));
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.total += room as u64;
        (room, cut.is_some_and(|cut| room > 0 && self.total >= cut))
    }
}

impl Wire {
    fn is_silent(&self) -> bool {
        self.fate.silent_from.is_some_and(|from| Instant::now() >= from)
    }

    fn moved(&mut self) {
        self.last_moved = Instant::now();
        self.idle_calls = 0;
    }

    /// Counts a call of the client; panics when the client makes calls and nothing else.
    fn called(&mut self) {
        let now = Instant::now();
        if now != self.idle_since {
            self.idle_since = now;
            self.idle_calls = 0;
        }
        self.idle_calls += 1;
        assert!(self.idle_calls < MAX_IDLE_CALLS, "the client spins");
    }
}

/// Wakes the tasks that wait at both ends.
fn wake(wire: &Mutex<Wire>) {
    let wakers = {
        let mut wire = lock(wire);
        let mut wakers = std::mem::take(&mut wire.client);
        wakers.append(&mut wire.broker);
        wakers
    };
    wakers.into_iter().for_each(Waker::wake);
}

/// The client's end.
pub(crate) struct Pipe(Arc<Mutex<Wire>>);

/// The broker's end. Dropping it closes the connection.
pub(super) struct BrokerEnd(Arc<Mutex<Wire>>);

/// An observer of the connection, which can break it.
#[derive(Clone)]
pub(super) struct Observer(Arc<Mutex<Wire>>);

pub(super) fn pipe(fate: Fate) -> (Pipe, BrokerEnd, Observer) {
    let now = Instant::now();
    let wire = Arc::new(Mutex::new(Wire {
        fate,
        up: Lane::default(),
        down: Lane::default(),
        broken: false,
        closed_by_client: false,
        closed_by_broker: false,
        client: Vec::new(),
        broker: Vec::new(),
        last_moved: now,
        client_reads: false,
        answered: false,
        idle_calls: 0,
        idle_since: now,
    }));
    (Pipe(wire.clone()), BrokerEnd(wire.clone()), Observer(wire))
}

impl Pipe {
    pub fn try_read_buf(&self, input: &mut BytesMut) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let most = buffer.len().min(input.capacity() - input.len());
        let length = self.try_read(&mut buffer[..most])?;
        input.extend_from_slice(&buffer[..length]);
        Ok(length)
    }

    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = {
            let mut wire = lock(&self.0);
            wire.called();
            if wire.down.bytes.is_empty() || wire.is_silent() {
                return match (wire.broken, wire.closed_by_broker && !wire.is_silent()) {
                    (true, _) => Err(io::ErrorKind::ConnectionReset.into()),
                    (_, true) => Ok(0),
                    _ => Err(io::ErrorKind::WouldBlock.into()),
                };
            }
            let length = buffer.len().min(wire.down.bytes.len());
            wire.down.bytes.copy_to_slice(&mut buffer[..length]);
            wire.answered = true;
            wire.moved();
            length
        };
        wake(&self.0);
        Ok(length)
    }

    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let length = {
            let mut wire = lock(&self.0);
            wire.called();
            if wire.broken || wire.closed_by_broker && !wire.is_silent() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let (capacity, cut) = (wire.fate.capacity, wire.fate.cut_up);
            let (length, is_cut) = wire.up.push(bytes, capacity, cut);
            wire.broken |= is_cut;
            if length == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            wire.moved();
            length
        };
        wake(&self.0);
        Ok(length)
    }

    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match self.try_write(slice) {
                Ok(length) => {
                    written += length;
                    if length < slice.len() {
                        break;
                    }
                }
                Err(_) if written > 0 => break,
                Err(e) => return Err(e),
            }
        }
        Ok(written)
    }

    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        poll_fn(|context| {
            let mut wire = lock(&self.0);
            wire.called();
            wire.client_reads = interest.is_readable();
            let silent = wire.is_silent();
            let ended = wire.broken || wire.closed_by_broker && !silent;
            let readable = ended || !silent && !wire.down.bytes.is_empty();
            let writable = ended || wire.up.bytes.len() < wire.fate.capacity;
            if interest.is_readable() && readable || interest.is_writable() && writable {
                return Poll::Ready(Ok(()));
            }
            wire.client.push(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        lock(&self.0).closed_by_client = true;
        wake(&self.0);
    }
}

impl BrokerEnd {
    /// Returns some bytes of the client, or `None` when no more come.
    pub async fn read(&self) -> Option<BytesMut> {
        poll_fn(|context| {
            let bytes = {
                let mut wire = lock(&self.0);
                if wire.is_silent() {
                    return Poll::Pending;
                }
                if wire.up.bytes.is_empty() {
                    if wire.broken || wire.closed_by_client {
                        return Poll::Ready(None);
                    }
                    wire.broker.push(context.waker().clone());
                    return Poll::Pending;
                }
                wire.up.bytes.split()
            };
            wake(&self.0);
            Poll::Ready(Some(bytes))
        })
        .await
    }

    /// Writes all bytes. Returns false when the connection is gone.
    pub async fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let length = poll_fn(|context| self.poll_write(bytes, context)).await;
            let Some(length) = length else { return false };
            bytes = &bytes[length..];
            wake(&self.0);
        }
        true
    }

    fn poll_write(&self, bytes: &[u8], context: &Context<'_>) -> Poll<Option<usize>> {
        let mut wire = lock(&self.0);
        if wire.broken || wire.closed_by_client {
            return Poll::Ready(None);
        }
        let (capacity, cut) = (wire.fate.capacity, wire.fate.cut_down);
        let (length, is_cut) = wire.down.push(bytes, capacity, cut);
        wire.broken |= is_cut;
        if length == 0 {
            wire.broker.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(length))
    }
}

impl Drop for BrokerEnd {
    fn drop(&mut self) {
        lock(&self.0).closed_by_broker = true;
        wake(&self.0);
    }
}

impl Observer {
    /// Breaks the connection for both ends.
    pub fn cut(&self) {
        lock(&self.0).broken = true;
        wake(&self.0);
    }

    pub fn is_open(&self) -> bool {
        !lock(&self.0).closed_by_client
    }

    /// Returns how long nothing has moved although the client listens, or `None` when it does not listen or has gone.
    pub fn silence(&self) -> Option<Duration> {
        let wire = lock(&self.0);
        (!wire.closed_by_client && wire.client_reads && wire.answered).then(|| wire.last_moved.elapsed())
    }
}
