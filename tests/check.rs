//! Tests `sinetstream check`: how it explains a configuration, which step fails, and what it says about that.
#![cfg(feature = "cli")]

use std::path::Path;

use crate::common;
use crate::common::broker::{Broker, free_ports};
use crate::common::certificates::{self, Authority, authority};
use crate::common::command::{Ended, command, run, start};
use crate::common::scripted::Scripted;
use crate::common::{next, reader};
use serde_json::{Value as Json, json};

/// Runs `check --json` and returns its only service.
fn service(arguments: &[&str], code: i32) -> Json {
    let ended = run([&["check", "--json"], arguments].concat()).expect(code);
    let report: Json = serde_json::from_str(ended.text()).expect("JSON");
    assert_eq!(report["ok"], json!(code == 0), "{report}");
    let services = report["services"].as_array().expect("services");
    assert_eq!(services.len(), 1, "{report}");
    services[0].clone()
}

/// Returns the steps of the only broker, each with its result.
fn steps(service: &Json) -> Vec<(&str, &str)> {
    let brokers = service["brokers"].as_array().expect("brokers");
    assert_eq!(brokers.len(), 1, "{service}");
    results(&brokers[0])
}

fn results(broker: &Json) -> Vec<(&str, &str)> {
    let steps = broker["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| (step["step"].as_str().expect("a step"), step["result"].as_str().expect("a result")))
        .collect()
}

fn last_step(service: &Json) -> &Json {
    let broker = service["brokers"].as_array().and_then(|brokers| brokers.last()).expect("a broker");
    broker["steps"].as_array().and_then(|steps| steps.last()).expect("a step")
}

/// Checks the steps until one fails, with words of its error, its likely cause and its remedy.
#[track_caller]
fn fails(arguments: &[&str], code: i32, expected: &[&str], words: [&str; 3]) {
    let service = service(&[&["-nc", "type=mqtt", "topic=t"], arguments].concat(), code);
    let mut steps = steps(&service);
    steps.retain(|(_, result)| *result != "skipped");
    let (last, before) = expected.split_last().expect("a step");
    let before: Vec<_> = before.iter().map(|step| (*step, "ok")).collect();
    assert_eq!(steps, [&before[..], &[(*last, "failed")]].concat(), "{service}");
    let failed = service["brokers"][0]["steps"][before.len()].clone();
    for (field, words) in ["error", "cause", "remedy"].into_iter().zip(words) {
        assert!(failed[field].as_str().expect("a text").contains(words), "'{words}': {failed}");
    }
    assert!(failed["ms"].as_f64().expect("a time") >= 0.0);
}

fn brokers(address: &str) -> String {
    format!("brokers={address}")
}

const LOGIN: [&str; 2] = ["username_pw.username=user01", "username_pw.password=user01-pass"];

fn ca(path: &Path) -> String {
    format!("tls.ca_certs={}", path.display())
}

#[test]
fn a_good_service_passes_every_step() {
    let broker = Broker::start();
    let tls = [&brokers(&broker.tls_address())[..], &ca(&broker.ca()), "-nc", "type=mqtt", "topic=t/good"];
    for (protocol, qos) in [("MQTTv31", "0"), ("MQTTv311", "1"), ("MQTTv5", "2")] {
        let (protocol, qos) = (format!("protocol={protocol}"), format!("qos={qos}"));
        let service = service(&[&tls[..], &LOGIN, &[&protocol, &qos]].concat(), 0);
        let all = ["DNS", "TCP", "TLS", "login", "subscribe", "publish", "receive"].map(|step| (step, "ok"));
        assert_eq!(steps(&service), all, "{protocol}");
        assert!(service["brokers"][0]["steps"].as_array().expect("steps").iter().all(|step| step["ms"].is_f64()));
    }
    let text = run([&["check"], &tls[..], &LOGIN].concat()).expect(0);
    for words in [
        "brokers         localhost:",
        "MQTTv311 over TCP",
        "on; trusts the authorities in /",
        "user 'user01', with a password",
        "t/good",
        "0 (AT_MOST_ONCE)",
        "a test message is published on 't/good'",
        "    receive      ok",
        " ms\n",
        "no problem found",
    ] {
        assert!(text.text().contains(words), "'{words}': {}", text.text());
    }
    let sent = broker.log().matches("Received PUBLISH").count();
    let service = service(&[&tls[..], &LOGIN, &["--no-publish"]].concat(), 0);
    assert_eq!(steps(&service)[4..], [("subscribe", "ok"), ("publish", "skipped")]);
    assert_eq!(broker.log().matches("Received PUBLISH").count(), sent);
}

#[test]
fn a_connection_that_fails_says_at_which_step_and_why() {
    let broker = Broker::start();
    let [closed] = free_ports();
    let closed = brokers(&format!("localhost:{closed}"));
    fails(&[&closed], 4, &["DNS", "TCP"], ["refused", "nothing listens on this port", "1883"]);
    fails(&["brokers=broker.invalid"], 4, &["DNS"], ["broker.invalid:1883: DNS", "misspelt", "VPN"]);

    let (plain, login, tls) =
        (brokers(&broker.plain_address()), brokers(&broker.login_address()), brokers(&broker.tls_address()));
    let ca = ca(&broker.ca());
    fails(&[&plain, &ca], 4, &["DNS", "TCP", "TLS"], ["TLS", "without TLS", "leave out 'tls'"]);
    fails(&[&tls], 4, &["DNS", "TCP", "login"], ["CONNECT", "a port for TLS", "set 'tls'"]);

    let other = broker.write("other.pem", &Authority::new("Another").pem);
    let other = format!("tls.ca_certs={}", other.display());
    let tls_steps = ["DNS", "TCP", "TLS"];
    fails(&[&tls, &other], 4, &tls_steps, ["not signed by a trusted", "'tls.ca_certs' lacks the authority", "PEM"]);
    fails(&[&tls, "tls=true"], 4, &tls_steps, ["not signed by a trusted", "this system does not know", "PEM"]);
    fails(&[&tls, "tls.ca_certs=/no/such"], 3, &["TLS files"], ["/no/such", "missing", "paths"]);

    let wrong = ["username_pw.username=user01", "username_pw.password=wrong"];
    let login_steps = ["DNS", "TCP", "login"];
    fails(&[&login, wrong[0], wrong[1]], 5, &login_steps, ["user 'user01'", "password is wrong", "letter by letter"]);
    fails(&[&login], 5, &login_steps, ["no user name", "nobody in without", "'username_pw'"]);
}

#[test]
fn a_wrong_certificate_is_told_apart_from_a_wrong_authority() {
    for (certificate, words) in [
        (authority().sign(&["broker.example.org"]), ["not for 'localhost'", "for another name", "check_hostname"]),
        (authority().sign_expired(&["localhost"]), ["expired", "out of date", "clock"]),
    ] {
        let broker = Broker::start_with(&certificate, "");
        let arguments = [brokers(&broker.tls_address()), ca(&broker.ca())];
        fails(&[&arguments[0], &arguments[1]], 4, &["DNS", "TCP", "TLS"], words);
    }
}

#[test]
fn web_sockets_and_client_certificates() {
    let broker = Broker::start_everywhere();
    let ws = "transport=websockets";
    let address = brokers(&broker.ws_address());
    let service = service(&["-nc", "type=mqtt", "topic=t", &address, ws], 0);
    let all = ["DNS", "TCP", "WebSocket", "login", "subscribe", "publish", "receive"].map(|step| (step, "ok"));
    assert_eq!(steps(&service), all);
    assert_eq!(service["settings"]["protocol"], json!("MQTTv311 over WebSocket, path /mqtt"));

    let plain = brokers(&broker.plain_address());
    let to_web_socket = ["DNS", "TCP", "WebSocket"];
    fails(&[&plain, ws], 4, &to_web_socket, ["is this a WebSocket port", "does not speak WebSocket", "'transport'"]);
    fails(&[&address], 4, &["DNS", "TCP", "login"], ["HTTP port", "for WebSocket", "websockets"]);
    for (status, cause) in [
        ("404 Not Found", "under this path"),
        ("403 Forbidden", "let this client in"),
        ("503 Service Unavailable", "behind"),
    ] {
        let server = Scripted::start(move |peer| {
            peer.send(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes());
            peer.swallow();
        });
        fails(&[&brokers(&server.address()), ws], 4, &to_web_socket, [&format!("HTTP {status}"), cause, ""]);
    }

    let certificate = brokers(&broker.certificate_address());
    let arguments = ["-nc", "type=mqtt", "topic=t", &certificate, &ca(&broker.ca())];
    // In TLS 1.3 the refusal comes after the handshake.
    let report = run([&["check", "--json"], &arguments[..]].concat()).expect(4);
    assert!(report.text().contains("the broker wants a client certificate"), "{}", report.text());
}

#[test]
fn a_refused_subscription_and_a_silent_broker() {
    let refusing = Scripted::open(|peer| {
        if peer.packet().is_some_and(|packet| packet.first == common::raw::SUBSCRIBE) {
            peer.send(&[0x90, 3, 0, 1, 0x80]);
            peer.drain();
        }
    });
    let address = brokers(&refusing.address());
    let expected = ["DNS", "TCP", "login", "subscribe"];
    fails(&[&address, "--no-publish"], 6, &expected, ["refused", "does not let this user read", "access control"]);
    let silent = Scripted::start(|peer| peer.drain());
    let address = brokers(&silent.address());
    let limit = "connect.connection_timeout=0.3";
    fails(&[&address, limit], 4, &["DNS", "TCP", "login"], ["within 300ms", "a port for TLS", "1883"]);
}

#[test]
fn denied_operations_are_seen_or_suspected() {
    let folder = tempfile::tempdir().expect("a folder");
    let acl = folder.path().join("acl");
    std::fs::write(&acl, "topic read t/only-read\ntopic write t/only-write\n").expect("write");
    // With settings per listener, the first lines belong to no listener, so one more is made for them.
    let [port] = free_ports();
    let extra = format!("listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {}", acl.display());
    let _broker = Broker::start_with(common::certificates::server(), &extra);
    let address = brokers(&format!("localhost:{port}"));
    let common = ["-nc", "type=mqtt", "qos=1", &address];
    // In MQTT 5 the broker reports that the publish is denied.
    let denied = service(&[&common[..], &["topic=t/only-read", "protocol=MQTTv5"]].concat(), 6);
    assert_eq!(steps(&denied)[4..], [("publish", "failed")], "{denied}");
    assert!(last_step(&denied)["cause"].as_str().expect("a cause").contains("write to the topic"));
    // In earlier versions the broker reports nothing.
    for topic in ["topic=t/only-read", "topic=t/only-write"] {
        let suspected = service(&[&common[..], &[topic]].concat(), 0);
        assert_eq!(steps(&suspected)[3..], [("subscribe", "ok"), ("publish", "ok"), ("receive", "doubtful")]);
        assert!(last_step(&suspected)["remedy"].as_str().expect("a remedy").contains("access control list"));
    }
}

#[test]
fn every_broker_is_tried() {
    let broker = Broker::start();
    let [closed] = free_ports();
    let both = format!("brokers=[localhost:{closed}, '{}']", broker.plain_address());
    let service = service(&["-nc", "type=mqtt", "topic=t", &both], 4);
    let brokers = service["brokers"].as_array().expect("brokers");
    assert_eq!(brokers.len(), 2);
    assert_eq!(results(&brokers[0]).last(), Some(&("TCP", "failed")));
    assert_eq!(results(&brokers[1]).last(), Some(&("receive", "ok")));
}

#[test]
fn it_leaves_running_programs_and_retained_messages_alone() {
    let broker = Broker::start();
    let address = brokers(&broker.plain_address());
    let more = ["client_id=mine", "clean_session=false", "retain=true", "qos=1"];
    let arguments = [&["-nc", "type=mqtt", "topic=t/kept", &address][..], &more].concat();
    run([&["write", "-m", "kept"], &arguments[..]].concat()).expect(0);
    let running = reader::<String>(&broker.plain_address(), "t/kept").client_id("mine").open().expect("a reader");
    assert_eq!(next(&running).value(), "kept");
    service(&arguments, 0);
    assert!(running.is_connected(), "the check took over the session");
    let fresh = reader::<String>(&broker.plain_address(), "t/kept").open().expect("a reader");
    assert_eq!(next(&fresh).value(), "kept");
}

/// Runs the command in a folder of its own, with this text as the configuration.
fn in_folder(text: &str, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".sinetstream_config.yml"), text).expect("write");
    let mut command = command(["check"]);
    command.args(arguments).current_dir(folder.path());
    start(command).end()
}

const SEVERAL: &str = "\
header: {version: 3}
config:
  good: {type: mqtt, brokers: broker.invalid, topic: t, topik: t}
  bad: {type: mqtt, brokers: 'h:x', topic: t}
  other: {type: kafka, brokers: broker.invalid}
  topicless: {type: mqtt, brokers: broker.invalid}
  several: {type: mqtt, brokers: broker.invalid, topic: [a/#, b]}
";

#[test]
fn every_service_of_the_file_is_looked_at() {
    let ended = in_folder(SEVERAL, &["--offline", "-s", "good"]).expect(0);
    for words in [
        "/.sinetstream_config.yml (in the current folder)",
        "good, bad, other, topicless, several",
        "'topik' is not known and is ignored; did you mean 'topic'?",
    ] {
        assert!(ended.text().contains(words), "'{words}': {}", ended.text());
    }
    let ended = in_folder(SEVERAL, &["--offline"]).expect(3);
    for words in ["service 'bad': parameter 'brokers'", "'kafka' is not known", "none; programs may give one"] {
        assert!(ended.text().contains(words), "'{words}': {}", ended.text());
    }
    let ended = in_folder(SEVERAL, &["--offline", "-s", "several"]).expect(0);
    assert!(ended.text().contains("a/#, b"), "{}", ended.text());
    in_folder(SEVERAL, &["--offline", "-s", "other"]).expect(3);
    let ended = in_folder(SEVERAL, &["--offline", "-s", "nowhere"]).expect(3);
    assert!(ended.stderr.contains("has no service 'nowhere'; it has: good, bad"), "{}", ended.stderr);
    let ended = in_folder("a: [", &[]).expect(3);
    assert!(ended.stderr.contains(".sinetstream_config.yml:"), "{}", ended.stderr);
    let ended = run(["check"]).expect(3);
    assert!(ended.stderr.contains("no configuration file found"), "{}", ended.stderr);
    let report: Json = serde_json::from_str(run(["check", "--json"]).expect(3).text()).expect("JSON");
    assert!(report["error"].as_str().expect("an error").contains("no configuration file"), "{report}");
}

#[test]
fn a_service_that_is_named_is_the_only_one_that_is_told_of() {
    let ended = in_folder(SEVERAL, &["--offline", "-s", "good"]).expect(0);
    assert_eq!(ended.text().matches("\nservice ").count(), 1, "{}", ended.text());
    assert!(!ended.text().contains("error:") && !ended.text().contains("kafka"), "{}", ended.text());
    let ended = in_folder(SEVERAL, &["--offline", "--json", "-s", "good"]).expect(0);
    let report: Json = serde_json::from_str(ended.text()).expect("JSON");
    let names: Vec<_> = report["services"].as_array().expect("services").iter().map(|one| &one["service"]).collect();
    assert_eq!(names, [&json!("good")], "{report}");
}

#[test]
fn a_service_that_can_not_be_written_to_is_still_read() {
    let broker = Broker::start();
    let address = brokers(&broker.plain_address());
    let service = service(&["-nc", "type=mqtt", "topic=[a, b]", &address], 0);
    assert_eq!(steps(&service)[3..], [("subscribe", "ok"), ("publish", "skipped")]);
    let why = last_step(&service)["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("a writer has one topic"), "{why}");
    let topicless = run(["check", "-nc", "type=mqtt", &address]).expect(0);
    assert!(topicless.text().contains("subscribe    skipped"), "{}", topicless.text());
}

#[test]
fn no_secret_is_shown() {
    let secrets = "\
s:
  type: mqtt
  brokers: broker.invalid
  topic: t
  username_pw: {username: u, password: S3CR3T, pasword: S3CR3T, passwd: S3CR3T}
  pasword: S3CR3T
  api_token: S3CR3T
  unknown_thing: S3CR3T
  tls: {ca_certs: /no/such, keyfile_password: S3CR3T, trustStorePasword: S3CR3T}
  crypto: {password: S3CR3T, key: S3CR3T, pasword: S3CR3T, key_derivation: {pasword: {x: S3CR3T}}}
  will: {topic: w, payload: S3CR3T, crypto: {key: S3CR3T}}
  ws_options: {headers: {Authorization: S3CR3T}, header: {Authorization: S3CR3T}, Authorization: S3CR3T}
  auth_data: S3CR3T
  user_property: {site: S3CR3T}
  message_properties: {user_property: {site: [S3CR3T, S3CR3T]}, content_type: seen}
  type_spec: {user_property: {site: S3CR3T}}
  ca_certs_data: S3CR3T
";
    // The secrets are tried all at once, which may be refused, and each alone.
    let lines: Vec<&str> = secrets.lines().filter(|line| line.contains("S3CR3T")).collect();
    let head = "s:\n  type: mqtt\n  brokers: broker.invalid\n  topic: t\n  connect: {connection_timeout: 1}\n";
    let files = lines.iter().map(|line| format!("{head}{line}\n")).chain([secrets.to_owned()]);
    let mut understood = 0;
    for file in files {
        for options in [&["-v"][..], &["-v", "-v"], &["--json"]] {
            let ended = in_folder(&file, options);
            let shown = format!("{}{}", ended.text(), ended.stderr);
            assert!(!shown.contains("S3CR3T"), "{shown}");
            understood += usize::from(shown.contains("********"));
        }
    }
    assert!(understood > 0, "nothing was hidden");
}

#[test]
fn a_way_without_tls_is_told_and_can_be_forbidden() {
    const CLEAR: [&str; 5] =
        ["-nc", "type=mqtt", "topic=t", "brokers=broker.invalid", "username_pw={username: a, password: s3cr3t}"];
    let check = |variable: Option<&str>, more: &[&str]| {
        let mut command = command([&["check"], &CLEAR[..], more].concat());
        match variable {
            Some(value) => command.env("SINETSTREAM_REQUIRE_TLS", value),
            None => command.env_remove("SINETSTREAM_REQUIRE_TLS"),
        };
        let ended = common::command::start(command).end();
        assert!(!ended.text().contains("s3cr3t") && !ended.stderr.contains("s3cr3t"), "{ended:?}");
        ended
    };
    for variable in [None, Some("0"), Some("")] {
        let text = check(variable, &[]).expect(4).text().to_owned();
        assert!(text.contains("password goes to broker.invalid:1883 without TLS"), "{text}");
    }
    let refused = |ended: Ended, word: &str| {
        let ended = ended.expect(3);
        assert!(ended.text().contains("without TLS") && ended.text().contains(word), "{ended:?}");
    };
    refused(check(None, &["require_tls=true"]), "'require_tls' is on");
    for variable in ["1", "true"] {
        // The environment variable of the machine wins over the program's parameter.
        refused(check(Some(variable), &["require_tls=false"]), "SINETSTREAM_REQUIRE_TLS is on");
    }
    let ended = check(Some("sometimes"), &[]).expect(3);
    assert!(ended.text().contains("SINETSTREAM_REQUIRE_TLS is neither 1 nor 0"), "{ended:?}");
    check(Some("1"), &["tls=true"]).expect(4);
    // A gateway's token is as secret as a password.
    let token = ["username_pw=~", "transport=websockets", "ws_options={headers: {Authorization: Bearer s3cr3t}}"];
    let text = check(None, &token).expect(4).text().to_owned();
    assert!(text.contains("'ws_options.headers': what they say goes to broker.invalid:80 without TLS"), "{text}");
    let harmless = check(None, &["username_pw=~", "transport=websockets", "ws_options={headers: {Origin: x}}"]);
    assert!(!harmless.text().contains("without TLS"), "{harmless:?}");
    // A broker on this machine needs no TLS.
    let local = check(Some("1"), &["brokers=localhost:1"]).expect(4);
    assert!(!local.text().contains("without TLS"), "{local:?}");
}

#[test]
fn the_form_of_the_will_is_told() {
    let broker = Broker::start();
    let address = format!("brokers={}", broker.plain_address());
    let told = |more: &[&str]| {
        let service = service(&[&["-nc", "type=mqtt", "topic=t", &address], more].concat(), 0);
        service["settings"]["will"].as_str().unwrap_or_else(|| panic!("{service}")).to_owned()
    };
    assert_eq!(told(&[]), "none");
    assert_eq!(told(&["will={topic: w, payload: gone}"]), "on w, QoS 0, in SINETStream's format 3");
    let alone = "will={topic: w, payload: gone, user_data_only: true, qos: 1, retain: true}";
    assert_eq!(told(&["user_data_only=true", alone]), "on w, QoS 1, its payload alone, retained");
}

#[test]
fn encryption_and_compression_are_told() {
    let broker = Broker::start();
    let told = |parameters: &[&str]| {
        let address = format!("brokers={}", broker.plain_address());
        let service = service(&[&["-nc", "type=mqtt", "topic=t", &address], parameters].concat(), 0);
        assert!(!service.to_string().contains("s3cr3t"), "{service}");
        let fact = |name: &str| service["settings"][name].as_str().unwrap_or_else(|| panic!("{service}")).to_owned();
        [fact("message format"), fact("compression"), fact("encryption")]
    };
    assert_eq!(told(&[]), ["3", "off", "off"]);
    assert_eq!(told(&["user_data_only=true"]), ["none; the value alone", "off", "off"]);
    let gcm = ["data_encryption=true", "crypto={algorithm: AES, mode: GCM, key_length: 256, password: s3cr3t}"];
    let key = "AES-256-GCM, the key from a password by 10000 iterations of PBKDF2";
    assert_eq!(told(&gcm), ["3", "off", key]);
    let both = ["data_compression=true", "compression={algorithm: zstd, level: 9}", "data_encryption=true"];
    let ctr = "crypto={algorithm: AES, mode: CTR, key: !!binary AAAAAAAAAAAAAAAAAAAAAA==}";
    let [_, compression, encryption] = told(&[&both[..], &[ctr]].concat());
    assert_eq!(compression, "zstd, level 9");
    assert!(encryption.starts_with("AES-128-CTR, with a key, version 1; changes"), "{encryption}");
}

/// An attacker may have written the file, and the user checks it for that reason.
#[test]
fn a_name_in_a_file_does_not_control_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    let names = "  \"\\e]0;title\\a\": x\n  \"\\x9b2J\\u202e\": x\n";
    std::fs::write(&file, format!("s:\n  type: mqtt\n  brokers: localhost:1\n  topic: t\n{names}")).expect("write");
    let file = file.display().to_string();
    let ended = run(["check", "--offline", "-v", "-c", &file]);
    let ended = ended.expect(0);
    assert!(ended.text().contains("'\\u{1b}]0;title\\u{7}' is not known"), "{ended:?}");
    let controls = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!ended.text().contains(controls) && !ended.stderr.contains(controls), "{ended:?}");
    let ended = run(["write", "-c", &file, "-m", "x"]);
    assert!(ended.stderr.contains("\\u{1b}]0;title") && !ended.stderr.contains(controls), "{ended:?}");
}

/// Some brokers know their clients by their client identifiers.
#[test]
fn the_services_client_id_is_taken_when_that_is_asked_for() {
    let broker = Broker::start_with(certificates::server(), "clientid_prefixes dev-");
    let plain = brokers(&broker.plain_address());
    let service_of = |more: &[&str], code| {
        service(&[&["-nc", "type=mqtt", "topic=t", "client_id=dev-1", &plain][..], more].concat(), code)
    };
    let refused = service_of(&[], 5);
    let remedy = last_step(&refused)["remedy"].as_str().expect("a remedy");
    assert!(remedy.contains("'dev-1'") && remedy.contains("--service-client-id"), "{remedy}");
    let done = service_of(&["--service-client-id"], 0);
    assert!(steps(&done).contains(&("subscribe", "ok")) && steps(&done).contains(&("publish", "ok")), "{done}");
    assert!(!broker.log().contains("already connected"), "it takes its own place: {}", broker.log());
    run(["check", "-nc", "type=mqtt", "topic=t", &plain, "--service-client-id"]).expect(2);
    // Such a connection would discard the session of the running program, or leave one behind.
    let lasting = ["protocol=MQTTv5", "clean_start=true", "session_expiry_interval=600", "--service-client-id"];
    let refused = run([&["check", "-nc", "type=mqtt", "topic=t", "client_id=dev-1", &plain][..], &lasting].concat());
    let refused = refused.expect(2);
    assert!(refused.stderr.contains("discards the session"), "{refused:?}");
    // A session that the broker keeps stays as it is, with the messages that wait in it.
    let builder = || {
        reader::<String>(&broker.plain_address(), "kept")
            .parameter("client_id", "dev-1")
            .parameter("clean_session", false)
            .parameter("qos", 1)
    };
    builder().open().expect("a reader").close().expect("close");
    let writer = common::writer::<str>(&broker.plain_address(), "kept").parameter("client_id", "dev-2");
    writer.consistency(sinetstream::Consistency::AtLeastOnce).open().expect("a writer").write("waits").expect("write");
    let done = service_of(&["--service-client-id", "clean_session=false", "topic=kept", "qos=2"], 0);
    assert!(
        steps(&done).contains(&("subscribe", "skipped")) && steps(&done).contains(&("publish", "skipped")),
        "{done}"
    );
    assert_eq!(next(&builder().open().expect("a reader")).value(), "waits");
}

#[test]
fn a_broker_that_has_answered_is_not_taken_for_another_kind_of_port() {
    let rejects = Scripted::start(|peer| peer.connack(2));
    let address = brokers(&rejects.address());
    for (keep_alive, words) in
        [("connect.keepalive=60", "'connect.keepalive' is 60"), ("keepalive=0", "'connect.keepalive' is 0")]
    {
        fails(&[&address, keep_alive], 4, &["DNS", "TCP", "login"], [words, "max_keepalive", "shorter"]);
    }
    for (code, server, words) in [
        (0x9C, true, ["use another server", "sends its clients to another", "'brokers'"]),
        (0x9D, false, ["server moved", "sends its clients to another", "'brokers'"]),
        (0x89, false, ["server busy", "does not serve at the moment", "later"]),
        (0x83, false, ["implementation specific", "refuses this client", "log"]),
    ] {
        let elsewhere = Scripted::start(move |peer| {
            let properties = if server { vec![(0x1C, b"\0\x05other".to_vec())] } else { Vec::new() };
            peer.connack_v5(code, &properties);
        });
        let address = brokers(&elsewhere.address());
        let error = if server { "'other'" } else { words[0] };
        fails(&[&address, "protocol=MQTTv5"], 4, &["DNS", "TCP", "login"], [words[0], words[1], words[2]]);
        fails(&[&address, "protocol=MQTTv5"], 4, &["DNS", "TCP", "login"], [error, words[1], words[2]]);
    }
}

/// Checks a service with an outbox in this directory, and returns the outbox' part of the report.
fn outbox(directory: &Path, max_bytes: &str, code: i32) -> Json {
    let outbox = format!("outbox={{directory: {}, max_bytes: {max_bytes}}}", directory.display());
    let base = ["--offline", "-nc", "type=mqtt", "topic=t", "brokers=broker.invalid", "qos=1", "client_id=sensor"];
    service(&[&base[..], &[&outbox]].concat(), code)["outbox"].clone()
}

#[test]
fn the_outbox_of_a_service_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("a/b");
    let found = outbox(&directory, "70000", 0);
    assert_eq!((&found["result"], &found["is_there"], &found["messages"]), (&json!("ok"), &json!(false), &json!(0)));
    assert!(!directory.exists(), "a check makes nothing");

    let mut broker = Broker::start();
    let settings = [("directory", directory.to_str().expect("UTF-8")), ("accept", "disk")];
    let writer = common::writer::<str>(&broker.plain_address(), "t")
        .parameter("connect", [("automatic_reconnect", true)])
        .consistency(sinetstream::Consistency::AtLeastOnce)
        .client_id("sensor")
        .parameter("outbox", settings)
        .open()
        .expect("a writer");
    broker.kill();
    common::eventually("the loss is noticed", || !writer.is_connected());
    writer.write("s3cr3t").expect("write");
    let found = outbox(&directory, "70000", 0);
    assert_eq!((&found["messages"], &found["process"]), (&json!(1), &json!(std::process::id())), "{found}");
    assert!(found["oldest"].as_str().is_some_and(|time| time.ends_with('Z')), "{found}");
    assert!(found["free_bytes"].as_u64().is_some_and(|free| free > 0), "{found}");
    writer.close().expect("close");

    // No disk of today has a pebibyte of free space.
    let found = outbox(&directory, "1125899906842624", 0);
    assert_eq!(found["result"], json!("doubtful"), "{found}");
    assert!(found["cause"].as_str().is_some_and(|cause| cause.contains("full before the outbox is")), "{found}");
    std::fs::write(directory.join(format!("damaged-{:020}.log-0", 0)), "x").expect("write");
    let found = outbox(&directory, "70000", 0);
    assert_eq!((&found["result"], &found["damaged_files"]), (&json!("doubtful"), &json!(1)), "{found}");

    let more = format!("outbox={{directory: {}}}", directory.display());
    let text = run(["check", "--offline", "-nc", "type=mqtt", "topic=t", "brokers=b", "qos=1", "client_id=c", &more]);
    let text = text.expect(0).text().to_owned();
    for words in
        ["1 message (", "the oldest of 2", "1 file 'damaged-…'", " free, 'max_bytes' is 1.00 GiB", "likely cause"]
    {
        assert!(text.contains(words), "'{words}': {text}");
    }
    assert!(!text.contains("s3cr3t"));

    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("write");
    for wrong in [file.clone(), file.join("below")] {
        let found = outbox(&wrong, "70000", 3);
        assert_eq!(found["result"], json!("failed"), "{found}");
        assert!(found["error"].as_str().is_some_and(|error| error.contains("is not a directory")), "{found}");
    }
    let head = [b"SINETOB\x09".as_slice(), &crc32fast::hash(b"SINETOB\x09\0\0").to_le_bytes(), b"\0\0"].concat();
    std::fs::write(directory.join(format!("{:020}.log", 5)), head).expect("write");
    let found = outbox(&directory, "70000", 3);
    assert!(found["error"].as_str().is_some_and(|error| error.contains("later release")), "{found}");
}

/// Root has every permission, so this test is for other users only.
#[test]
#[cfg(unix)]
fn an_outbox_without_rights_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).expect("mode");
    if std::fs::create_dir(folder.path().join("root")).is_ok() {
        return;
    }
    for directory in [folder.path().to_owned(), folder.path().join("below")] {
        let found = outbox(&directory, "70000", 3);
        assert!(found["error"].as_str().is_some_and(|error| error.contains("Permission denied")), "{found}");
        assert!(found["remedy"].as_str().is_some_and(|remedy| remedy.contains("user under whom")), "{found}");
    }
}
