//! Tests a service's configuration from a configuration server.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::common;
use crate::common::broker::Broker;
use crate::common::http::{Request, Response, Server, closed_port};
use crate::common::process::{own_test, passes};
use crate::common::{certificates, data, told};
use base64ct::{Base64, Encoding};
use serde_json::{Value as Json, json};
use sinetstream::{MessageReader, MessageWriter};

fn vectors() -> &'static Json {
    static VECTORS: OnceLock<Json> = OnceLock::new();
    VECTORS.get_or_init(|| {
        serde_json::from_str(&std::fs::read_to_string(data("vectors.json")).expect("read")).expect("JSON")
    })
}

fn fingerprint() -> &'static str {
    vectors()["rsa"]["fingerprint_sha256_base64_nopad"].as_str().expect("a fingerprint")
}

/// Returns the Base64 of a secret of the vectors.
fn secret(id: &str) -> String {
    let secrets = vectors()["secrets"].as_array().expect("a list");
    let found = secrets.iter().find(|secret| secret["id"] == id).expect("a secret");
    found["yaml_value"]
        .as_str()
        .expect("a value")
        .trim_start_matches("!sinetstream/encrypted")
        .split_whitespace()
        .collect()
}

/// The home folder of a user, with the user's files.
struct Home(tempfile::TempDir);

impl Home {
    fn new(address: &str) -> Home {
        let home = Home(tempfile::tempdir().expect("a folder"));
        home.write("private.pem", vectors()["rsa"]["private_key_pem"].as_str().expect("a key"));
        home.write(
            "auth.json",
            &json!({"config-server": {"address": address, "user": "me", "secret-key": "S3CR3T"}}).to_string(),
        );
        home
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, text).expect("write");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        file
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> sinetstream::Result<MessageWriter<str>> {
        self.open_within(20, name)
    }

    fn open_within(&self, seconds: i64, name: &str) -> sinetstream::Result<MessageWriter<str>> {
        let builder = MessageWriter::<str>::builder().config_name(name).auth_file(self.file("auth.json"));
        builder.private_key_file(self.file("private.pem")).parameter("connection_timeout", seconds).open()
    }
}

/// Answers the three kinds of requests correctly.
fn good(
    request: &Request,
    config: &Json,
    attachments: &Json,
    secrets: &Json,
    values: &[(&str, &str, &str)],
) -> Response {
    match request.line.split(' ').nth(1).expect("a path") {
        "/api/v1/authentication" => {
            let login: Json = serde_json::from_str(&request.body).expect("JSON");
            assert_eq!(login, json!({"strategy": "api-access", "user": "me", "secret-key": "S3CR3T"}));
            Response::Json(201, json!({"accessToken": "t0ken"}).to_string())
        }
        _ if request.header("authorization") != Some("Bearer t0ken") => Response::Json(401, "{}".into()),
        "/api/v1/configs/my%20config" => {
            let answer = json!({"name": "my config", "config": config, "attachments": attachments, "secrets": secrets});
            Response::Json(200, answer.to_string())
        }
        path => match values.iter().find(|(id, _, _)| path == format!("/api/v1/secrets/{id}")) {
            Some((id, target, name)) => {
                assert_eq!(request.header("sinetstream-config-publickey"), Some(fingerprint()));
                let answer = json!({"id": id, "target": target, "fingerprint": format!("SHA256:{}", fingerprint()), "value": secret(name)});
                Response::Json(200, answer.to_string())
            }
            None => Response::Json(404, "{}".into()),
        },
    }
}

#[test]
fn parameters_attachments_and_secrets_come_over_https() {
    let broker = Broker::start();
    let config = json!({"header": {"version": 3, "fingerprint": fingerprint()}, "config": {"svc": {
        "type": "mqtt", "brokers": broker.tls_address(), "topic": "t", "consistency": "AT_LEAST_ONCE", "message_format": 3,
        "tls": {"check_hostname": true}, "username_pw_set": {"username": "user01", "password": "user01-pass"},
        "data_encryption": true, "crypto": {"algorithm": "AES", "mode": "GCM", "key_length": 128},
    }, "other": {"type": "mqtt"}}});
    let ca = std::fs::read(broker.ca()).expect("a certificate");
    let attachments = json!([{"target": "*.tls.ca_certs_data", "value": Base64::encode_string(&ca)},
                             {"target": "other.tls.certfile_data", "value": "AAAA"}]);
    let secrets = json!([{"target": "svc.crypto.key", "ids": [{"id": "k2", "version": 2}, {"id": "k1", "version": 1}]},
                         {"target": "other.crypto.key", "id": "nobody asks for it"}]);
    let values = [("k1", "svc.crypto.key", "secret/key16"), ("k2", "svc.crypto.key", "secret/key16")];
    let server = Server::start(Some(certificates::server()), move |request| {
        good(request, &config, &attachments, &secrets, &values)
    });
    let home = Home::new(&format!("https://localhost:{}/", server.port));
    let writer =
        MessageWriter::<str>::builder().service("svc").config_name("my config").auth_file(home.file("auth.json"));
    let writer = writer.private_key_file(home.file("private.pem"));
    // The certificate's issuer is not trusted.
    let unknown =
        MessageWriter::<str>::builder().service("svc").config_name("my config").auth_file(home.file("auth.json"));
    told(unknown.open(), "Connection", &["configuration server https://localhost", "certificate"]);
    // A certificate that is not an authority's is not trusted as one.
    let server_alone = broker.write("server-alone.pem", &certificates::server().pem);
    let alone =
        MessageWriter::<str>::builder().service("svc").config_name("my config").auth_file(home.file("auth.json"));
    let alone = alone.parameter("config_ca_certs", server_alone.display().to_string());
    told(alone.open(), "InvalidConfiguration", &["'config_ca_certs'", "not an authority's"]);
    let writer = writer.parameter("config_ca_certs", broker.ca().display().to_string()).open().expect("a writer");
    let reader =
        MessageReader::<String>::builder().service("svc").config_name("my config").auth_file(home.file("auth.json"));
    let reader = reader
        .private_key_file(home.file("private.pem"))
        .parameter("config_ca_certs", broker.ca().display().to_string());
    let reader = reader.receive_timeout(common::PATIENCE).open().expect("a reader");
    let mut subscriber = common::raw::Client::connect(broker.plain);
    subscriber.subscribe("t");
    writer.write("hello").expect("write");
    assert_eq!(common::next(&reader).value(), "hello");
    // The newest key is used, whatever its place in the list.
    assert_eq!(subscriber.next().payload[..6], [0xDF, 3, 0, 0, 0, 2]);
    assert_eq!(writer.service(), Some("svc"));
    let lines: Vec<String> = server.requests().iter().map(|request| request.line.clone()).collect();
    assert!(!lines.iter().any(|line| line.contains("nobody")), "{lines:?}");
}

#[test]
fn every_failure_has_its_own_error() {
    let plain = json!({"svc": {"type": "mqtt", "brokers": "127.0.0.1:1", "topic": "t"}});
    let key = json!([{"target": "svc.crypto.key", "id": "k"}]);
    type Case = (&'static str, Box<dyn Fn(&Request) -> Response + Send + Sync>, &'static str, &'static [&'static str]);
    let answered = |config: Json,
                    attachments: Json,
                    secrets: Json,
                    values: &'static [(&'static str, &'static str, &'static str)]|
     -> Box<dyn Fn(&Request) -> Response + Send + Sync> {
        Box::new(move |request: &Request| good(request, &config, &attachments, &secrets, values))
    };
    // The login succeeds, and the next request gets this answer.
    let after = |make: fn() -> Response| -> Box<dyn Fn(&Request) -> Response + Send + Sync> {
        Box::new(move |request: &Request| match request.line.starts_with("POST") {
            true => good(request, &json!({}), &json!([]), &json!([]), &[]),
            false => make(),
        })
    };
    let none = || json!([]);
    let cases: Vec<Case> = vec![
        ("all is well", answered(plain.clone(), none(), none(), &[]), "Connection", &["connect 127.0.0.1:1"]),
        (
            "login refused",
            Box::new(|_| Response::Json(401, "{}".into())),
            "Authentication",
            &["user 'me'", "auth.json", "refused"],
        ),
        ("no token", Box::new(|_| Response::Json(201, "{}".into())), "InvalidConfiguration", &["accessToken"]),
        ("login fails", Box::new(|_| Response::Json(500, "{}".into())), "Connection", &["status 500"]),
        ("expired token", after(|| Response::Json(401, "{}".into())), "Authentication", &["token has expired"]),
        ("unknown configuration", after(|| Response::Json(404, "{}".into())), "NoConfig", &["no such configuration"]),
        ("strange status", after(|| Response::Json(418, "{}".into())), "Connection", &["418"]),
        (
            "a redirect",
            after(|| {
                Response::Raw(b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec())
            }),
            "Connection",
            &["redirect"],
        ),
        ("not JSON", after(|| Response::Json(200, "S3CR3T".into())), "InvalidConfiguration", &["not JSON"]),
        (
            "another one",
            after(|| Response::Json(200, json!({"name": "x"}).to_string())),
            "InvalidConfiguration",
            &["another configuration"],
        ),
        (
            "no configuration in it",
            after(|| Response::Json(200, json!({"name": "my config"}).to_string())),
            "InvalidConfiguration",
            &["no 'config'"],
        ),
        (
            "cut",
            after(|| Response::Raw(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"name\"".to_vec())),
            "Connection",
            &["configuration server"],
        ),
        ("not HTTP", after(|| Response::Raw(b"SSH-2.0-x\r\n\r\n".to_vec())), "Connection", &["configuration server"]),
        (
            "huge",
            after(|| {
                Response::Raw(
                    [b"HTTP/1.1 200 X\r\nContent-Length: 99999999\r\n\r\n".to_vec(), vec![b' '; 17 << 20]].concat(),
                )
            }),
            "Connection",
            &["larger than"],
        ),
        ("slow", after(|| Response::Silence), "Connection", &["within 2 seconds"]),
        (
            "too many values",
            after(|| Response::Json(200, format!("[{}0]", "0,".repeat(100_000)))),
            "InvalidConfiguration",
            &["more than 100000 names and values"],
        ),
        (
            "too many parameters",
            after(|| {
                let many: serde_json::Map<_, _> = (0..5001).map(|i| (format!("name{i}"), json!(1))).collect();
                Response::Json(200, json!({"name": "my config", "config": {"svc": many}}).to_string())
            }),
            "InvalidConfiguration",
            &["configuration 'my config'", "more than 5000 names"],
        ),
        (
            "wrong version",
            answered(json!({"header": {"version": 4}, "config": {"svc": {}}}), none(), none(), &[]),
            "InvalidConfiguration",
            &["'header.version' must be 2 or 3"],
        ),
        (
            "no service",
            answered(json!({"header": {"version": 2}, "config": {}}), none(), none(), &[]),
            "InvalidConfiguration",
            &["no service"],
        ),
        ("several services", answered(json!({"a": {}, "b": {}}), none(), none(), &[]), "NoService", &["a, b"]),
        (
            "a mistake in it",
            answered(json!({"svc": {"type": "mqtt", "brokers": "h", "topic": "t", "qos": 3}}), none(), none(), &[]),
            "InvalidConfiguration",
            &["configuration 'my config' of http://127.0.0.1", "'qos'"],
        ),
        (
            "a bad target",
            answered(plain.clone(), json!([{"target": "svc", "value": ""}]), none(), &[]),
            "InvalidConfiguration",
            &["target 'svc'"],
        ),
        (
            "an attachment that is not Base64",
            answered(plain.clone(), json!([{"target": "svc.x", "value": "?"}]), none(), &[]),
            "InvalidConfiguration",
            &["not Base64"],
        ),
        (
            "an attachment in the wrong place",
            answered(plain.clone(), json!([{"target": "svc.topic.x", "value": ""}]), none(), &[]),
            "InvalidConfiguration",
            &["'topic' is not a map"],
        ),
        ("no such secret", answered(plain.clone(), none(), key.clone(), &[]), "NoConfig", &["no such secret"]),
        (
            "a secret for something else",
            answered(plain.clone(), none(), key.clone(), &[("k", "svc.crypto.password", "secret/text")]),
            "InvalidConfiguration",
            &["another secret"],
        ),
        (
            "a secret without an id",
            answered(plain.clone(), none(), json!([{"target": "svc.crypto.key", "ids": []}]), &[]),
            "InvalidConfiguration",
            &["no id"],
        ),
    ];
    for (what, answer, variant, words) in cases {
        let server = Server::start(None, answer);
        let home = Home::new(&format!("http://127.0.0.1:{}", server.port));
        println!("{what}");
        let is_slow = words.iter().any(|word| word.contains("within 2 seconds"));
        let message = told(home.open_within(if is_slow { 2 } else { 20 }, "my config"), variant, words);
        assert!(!message.contains("S3CR3T") && !message.contains("t0ken"), "{what}: {message}");
    }
    let nobody = Home::new(&format!("http://127.0.0.1:{}", closed_port()));
    told(nobody.open("c"), "Connection", &["configuration server http://127.0.0.1"]);
    told(Home::new("ftp://x").open("c"), "InvalidConfiguration", &["not an https:// address"]);
    let home = Home::new("http://127.0.0.1:1");
    home.write("auth.json", "{\"config-server\": {\"address\": 5}}");
    told(home.open("c"), "InvalidConfiguration", &["auth.json", "'config-server.address'"]);
    home.write("auth.json", "S3CR3T");
    let message = told(home.open("c"), "InvalidConfiguration", &["auth.json:1", "not JSON"]);
    assert!(!message.contains("S3CR3T"));
    std::fs::remove_file(home.file("auth.json")).expect("remove");
    told(home.open("c"), "NoConfig", &["auth.json", "can't be read"]);
}

#[test]
fn one_source_of_the_configuration() {
    let home = Home::new("http://127.0.0.1:1");
    let file = home.write("config.yml", "svc: {type: mqtt, brokers: '127.0.0.1:1', topic: t, config_name: other}\n");
    let builder = || MessageWriter::<str>::builder().service("svc").parameter("config_name", "other");
    told(builder().no_config(true).open(), "InvalidConfiguration", &["config_name", "no_config"]);
    told(builder().config_file(&file).open(), "InvalidConfiguration", &["config_name", "config_file"]);
    // In the file `config_name` comes too late.
    let (_, warnings) = common::warnings::collect(|| {
        told(MessageWriter::<str>::builder().config_file(&file).open(), "Connection", &["connect 127.0.0.1:1"])
    });
    assert!(warnings.iter().any(|warning| warning.contains("'config_name' has no effect")), "{warnings:?}");
}

/// Each answer comes in time, but there are too many of them.
#[test]
fn one_time_limit_holds_for_all_requests_together() {
    let secrets: Vec<Json> = (0..500).map(|i| json!({"target": format!("svc.x{i}"), "id": format!("s{i}")})).collect();
    let config = json!({"svc": {"type": "mqtt", "brokers": "127.0.0.1:1", "topic": "t"}});
    let server = Server::start(None, move |request| {
        let path = request.line.split(' ').nth(1).expect("a path");
        let Some(number) = path.strip_prefix("/api/v1/secrets/s") else {
            return good(request, &config, &json!([]), &json!(secrets), &[]);
        };
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (id, target) = (format!("s{number}"), format!("svc.x{number}"));
        let fingerprint = fingerprint();
        Response::Json(200, json!({"id": id, "target": target, "fingerprint": fingerprint, "value": ""}).to_string())
    });
    let home = Home::new(&format!("http://127.0.0.1:{}", server.port));
    let opened = home.open_within(2, "my config");
    told(opened, "Connection", &["within 2 seconds, the 'connection_timeout' for all requests"]);
    assert!(server.requests().len() < 502, "all requests were made");
}

/// The server sends one byte after the other, each in time, without end: of the TLS handshake, of the header, of the answer.
#[test]
fn a_server_that_drips_is_given_up_in_time() {
    use std::io::Write;
    for (scheme, first, then) in [
        // The record of the handshake has 16,383 bytes, and the message in it is longer still (RFC 8446, section 5.1).
        ("https", &[0x16, 3, 3, 0x3F, 0xFF, 2, 0xFF, 0xFF, 0xFF][..], 0),
        ("http", b"HTTP/1.1 201 X\r\nX: ", b'x'),
        ("http", b"HTTP/1.1 201 X\r\nContent-Length: 9999999\r\n\r\n", b' '),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut sent = stream.write_all(first);
            while sent.is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(20));
                sent = stream.write_all(&[then]);
            }
        });
        let home = Home::new(&format!("{scheme}://127.0.0.1:{port}"));
        let opened = common::within(common::PATIENCE, move || home.open_within(2, "my config").map(drop));
        told(opened, "Connection", &["within 2 seconds, the 'connection_timeout' for all requests"]);
    }
}

/// Without TLS an attacker in between would get the secret of the login, and could choose the configuration.
#[test]
fn without_tls_another_machine_is_not_asked_where_tls_is_required() {
    const CHILD: &str = "CONFIG_SERVER_CHILD";
    let open = |address: &str, required: bool| {
        let home = Home::new(address);
        let builder = MessageWriter::<str>::builder().config_name("c").auth_file(home.file("auth.json"));
        builder.parameter("connection_timeout", 1).parameter("require_tls", required).open()
    };
    for host in ["config.invalid", "config.invalid:80/path", "192.0.2.1", "[2001:db8::1]:80", "localhost.invalid"] {
        let address = format!("http://{host}");
        let by =
            if std::env::var_os(CHILD).is_some() { "SINETSTREAM_REQUIRE_TLS is on" } else { "'require_tls' is on" };
        let words = [by, &format!("configuration server {address} without TLS")];
        told(open(&address, true), "InvalidConfiguration", &words);
    }
    told(open("https://config.invalid", true), "Connection", &["configuration server https://config.invalid"]);
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        told(open(&format!("http://{host}:{}", closed_port()), true), "Connection", &["configuration server http://"]);
    }
    if std::env::var_os(CHILD).is_some() {
        let words = ["SINETSTREAM_REQUIRE_TLS is on", "configuration server http://config.invalid without TLS"];
        told(open("http://config.invalid", false), "InvalidConfiguration", &words);
        return;
    }
    told(open("http://config.invalid", false), "Connection", &["configuration server http://config.invalid"]);
    let mut child = own_test(module_path!(), "without_tls_another_machine_is_not_asked_where_tls_is_required");
    passes(child.env(CHILD, "").env("SINETSTREAM_REQUIRE_TLS", "1"));
}

/// Otherwise the operator of the server could run code in the program.
#[test]
fn a_server_may_not_name_a_library() {
    let service = |tls: Json| json!({"header": {"version": 3}, "config": {"svc": {"type": "mqtt", "brokers": "127.0.0.1:1", "topic": "t", "tls": tls}}});
    let module = json!({"pkcs11": {"module": "/usr/lib/p11.so"}});
    for config in [
        service(module.clone()),
        json!({"header": {"version": 3}, "config": {"svc": {"type": "mqtt", "brokers": "127.0.0.1:1", "topic": "t",
        "type_spec": {"tls_set": module}}}}),
    ] {
        let server = Server::start(None, move |request| good(request, &config, &json!([]), &json!([]), &[]));
        let home = Home::new(&format!("http://127.0.0.1:{}", server.port));
        let words = [".pkcs11'", "a configuration server may not name a library", "in the builder"];
        told(home.open("my config"), "InvalidConfiguration", &words);
    }
}
