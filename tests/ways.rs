//! Tests ways to a broker other than TCP to its host name: a Unix socket, an address with a zone, a proxy; and the details that
//! TLS shows.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddrV6, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::common;
use crate::common::broker::{Broker, free_ports};
use crate::common::certificates::{self, authority};
use crate::common::tls_peer::TlsPeer;
use crate::common::{PATIENCE, login, next, reader, told, writer};
use rustls::version::{TLS12, TLS13};
use sinetstream::config::{Map, Value};
use sinetstream::{Consistency, MessageWriter, Result};

#[test]
fn a_unix_socket_is_a_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("mosquitto.sock").display().to_string();
    let mut broker = Broker::start_with(certificates::server(), &format!("listener 0 {socket}\nallow_anonymous true"));
    let address = format!("unix:{socket}");
    let reader = reader::<String>(&address, "t").open().expect("a reader");
    for consistency in common::EVERY_CONSISTENCY {
        let writer = writer::<str>(&address, "t").consistency(consistency).open().expect("a writer");
        writer.write("through the socket").expect("write");
        assert_eq!(next(&reader).value(), "through the socket");
    }
    // The password stays on this machine, so there is no warning; TLS has no name to check.
    let (opened, warnings) = common::warnings::collect(|| {
        writer::<str>(&address, "t").parameter("username_pw", login("user01", "any")).open()
    });
    opened.expect("a writer");
    assert_eq!(warnings, Vec::<String>::new());
    writer::<str>(&address, "t").parameter("require_tls", true).open().expect("a writer");
    let tls = writer::<str>(&address, "t").parameter("tls", true).open();
    told(tls, "InvalidConfiguration", &["'brokers'", &address, "leave out 'tls'"]);
    // The writer reconnects, and tries the socket like any broker of a list.
    let listed = Value::List(vec!["unix:/nowhere/x.sock".into(), address.as_str().into()]);
    let (listener, events) = common::events::listen();
    let coming_back = MessageWriter::<str>::builder()
        .no_config(true)
        .service_type("mqtt")
        .topic("t")
        .consistency(Consistency::AtLeastOnce)
        .parameter("brokers", listed)
        .parameter("reconnect_delay", common::quickly())
        .on_connection_event(listener)
        .open()
        .expect("a writer");
    events.connected();
    broker.kill();
    events.lost();
    broker.restart();
    events.connected();
    coming_back.write("again").expect("write");
    broker.kill();
    let nobody = writer::<str>(&address, "t").open();
    told(nobody, "Connection", &["socket", "is the broker running"]);
    told(writer::<str>("unix:/nowhere/x.sock", "t").open(), "Connection", &["unix:/nowhere/x.sock", "socket"]);
    told(writer::<str>("unix:x.sock", "t").open(), "InvalidConfiguration", &["'brokers'", "absolute path"]);
}

/// Returns an address of this machine with the number and the name of its interface; a link-local one if there is any.
fn zoned() -> Option<(Ipv6Addr, u32, String)> {
    let text = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    let mut all: Vec<_> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address: Ipv6Addr = u128::from_str_radix(words.next()?, 16).ok()?.into();
            let index = u32::from_str_radix(words.next()?, 16).ok()?;
            Some((address, index, words.last()?.to_owned()))
        })
        .filter(|(address, ..)| address.is_unicast_link_local() || address.is_loopback())
        .collect();
    all.sort_by_key(|(address, ..)| address.is_loopback());
    all.into_iter().next()
}

#[test]
fn an_address_with_a_zone_is_reached() {
    if let Some((address, index, interface)) = zoned() {
        let listener = TcpListener::bind(SocketAddrV6::new(address, 0, 0, index)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let mut bytes = [0; 1024];
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(&[0x20, 2, 0, 0]);
                while matches!(stream.read(&mut bytes), Ok(1..)) {}
            }
        });
        // Only link-local addresses have zones by name.
        let names = [index.to_string(), interface];
        let most = if address.is_loopback() { 1 } else { 2 };
        for zone in &names[..most] {
            let opened = writer::<str>(&format!("[{address}%{zone}]:{port}"), "t").open();
            opened.unwrap_or_else(|error| panic!("{zone}: {error}"));
        }
    }
    let nowhere = writer::<str>("[fe80::1%nosuch9]:1883", "t").open();
    told(nowhere, "Connection", &["[fe80::1%nosuch9]:1883", "DNS", "is 'nosuch9' a network interface"]);
    told(writer::<str>("[fe80::1%]:1883", "t").open(), "InvalidConfiguration", &["not an IPv6 address"]);
}

#[test]
fn protocols_of_alpn_are_offered() {
    for version in [&TLS12, &TLS13] {
        let peer = TlsPeer::start_with_protocols(certificates::server(), &[version], &["x-amzn-mqtt-ca", "mqtt"]);
        let open = |alpn: Value| {
            let mut tls = Map::new();
            tls.insert("ca_certs_data", authority().pem.as_str());
            if alpn != Value::Null {
                tls.insert("alpn", alpn);
            }
            writer::<str>(&peer.address(), "t").parameter("tls", tls).open()
        };
        for (alpn, expected) in [
            (Value::from("mqtt"), Some("mqtt")),
            (Value::List(vec!["http/1.1".into(), "mqtt".into()]), Some("mqtt")),
            (Value::Null, None),
        ] {
            open(alpn).expect("a writer");
            assert_eq!(peer.negotiated().protocol.as_deref(), expected);
        }
        told(open("http/1.1".into()), "Connection", &["TLS", "'tls.alpn'"]);
        for wrong in [Value::from(""), Value::List(Vec::new()), Value::Int(1), "x".repeat(256).into()] {
            told(open(wrong), "InvalidConfiguration", &["'tls.alpn'", "1 to 255 bytes"]);
        }
    }
}

/// An HTTP proxy that supports CONNECT, and reports its requests.
struct HttpProxy {
    port: u16,
    asked: Receiver<String>,
}

impl HttpProxy {
    /// Starts a proxy. `login` is the expected login in Base64; `refusal` is its answer to every client.
    fn start(login: Option<&'static str>, refusal: Option<&'static str>) -> HttpProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, tell) = (client.expect("a client"), tell.clone());
                std::thread::spawn(move || serve(client, login, refusal, &tell));
            }
        });
        HttpProxy { port, asked }
    }

    fn parameter(&self, more: &[(&str, &str)]) -> Value {
        let mut map = Map::new();
        map.insert("proxy_addr", "127.0.0.1");
        map.insert("proxy_port", i64::from(self.port));
        more.iter().for_each(|(name, value)| map.insert(*name, *value));
        Value::Map(map)
    }

    fn asked(&self) -> String {
        self.asked.recv_timeout(PATIENCE).expect("a request")
    }
}

fn serve(mut client: TcpStream, login: Option<&str>, refusal: Option<&str>, tell: &Sender<String>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(1) = client.read(&mut byte) else { return };
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).expect("a text");
    let _ = tell.send(request.clone());
    let is_known = login.is_none_or(|login| request.contains(&format!("\r\nProxy-Authorization: Basic {login}\r\n")));
    if let Some(refusal) = refusal.or((!is_known).then_some("407 Proxy Authentication Required")) {
        let _ = write!(client, "HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    let target = request.split(' ').nth(1).expect("a target");
    let Ok(broker) = TcpStream::connect(target) else {
        let _ = write!(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n");
        return;
    };
    let _ = write!(client, "HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n");
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        })
    };
    copy(client.try_clone().expect("a socket"), broker.try_clone().expect("a socket"));
    copy(broker, client);
}

fn through(proxy: Value, address: &str, more: &[(&str, Value)]) -> Result<MessageWriter<str>> {
    let mut writer = writer::<str>(address, "t").consistency(Consistency::AtLeastOnce).parameter("proxy", proxy);
    for (name, value) in more {
        writer = writer.parameter(*name, value.clone());
    }
    writer.open()
}

#[test]
fn every_transport_goes_through_a_proxy() {
    let broker = Broker::start_everywhere();
    let proxy = HttpProxy::start(None, None);
    let mut ca = Map::new();
    ca.insert("ca_certs", broker.ca().display().to_string());
    let tls = ("tls", Value::Map(ca));
    let user = ("username_pw", login("user01", "user01-pass"));
    let web = ("transport", Value::from("websockets"));
    for (address, more) in [
        (broker.plain_address(), vec![]),
        (broker.tls_address(), vec![tls.clone(), user.clone()]),
        (broker.ws_address(), vec![web.clone()]),
        (broker.wss_address(), vec![tls, user, web]),
    ] {
        let writer = through(proxy.parameter(&[]), &address, &more).unwrap_or_else(|error| panic!("{more:?}: {error}"));
        writer.write("hello").expect("write");
        writer.close().expect("close");
        let asked = proxy.asked();
        assert!(asked.starts_with(&format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n")), "{asked}");
        assert!(!asked.contains("Authorization"), "{asked}");
    }
}

#[test]
fn a_proxy_may_want_a_login_and_refuse() {
    let broker = Broker::start();
    let plain = broker.plain_address();
    // The Base64 is that of user:s3cr3t-pass.
    let proxy = HttpProxy::start(Some("dXNlcjpzM2NyM3QtcGFzcw=="), None);
    let user = ("proxy_username", "user");
    through(proxy.parameter(&[user, ("proxy_password", "s3cr3t-pass")]), &plain, &[]).expect("a writer");
    let wrong = through(proxy.parameter(&[user, ("proxy_password", "s3cr3t-other")]), &plain, &[]);
    let message = told(wrong, "Authentication", &[&plain, "proxy: 127.0.0.1", "refuses the login", "'proxy_password'"]);
    assert!(!message.contains("s3cr3t"), "{message}");
    // A refused login is sent once, however long the client may wait for a broker.
    proxy.asked.try_iter().for_each(drop);
    let patient = ("connect", Value::from([("retry_first", 600)]));
    let wrong = through(proxy.parameter(&[user, ("proxy_password", "s3cr3t-other")]), &plain, &[patient]);
    told(wrong, "Authentication", &["refuses the login"]);
    assert_eq!(proxy.asked.try_iter().count(), 1);
    told(through(proxy.parameter(&[]), &plain, &[]), "Authentication", &["wants a login", "'proxy_username'"]);
    let strict = HttpProxy::start(None, Some("403 Forbidden"));
    told(through(strict.parameter(&[]), &plain, &[]), "Connection", &["lets nobody through", "443"]);
    let [closed] = free_ports();
    let nobody = through(HttpProxy::start(None, None).parameter(&[]), &format!("localhost:{closed}"), &[]);
    told(nobody, "Connection", &["proxy", "does not reach the broker"]);
    let mut gone = Map::new();
    gone.insert("proxy_addr", "127.0.0.1");
    gone.insert("proxy_port", i64::from(closed));
    told(through(Value::Map(gone), &plain, &[]), "Connection", &["TCP", &format!("the proxy 127.0.0.1:{closed}")]);
    // The configuration that is shown has no password.
    let shown = through(proxy.parameter(&[user, ("proxy_password", "s3cr3t-pass")]), &plain, &[]).expect("a writer");
    assert!(!format!("{:?} {shown:?}", shown.config()).contains("s3cr3t"));
    for (proxy, words) in [
        (Value::from("HTTPS_PROXY"), "'environment'"),
        (Value::Map(Map::new()), "'proxy_addr'"),
        ([("proxy_addr", "http://x")].into(), "not a URL"),
        ([("proxy_addr", "x"), ("proxy_type", "SOCKS5")].into(), "SOCKS"),
        ([("proxy_addr", "x"), ("proxy_password", "s3cr3t")].into(), "'proxy_username'"),
        ([("proxy_addr", "x"), ("proxy_username", "a:b")].into(), "colon"),
    ] {
        let message = told(through(proxy, &plain, &[]), "InvalidConfiguration", &["'proxy", words]);
        assert!(!message.contains("s3cr3t"), "{message}");
    }
}

/// The environment belongs to all threads, so the test has a process of its own.
#[cfg(feature = "cli")]
#[test]
fn the_environment_names_a_proxy_only_when_it_is_asked() {
    let broker = Broker::start();
    let proxy = HttpProxy::start(None, None);
    let write = |more: &[&str], no_proxy: &str| {
        let brokers = format!("brokers={}", broker.plain_address());
        let arguments = ["write", "-nc", "type=mqtt", "topic=t", "qos=1", "-m", "hello", &brokers];
        let mut command = common::command::command([&arguments, more].concat());
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port)).env("NO_PROXY", no_proxy);
        let output = command.output().expect("the command");
        assert!(output.status.success(), "{output:?}");
        proxy.asked.try_iter().count()
    };
    assert_eq!(write(&[], ""), 0);
    assert_eq!(write(&["proxy=environment"], ""), 1);
    assert_eq!(write(&["proxy=environment"], "example.org, localhost"), 0);
}
