use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;

/// An open WebSocket and the peer at its other end.
struct Ends {
    stream: Stream,
    socket: Arc<Socket>,
    peer: TcpStream,
    runtime: tokio::runtime::Runtime,
}

impl Ends {
    fn new(rest: &[u8]) -> Ends {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("an address");
        let tcp = runtime.block_on(tokio::net::TcpStream::connect(address)).expect("connect");
        let peer = listener.accept().expect("accept").0;
        peer.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        let socket = Arc::new(Socket { transport: tcp.into(), tls: None });
        Ends { stream: Stream::new(socket.clone(), rest), socket, peer, runtime }
    }

    /// Does one step when there is something to read, and returns its outcome.
    fn step(&self, input: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.stream.try_read(input) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let ready =
                        async { tokio::time::timeout(Duration::from_secs(10), self.socket.ready(true, false)).await };
                    self.runtime.block_on(ready).expect("nothing comes").expect("a socket");
                }
                result => return result,
            }
        }
    }

    /// Reads to the end of the stream, and returns all data and the end.
    fn drain(&self) -> (Vec<u8>, io::Result<usize>) {
        let mut input = BytesMut::new();
        loop {
            match self.step(&mut input) {
                Ok(0) => return (input.to_vec(), Ok(0)),
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return (input.to_vec(), Err(e)),
                _ => {}
            }
        }
    }

    /// Returns the next message, as a server of the crate sees it.
    fn seen(&self) -> Message {
        WebSocket::from_raw_socket(&self.peer, Role::Server, None).read().expect("a message")
    }
}

/// Returns a frame as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Returns the outcome when a peer sends these bytes and closes.
fn decoded(bytes: &[u8]) -> (Vec<u8>, io::Result<usize>) {
    let mut ends = Ends::new(&[]);
    ends.peer.write_all(bytes).expect("send");
    ends.peer.shutdown(std::net::Shutdown::Write).expect("shut down");
    ends.drain()
}

#[test]
fn data_comes_out_without_its_frames() {
    let large = vec![7; 70_000];
    let mut bytes = frame(0x82, b"one");
    bytes.extend(frame(0x82, b""));
    // This is a message in three frames, with a ping and a pong between them.
    bytes.extend(frame(0x02, b"two"));
    bytes.extend(frame(0x89, b"there?"));
    bytes.extend(frame(0x00, &[3; 200]));
    bytes.extend(frame(0x8A, b"unasked"));
    bytes.extend(frame(0x80, b""));
    bytes.extend(frame(0x82, &large));
    let expected = [b"onetwo", &[3; 200][..], &large].concat();
    let (data, end) = decoded(&bytes);
    assert!(data == expected);
    assert_eq!(end.expect("the end"), 0);
    // These bytes come behind the HTTP answer, so the socket does not report them as readable.
    let mut input = BytesMut::new();
    let ends = Ends::new(&bytes);
    while input.len() < expected.len() {
        ends.stream
            .try_read(&mut input)
            .or_else(|e| match e.kind() {
                io::ErrorKind::Interrupted => Ok(0),
                _ => Err(e),
            })
            .expect("data");
    }
    assert!(input == expected);
    assert_eq!(ends.seen(), Message::Pong("there?".into()));
}

/// Bytes of a part are a sign of life, but pings are not: a gateway sends pings even for a broker that is dead.
#[test]
fn a_part_of_a_message_is_noticed() {
    let mut ends = Ends::new(&[]);
    let mut input = BytesMut::new();
    for (bytes, expected) in [
        (&[0x82, 3, b'a'][..], Ok(3)),
        (b"b", Ok(1)),
        (b"c", Ok(3)),
        (&[0x89, 0], Err(io::ErrorKind::Interrupted)),
        (&[0x8A, 0], Err(io::ErrorKind::Interrupted)),
    ] {
        ends.peer.write_all(bytes).expect("send");
        assert_eq!(ends.step(&mut input).map_err(|e| e.kind()), expected, "{bytes:x?}");
        let more = ends.stream.try_read(&mut input).expect_err("all has been read");
        assert_eq!(more.kind(), io::ErrorKind::WouldBlock);
    }
    assert_eq!(&input[..], b"abc");
}

#[test]
fn a_step_reads_once_however_much_there_is() {
    let mut ends = Ends::new(&[]);
    let sending = std::thread::spawn({
        let mut peer = ends.peer.try_clone().expect("a socket");
        move || peer.write_all(&frame(0x82, &vec![1; 1 << 20])).expect("send")
    });
    let (mut input, mut steps) = (BytesMut::new(), 0);
    while input.is_empty() {
        ends.step(&mut input).expect("data");
        steps += 1;
    }
    assert!(steps >= 16, "{steps}");
    assert_eq!(input.len(), 1 << 20);
    sending.join().expect("the peer");
    // These are fragments without an end and without content.
    ends.peer.write_all(&[0x02, 0]).expect("send");
    ends.peer.write_all(&[0, 0].repeat(1000)).expect("send");
    assert!(ends.step(&mut input).expect("fragments") > 0);
}

/// A hostile announcement takes no memory before its bytes come, and beyond the limit it is refused.
#[test]
fn a_large_announcement_takes_no_memory() {
    let announced = |length: usize| [&[0x82, 127][..], &(length as u64).to_be_bytes(), b"data"].concat();
    let mut input = BytesMut::new();
    let before = resident();
    let all: Vec<Ends> = (0..8)
        .map(|_| {
            let mut ends = Ends::new(&[]);
            ends.peer.write_all(&announced(MAX_MESSAGE)).expect("send");
            assert_eq!(ends.step(&mut input).expect("a part"), 14);
            ends
        })
        .collect();
    let grown = resident().saturating_sub(before);
    assert!(grown < MAX_MESSAGE / 2, "{grown} bytes for {} connections", all.len());

    for bytes in [announced(MAX_MESSAGE + 1), announced(usize::MAX)] {
        let (_, end) = decoded(&bytes);
        let message = end.expect_err("too large").to_string();
        assert!(message.contains("a message of more than 285212676 bytes"), "{message}");
    }
}

/// Returns the memory that this process really uses, on systems that report it.
fn resident() -> usize {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number of pages") * 4096
}

#[test]
fn a_goodbye_is_answered_and_told() {
    let close = |payload: &[u8]| {
        let mut ends = Ends::new(&[]);
        // Data after a Close frame is ignored.
        let bytes = [frame(0x82, b"last"), frame(0x88, payload), frame(0x82, b"late")].concat();
        ends.peer.write_all(&bytes).expect("send");
        let (data, end) = ends.drain();
        assert_eq!(data, b"last");
        let Message::Close(answer) = ends.seen() else { panic!("another answer") };
        let write = ends.stream.try_write(&mut [Bytes::from_static(b"x")].into()).expect_err("it is closed");
        assert_eq!(write.to_string(), "the WebSocket is closed");
        (answer.map(|frame| u16::from(frame.code)), end.map_err(|e| (e.kind(), e.to_string())))
    };
    assert_eq!(close(b""), (None, Ok(0)));
    assert_eq!(close(&[3, 0xE8]), (Some(1000), Ok(0)));
    let told = "the broker closed the WebSocket: 1001 going away: bye";
    let told = Err((io::ErrorKind::ConnectionAborted, told.to_owned()));
    assert_eq!(close(&[3, 0xE9, b'b', b'y', 7, b'e']), (Some(1001), told));
    assert!(close(&[0x0F, 0xA1]).1.expect_err("a code").1.contains("4001"));
}

#[test]
fn mistakes_of_the_peer_are_told_to_both_sides() {
    let fragment = frame(0x02, b"a");
    for (bytes, code, word) in [
        (frame(0x81, b"text"), 1003, "text message"),
        (frame(0x81, &[0xFF]), 1007, "UTF-8"),
        (frame(0x80, b"x"), 1002, "Continue"),
        ([fragment, frame(0x82, b"x")].concat(), 1002, "fragments"),
        (vec![0x82, 0x81, 0, 0, 0, 0, 0], 1002, "masked"),
        (frame(0xC2, b"x"), 1002, "Reserved"),
        (frame(0x83, b"x"), 1002, "opcode"),
        (frame(0x09, b"x"), 1002, "Fragmented"),
        (frame(0x89, &[0; 126]), 1002, "too big"),
        (frame(0x88, &[3]), 1002, "close"),
        (vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009, "more than"),
    ] {
        let mut ends = Ends::new(&[]);
        ends.peer.write_all(&bytes).expect("send");
        let error = ends.drain().1.expect_err("a violation");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let message = error.to_string();
        assert!(message.starts_with("the broker breaks the WebSocket protocol: "), "{message}");
        assert!(message.contains(word), "{message}");
        let Message::Close(Some(frame)) = ends.seen() else { panic!("no goodbye") };
        assert_eq!(u16::from(frame.code), code, "{bytes:x?}");
    }
}

#[test]
fn a_message_has_a_bound_and_the_rest_waits() {
    let chunks = |lengths: &[usize]| lengths.iter().map(|length| Bytes::from(vec![*length as u8; *length])).collect();
    for (lengths, expected) in [
        (&[3, 0, 4][..], &[7][..]),
        (&[MESSAGE], &[MESSAGE]),
        (&[MESSAGE + 1], &[MESSAGE, 1]),
        (&[10, 2 * MESSAGE, 5], &[MESSAGE, MESSAGE, 15]),
        (&[MESSAGE, 1], &[MESSAGE, 1]),
    ] {
        let mut chunks: VecDeque<Bytes> = chunks(lengths);
        let whole: Vec<u8> = chunks.iter().flatten().copied().collect();
        let mut messages = Vec::new();
        while !chunks.is_empty() {
            messages.push(next_message(&mut chunks));
        }
        assert_eq!(messages.iter().map(Bytes::len).collect::<Vec<_>>(), expected);
        assert!(messages.concat() == whole);
    }
}

/// Only the bytes that the socket has taken count, and all of them arrive once.
#[test]
fn a_full_socket_is_told_and_gone_on_with() {
    let ends = Ends::new(&[]);
    let content: Vec<u8> = (0..40_u32 << 20).map(|i| (i * 31 + (i >> 8)) as u8).collect();
    let mut chunks: VecDeque<Bytes> = [Bytes::from(content.clone())].into();
    assert_eq!(ends.stream.try_write(&mut chunks).expect("write"), Written::Blocked { moved: true });
    assert!(ends.stream.wants_write());
    let waiting = chunks.iter().map(Bytes::len).sum::<usize>();
    assert_eq!(ends.stream.try_write(&mut chunks).expect("write"), Written::Blocked { moved: false });
    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), waiting, "no message joins one that waits");

    let receiving = std::thread::spawn({
        let peer = ends.peer.try_clone().expect("a socket");
        move || {
            let mut web = WebSocket::from_raw_socket(peer, Role::Server, None);
            let mut received = Vec::new();
            while received.len() < 40 << 20 {
                let Message::Binary(data) = web.read().expect("a message") else { panic!("another message") };
                assert!(data.len() <= MESSAGE);
                received.extend_from_slice(&data);
            }
            received
        }
    });
    while ends.stream.try_write(&mut chunks).expect("write") != Written::All {
        ends.runtime.block_on(ends.socket.ready(false, true)).expect("a socket");
    }
    assert!(!ends.stream.wants_write());
    assert!(receiving.join().expect("the peer") == content);
}

/// The answers to pings wait in a bounded buffer while the peer does not read, and the latest one is not lost.
#[test]
fn pings_of_a_peer_that_does_not_read_take_no_room() {
    let mut ends = Ends::new(&[]);
    let mut chunks: VecDeque<Bytes> = [Bytes::from(vec![0; 40 << 20])].into();
    assert!(ends.stream.try_write(&mut chunks).expect("write") != Written::All);
    chunks.clear();
    let mut input = BytesMut::new();
    for n in 0..3000_u32 {
        ends.peer.write_all(&frame(0x89, &[&n.to_be_bytes()[..], &[0; 121]].concat())).expect("send");
        // The ping may come in two parts.
        while ends.step(&mut input).map_err(|e| e.kind()) != Err(io::ErrorKind::Interrupted) {}
    }
    let receiving = std::thread::spawn({
        let peer = ends.peer.try_clone().expect("a socket");
        move || {
            let mut web = WebSocket::from_raw_socket(peer, Role::Server, None);
            let mut pongs = 0;
            loop {
                if let Message::Pong(data) = web.read().expect("a message") {
                    pongs += 1;
                    if data[..4] == 2999_u32.to_be_bytes() {
                        return pongs;
                    }
                }
            }
        }
    });
    while ends.stream.try_write(&mut chunks).expect("write") != Written::All {
        ends.runtime.block_on(ends.socket.ready(false, true)).expect("a socket");
    }
    let pongs = receiving.join().expect("the peer");
    assert!(pongs < 2000, "{pongs}");
}

#[test]
fn a_peer_that_is_gone_is_the_end() {
    let (data, end) = decoded(&[0x82, 5, b'x']);
    assert_eq!((data.len(), end.expect("the end")), (0, 0));
}

#[test]
fn nothing_follows_our_goodbye() {
    let ends = Ends::new(&[]);
    ends.stream.close();
    assert!(matches!(ends.seen(), Message::Close(Some(frame)) if frame.code == CloseCode::Normal));
    let mut rest = [0];
    ends.peer.set_nonblocking(true).expect("a socket");
    assert!((&ends.peer).read(&mut rest).is_err());
}
