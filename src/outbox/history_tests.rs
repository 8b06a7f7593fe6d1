//! The whole outbox over a simulated disk, with a client and a broker: the process dies, or the power fails, at any moment.

use std::collections::HashSet;
use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tempfile::TempDir;

use super::disk::Disk;
use super::files::{Append, Files};
use super::holder::Holder;
use super::log::{Log, SEGMENT};
use super::record::Record;
use super::*;
use crate::builder;
use crate::config::{Overflow, Role, SyncRule, Value};
use crate::error::Delivery;
use crate::lock::lock;
use crate::material::KeyMaterial;
use crate::wait::block_until;

/// A limit that is longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The broker's treatment of publishes.
#[derive(Clone, Copy)]
enum Habit {
    ConfirmsAll,
    /// It confirms this many, and does not answer the others.
    Confirms(usize),
    /// It closes each connection after this many.
    Cuts(usize),
}

/// A broker that reports each publish. Dropping it ends its connections.
struct Broker {
    port: u16,
    is_over: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Broker {
    fn start(habit: Habit, on_publish: impl Fn(&[u8]) + Send + Sync + 'static) -> Broker {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_over, sockets) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<TcpStream>>>::default());
        let acceptor = std::thread::spawn({
            let (is_over, sockets, on_publish) = (is_over.clone(), sockets.clone(), Arc::new(on_publish));
            move || {
                let mut serving = Vec::new();
                for stream in listener.incoming() {
                    let stream = stream.unwrap();
                    lock(&sockets).push(stream.try_clone().unwrap());
                    // The connection is registered before this check, so either the end of the broker finds it, or this check
                    // sees the end.
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let on_publish = on_publish.clone();
                    serving.push(std::thread::spawn(move || drop(serve(&stream, habit, &*on_publish))));
                }
                serving.into_iter().for_each(|serving| serving.join().unwrap());
            }
        });
        Broker { port, is_over, sockets, acceptor: Some(acceptor) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // This connection wakes the acceptor.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        lock(&self.sockets).iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        let ended = self.acceptor.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// Serves one connection until it ends.
fn serve(mut stream: &TcpStream, habit: Habit, on_publish: &dyn Fn(&[u8])) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = io::BufReader::new(stream.try_clone()?);
    let mut publishes = 0;
    loop {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        let kind = byte[0] >> 4;
        let (mut length, mut shift) = (0, 0);
        loop {
            input.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7F) << shift;
            shift += 7;
            if byte[0] < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        match kind {
            1 => stream.write_all(&[0x20, 2, 0, 0])?,
            3 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let (id, payload) = body[2 + topic..].split_at(2);
                on_publish(payload);
                publishes += 1;
                match habit {
                    Habit::Confirms(most) if publishes > most => {}
                    Habit::Cuts(most) if publishes > most => return stream.shutdown(Shutdown::Both),
                    _ => stream.write_all(&[0x40, 2, id[0], id[1]])?,
                }
            }
            12 => stream.write_all(&[0xD0, 0])?,
            14 => return Ok(()),
            other => panic!("a packet of type {other}"),
        }
    }
}

/// An outbox over simulated files, with its client. The lock is in a real folder.
struct Life {
    outbox: Outbox,
    client: Arc<Client>,
    _folder: TempDir,
}

fn begin(files: Arc<dyn Files>, broker: &Broker, more: OutboxSettings) -> Life {
    let folder = tempfile::tempdir().unwrap();
    let of = OutboxSettings { directory: folder.path().to_owned(), ..more };
    let mut request = builder::request(Role::Writer);
    request.no_config = true;
    let address = format!("127.0.0.1:{}", broker.port);
    let texts =
        [("type", "mqtt"), ("brokers", &address), ("topic", "t"), ("client_id", "c"), ("consistency", "AT_LEAST_ONCE")];
    texts.into_iter().for_each(|(name, value)| request.parameters.insert(name, value));
    let delays = Value::from([("min_delay", Value::Float(0.001)), ("max_delay", Value::Float(0.01))]);
    request.parameters.insert("reconnect_delay", delays);
    let settings = builder::load(&request).unwrap();
    let connect =
        |listener, kept| Client::start(&settings, Role::Writer, None, &KeyMaterial::default(), Some(listener), kept);
    let holder = Holder::take(folder.path()).unwrap();
    let directory = Directory { files, holder };
    let started = Outbox::start(directory, &of, &settings, Arc::new(Counters::new()), None, connect);
    let (outbox, client) = started.expect("opening fails");
    Life { outbox, client, _folder: folder }
}

fn settings(random: &mut Rng) -> OutboxSettings {
    OutboxSettings {
        directory: Default::default(),
        accepted_by: if random.bool() { AcceptedBy::Disk } else { AcceptedBy::Broker },
        sync: if random.u8(0..4) > 0 { SyncRule::Always } else { SyncRule::Never },
        // The limit is small, so that there are many segments and the outbox is full at times.
        max_bytes: random.u64(400..4000),
        overflow: if random.u8(0..5) > 0 { Overflow::Wait } else { Overflow::DropOldest },
        max_age: None,
    }
}

/// What is known of the messages of a history, each of which has a number.
#[derive(Default)]
struct Known {
    written: u32,
    accepted: Vec<u32>,
    refused: HashSet<u32>,
}

/// Runs one history, and returns the number of accepted messages.
fn history(seed: u64) -> usize {
    let mut random = Rng::with_seed(seed);
    let arrived = Arc::<Mutex<Vec<u32>>>::default();
    let broker = |habit| {
        let arrived = arrived.clone();
        Broker::start(habit, move |payload| lock(&arrived).push(u32::from_le_bytes(payload.try_into().unwrap())))
    };
    let mut disk = Disk::default();
    let mut known = Known::default();
    let mut has_dropped = false;
    for _ in 0..random.usize(1..4) {
        let broker = broker(match random.u8(0..4) {
            0 => Habit::ConfirmsAll,
            1 => Habit::Cuts(random.usize(1..6)),
            _ => Habit::Confirms(random.usize(0..6)),
        });
        let of = settings(&mut random);
        let (sync, accepted_by) = (of.sync, of.accepted_by);
        has_dropped |= of.overflow == Overflow::DropOldest;
        let life = begin(Arc::new(disk.clone()), &broker, of);
        if random.bool() {
            // Messages are accepted without a connection, too.
            let _ = block_until(life.client.opened(), Some(after(PATIENCE)));
        }
        let mut writes = Vec::new();
        for _ in 0..random.usize(0..30) {
            match random.u8(0..20) {
                0 => disk.set_room(Some(random.usize(0..200))),
                1 => disk.set_room(None),
                _ => {}
            }
            let payload = Bytes::copy_from_slice(&known.written.to_le_bytes());
            let mut write = life.outbox.write(None, payload, ValueSize::same(4), after(PATIENCE));
            // Some histories wait for the end of a message, but not long: it may never come in this life.
            let patience = Duration::from_millis(if random.u8(0..3) == 0 { 3 } else { 0 });
            let end = block_until(&mut write, Some(after(patience)));
            let is_waiting_for_room = !write.is_accepted();
            let (number, is_under_way) = (known.written, end.is_none());
            known.written += 1;
            note(&mut known, number, end);
            if is_under_way {
                writes.push((number, write));
            }
            if is_under_way && is_waiting_for_room {
                break;
            }
        }
        for (number, write) in &mut writes {
            let end = block_until(write, Some(after(Duration::ZERO)));
            note(&mut known, *number, end);
        }
        known.accepted.sort_unstable();
        // Only messages that were synced on purpose, or confirmed by the broker, must survive a loss of power.
        let is_power = random.bool() && (sync == SyncRule::Always || accepted_by == AcceptedBy::Broker);
        let left = if is_power { disk.after_power_loss(&mut random) } else { disk.after_death() };
        drop(broker);
        drop(writes);
        drop(life);
        disk = left;
    }
    let broker = broker(Habit::ConfirmsAll);
    let life = begin(Arc::new(disk), &broker, OutboxSettings { overflow: Overflow::Wait, ..settings(&mut random) });
    block_until(life.outbox.flushed(), Some(after(PATIENCE))).expect("it does not end").expect("flush");
    drop(life);
    drop(broker);
    check(seed, &known, &lock(&arrived), has_dropped);
    known.accepted.len()
}

fn note(known: &mut Known, number: u32, end: Option<Result<()>>) {
    match end {
        None => {}
        Some(Ok(())) => known.accepted.push(number),
        Some(Err(Error::Io(error))) if error.delivery() == Some(Delivery::NotSent) => {
            known.refused.insert(number);
        }
        Some(Err(_)) => {}
    }
}

fn check(seed: u64, known: &Known, arrived: &[u32], has_dropped: bool) {
    let mut seen = HashSet::new();
    let firsts: Vec<u32> = arrived.iter().copied().filter(|number| seen.insert(*number)).collect();
    // After a death, messages that gave way may arrive after the newer ones that displaced them.
    assert!(has_dropped || firsts.is_sorted(), "seed {seed}: out of order: {firsts:?}");
    assert!(firsts.iter().all(|number| *number < known.written), "seed {seed}: something was invented: {firsts:?}");
    let refused: Vec<u32> = firsts.iter().copied().filter(|number| known.refused.contains(number)).collect();
    assert!(refused.is_empty(), "seed {seed}: {refused:?} were refused, and have arrived");
    if !has_dropped {
        let missing: Vec<u32> = known.accepted.iter().copied().filter(|number| !seen.contains(number)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?} were accepted, and are missing among {firsts:?}");
    }
}

#[test]
fn what_was_accepted_arrives_in_its_order_whatever_ends_the_process() {
    let accepted: usize = (0..2000).map(history).sum();
    // With fewer messages the test would have tried nothing.
    assert!(accepted > 5000, "{accepted}");
}

/// A disk that counts the bytes that are read.
struct Counting {
    disk: Disk,
    read: AtomicU64,
}

impl Files for Counting {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.disk.append(name)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.read_first(name, u64::MAX)
    }

    fn read_first(&self, name: &str, bytes: u64) -> io::Result<Vec<u8>> {
        let read = self.disk.read_first(name, bytes)?;
        self.read.fetch_add(read.len() as u64, Ordering::SeqCst);
        Ok(read)
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        self.disk.length(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }
}

/// Opening reads the last segment, and the first publish needs the first one.
#[test]
fn of_a_million_messages_the_first_leaves_before_most_are_read() {
    const COUNT: u64 = 1_000_000;
    let disk = Disk::default();
    let (mut log, _) = Log::open(Arc::new(disk.clone()), "t", SEGMENT).unwrap();
    for first in (0..COUNT).step_by(10_000) {
        let record = |number: u64| Record {
            number,
            time_us: 1,
            heading: None,
            payload: Bytes::copy_from_slice(&number.to_le_bytes()),
        };
        log.append(&(first..first + 10_000).map(record).collect::<Vec<_>>()).unwrap();
    }
    let bytes = log.bytes();
    drop(log);
    assert!(bytes > 3 * SEGMENT + SEGMENT / 2, "{bytes}");
    let counting = Arc::new(Counting { disk, read: AtomicU64::new(0) });
    let (sender, first) = std::sync::mpsc::channel();
    let broker = Broker::start(Habit::Confirms(0), {
        let counting = counting.clone();
        move |payload| drop(sender.send((payload.to_vec(), counting.read.load(Ordering::SeqCst))))
    });
    let of = OutboxSettings { max_bytes: 1 << 30, overflow: Overflow::Wait, ..settings(&mut Rng::with_seed(0)) };
    let life = begin(counting, &broker, of);
    let (payload, read) = first.recv_timeout(PATIENCE).expect("no publish comes");
    assert_eq!(payload, 0u64.to_le_bytes());
    // A segment ends with the message that fills it, so it may be longer by one message.
    assert!(read <= 2 * (SEGMENT + 100), "{read} of {bytes} bytes");
    let mut info = life.client.info();
    life.outbox.describe(&mut info);
    assert_eq!(info.outbox_messages as u64, COUNT);
}
