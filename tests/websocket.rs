//! Tests MQTT inside WebSockets: with Mosquitto, and with servers that show behaviour which Mosquitto does not.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::{Broker, is_from_2_1};
use crate::common::certificates;
use crate::common::proxy::Proxy;
use crate::common::raw::{CONNECT, PINGREQ, Publish, publish};
use crate::common::scripted::Scripted;
use crate::common::{EVERY_CONSISTENCY, PATIENCE, block_on, eventually, login, next, next_values, web, within};
use sinetstream::config::{Map, Value};
use sinetstream::{
    AsyncMessageWriter, Consistency, Error, MessageReaderBuilder, MessageWriter, MessageWriterBuilder, ReadValue,
    Result, WriteValue,
};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

fn writer<T: WriteValue + ?Sized>(address: &str, topic: &str) -> MessageWriterBuilder<T> {
    common::writer(address, topic).parameter("transport", "websockets")
}

fn reader<T: ReadValue>(address: &str, topic: &str) -> MessageReaderBuilder<T> {
    common::reader(address, topic).parameter("transport", "websockets")
}

/// Returns both listeners: the plain one without a login, and the TLS one with a login.
fn both(broker: &Broker) -> [(String, Map); 2] {
    let mut secure = Map::new();
    secure.insert("tls", [("ca_certs", broker.ca().display().to_string())]);
    secure.insert("username_pw", login("user01", "user01-pass"));
    [(broker.ws_address(), Map::new()), (broker.wss_address(), secure)]
}

fn open(builder: MessageWriterBuilder<str>) -> Result<MessageWriter<str>> {
    within(PATIENCE, move || builder.open())
}

#[track_caller]
fn refused(builder: MessageWriterBuilder<str>, words: &[&str]) {
    match open(builder).map(drop) {
        Err(Error::Connection { message, .. }) => {
            words.iter().for_each(|word| assert!(message.contains(word), "'{word}' is not in: {message}"));
        }
        other => panic!("expected a connection error with {words:?}: {other:?}"),
    }
}

/// Returns the message of the error after a lost connection.
#[track_caller]
fn lost(result: Result<()>) -> String {
    match result {
        Err(Error::Io(message)) => message.to_string(),
        other => panic!("expected a lost connection: {other:?}"),
    }
}

#[test]
fn every_consistency_in_plain_and_over_tls() {
    let broker = Broker::start_everywhere();
    for (address, parameters) in both(&broker) {
        for consistency in EVERY_CONSISTENCY {
            let topic = format!("{consistency}/{address}");
            let reader = reader::<String>(&address, &topic).parameters(parameters.clone());
            let reader = reader.consistency(consistency).open().expect("a reader");
            let writer = writer::<str>(&address, &topic).parameters(parameters.clone());
            let writer = writer.consistency(consistency).open().expect("a writer");
            let values: Vec<String> = (0..20).map(|n| format!("message {n}")).collect();
            values.iter().for_each(|value| writer.write(value).expect("write"));
            assert_eq!(next_values(&reader, values.len()), values);
            writer.ping(PATIENCE).expect("ping");
            writer.close().expect("close");
            reader.close().expect("close");
        }
    }
    assert!(broker.log().contains("Received DISCONNECT"));
}

#[test]
fn a_wrong_password_is_an_authentication_error() {
    let broker = Broker::start_everywhere();
    let [_, (address, parameters)] = both(&broker);
    let builder = writer("replaced", "t").parameters(parameters).parameter("brokers", address);
    match open(builder.parameter("username_pw", login("user01", "wrong"))).map(drop) {
        Err(Error::Authentication { code: 5, .. }) => {}
        other => panic!("{other:?}"),
    }
}

fn pattern(length: u32) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + (i >> 8)) as u8).collect()
}

#[test]
fn large_messages_to_the_broker() {
    let broker = Broker::start_everywhere();
    let large = pattern(10 << 20);
    for (address, parameters) in both(&broker) {
        for consistency in [Consistency::AtMostOnce, Consistency::AtLeastOnce] {
            // Mosquitto 2.0.11 sends only 4 KiB in 100 ms to a WebSocket.
            let reader = common::reader::<Vec<u8>>(&broker.plain_address(), "large").open().expect("a reader");
            let writer = writer::<[u8]>(&address, "large").parameters(parameters.clone());
            let writer = writer.consistency(consistency).open().expect("a writer");
            for value in [&large[..], b"small", &large] {
                writer.write(value).expect("write");
                assert!(next(&reader).into_value() == value);
            }
            writer.close().expect("close");
        }
    }
}

#[test]
fn large_messages_from_the_broker() {
    let packet = publish("t", &wire(&pattern(10 << 20)), 0, false, 0).bytes();
    let script = move |web: &mut web::WebPeer| {
        web.connack();
        web.suback();
        // The packet is sent in one frame, and in many.
        web.send(&packet);
        packet.chunks(50_000).for_each(|part| web.send(part));
        web.drain();
    };
    let mut tls = Map::new();
    let ca = authority_file();
    tls.insert("tls", [("ca_certs", ca.path().display().to_string())]);
    for (server, parameters) in [(web::start(script.clone()), Map::new()), (web::start_tls(script), tls)] {
        let reader = reader::<Vec<u8>>(&server.address(), "t").parameters(parameters).open().expect("a reader");
        for _ in 0..2 {
            assert!(next(&reader).into_value() == pattern(10 << 20));
        }
    }
}

/// Writes the certificate of this run's authority to a file.
fn authority_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &certificates::authority().pem).expect("write");
    file
}

#[test]
fn many_small_messages() {
    const COUNT: u32 = 3000;
    let broker = Broker::start_everywhere();
    for (address, parameters) in both(&broker) {
        let reader = reader::<Vec<u8>>(&address, "small").parameters(parameters.clone());
        let reader = reader.consistency(Consistency::AtLeastOnce).open().expect("a reader");
        let builder = writer::<[u8]>(&address, "small").parameters(parameters).consistency(Consistency::AtLeastOnce);
        let writer: AsyncMessageWriter<[u8]> = block_on(builder.open_async()).expect("a writer");
        let values: Vec<[u8; 4]> = (0..COUNT).map(u32::to_be_bytes).collect();
        block_on(async {
            // All writes are polled together, so that many are in flight.
            let mut writes: Vec<_> = values.iter().map(|value| Box::pin(writer.write(&value[..]))).collect();
            std::future::poll_fn(|context| {
                writes.retain_mut(|write| match write.as_mut().poll(context) {
                    std::task::Poll::Ready(result) => {
                        result.expect("write");
                        false
                    }
                    std::task::Poll::Pending => true,
                });
                if writes.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        });
        assert!(next_values(&reader, values.len()) == values);
    }
}

#[test]
fn writers_and_readers_come_back_after_a_cut() {
    let broker = Broker::start_everywhere();
    let proxy = Proxy::start(broker.ws);
    let quickly = Value::from([("min_delay", 0.02), ("max_delay", 0.1)]);
    let reader = reader::<String>(&proxy.address(), "t").consistency(Consistency::AtLeastOnce);
    let reader = reader.parameter("connect", Value::Null).parameter("reconnect_delay", quickly.clone()).open();
    let writer = writer::<str>(&proxy.address(), "t").consistency(Consistency::AtLeastOnce);
    let writer = writer.parameter("connect", Value::Null).parameter("reconnect_delay", quickly).open();
    let (reader, writer) = (reader.expect("a reader"), writer.expect("a writer"));
    for round in 1..=3 {
        writer.write("before").expect("write");
        while next(&reader).value() != "before" {}
        assert!(proxy.cut());
        eventually("both are back", || {
            writer.connection_info().reconnects >= round && reader.connection_info().reconnects >= round
        });
        eventually("the reader is back", || reader.ping(PATIENCE).is_ok());
        writer.write("after").expect("write");
        while next(&reader).value() != "after" {}
    }
}

/// Bytes that a slow network has not taken wait, and pings are answered between the messages.
#[test]
fn a_stalled_network_goes_on_where_it_was() {
    let broker = Broker::start_everywhere();
    let large = pattern(20 << 20);
    for (port, (_, parameters)) in [broker.ws, broker.wss].into_iter().zip(both(&broker)) {
        let proxy = Proxy::start(port);
        let reader = common::reader::<Vec<u8>>(&broker.plain_address(), "t").open().expect("a reader");
        let writer = writer::<[u8]>(&proxy.address(), "t").parameters(parameters);
        let writer = writer.consistency(Consistency::AtLeastOnce).open().expect("a writer");
        proxy.stall(true);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| writer.write(&large));
            // The message is larger than the sockets' buffers, so it is stuck in its middle.
            eventually("the message is on its way", || writer.connection_info().in_flight == 1);
            proxy.stall(false);
            writing.join().expect("the writer's thread").expect("write");
        });
        assert!(next(&reader).into_value() == large);
    }
}

#[test]
fn the_request_has_path_headers_and_subprotocol() {
    let (sender, requests) = channel();
    let server = web::open(move |web| {
        sender.send(web.request.clone()).expect("send");
        web.drain();
    });
    let header = |request: &tungstenite::handshake::server::Request, name: &str| {
        let values: Vec<_> = request.headers().get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name}");
        String::from_utf8(values[0].as_bytes().to_vec()).expect("UTF-8")
    };
    open(writer(&server.address(), "t")).expect("a writer");
    let request = requests.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(request.uri(), "/mqtt");
    assert_eq!(header(&request, "Host"), server.address());
    assert_eq!(header(&request, "Sec-WebSocket-Protocol"), "mqtt");

    let headers =
        [("Authorization", "Bearer s3cr3t"), ("X-Name", "日本"), ("host", "h.example"), ("Origin", "https://o")];
    for name in ["ws_options", "ws_set_options"] {
        let options = Value::from([("path", Value::from("a/b?c=d")), ("headers", headers.into())]);
        let in_type_spec = Value::from([(name, options.clone())]);
        for (name, value) in [(name, options), ("type_spec", in_type_spec)] {
            let writer = open(writer(&server.address(), "t").parameter(name, value)).expect("a writer");
            let request = requests.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(request.uri(), "/a/b?c=d");
            for (name, value) in headers {
                assert_eq!(header(&request, name), value);
            }
            let shown = format!("{:?}", writer.config().iter().collect::<Vec<_>>());
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }
}

#[test]
fn the_visible_configuration_has_no_headers_and_no_query() {
    let server = web::open(|web| web.drain());
    let options = [("path", Value::from("/a?token=s3cr3t")), ("headers", [("X", "s3cr3t")].into())];
    let writer = open(writer(&server.address(), "t").parameter("ws_options", options)).expect("a writer");
    let Some(Value::Map(shown)) = writer.config().get("ws_options") else { panic!("{:?}", writer.config()) };
    assert!(shown.get("path") == Some(&"/a?…".into()));
    assert!(shown.get("headers") == Some(&[("X", "********")].into()));
}

/// WebSocket messages need not begin or end where packets do (MQTT-6.0.0-4).
#[test]
fn packets_and_messages_need_not_fit() {
    let server = web::start(|web| {
        web.expect(CONNECT);
        // Each message has one byte.
        for byte in [0x20, 2, 0, 0] {
            web.send(&[byte]);
        }
        web.suback();
        let packets: Vec<u8> = (0..100_u8).flat_map(|n| publish("t", &wire(&[b'x', n]), 0, false, 0).bytes()).collect();
        // One message has many packets.
        web.send(&packets);
        // The message is also sent in fragments, with a ping in between.
        web.fragment(&packets[..1], true, false);
        web.say(Message::Ping("between".into()));
        for part in packets[1..].chunks(997) {
            web.fragment(part, false, false);
        }
        web.fragment(&[], false, true);
        web.say(Message::Binary(vec![].into()));
        // One large packet spans many messages.
        let large = publish("t", &wire(&vec![5; 300_000]), 0, false, 0).bytes();
        large.chunks(1000).for_each(|part| web.send(part));
        web.drain();
        assert!(web.control.contains(&Message::Pong("between".into())), "{:?}", web.control);
    });
    let reader = reader::<Vec<u8>>(&server.address(), "t").open().expect("a reader");
    for _ in 0..2 {
        for n in 0..100 {
            assert_eq!(next(&reader).into_value(), [b'x', n]);
        }
    }
    assert!(next(&reader).into_value() == vec![5; 300_000]);
    reader.close().expect("close");
}

/// Returns a SINETStream message of format 3 with the timestamp 0; see the vectors.
fn wire(value: &[u8]) -> Vec<u8> {
    let mut message = vec![0xDF, 3, 0, 0, 0, 0, 0xC3, 1, 0x1F, 0x9C, 0x0C, 0x91, 0xEB, 0x33, 0x66, 0x4F, 0];
    let mut length = value.len() << 1;
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(value);
    message
}

#[test]
fn what_is_written_goes_out_in_bounded_messages_with_many_packets() {
    let (sender, sizes) = channel();
    let server = web::open(move |web| {
        let large = Publish::parse(&web.expect(0x30));
        assert!(large.payload.len() > 1 << 20);
        web.drain();
        sender.send(std::mem::take(&mut web.messages)).expect("send");
    });
    let writer = writer::<[u8]>(&server.address(), "t").open().expect("a writer");
    writer.write(&vec![1; 1 << 20]).expect("write");
    writer.close().expect("close");
    let sizes = sizes.recv_timeout(PATIENCE).expect("the sizes");
    assert!(sizes.iter().all(|size| *size <= 1 << 16), "{sizes:?}");
    assert!(sizes.len() < 30, "{sizes:?}");
}

#[test]
fn pings_are_answered_before_and_after_the_login() {
    let server = web::start(|web| {
        web.expect(CONNECT);
        for n in 0..5_u8 {
            web.say(Message::Ping(vec![n; 125].into()));
            // CONNACK follows only after the ping is answered.
            while !web.control.contains(&Message::Pong(vec![n; 125].into())) && web.read() {}
        }
        web.send(&[0x20, 2, 0, 0]);
        for n in 5..10_u8 {
            web.say(Message::Ping(vec![n].into()));
            while !web.control.contains(&Message::Pong(vec![n].into())) && web.read() {}
        }
        let id = web.expect(0x32).body[3..5].to_vec();
        web.send(&[0x40, 2, id[0], id[1]]);
        web.drain();
    });
    let builder = writer(&server.address(), "t").consistency(Consistency::AtLeastOnce);
    let writer = open(builder.parameter("connect", common::connection_timeout(10.0))).expect("a writer");
    writer.write("x").expect("write");
    writer.close().expect("close");
}

#[test]
fn a_peer_that_only_pings_does_not_hold_the_client() {
    let server = web::start(|web| {
        web.expect(CONNECT);
        while web.socket.send(Message::Ping("?".into())).is_ok() {}
    });
    let begin = Instant::now();
    refused(writer(&server.address(), "t").parameter("connect", common::connection_timeout(0.5)), &["within 500ms"]);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_goodbye_of_the_server_is_told() {
    let goodbye = |code: u16, reason: &'static str| {
        let server = web::open(move |web| {
            web.expect(PINGREQ);
            web.say(Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })));
            web.drain();
            // The client has answered the close frame.
            assert!(web.control.iter().any(|message| matches!(message, Message::Close(_))), "{:?}", web.control);
        });
        let writer = open(writer(&server.address(), "t")).expect("a writer");
        assert!(writer.ping(PATIENCE).is_err());
        eventually("the loss is noticed", || !writer.is_connected());
        lost(writer.write("x"))
    };
    let told = goodbye(1001, "maintenance");
    assert!(told.contains("closed the WebSocket: 1001 going away: maintenance"), "{told}");
    assert!(goodbye(1000, "").contains("the broker closed the connection"));
}

#[test]
fn text_messages_are_refused() {
    let (sender, told) = channel();
    let server = web::open(move |web| {
        web.expect(PINGREQ);
        web.say(Message::Text("hello".into()));
        web.drain();
        sender.send(web.control.clone()).expect("send");
    });
    let writer = open(writer(&server.address(), "t")).expect("a writer");
    assert!(writer.ping(PATIENCE).is_err());
    eventually("the loss is noticed", || !writer.is_connected());
    let message = lost(writer.write("x"));
    assert!(message.contains("WebSocket") && message.contains("text message"), "{message}");
    let control = told.recv_timeout(PATIENCE).expect("the end");
    let code = control.iter().find_map(|message| match message {
        Message::Close(Some(frame)) => Some(frame.code),
        _ => None,
    });
    assert_eq!(code, Some(CloseCode::Unsupported));
}

#[test]
fn closing_says_goodbye_in_both_protocols() {
    let (sender, told) = channel();
    let server = web::open(move |web| {
        while web.packet().is_some() {}
        web.drain();
        sender.send(web.control.clone()).expect("send");
    });
    let begin = Instant::now();
    open(writer(&server.address(), "t")).expect("a writer").close().expect("close");
    let control = told.recv_timeout(PATIENCE).expect("the end");
    let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    assert_eq!(control, [Message::Close(Some(normal))]);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_http_answer_that_opens_no_websocket_is_told() {
    for (answer, words) in [
        ("404 Not Found", &["HTTP 404 Not Found for path '/there?…'; check 'ws_options.path'"][..]),
        ("401 Unauthorized", &["HTTP 401 Unauthorized", "ws_options.headers"]),
        ("403 Forbidden", &["HTTP 403 Forbidden", "ws_options.headers"]),
        ("302 Found\r\nLocation: https://other.example/x?t=s3cr3t", &["HTTP 302 Found", "'https://other.example/x'"]),
        ("200 OK\r\nContent-Length: 5\r\n\r\nhello", &["HTTP 200 OK", "ws_options.path"]),
        ("101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade", &["Sec-WebSocket-Accept"]),
        ("503 Service Unavailable", &["HTTP 503"]),
    ] {
        let server = Scripted::start(move |peer| {
            peer.send(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes());
            peer.swallow();
        });
        let options = [("path", Value::from("/there?t=s3cr3t")), ("headers", [("X", "s3cr3t")].into())];
        let builder = || writer(&server.address(), "t").parameter("ws_options", options.clone());
        refused(builder(), words);
        refused(builder(), &[&format!("connect {}: WebSocket: ", server.address())]);
        let message = open(builder()).map(drop).expect_err("an error").to_string();
        assert!(!message.contains("s3cr3t"), "{message}");
    }
}

#[test]
fn a_server_without_the_subprotocol_is_refused() {
    let server = Scripted::start(|peer| {
        let mut socket = tungstenite::accept(peer.stream()).expect("a request");
        while socket.read().is_ok() {}
    });
    refused(writer(&server.address(), "t"), &["WebSocket", "subprotocol 'mqtt'"]);
}

#[test]
fn a_port_of_another_kind_is_explained() {
    let broker = Broker::start_everywhere();
    let tls = [("ca_certs", broker.ca().display().to_string())];
    refused(writer(&broker.plain_address(), "t"), &["WebSocket", "is this a WebSocket port?"]);
    refused(writer(&broker.tls_address(), "t"), &["WebSocket", "is this a WebSocket port?", "'tls'"]);
    // Without TLS, Mosquitto 2.0 answers and 2.1 closes the connection.
    let answer = if is_from_2_1() { "is this a TLS port?" } else { "does not speak TLS" };
    refused(writer(&broker.ws_address(), "t").parameter("tls", tls.clone()), &["TLS", answer]);
    refused(writer(&broker.tls_address(), "t").parameter("tls", tls), &["WebSocket", "is this a WebSocket port?"]);
    let ssh = Scripted::start(|peer| {
        peer.send(b"SSH-2.0-x\r\n");
        peer.swallow();
    });
    refused(writer(&ssh.address(), "t"), &["WebSocket", "does not speak HTTP"]);
    let endless = Scripted::start(|peer| {
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n");
        (0..1000).for_each(|n| peer.send(format!("X-{n}: {}\r\n", "x".repeat(100)).as_bytes()));
        peer.swallow();
    });
    refused(writer(&endless.address(), "t"), &["WebSocket", "too long"]);
}

#[test]
fn a_silent_server_is_given_up() {
    for answer in ["", "HTTP/1.1 101 Swi"] {
        let server = Scripted::start(move |peer| {
            peer.send(answer.as_bytes());
            peer.swallow();
        });
        let begin = Instant::now();
        refused(
            writer(&server.address(), "t").parameter("connect", common::connection_timeout(0.5)),
            &["within 500ms"],
        );
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn brokers_have_the_ports_of_http() {
    let ca = authority_file();
    let tls = [("ca_certs", ca.path().display().to_string())];
    for (tls, port) in [(Value::Null, ":80:"), (tls.into(), ":443:")] {
        // The host name does not exist.
        refused(writer("broker.invalid", "t").parameter("tls", tls), &["broker.invalid", port]);
    }
}

/// Bytes that come together with the HTTP answer belong to the WebSocket.
#[test]
fn nothing_behind_the_answer_is_lost() {
    let server = Scripted::start(|peer| {
        let mut request = Vec::new();
        let mut stream = peer.stream();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut stream, &mut byte).expect("the request");
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).expect("ASCII");
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        .into_bytes();
        // A server that answers so early does not read the CONNECT first.
        answer.extend([0x82, 4, 0x20, 2, 0, 0]);
        peer.send(&answer);
        peer.swallow();
    });
    let writer = open(writer(&server.address(), "t")).expect("a writer");
    assert!(writer.is_connected());
}
