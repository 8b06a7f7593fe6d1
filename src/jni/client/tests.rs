//! Clients as Java holds them, without a JVM, and a broker that accepts everything.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// A limit that is longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A broker for one connection. It acknowledges every message, and sends its own messages to a subscriber.
struct Peer {
    address: String,
    /// The number of acknowledgements by the broker or by the client.
    acknowledged: Arc<AtomicUsize>,
}

impl Peer {
    fn start() -> Peer {
        Peer::with_messages(Vec::new())
    }

    fn with_messages(messages: Vec<Bytes>) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let count = acknowledged.clone();
        thread::spawn(move || {
            // The client may hang up at any time.
            let _ = listener.accept().and_then(|(stream, _)| serve(stream, &messages, &count));
        });
        Peer { address, acknowledged }
    }

    fn await_acknowledged(&self, messages: usize) {
        await_that("all messages are acknowledged", || self.acknowledged.load(Ordering::SeqCst) == messages);
    }
}

fn await_that(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < LIMIT, "{what}: not within the limit");
        thread::sleep(Duration::from_millis(1));
    }
}

fn serve(mut stream: TcpStream, messages: &[Bytes], acknowledged: &AtomicUsize) -> Result<()> {
    loop {
        let (kind, body) = packet(&mut stream)?;
        match kind >> 4 {
            1 => stream.write_all(&[0x20, 2, 0, 0])?,
            3 => {
                let id = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                stream.write_all(&[0x40, 2, body[id], body[id + 1]])?;
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            4 => {
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            8 => {
                stream.write_all(&[0x90, 3, body[0], body[1], 1])?;
                for (message, id) in messages.iter().zip(1..) {
                    stream.write_all(&publish(id, message))?;
                }
            }
            14 => return Ok(()),
            _ => {}
        }
    }
}

/// Returns a PUBLISH at QoS 1.
fn publish(id: u16, message: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x32];
    let mut length = 2 + 1 + 2 + message.len();
    while length >= 0x80 {
        packet.push(length as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend_from_slice(&[0, 1, b't']);
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(message);
    packet
}

/// Returns the first byte and the body of a packet.
fn packet(stream: &mut TcpStream) -> Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

/// Returns a client that is not connected yet.
fn open(role: &str, peer: &Peer) -> JavaClient {
    let parameters = Value::from([
        ("type", Value::from("mqtt")),
        ("brokers", Value::from(peer.address.as_str())),
        ("topic", Value::from("t")),
        ("value_type", Value::from("byte_array")),
        ("consistency", Value::from("AT_LEAST_ONCE")),
        ("data_compression", Value::Bool(true)),
        ("compression", Value::from([("algorithm", Value::from("zstd"))])),
    ]);
    let none = || Value::List(Vec::new());
    JavaClient::open(&tree::encode(&Value::from([
        ("role", Value::from(role)),
        ("no_config", Value::Bool(true)),
        ("parameters", parameters),
        ("value_types", Value::List(vec![Value::from("byte_array")])),
        ("compressions", none()),
        ("service_types", none()),
    ])))
    .unwrap()
}

fn submit(client: &JavaClient, messages: u64) {
    for number in 0..messages {
        let accepted = client.submit(None, 1, 0, |_| Ok::<_, Error>(())).unwrap();
        assert_eq!(accepted, Submitted::Accepted(number));
    }
}

fn close(client: &JavaClient) {
    let ticket = client.close(None).unwrap();
    await_that("the client is closed", || client.wait_for(ticket, Wait::Briefly).unwrap());
}

/// An unpacked event.
#[derive(Debug, PartialEq)]
enum Told {
    Change(u8),
    Delivered(u64, u64),
    Failed(u64),
}

const CLOSED: u8 = 5;

fn unpack(mut bytes: &[u8]) -> Vec<Told> {
    fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
        bytes.split_off(..length).unwrap()
    }
    fn number(bytes: &mut &[u8]) -> u64 {
        u64::from_be_bytes(take(bytes, 8).try_into().unwrap())
    }
    fn text(bytes: &mut &[u8]) {
        let length = u32::from_be_bytes(take(bytes, 4).try_into().unwrap());
        take(bytes, length as usize);
    }
    /// Reads an error and its causes.
    fn error(bytes: &mut &[u8]) {
        while take(bytes, 4) != [0; 4] {
            text(bytes);
            take(bytes, 4);
        }
    }
    let mut told = Vec::new();
    while !bytes.is_empty() {
        told.push(match take(&mut bytes, 1)[0] {
            6 => Told::Delivered(number(&mut bytes), number(&mut bytes)),
            7 => {
                let number = number(&mut bytes);
                error(&mut bytes);
                Told::Failed(number)
            }
            kind => {
                take(&mut bytes, 1 + 8);
                text(&mut bytes);
                error(&mut bytes);
                Told::Change(kind)
            }
        });
    }
    told
}

/// Returns how many messages were told to be delivered, after checking that the last event was the client's close and that
/// nothing has failed.
fn delivered(told: &[Told]) -> u64 {
    assert_eq!(told.last(), Some(&Told::Change(CLOSED)), "{told:?}");
    assert!(!told.iter().any(|each| matches!(each, Told::Failed(_))), "{told:?}");
    told.iter().map(|each| if let Told::Delivered(from, to) = each { to - from } else { 0 }).sum()
}

fn take_events(client: &JavaClient, want_messages: bool, wait: Wait) -> crate::error::Result<Vec<u8>> {
    client.take_events(want_messages, wait, |packed| Ok(packed.to_vec()))
}

/// Fetches events until the client is closed; it may start before the client is connected.
fn fetch_all(client: &JavaClient) -> Vec<Told> {
    let mut told = Vec::new();
    let begun = Instant::now();
    while !told.contains(&Told::Change(CLOSED)) {
        assert!(begun.elapsed() < LIMIT, "no news within the limit");
        match take_events(client, false, Wait::Briefly) {
            Ok(packed) => told.extend(unpack(&packed)),
            Err(_) => thread::yield_now(),
        }
    }
    told
}

fn connect(client: &JavaClient) {
    client.connect(None, None).unwrap();
    let ticket = client.opened().unwrap();
    await_that("the client is connected", || client.wait_for(ticket, Wait::Briefly).unwrap());
}

#[test]
fn a_driver_that_is_faster_than_the_one_who_connects_is_heard_when_the_client_is_there() {
    let peer = Peer::start();
    let client = open("writer", &peer);
    // The driver may connect and lose the connection before `connect` returns.
    client.events.push(&ConnectionEvent::Connected { broker: "b".into(), session_present: false });
    assert!(take_events(&client, false, Wait::No).is_err());
    assert!(take_events(&client, true, Wait::Briefly).is_err());
    connect(&client);
    submit(&client, 3);
    peer.await_acknowledged(3);
    close(&client);
    let told = fetch_all(&client);
    assert_eq!(told.iter().filter(|each| **each == Told::Change(1)).count(), 2, "{told:?}");
    assert_eq!(delivered(&told), 3);
}

#[test]
fn the_ends_of_messages_are_told_before_the_end_of_the_client() {
    const MESSAGES: u64 = 100;
    for _ in 0..20 {
        let peer = Peer::start();
        let client = open("writer", &peer);
        thread::scope(|scope| {
            let hearing = scope.spawn(|| fetch_all(&client));
            connect(&client);
            submit(&client, MESSAGES);
            close(&client);
            assert_eq!(delivered(&hearing.join().unwrap()), MESSAGES);
        });
    }
}

#[test]
fn one_who_asks_late_hears_the_ends_of_messages_before_the_end_of_the_client() {
    let peer = Peer::start();
    let client = open("writer", &peer);
    connect(&client);
    submit(&client, 10);
    close(&client);
    let told = unpack(&take_events(&client, false, Wait::No).unwrap());
    assert_eq!(delivered(&told), 10);
}

#[test]
fn what_java_has_no_memory_for_is_told_again_with_what_came_meanwhile() {
    let peer = Peer::start();
    let client = open("writer", &peer);
    connect(&client);
    submit(&client, 10);
    peer.await_acknowledged(10);
    let refuse = |packed: &[u8]| if packed.is_empty() { Ok(()) } else { Err(Error::Internal("no memory".into())) };
    await_that("there is news", || client.take_events(false, Wait::Briefly, refuse).is_err());
    assert!(client.take_events(false, Wait::Briefly, refuse).is_err());
    close(&client);
    let told = unpack(&take_events(&client, false, Wait::Briefly).unwrap());
    assert_eq!(told.iter().filter(|each| **each == Told::Change(1)).count(), 1, "{told:?}");
    assert_eq!(delivered(&told), 10);
    assert_eq!(take_events(&client, false, Wait::No).unwrap(), b"");
}

/// Returns compressed messages of zeros.
fn messages(sizes: &[usize]) -> Vec<Bytes> {
    let client = open("writer", &Peer::start());
    let settings = lock(&client.settings).take().unwrap();
    let encoder = Encoder::new(&settings.message, "t", None).unwrap();
    sizes.iter().map(|size| encoder.encode(*size, 0, |_| Ok::<_, Error>(())).unwrap().wire).collect()
}

/// Returns the content of the records: the size of each message, or why there is none.
fn records(mut array: &[u8]) -> Vec<std::result::Result<usize, String>> {
    fn block<'a>(array: &mut &'a [u8]) -> &'a [u8] {
        let length = u32::from_be_bytes(*array.split_off(..4).unwrap().first_chunk().unwrap());
        array.split_off(..length as usize).unwrap()
    }
    let mut rest = block(&mut array);
    assert_eq!(array, b"");
    let mut found = Vec::new();
    while !rest.is_empty() {
        if rest.split_off(..9).unwrap()[0] == 0 {
            rest.split_off(..10).unwrap();
            assert_eq!(block(&mut rest), b"t");
            found.push(Ok(block(&mut rest).len()));
        } else {
            // This JVM lacked the memory: the record has no error code, because the message has no error.
            assert_eq!(block(&mut rest), b"t");
            found.push(Err(String::from_utf8(block(&mut rest).to_vec()).unwrap()));
        }
    }
    found
}

type Found = std::result::Result<Vec<std::result::Result<usize, String>>, Error>;

/// Returns a reader for which messages of these sizes wait.
fn reader(sizes: &[usize]) -> (Peer, JavaClient) {
    let peer = Peer::with_messages(messages(sizes));
    let client = open("reader", &peer);
    connect(&client);
    await_that("all messages arrive", || client.info().unwrap().inbox_messages == sizes.len());
    (peer, client)
}

/// Reads as a Java would that can take arrays of at most this size.
fn read(client: &JavaClient, most: usize) -> Found {
    client.read(64, Wait::No, |array| match array.len() <= most {
        true => Ok(records(array)),
        false => Err(Error::Internal("no memory".into())),
    })
}

/// Returns the counts of read messages and of errors.
fn counted(client: &JavaClient) -> (u64, u64) {
    let metrics = client.metrics().unwrap();
    (metrics.msg_count_total, metrics.error_count_total)
}

const MIB: usize = 1 << 20;

#[test]
fn a_batch_has_a_budget_of_what_it_is_when_it_is_decoded() {
    let (peer, client) = reader(&[10, 100, 1000, MIB, 10, MIB, MIB, 200_000, 200_000, 200_000]);
    let mut batches = Vec::new();
    let mut number = 0;
    while number < 10 {
        let batch = read(&client, usize::MAX).unwrap();
        number += batch.len() as u64;
        assert_eq!(counted(&client), (number, 0));
        batches.push(batch.into_iter().map(|size| size.unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(
        batches,
        [vec![10, 100, 1000], vec![MIB], vec![10], vec![MIB], vec![MIB], vec![200_000, 200_000], vec![200_000]]
    );
    assert_eq!(read(&client, usize::MAX).unwrap(), []);
    client.taken(10).unwrap();
    peer.await_acknowledged(10);
}

#[test]
fn what_is_too_large_for_java_becomes_smaller_and_then_a_failure_of_its_own() {
    let (peer, client) = reader(&[1000, 2000, MIB, 3000]);
    // The array can't hold both.
    assert_eq!(read(&client, 2500).unwrap(), [Ok(1000)]);
    assert_eq!(read(&client, 2500).unwrap(), [Ok(2000)]);
    assert_eq!(counted(&client), (2, 0));
    let found = read(&client, 2500).unwrap();
    let Err(why) = &found[0] else { panic!("{found:?}") };
    assert!(why.contains(&format!("the message has {MIB} bytes")), "{why}");
    assert_eq!((found.len(), counted(&client)), (1, (2, 1)));
    assert_eq!(read(&client, usize::MAX).unwrap(), [Ok(3000)]);
    assert_eq!(counted(&client), (3, 1));
    client.taken(4).unwrap();
    peer.await_acknowledged(4);
}

#[test]
fn what_could_not_be_handed_over_at_all_can_be_read_later() {
    let (_peer, client) = reader(&[1000, MIB, 2000]);
    for most in [0, 4] {
        assert!(read(&client, most).is_err());
        assert_eq!(counted(&client), (0, 0));
    }
    for size in [1000, MIB, 2000] {
        assert_eq!(read(&client, usize::MAX).unwrap(), [Ok(size)]);
    }
    assert_eq!(counted(&client), (3, 0));
}
