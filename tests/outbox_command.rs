//! Tests `sinetstream outbox`: how it describes, sends and removes the messages of a writer's outbox.
#![cfg(feature = "cli")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common;
use crate::common::broker::{Broker, free_ports};
use crate::common::command::{Ended, command, files_of, run, start};
use crate::common::raw::{Packet, Publish};
use crate::common::scripted::Scripted;
use crate::common::{certificates, eventually, login, next_values, quickly};
use base64ct::{Base64, Encoding};
use serde_json::{Value as Json, json};
use sinetstream::config::Value;
use sinetstream::{Consistency, MessageReader, MessageWriter, MessageWriterBuilder};

const TOPIC: &str = "sensors/7";

fn with_outbox(builder: MessageWriterBuilder<str>, directory: &Path) -> MessageWriterBuilder<str> {
    let outbox = [("directory", directory.to_str().expect("UTF-8")), ("accept", "disk")];
    let builder = builder.consistency(Consistency::AtLeastOnce).client_id("sensor");
    let builder = builder.parameter("connect", [("automatic_reconnect", true)]).parameter("reconnect_delay", quickly());
    builder.parameter("outbox", Value::from(outbox))
}

/// Returns a writer that has lost its broker, with these values in its outbox.
fn cut_off(directory: &Path, values: &[&str]) -> MessageWriter<str> {
    let mut broker = Broker::start();
    let writer = with_outbox(common::writer(&broker.plain_address(), TOPIC), directory).open().expect("writer");
    broker.kill();
    eventually("the loss is noticed", || !writer.is_connected());
    values.iter().for_each(|value| writer.write(value).expect("write"));
    writer
}

fn filled(directory: &Path, values: &[&str]) {
    cut_off(directory, values).close().expect("close");
}

fn outbox(action: &str, directory: &Path, more: &[&str]) -> Ended {
    run([&["outbox", action, directory.to_str().expect("UTF-8")], more].concat())
}

fn list(directory: &Path) -> Json {
    serde_json::from_str(outbox("list", directory, &["--json"]).expect(0).text()).expect("JSON")
}

/// Returns the parameters of the service, for `drain`.
fn service(address: &str) -> [String; 6] {
    ["-nc", "type=mqtt", &format!("brokers={address}"), &format!("topic={TOPIC}"), "qos=1", "client_id=sensor"]
        .map(str::to_owned)
}

fn drain(directory: &Path, address: &str, more: &[&str]) -> Ended {
    let service = service(address);
    outbox("drain", directory, &service.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
}

fn reader(broker: &Broker) -> MessageReader<String> {
    common::reader(&broker.plain_address(), TOPIC).consistency(Consistency::AtLeastOnce).open().expect("reader")
}

#[test]
fn list_tells_what_waits_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = cut_off(folder.path(), &["s3cr3t", "s3cr3t", "s3cr3t"]);
    let held = list(folder.path());
    assert_eq!((&held["in_use"], &held["process"]), (&json!(true), &json!(std::process::id())), "{held}");
    assert_eq!((&held["messages"], &held["topics"]), (&json!(3), &json!({ TOPIC: 3 })), "{held}");
    let told = outbox("list", folder.path(), &[]).expect(0);
    let own = format!("process {}", std::process::id());
    assert!(told.text().contains(&own) && told.text().contains("the numbers are a snapshot"), "{told:?}");
    // The writer can still write.
    writer.write("s3cr3t").expect("write");
    writer.close().expect("close");

    let before = files_of(folder.path());
    let free = list(folder.path());
    assert_eq!((&free["in_use"], &free["process"], &free["messages"]), (&json!(false), &Json::Null, &json!(4)));
    assert!(free["bytes"].as_u64().expect("bytes") > 4 * 24, "{free}");
    let time = |name: &str| free[name].as_str().expect("a time").to_owned();
    assert!(time("oldest") < time("newest") && time("oldest").ends_with('Z'), "{free}");
    let told = outbox("list", folder.path(), &[]).expect(0);
    for words in ["4 messages", "in use by  nobody", "sensors/7: 4 messages", &time("oldest"), &time("newest")] {
        assert!(told.text().contains(words), "'{words}': {told:?}");
    }
    assert!(!told.text().contains("s3cr3t") && !free.to_string().contains("s3cr3t"));
    assert_eq!(files_of(folder.path()), before);
}

#[test]
fn export_gives_the_bytes_that_are_sent_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = cut_off(folder.path(), &["first", "second"]);
    let held = outbox("export", folder.path(), &[]).expect(0);
    assert!(held.stderr.contains(&format!("in use by process {}", std::process::id())), "{held:?}");
    writer.close().expect("close");
    let before = files_of(folder.path());
    let exported = outbox("export", folder.path(), &[]).expect(0);
    assert_eq!((exported.stdout.clone(), exported.stderr.as_str()), (held.stdout, ""));
    let lines: Vec<Json> = exported.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let payload = |line: &Json| Base64::decode_vec(line["payload"].as_str().expect("a text")).expect("Base64");
    assert_eq!(lines.len(), 2);
    for (number, (line, value)) in lines.iter().zip(["first", "second"]).enumerate() {
        assert_eq!((&line["number"], &line["topic"]), (&json!(number), &json!(TOPIC)), "{line}");
        assert!(payload(line).ends_with(value.as_bytes()), "{line}");
        assert!(line["timestamp_us"].as_i64().is_some_and(|time| time > 1_600_000_000_000_000), "{line}");
    }
    // The file must be new, and only its owner may read it.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("exported.jsonl");
    let to_file = ["-o", file.to_str().expect("UTF-8")];
    assert_eq!(outbox("export", folder.path(), &to_file).expect(0).text(), "");
    assert_eq!(std::fs::read(&file).expect("the file"), exported.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
    }
    let again = outbox("export", folder.path(), &to_file).expect(1);
    assert!(again.stderr.contains("exists"), "{again:?}");
    assert_eq!(files_of(folder.path()), before);
}

#[test]
fn drain_sends_all_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let values: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let writer = cut_off(folder.path(), &values);
    let broker = Broker::start();
    let reader = reader(&broker);
    let refused = drain(folder.path(), &broker.plain_address(), &[]).expect(1);
    let own = format!("in use by process {}, which sends what is in it", std::process::id());
    assert!(refused.stderr.contains(&own), "{refused:?}");
    writer.close().expect("close");
    // Without a broker all messages stay.
    let [port] = free_ports();
    drain(folder.path(), &format!("127.0.0.1:{port}"), &[]).expect(4);
    assert_eq!(list(folder.path())["messages"], json!(500));
    // The configuration must be that of a writer with an outbox.
    let wrong = drain(folder.path(), &broker.plain_address(), &["qos=0"]).expect(3);
    assert!(wrong.stderr.contains("AT_LEAST_ONCE"), "{wrong:?}");
    let drained = drain(folder.path(), &broker.plain_address(), &[]).expect(0);
    assert!(drained.stderr.contains("sent 500 messages"), "{drained:?}");
    assert_eq!(next_values(&reader, 500), values);
    assert_eq!(list(folder.path())["messages"], json!(0));
    let nothing = drain(folder.path(), &format!("127.0.0.1:{port}"), &[]).expect(0);
    assert!(nothing.stderr.contains("nothing waits"), "{nothing:?}");
}

#[test]
fn drain_takes_the_service_of_a_file_whatever_directory_that_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let moved = folder.path().join("moved");
    std::fs::create_dir(&moved).expect("a folder");
    filled(&moved, &["1", "2"]);
    let broker = Broker::start();
    let reader = reader(&broker);
    let text = format!(
        "s:\n  type: mqtt\n  brokers: {}\n  topic: {TOPIC}\n  client_id: sensor\n  consistency: AT_LEAST_ONCE\n  \
         outbox: {{directory: elsewhere, max_bytes: 70000}}\n",
        broker.plain_address()
    );
    let file = folder.path().join("config.yml");
    common::write_own(&file, text);
    let mut drain = command(["outbox", "drain", "moved", "-s", "s", "-c", "config.yml"]);
    drain.current_dir(folder.path());
    start(drain).end().expect(0);
    assert_eq!(next_values(&reader, 2), ["1", "2"]);
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn drain_waits_for_the_broker_if_that_is_wanted_and_ctrl_c_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path(), &["1"]);
    let mut broker = Broker::start();
    let address = broker.plain_address();
    broker.kill();
    let begin = || {
        let mut drain = command(["outbox", "drain", folder.path().to_str().expect("UTF-8"), "--wait", "-v"]);
        drain.args(service(&address));
        let running = start(drain);
        running.says("again in");
        running
    };
    let interrupted = begin();
    interrupted.signal("INT");
    interrupted.end().expect(130);
    assert_eq!(list(folder.path())["messages"], json!(1));
    let running = begin();
    broker.restart();
    running.end().expect(0);
    assert_eq!(list(folder.path())["messages"], json!(0));
}

#[test]
fn what_is_not_confirmed_when_a_drain_is_interrupted_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path(), &["1", "2", "3", "4", "5"]);
    let has_confirmed = Arc::new(AtomicBool::new(false));
    let peer = Scripted::open({
        let has_confirmed = has_confirmed.clone();
        move |peer| {
            for _ in 0..2 {
                let publish = Publish::parse(&peer.expect(0x30));
                peer.send(&Packet::new(0x40, publish.id.to_be_bytes()).bytes());
            }
            has_confirmed.store(true, Ordering::SeqCst);
            peer.drain();
        }
    });
    let mut drain = command(["outbox", "drain", folder.path().to_str().expect("UTF-8")]);
    drain.args(service(&peer.address()));
    let running = start(drain);
    eventually("two are confirmed", || has_confirmed.load(Ordering::SeqCst));
    running.signal("INT");
    let ended = running.end().expect(130);
    assert!(ended.stderr.contains("stay in the outbox"), "{ended:?}");
    let broker = Broker::start();
    let reader = reader(&broker);
    let left = list(folder.path())["messages"].as_u64().expect("a number") as usize;
    assert!((3..=5).contains(&left), "{left}");
    self::drain(folder.path(), &broker.plain_address(), &[]).expect(0);
    assert_eq!(next_values(&reader, left), ["1", "2", "3", "4", "5"][5 - left..]);
}

#[test]
fn discard_removes_what_waits_and_numbers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = cut_off(folder.path(), &["1", "2", "3"]);
    let held = outbox("discard", folder.path(), &["--yes"]).expect(1);
    assert!(held.stderr.contains(&format!("({})", std::process::id())) || held.stderr.contains("in use by process"));
    writer.close().expect("close");
    let unasked = outbox("discard", folder.path(), &[]).expect(2);
    assert!(unasked.stderr.contains("3 messages") && unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(list(folder.path())["messages"], json!(3));
    let done = outbox("discard", folder.path(), &["--yes"]).expect(0);
    assert!(done.stderr.contains("discarded 3 messages"), "{done:?}");
    assert_eq!(list(folder.path())["messages"], json!(0));
    // Later messages get new numbers, so they are not taken for the discarded ones.
    filled(folder.path(), &["4"]);
    let line: Json = serde_json::from_str(outbox("export", folder.path(), &[]).expect(0).text()).expect("JSON");
    assert_eq!(line["number"], json!(3));
}

#[test]
fn what_was_refused_and_what_is_damaged_is_told() {
    let broker = Broker::start_with(certificates::server(), "max_packet_size 2000");
    let folder = tempfile::tempdir().expect("a folder");
    let base = common::writer::<str>(&broker.acl_address(), "acl/t")
        .parameter("username_pw", login("user03", "user03-pass"))
        .parameter("protocol", "MQTTv5");
    let writer = with_outbox(base, folder.path()).open().expect("writer");
    writer.write(&"too much".repeat(500)).expect("write");
    eventually("it is refused", || writer.connection_info().outbox_messages == 0);
    writer.close().expect("close");
    let told = list(folder.path());
    assert_eq!((&told["messages"], &told["refused_messages"]), (&json!(0), &json!(1)), "{told}");
    let refused = outbox("export", folder.path(), &["--refused"]).expect(0);
    let line: Json = serde_json::from_str(refused.text()).expect("JSON");
    assert_eq!(line["topic"], json!("acl/t"));
    assert_eq!(outbox("export", folder.path(), &[]).expect(0).text(), "");

    filled(folder.path(), &["1", "2", "3"]);
    let segment = files_of(folder.path()).into_iter().map(|(name, _)| name).find(|name| name.ends_with("1.log"));
    let segment = folder.path().join(segment.expect("a segment"));
    let mut bytes = std::fs::read(&segment).expect("the segment");
    // The damage is in the middle of the second of the three messages.
    let at = bytes.len() - (bytes.len() - 14 - TOPIC.len()) / 2;
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).expect("write");
    let told = list(folder.path());
    assert_eq!(told["messages"], json!(2), "{told}");
    let damages = told["damages"].as_array().expect("a list");
    assert!(damages.len() == 1 && damages[0].as_str().is_some_and(|text| text.contains("are damaged")), "{told}");
    let exported = outbox("export", folder.path(), &[]).expect(0);
    assert!(exported.stderr.contains("left out"), "{exported:?}");
    let broker = Broker::start();
    let reader = reader(&broker);
    drain(folder.path(), &broker.plain_address(), &[]).expect(0);
    assert_eq!(next_values(&reader, 2), ["1", "3"]);
    let told = list(folder.path());
    let files = |name: &str| told[name].as_array().expect("a list").len();
    assert_eq!((files("damaged"), files("refused"), files("damages")), (1, 1, 0), "{told}");
    let text = outbox("list", folder.path(), &[]).expect(0);
    assert!(text.text().contains("damaged-") && text.text().contains("refused-"), "{text:?}");
    outbox("discard", folder.path(), &["--yes"]).expect(0);
    assert_eq!(list(folder.path())["refused_messages"], json!(1));
    let done = outbox("discard", folder.path(), &["--yes", "--set-aside"]).expect(0);
    assert!(done.stderr.contains("2 files set aside"), "{done:?}");
    let told = list(folder.path());
    assert_eq!((&told["damaged"], &told["refused"]), (&json!([]), &json!([])));
}

#[test]
fn what_is_no_outbox_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("write");
    let later = folder.path().join("later");
    std::fs::create_dir(&later).expect("a folder");
    let head = [b"SINETOB\x09".as_slice(), &crc32fast::hash(b"SINETOB\x09\0\0").to_le_bytes(), b"\0\0"].concat();
    std::fs::write(later.join(format!("{:020}.log", 0)), head).expect("write");
    for action in ["list", "export", "drain", "discard"] {
        let says = |directory: &Path, words: &str| {
            let yes: &[&str] = if action == "discard" { &["--yes"] } else { &[] };
            let before = files_of(&later);
            let ended = outbox(action, directory, yes).expect(1);
            assert!(ended.stderr.contains(words), "{action}, '{words}': {ended:?}");
            assert!(ended.stderr.contains(directory.to_str().expect("UTF-8")), "{ended:?}");
            assert_eq!((ended.text(), files_of(&later)), ("", before));
        };
        says(&folder.path().join("nowhere"), "there is no directory");
        says(&file, "is no outbox");
        says(folder.path(), "is no outbox: it has no file of one");
        says(&later, "written by a later release: it has version 9");
        outbox_without_directory(action);
    }
    assert!(!folder.path().join("nowhere").exists());
}

fn outbox_without_directory(action: &str) {
    let ended = run(["outbox", action]).expect(2);
    assert!(ended.stderr.contains("<DIRECTORY>"), "{ended:?}");
}

/// Root may read every file, so this test is for other users only.
#[test]
#[cfg(unix)]
fn missing_rights_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path(), &["1"]);
    let set = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("mode");
    set(0o000);
    let is_root = std::fs::read_dir(folder.path()).is_ok();
    if !is_root {
        for action in ["list", "export", "drain", "discard"] {
            let ended = outbox(action, folder.path(), &[]).expect(1);
            assert!(ended.stderr.contains("can't be read: Permission denied"), "{action}: {ended:?}");
        }
        set(0o500);
        let ended = outbox("discard", folder.path(), &["--yes"]).expect(1);
        assert!(ended.stderr.contains("can't be emptied"), "{ended:?}");
    }
    set(0o700);
    assert_eq!(list(folder.path())["messages"], json!(1));
}
