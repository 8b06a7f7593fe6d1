//! Tests configuration files and builders: which are accepted and with what meaning, which are refused and with what message.

use std::path::Path;

use crate::common;
use crate::common::broker::Broker;
use crate::common::raw::{self, Publish};
use crate::common::scripted::Scripted;
use crate::common::warnings::collect;
use crate::common::{PATIENCE, data, next, no_reconnect, own, within, write_own};
use sinetstream::config::{Map, Value};
use sinetstream::{Consistency, Error, MessageReader, MessageWriter, MessageWriterBuilder, Result};

/// The expectations that `mistakes.yml` and `not_built.yml` state for one of their services.
struct Expected {
    service: String,
    reader: bool,
    /// Lines, with the words of the message about each.
    mistakes: Vec<(usize, Vec<String>)>,
}

fn expectations(file: &Path) -> Vec<Expected> {
    let text = std::fs::read_to_string(file).expect("read");
    let mut all: Vec<Expected> = Vec::new();
    let services = text.lines().enumerate().skip_while(|(_, line)| *line != "config:").skip(1);
    for (index, line) in services {
        if let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            let (name, rest) = name.split_once(':').expect("a service");
            all.push(Expected { service: name.into(), reader: rest.contains("# reader"), mistakes: Vec::new() });
        }
        if let Some((_, words)) = line.split_once("# expect: ") {
            let words = words.split(" | ").map(|word| word.trim().to_owned()).collect();
            all.last_mut().expect("a service before it").mistakes.push((index + 1, words));
        }
    }
    all
}

fn open_service(file: &Path, service: &str, reader: bool) -> Result<()> {
    match reader {
        true => MessageReader::<String>::builder().config_file(file).service(service).open().map(drop),
        false => MessageWriter::<str>::builder().config_file(file).service(service).open().map(drop),
    }
}

/// Checks every service of the file; returns how many services and mistakes there are.
fn every_mistake_is_told(file: &str) -> (usize, usize) {
    let (_folder, file) = own(file);
    let all = expectations(&file);
    let mut wrong = Vec::new();
    for Expected { service, reader, mistakes } in &all {
        assert!(!mistakes.is_empty(), "{service} expects nothing");
        let message = match open_service(&file, service, *reader) {
            Err(Error::InvalidConfiguration(message)) => message,
            other => {
                wrong.push(format!("{service}: {other:?}"));
                continue;
            }
        };
        let told: Vec<&str> = message.lines().collect();
        for (line, words) in mistakes {
            let start = format!("{}:{line}: service '{service}': parameter ", file.display());
            let found =
                told.iter().any(|told| told.starts_with(&start) && words.iter().all(|word| told.contains(word)));
            if !found {
                wrong.push(format!("{service}: no line '{start}' with {words:?} in:\n{message}"));
            }
        }
        if told.len() != mistakes.len() {
            wrong.push(format!("{service}: {} problems instead of {}:\n{message}", told.len(), mistakes.len()));
        }
        if message.contains("s3cr3t") {
            wrong.push(format!("{service}: a secret is shown:\n{message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    (all.len(), all.iter().map(|expected| expected.mistakes.len()).sum())
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let (services, mistakes) = every_mistake_is_told("mistakes.yml");
    assert!(services >= 60 && mistakes > services, "{services} services, {mistakes} mistakes");
}

#[test]
fn every_parameter_that_is_not_built_is_refused_by_name() {
    let (services, _) = every_mistake_is_told("not_built.yml");
    assert!(services >= 1, "{services}");
}

#[test]
fn a_mistake_in_the_builder_is_told_as_well() {
    let error = MessageWriter::<str>::builder()
        .no_config(true)
        .service_type("mqtt")
        .parameter("brokers", 5)
        .parameter("qos", "s3cr3t")
        .parameter("username_pw", common::login("user01", "s3cr3t-password"))
        .topic("a/#")
        .open()
        .expect_err("three mistakes");
    let Error::InvalidConfiguration(message) = error else { panic!("{error:?}") };
    for (name, words) in [("brokers", "found an integer"), ("qos", "0 to 2"), ("topic", "wildcards")] {
        let start = format!("builder: parameter '{name}': ");
        assert!(message.lines().any(|line| line.starts_with(&start) && line.contains(words)), "{message}");
    }
    assert_eq!(message.lines().count(), 3, "{message}");
    assert!(!message.contains("s3cr3t"), "{message}");
}

#[test]
fn a_wrong_shared_subscription_of_the_builder_is_told() {
    let told = |result: Result<()>, words: &str| {
        let message = common::told(result, "InvalidConfiguration", &[words]);
        assert!(message.starts_with("builder: parameter 'topic': "), "{message}");
    };
    let address = "broker.invalid";
    for topic in ["$share/g/t", "$share/g", "$share//t"] {
        told(
            common::writer::<str>(address, topic).open().map(drop),
            "the topic of a writer can't be a shared subscription",
        );
    }
    for topic in ["$share/g", "$share/g/", "$share//t", "$share/#/t"] {
        told(common::reader::<String>(address, topic).open().map(drop), "expected $share/group/topic");
    }
    told(common::reader::<String>(address, "$share/g/a#").open().map(drop), "'#'");
}

/// Accepts a client, and confirms its publishes at QoS 1.
fn recording_broker() -> Scripted {
    Scripted::open(|peer| {
        while let Some(packet) = peer.packet() {
            if packet.kind() == 0x30 {
                let publish = Publish::parse(&packet);
                let id = publish.id.to_be_bytes();
                if publish.qos > 0 {
                    peer.send(&[0x40, 2, id[0], id[1]]);
                }
            }
        }
    })
}

/// Returns the CONNECT and the PUBLISH of a writer.
fn wire(broker: &Scripted, builder: MessageWriterBuilder<str>) -> (raw::Connect, Publish) {
    let writer = builder.parameter("brokers", broker.address()).open().expect("a writer");
    writer.write_at("x", 0).expect("write");
    writer.close().expect("close");
    let connect = raw::Connect::parse(&broker.next_packet());
    let publish = Publish::parse(&broker.next_packet());
    assert_eq!(broker.next_packet().first, raw::DISCONNECT);
    (connect, publish)
}

#[test]
fn every_header_version_takes_both_names_at_both_levels() {
    let broker = recording_broker();
    for version in 1..=3 {
        let (_folder, file) = own(&format!("services_v{version}.yml"));
        for service in
            ["top-old-names", "top-new-names", "type-spec-old-names", "type-spec-new-names", "both-levels", "merged"]
        {
            let place = format!("version {version}, service {service}");
            let builder = MessageWriter::builder().config_file(&file).service(service);
            let ((connect, publish), warnings) = collect(|| wire(&broker, builder));
            let expected = raw::Connect {
                protocol: b"MQTT".to_vec(),
                level: 4,
                clean_session: false,
                keep_alive: 17,
                client_id: "from-file".into(),
                username: Some("user01".into()),
                password: Some(b"user01-pass".to_vec()),
                ..raw::Connect::default()
            };
            assert_eq!(connect, expected, "{place}");
            assert_eq!((publish.topic.as_str(), publish.qos, publish.retain), ("from-file", 1, true), "{place}");
            match service {
                "both-levels" => {
                    for name in ["username_pw_set", "retain"] {
                        let told = warnings.iter().any(|warning| {
                            warning.contains(&format!("service 'both-levels': parameter '{name}' is given twice"))
                                && warning.contains(&format!("'type_spec.{name}' is used"))
                        });
                        assert!(told, "{place}: {warnings:?}");
                    }
                    assert_eq!(warnings.len(), 2, "{place}: {warnings:?}");
                    assert!(!warnings.concat().contains("user02"), "{place}: {warnings:?}");
                }
                _ => assert!(warnings.is_empty(), "{place}: {warnings:?}"),
            }
        }
    }
}

/// The user guide's example logs in under version 3.
#[test]
fn the_guides_example_works_as_it_stands() {
    let broker = Broker::start();
    let text = std::fs::read_to_string(data("guide.yml")).expect("read");
    let text = text
        .replace("mqtt.example.org:1883", &broker.login_address())
        .replace("mqtt.example.org:8883", &broker.tls_address())
        .replace("/etc/ssl/certs/ca.pem", &broker.ca().display().to_string());
    let file = broker.write("config.yml", text);
    let services = ["service-mqtt-password", "service-mqtt-tls"];
    for service in services {
        let reader = MessageReader::<String>::builder()
            .config_file(&file)
            .service(service)
            .receive_timeout(PATIENCE)
            .open()
            .expect("a reader");
        let writer = MessageWriter::<str>::builder().config_file(&file).service(service).open().expect("a writer");
        assert_eq!((writer.service(), reader.service()), (Some(service), Some(service)));
        writer.write(service).expect("write");
        assert_eq!(next(&reader).value(), service);
    }
}

#[test]
fn the_builder_is_above_the_file() {
    let broker = recording_broker();
    let (_folder, file) = own("services_v3.yml");
    for service in ["top-old-names", "type-spec-old-names"] {
        let builder = MessageWriter::builder()
            .config_file(&file)
            .service(service)
            .topic("from-builder")
            .client_id("builder")
            .parameter("retain", false)
            .parameter("clean_session", true)
            .parameter("keepalive", 5)
            .parameter("username_pw", common::login("user03", "user03-pass"))
            .consistency(Consistency::AtMostOnce);
        let ((connect, publish), warnings) = collect(|| wire(&broker, builder));
        assert_eq!((connect.client_id.as_str(), connect.clean_session, connect.keep_alive), ("builder", true, 5));
        assert_eq!(
            (connect.username.as_deref(), connect.password.as_deref()),
            (Some("user03"), Some(&b"user03-pass"[..]))
        );
        assert_eq!((publish.topic.as_str(), publish.qos, publish.retain), ("from-builder", 0, false));
        assert!(warnings.is_empty(), "to override is no mistake: {warnings:?}");
    }
}

/// `connect` only groups parameters: one of them in the builder leaves the others in force.
#[test]
fn parameters_inside_connect_are_overridden_one_by_one() {
    let broker = recording_broker();
    let builder = MessageWriter::builder()
        .config_file(data("services_v2.yml"))
        .service("top-new-names")
        .parameter("connect", [("connection_timeout", 5)]);
    assert_eq!(wire(&broker, builder).0.keep_alive, 17);
}

#[test]
fn qos_wins_over_consistency_of_the_same_or_a_lower_layer() {
    use Consistency::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let cases: [(&str, Option<i64>, Option<Consistency>, Consistency); 9] = [
        ("", None, None, AtMostOnce),
        ("qos: 2", None, None, ExactlyOnce),
        ("consistency: AT_LEAST_ONCE", None, None, AtLeastOnce),
        ("qos: 2\n  consistency: AT_LEAST_ONCE", None, None, ExactlyOnce),
        ("consistency: AT_LEAST_ONCE", Some(0), None, AtMostOnce),
        ("consistency: AT_LEAST_ONCE", Some(2), Some(AtMostOnce), ExactlyOnce),
        ("qos: 2", None, Some(AtLeastOnce), AtLeastOnce),
        ("qos: 2", Some(1), None, AtLeastOnce),
        ("type_spec: {qos: 2}", None, Some(AtMostOnce), AtMostOnce),
    ];
    let broker = Scripted::open(|peer| peer.drain());
    for (lines, qos, consistency, expected) in cases {
        let text = format!("s:\n  type: mqtt\n  topic: t\n  brokers: {}\n  {lines}\n", broker.address());
        write_own(&file, text);
        let mut builder = MessageWriter::<str>::builder().config_file(&file);
        if let Some(qos) = qos {
            builder = builder.parameter("qos", qos);
        }
        if let Some(consistency) = consistency {
            builder = builder.consistency(consistency);
        }
        let writer = builder.open().expect("a writer");
        assert_eq!(writer.consistency(), expected, "{lines}, {qos:?}, {consistency:?}");
    }
}

/// Opens a writer with a file whose only service has these lines. The port of its broker is closed.
fn open_lines(lines: &str) -> (Result<()>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let lines = lines.replace('\n', "\n    ");
    let text = format!(
        "config:\n  s:\n    type: mqtt\n    brokers: 127.0.0.1:1\n    topic: t\n    {lines}\nheader: {{version: 2}}\n"
    );
    write_own(&file, text);
    collect(|| MessageWriter::<str>::builder().config_file(&file).parameter("connect", no_reconnect()).open().map(drop))
}

#[track_caller]
fn warned(lines: &str, name: &str, words: &[&str]) {
    let (result, warnings) = open_lines(lines);
    assert!(matches!(result, Err(Error::Connection { .. })), "{lines}: only a warning is expected: {result:?}");
    let told = warnings.iter().any(|warning| {
        warning.contains(&format!("config.yml:6: service 's': parameter '{name}'"))
            && words.iter().all(|word| warning.contains(word))
    });
    assert!(told, "{lines}: {warnings:?}");
    assert_eq!(warnings.len(), 1, "{lines}: {warnings:?}");
}

#[test]
fn an_unknown_parameter_is_only_a_warning_with_the_nearest_name() {
    warned("reciver_timeout_ms: 5", "reciver_timeout_ms", &["not known", "ignored", "'receive_timeout_ms'"]);
    warned("Consistency: AT_LEAST_ONCE", "Consistency", &["'consistency'"]);
    warned("cleanSession: true", "cleanSession", &["'clean_session'"]);
    warned("user_name_pw: {username: a}", "user_name_pw", &["not known"]);
    warned("type_spec: {retian: true}", "type_spec.retian", &["'retain'"]);
    warned("connect: {keep_alive: 5}", "connect.keep_alive", &["not known", "keepalive"]);
    warned("tls: {ca_cert: a, check_hostname: true}", "tls.ca_cert", &["'ca_certs'"]);
    warned("username_pw: {username: a, pasword: b}", "username_pw.pasword", &["'password'"]);
    warned("something_else_entirely: 5", "something_else_entirely", &["not known"]);
    let (_, warnings) = open_lines("something_else_entirely: 5");
    assert!(!warnings[0].contains("did you mean"), "{warnings:?}");
}

#[test]
fn parameters_without_effect_say_so() {
    warned("topics: [a, b]", "topics", &["no effect", "'topic'"]);
    warned("thread_pool_num: 4", "thread_pool_num", &["no effect"]);
    warned("message_retry_set: {retry: 5}", "message_retry_set", &["no effect"]);
    warned("connect: {executor_service_timeout: 5}", "connect.executor_service_timeout", &["no effect"]);
    warned("tls: {}", "tls", &["TLS is off"]);
    warned("tls_insecure_set: {value: true}", "tls_insecure_set", &["no effect", "TLS is off"]);
    warned("username_pw_set: {}", "username_pw_set", &["empty", "no user name is sent"]);
    warned("ws_options: {path: /x}", "ws_options", &["no effect", "not websockets"]);
    warned("ws_set_options: {}\ntransport: tcp", "ws_set_options", &["no effect", "not websockets"]);
    warned("clean_session: false", "clean_session", &["no effect", "'client_id'"]);
    warned("crypto: {algorithm: AES}\ndata_encryption: false", "crypto", &["no effect", "'data_encryption' is false"]);
    warned(
        "compression: {algorithm: gzip}\ndata_compression: 'false'",
        "compression",
        &["no effect", "'data_compression' is false"],
    );
    warned("crypto: {algorithm: AES}", "crypto", &["no effect", "'data_encryption' is not given"]);
    for (inside, name, words) in [
        ("password: p\u{e4}ss", "password", &["beyond ASCII"][..]),
        ("password: p, padding: pkcs7", "padding", &["needless"]),
        ("password: p, key_derivation: {iteration: 10}", "key_derivation.iteration", &["weak", "1000"]),
        ("password: p, key_derivation: {salt_bytes: 4}", "key_derivation.salt_bytes", &["weak", "8"]),
        ("password: p, key_derivation: {prf: HMAC-SHA512}", "key_derivation.prf", &["not by its Java library"]),
        ("password: p, data_encryption: true", "data_encryption", &["no effect", "beside 'crypto'"]),
        ("password: p, segment_bits: 8", "segment_bits", &["no effect", "CFB"]),
        ("password: p, key_lenght: 256", "key_lenght", &["not known", "'key_length'"]),
    ] {
        let lines = format!("crypto: {{algorithm: AES, mode: GCM, {inside}}}\ndata_encryption: true");
        warned(&lines, &format!("crypto.{name}"), words);
    }
    for (inside, name, words) in [
        ("mode: CFB", "mode", &["128 bits", "'segment_bits: 8'"][..]),
        ("mode: OFB, padding: ISO7816", "padding", &["not by its Python library"]),
    ] {
        let lines = format!("crypto: {{algorithm: AES, password: p, {inside}}}\ndata_encryption: true");
        warned(&lines, &format!("crypto.{name}"), words);
    }
    warned("compression: {algorithm: lz4, level: 3}\ndata_compression: true", "compression.level", &["no effect"]);
    warned(
        "username_pw: {username: a, password: b}\nusername_pw_set: {username: c, password: d}",
        "username_pw",
        &["given twice", "'username_pw_set' is used"],
    );
}

#[test]
fn a_password_in_the_clear_is_told() {
    let open = |brokers: &str, more: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.yml");
        let text = format!(
            "header: {{version: 2}}\nconfig:\n  s:\n    type: mqtt\n    topic: t\n    brokers: {brokers}\n    {more}\n"
        );
        write_own(&file, text);
        let (result, warnings) = collect(|| {
            let writer = MessageWriter::<str>::builder().config_file(&file).parameter("connect", no_reconnect());
            writer.open().map(drop)
        });
        assert!(matches!(result, Err(Error::Connection { .. })), "{brokers} {more}: {result:?}");
        warnings
    };
    const LOGIN: &str = "username_pw: {username: a, password: s3cr3t}";
    for brokers in ["broker.invalid", "[localhost:1, broker.invalid:7]", "localhost.invalid"] {
        let warnings = open(brokers, LOGIN);
        assert_eq!(warnings.len(), 1, "{brokers}: {warnings:?}");
        for word in ["config.yml:7: ", "'username_pw.password'", "without TLS", ".invalid:", "'require_tls: true'"] {
            assert!(warnings[0].contains(word), "'{word}': {warnings:?}");
        }
        assert!(!warnings[0].contains("s3cr3t"), "{warnings:?}");
    }
    let warnings = open("broker.invalid", "protocol: MQTTv5\n    auth_method: token\n    auth_data: s3cr3t");
    assert!(warnings.len() == 1 && warnings[0].contains("'auth_data'"), "{warnings:?}");
    assert!(warnings[0].contains("without TLS") && !warnings[0].contains("s3cr3t"), "{warnings:?}");
    for (brokers, more) in [
        ("localhost:1", LOGIN),
        ("'127.9.9.9:1,[::1]:1'", LOGIN),
        ("broker.invalid", "username_pw: {username: a, password: s3cr3t}\n    tls: true"),
        ("broker.invalid", "username_pw: {username: a, password: s3cr3t}\n    tls: true\n    require_tls: true"),
        ("localhost:1", "require_tls: true"),
        ("broker.invalid", "require_tls: false"),
        ("broker.invalid", "retain: false"),
    ] {
        assert_eq!(open(brokers, more), Vec::<String>::new(), "{brokers} {more}");
    }
}

#[test]
fn what_is_off_or_empty_needs_no_warning() {
    for lines in [
        "",
        "tls: false",
        "tls: 'false'",
        "tls: off",
        "tls:",
        "data_encryption: false\ndata_compression: no\nuser_data_only: 'False'",
        "crypto:",
        "will_set:",
        "ws_options: ~",
        "username_pw:",
        "protocol: MQTTv311",
        "transport: tcp",
        "transport: TCP",
        "transport: WEBSOCKETS",
        "transport: websockets\nws_options: {}",
        "transport: websockets\nws_options: {path: ~, headers: ~}",
        "transport: websockets\nws_options: {path: 'mqtt?a=b', headers: {}}",
        "transport: websockets\nws_options: {headers: {A: '', B: é, C: ~, Host: h, Origin: 'https://o'}}",
        "qos: '2'",
        "qos: 1.0",
        "client_id: ''",
        "client_id: ' '",
        "client_id:",
        "receive_timeout_ms: 1e20",
        "receive_timeout_ms: '100'",
        "write_timeout_ms: 0.5",
        "message_format: 2",
        "max_inflight_messages: 5",
        "max_inflight_messages_set: {inflight: '5'}",
        "connect: {keepalive: 0}",
        "connect:",
        "type_spec:",
        "connect: {connection_timeout: 0.5}",
        "value_type: text",
        "consistency: EXACTLY_ONCE",
        "brokers: 127.0.0.1:1\n# a comment",
    ] {
        // The line replaces the default `brokers`, because a name may occur only once.
        let lines = lines.strip_prefix("brokers: 127.0.0.1:1\n").unwrap_or(lines);
        let (result, warnings) = open_lines(lines);
        assert!(matches!(result, Err(Error::Connection { .. })), "{lines}: {result:?}");
        assert!(warnings.is_empty(), "{lines}: {warnings:?}");
    }
}

#[test]
fn a_file_that_is_missing_is_no_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing.yml");
    for result in [
        MessageWriter::<str>::builder().config_file(&missing).open().map(drop),
        MessageReader::<String>::builder().config_file(&missing).service("s").open().map(drop),
        MessageWriter::<str>::builder().config_file(missing.join("deeper")).open().map(drop),
    ] {
        match result {
            Err(Error::NoConfig(message)) => assert!(message.contains(&missing.display().to_string()), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    // The path is a folder, not a file.
    let result = MessageWriter::<str>::builder().config_file(folder.path()).open().map(drop);
    assert!(matches!(&result, Err(Error::NoConfig(_))), "{result:?}");
}

#[test]
fn a_service_must_be_named_or_be_the_only_one() {
    let (_folder, file) = own("services_v2.yml");
    let names = "top-old-names, top-new-names, type-spec-old-names, type-spec-new-names, both-levels, merged";
    for (service, words) in
        [(None, "several services"), (Some("other"), "no service 'other'"), (Some(""), "no service ''")]
    {
        let mut builder = MessageWriter::<str>::builder().config_file(&file);
        if let Some(service) = service {
            builder = builder.service(service);
        }
        match builder.open().map(drop) {
            Err(Error::NoService(message)) => {
                assert!(message.contains(words) && message.contains(names), "{message}");
                assert!(message.contains(&file.display().to_string()), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    // The only service of a file needs no name.
    let (result, _) = open_lines("");
    assert!(matches!(result, Err(Error::Connection { .. })), "{result:?}");
}

#[test]
fn an_unknown_type_is_its_own_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    for name in ["kafka", "MQTT", "mqttv5", "''"] {
        write_own(&file, format!("s:\n  brokers: h\n  type: {name}\n  topic: t\n"));
        match MessageWriter::<str>::builder().config_file(&file).open().map(drop) {
            Err(Error::UnsupportedServiceType(message)) => {
                assert!(message.contains("config.yml:3: service 's'"), "{message}");
                assert!(message.contains(name.trim_matches('\'')) && message.contains("'mqtt'"), "{message}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let result = MessageWriter::<str>::builder().no_config(true).service_type("kafka").open().map(drop);
    assert!(matches!(result, Err(Error::UnsupportedServiceType(_))), "{result:?}");
}

#[test]
fn headers_other_than_2_and_3_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let service = "s: {type: mqtt, brokers: '127.0.0.1:1', topic: t}";
    for (text, line, words) in [
        (format!("header: {{version: 4}}\nconfig: {{{service}}}\n"), 1, "2 or 3, found 4"),
        (format!("header:\n  version: 1\nconfig: {{{service}}}\n"), 2, "2 or 3, found 1"),
        (format!("header:\n  version: '2'\nconfig: {{{service}}}\n"), 2, "found a string"),
        (format!("header:\n  version: 2.0\nconfig: {{{service}}}\n"), 2, "found a number"),
        (format!("header:\n  version: [2]\nconfig: {{{service}}}\n"), 2, "found a list"),
        (format!("header:\n  fingerprint: x\nconfig: {{{service}}}\n"), 1, "no 'version'"),
        (format!("header:\nconfig: {{{service}}}\n"), 1, "found nothing"),
        (format!("header: 2\nconfig: {{{service}}}\n"), 1, "found an integer"),
        (format!("header: {{version: 2}}\n{service}\n"), 1, "'config' with the services is missing"),
        ("header: {version: 2}\nconfig:\n".to_owned(), 2, "no service"),
        ("header: {version: 3}\nconfig: {}\n".to_owned(), 2, "no service"),
        ("header: {version: 3}\n\nconfig: [s]\n".to_owned(), 3, "found a list"),
        ("header: {version: 3}\nconfig:\n  s: 5\n".to_owned(), 3, "service 's' must be a map of parameters"),
        ("header: {version: 3}\nconfig:\n  s:\n".to_owned(), 3, "service 's' must be a map of parameters"),
        ("s: text\n".to_owned(), 1, "service 's' must be a map of parameters"),
    ] {
        write_own(&file, &text);
        match MessageWriter::<str>::builder().config_file(&file).open().map(drop) {
            Err(Error::InvalidConfiguration(message)) => {
                assert!(message.starts_with(&format!("{}:{line}: ", file.display())), "{text}: {message}");
                assert!(message.contains(words), "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn the_configuration_can_be_looked_at_without_its_secrets() {
    let broker = Scripted::open(|peer| peer.drain());
    let writer = MessageWriter::<str>::builder()
        .config_file(data("services_v3.yml"))
        .service("type-spec-old-names")
        .parameter("brokers", broker.address())
        .parameter("something", Value::from([("secret_token", "s3cr3t"), ("public", "seen")]))
        .open()
        .expect("a writer");
    let config = writer.config();
    let text = |map: &Map, name: &str| match map.get(name) {
        Some(Value::Str(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(text(config, "type"), "mqtt");
    // The values are shown as they were understood, however they were written.
    assert_eq!(config.get("brokers"), Some(&Value::List(vec![Value::from(broker.address())])));
    assert_eq!(text(config, "consistency"), "AT_LEAST_ONCE");
    // The defaults are shown, too.
    assert_eq!(text(config, "value_type"), "byte_array");
    for name in ["user_data_only", "data_compression", "data_encryption"] {
        assert_eq!(config.get(name), Some(&Value::Bool(false)), "{name}");
    }
    let Some(Value::Map(type_spec)) = config.get("type_spec") else { panic!("{config:?}") };
    let Some(Value::Map(login)) = type_spec.get("username_pw_set") else { panic!("{type_spec:?}") };
    assert_eq!((text(login, "username"), text(login, "password")), ("user01".into(), "********".into()));
    // This parameter is unknown, so it may be a secret.
    let Some(Value::Map(something)) = config.get("something") else { panic!("{config:?}") };
    assert_eq!((text(something, "secret_token"), text(something, "public")), ("********".into(), "********".into()));
    assert_eq!(writer.client_id(), "from-file");
}

/// The text takes the place of a file.
#[test]
fn the_configuration_can_be_a_text_or_a_stream() {
    let broker = Scripted::open(|peer| peer.drain());
    let text = |more: &str| {
        let address = broker.address();
        format!(
            "header: {{version: 3}}\nconfig:\n  svc:\n    type: mqtt\n    brokers: '{address}'\n    topic: t\n{more}"
        )
    };
    let open = |builder: sinetstream::MessageWriterBuilder<str>| {
        builder.open().map(|writer| writer.service().map(str::to_owned))
    };
    assert_eq!(open(MessageWriter::builder().config_text(text(""))), Ok(Some("svc".into())));
    let stream = MessageWriter::builder().config_stream(text("").as_bytes()).expect("it can be read");
    assert_eq!(open(stream), Ok(Some("svc".into())));
    let wrong = open(MessageWriter::builder().config_text(text("    qos: 7\n"))).unwrap_err();
    assert!(wrong.to_string().starts_with("configuration text:7: service 'svc': parameter 'qos'"), "{wrong}");
    for (other, builder) in [
        ("no_config", MessageWriter::builder().no_config(true)),
        ("config_file", MessageWriter::builder().config_file("config.yml")),
        ("config_name", MessageWriter::builder().config_name("name")),
    ] {
        let both = open(builder.config_text(text(""))).unwrap_err();
        assert!(both.to_string().contains(&format!("'{other}' names another one")), "{both}");
    }
    let too_large = MessageWriter::<str>::builder().config_stream(std::io::repeat(b'#')).expect("as much as may be");
    assert!(
        matches!(open(too_large), Err(Error::InvalidConfiguration(message)) if message.contains("more than 4194304 bytes"))
    );
    let no_text = MessageWriter::<str>::builder().config_stream([0xFF_u8].as_slice()).map(|_| ());
    assert!(
        matches!(no_text, Err(Error::NoConfig(message)) if message.contains("configuration stream: it can't be read"))
    );
}

/// Users put tokens into user properties.
#[test]
fn user_properties_are_not_shown() {
    let broker = Scripted::open_v5(&[], |peer| peer.drain());
    let own: Value = [("site", "s3cr3t"), ("other", "s3cr3t")].into();
    let beside = Value::from([("user_property", own.clone()), ("content_type", "seen".into())]);
    for spec in [false, true] {
        let mut parameters: Map =
            [("protocol", Value::from("MQTTv5")), ("user_property", own.clone())].into_iter().collect();
        parameters.insert("message_properties", beside.clone());
        if spec {
            parameters = [("type_spec", Value::from(parameters))].into_iter().collect();
        }
        let writer = common::writer::<str>(&broker.address(), "t").parameters(parameters).open().expect("writer");
        let shown = writer.config();
        let text = format!("{}\n{shown:?}", show(&Value::Map(shown.clone())));
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(text.contains("user_property") && text.contains("********") && text.contains("seen"), "{text}");
    }
}

/// Shows a value with its texts, which `Debug` hides.
fn show(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::Map(map) => map.iter().map(|(name, value)| format!("{name}: {}\n", show(value))).collect(),
        Value::List(list) => list.iter().map(show).collect::<Vec<_>>().join(", "),
        other => format!("{other:?}"),
    }
}

#[test]
fn without_a_file_there_is_no_service() {
    let broker = Scripted::open(|peer| peer.drain());
    for named in [None, Some("my-service")] {
        let mut builder = common::writer::<str>(&broker.address(), "t");
        if let Some(name) = named {
            builder = builder.service(name);
        }
        assert_eq!(builder.open().expect("a writer").service(), named);
    }
}

#[test]
fn numbers_may_be_far_too_large() {
    let huge = "9".repeat(400);
    for lines in [
        format!("qos: {huge}"),
        format!("connect: {{keepalive: {huge}}}"),
        format!("message_format: {huge}"),
        format!("max_inflight_messages: {huge}"),
        "connect: {connection_timeout: .inf}".to_owned(),
        "connect: {connection_timeout: .nan}".to_owned(),
        "qos: 18446744073709551615".to_owned(),
        "qos: -9223372036854775808".to_owned(),
        "write_timeout_ms: .nan".to_owned(),
        "write_timeout_ms: -.inf".to_owned(),
    ] {
        let (result, _) = within(PATIENCE, {
            let lines = lines.clone();
            move || open_lines(&lines)
        });
        assert!(matches!(result, Err(Error::InvalidConfiguration(_))), "{}: {result:?}", &lines[..20]);
    }
}

/// Other programs substitute the variable; here the text itself would be the password.
#[test]
fn a_variable_of_the_environment_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let broker = Broker::start();
    let text = format!(
        "s:\n  type: mqtt\n  brokers: {}\n  topic: t\n  client_id: '${{HOSTNAME}}'\n  username_pw:\n    username: user\n    \
         password: ${{MQTT_S3CR3T}}\n  will: {{topic: w, payload: 'a ${{b}}'}}\n",
        broker.plain_address()
    );
    write_own(&file, text);
    let (opened, warnings) = collect(|| MessageWriter::<str>::builder().config_file(&file).open());
    opened.expect("a writer");
    let told: Vec<&String> = warnings.iter().filter(|warning| warning.contains("of the form ${NAME}")).collect();
    assert_eq!(told.len(), 2, "{warnings:?}");
    for (warning, words) in told.iter().zip([
        "config.yml:5: service 's': parameter 'client_id'",
        "config.yml:8: service 's': parameter 'username_pw.password'",
    ]) {
        assert!(warning.contains(words) && warning.contains("the builder") && !warning.contains("S3CR3T"), "{warning}");
    }
    assert!(broker.log().contains("as ${HOSTNAME}"), "it is used as it stands: {}", broker.log());
}
