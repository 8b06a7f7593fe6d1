//! Tests `sinetstream write` and `sinetstream read` against Mosquitto.
#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common;
use crate::common::broker::Broker;
use crate::common::command::{
    self, Ended, PROGRAM, Running, command, files_of, run, run_with_input, start, start_reading,
};
use crate::common::scripted::{Peer, Scripted};
use crate::common::{PATIENCE, raw};
use serde_json::{Value as Json, json};

const PUBLISH: u8 = 0x30;

/// Returns the parameters for the anonymous listener, at QoS 1.
fn plain(broker: &Broker) -> [String; 5] {
    ["-nc", "type=mqtt", &format!("brokers={}", broker.plain_address()), "topic=t/x", "qos=1"].map(str::to_owned)
}

fn with<'a>(parameters: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    more.iter().copied().chain(parameters.iter().map(String::as_str)).collect()
}

/// Starts a reader that is subscribed, and ends by itself.
fn reader(parameters: &[String], more: &[&str]) -> Running {
    start_reading(with(parameters, &[&["--timeout", "20"], more].concat()))
}

/// Writes, and returns the lines of `read --json`, whose number must be `count`.
fn round_trip(parameters: &[String], count: usize, write: impl FnOnce() -> Ended) -> Vec<Json> {
    let reader = reader(parameters, &["--json", "-C", &count.to_string(), "-t"]);
    write().expect(0);
    json_lines(reader.end().expect(0).text())
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn texts(messages: &[Json]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().expect("a text")).collect()
}

#[test]
fn a_message_from_the_command_line_is_shown_with_its_topic() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let mut reading = command(["read", "-t", "--count", "2", "--timeout", "20"]);
    reading.args(&parameters);
    // Without -v the command does not report the subscription, but the broker's log does.
    let reading = start(reading);
    common::eventually("subscribed", || broker.log().contains("Sending SUBACK"));
    run(with(&parameters, &["write", "-m", "hello 世界"])).expect(0);
    let written = run(with(&parameters, &["write", "-m", "-1\n"])).expect(0);
    assert_eq!((written.text(), written.stderr.as_str()), ("", ""));
    let ended = reading.end().expect(0);
    let expected = "[#1] Received on \"t/x\"\nhello 世界\n[#2] Received on \"t/x\"\n-1\n";
    assert_eq!((ended.text(), ended.stderr.as_str()), (expected, ""));
}

#[test]
fn raw_values_are_byte_for_byte_except_in_text_mode() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let raw = reader(&parameters, &["-r", "-C", "2"]);
    run_with_input(with(&parameters, &["write"]), &bytes).expect(0);
    run(with(&parameters, &["write", "-m", "x"])).expect(0);
    let expected = [bytes.as_slice(), b"x"].concat();
    assert!(raw.end().expect(0).stdout == expected);

    let text = reader(&parameters, &["-r", "-t", "-C", "2"]);
    run_with_input(with(&parameters, &["write", "-t"]), b"ends\n").expect(0);
    run_with_input(with(&parameters, &["write", "-t"]), b"does not end").expect(0);
    assert_eq!(text.end().expect(0).text(), "ends\ndoes not end\n");
}

#[test]
fn a_retained_message_is_cleared() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    run(with(&parameters, &["write", "retain=true", "-m", "kept"])).expect(0);
    // Returns the first message of a new reader: the retained one, or else the one that is written then.
    let first = |message: &str| {
        let write = || run(with(&parameters, &["write", "-m", message]));
        texts(&round_trip(&parameters, 1, write))[0].to_owned()
    };
    assert_eq!(first("next"), "kept");
    // The parameters of the service have no effect: encryption would add bytes to an empty value.
    let crypto = ["write", "data_encryption=true", "crypto={algorithm: AES, mode: GCM, password: p}", "--clear"];
    run(with(&parameters, &crypto)).expect(0);
    assert_eq!(first("next"), "next");
    run(with(&parameters, &["write", "--clear", "-m", "x"])).expect(2);
}

#[test]
fn messages_say_of_themselves_what_the_options_say() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let five = with(&parameters, &["protocol=MQTTv5"]);
    let owned: Vec<String> = five.iter().map(|parameter| (*parameter).to_owned()).collect();
    let options = ["--topic", "t/other", "--retain", "--expiry", "100", "--content-type", "text/plain"];
    let more =
        ["--response-topic", "a/b", "--correlation-data", "-7", "--user-property", "a=1=2", "--user-property", "a="];
    let write = [&["write", "-m", "x"][..], &options, &more].concat();
    run(with(&owned, &write)).expect(0);
    let read = |form: &[&str]| {
        let more = [&["read", "-t", "-C", "1", "--timeout", "20"], form].concat();
        run([with(&owned, &more), vec!["topic=t/other"]].concat()).expect(0)
    };
    let json = read(&["--json", "--properties"]);
    let messages = json_lines(json.text());
    assert_eq!((&messages[0]["topic"], &messages[0]["retain"]), (&json!("t/other"), &json!(true)));
    let mut properties = messages[0]["properties"].clone();
    let left = properties["message_expiry_interval"].take().as_u64().expect("an expiry");
    assert!((1..=100).contains(&left), "{left}");
    let expected = json!({
        "message_expiry_interval": null,
        "content_type": "text/plain",
        "response_topic": "a/b",
        "correlation_data": "LTc=",
        "user_properties": [["a", "1=2"], ["a", ""]],
    });
    assert_eq!(properties, expected);
    assert_eq!(json_lines(read(&["--json"]).text())[0].get("properties"), None);

    let told = read(&["--properties"]);
    let lines: Vec<&str> = told.text().lines().filter(|line| !line.contains("message_expiry_interval")).collect();
    let expected = [
        "[#1] Received on \"t/other\"",
        "  content_type: \"text/plain\"",
        "  response_topic: \"a/b\"",
        "  correlation_data: \"-7\"",
        "  user_property: \"a\"=\"1=2\"",
        "  user_property: \"a\"=\"\"",
        "x",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn options_that_are_wrong_are_told_before_anything_is_done() {
    let parameters = ["-nc", "type=mqtt", "brokers=127.0.0.1:1", "topic=t"].map(str::to_owned);
    let told = |exit, options: &[&str], words: &[&str]| {
        let ended = run(with(&parameters, &[&["write", "-m", "x"], options].concat())).expect(exit);
        words.iter().for_each(|word| assert!(ended.stderr.contains(word), "'{word}' is not in: {}", ended.stderr));
    };
    told(3, &["--content-type", "x"], &["option 'content_type' of a message: needs 'protocol: MQTTv5'"]);
    told(3, &["--topic", "a/#"], &["parameter 'topic'", "wildcards"]);
    told(
        3,
        &["protocol=MQTTv5", "--response-topic", "#"],
        &["option 'response_topic'", ": a response topic can't have the wildcards"],
    );
    told(
        3,
        &["protocol=MQTTv5", "--response-topic", "$share/g/t"],
        &[": a response topic can't be a shared subscription"],
    );
    told(2, &["--user-property", "x"], &["NAME=VALUE"]);
    for wrong in ["--expiry=-1", "--expiry=4294967296", "--expiry=5000000000"] {
        told(2, &[wrong], &["--expiry", "seconds, from 0 to 4294967295"]);
    }
}

#[test]
fn lines_files_and_folders() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("b", "B1\nB2"), ("a", "A\n"), (".hidden", "no"), ("c", "")] {
        std::fs::write(folder.path().join(name), text).expect("write");
    }
    std::fs::create_dir(folder.path().join("deeper")).expect("a folder");
    let (folder, file) = (folder.path().display().to_string(), folder.path().join("b").display().to_string());
    for (input, options, expected) in [
        ("1\n2\r\n\n3", &["-l"][..], &["1", "2", "", "3"][..]),
        ("1\n2\r\n", &["-l", "-r"], &["1\n", "2\r\n"]),
        ("1\n2\n", &[], &["1\n2\n"]),
        ("", &["-m", "M", "-C", "3"], &["M", "M", "M"]),
        ("1\n2\n3\n", &["-l", "-C", "2"], &["1", "2"]),
        ("", &["-f", &file], &["B1\nB2"]),
        ("", &["-f", &file, "-l"], &["B1", "B2"]),
        ("", &["-f", &folder], &["A\n", "B1\nB2", ""]),
        ("", &["-f", &folder, "-C", "4"], &["A\n", "B1\nB2", "", "A\n"]),
    ] {
        let write = || run_with_input(with(&parameters, &[&["write"], options].concat()), input.as_bytes());
        assert_eq!(texts(&round_trip(&parameters, expected.len(), write)), expected, "{options:?}");
    }
    // Empty input means no message.
    let sent = broker.log().matches("Received PUBLISH").count();
    run(with(&parameters, &["write"])).expect(0);
    assert_eq!(broker.log().matches("Received PUBLISH").count(), sent);
}

#[test]
fn files_that_can_not_be_read_are_named_before_connecting() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    for options in [&["write", "-f", "/no/such/file"][..], &["read", "-f", "/no/such/file"]] {
        let ended = run(with(&parameters, options)).expect(1);
        assert!(ended.stderr.contains("/no/such/file: No such file"), "{}", ended.stderr);
    }
    assert_eq!(broker.connections(), 0);
}

#[test]
fn messages_are_stored_as_files() {
    let broker = Broker::start();
    let mut parameters = plain(&broker);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    parameters[3] = "topic=a/#".into();
    let reading = reader(&parameters, &["-f", &path, "-C", "2", "--json"]);
    parameters[3] = "topic=a/..".into();
    run_with_input(with(&parameters, &["write", "-l"]), b"1\n2\n").expect(0);
    let lines = json_lines(reading.end().expect(0).text());
    let files = files_of(folder.path());
    assert_eq!(files.len(), 2, "{files:?}");
    for (index, (name, value)) in files.iter().enumerate() {
        let number = (index + 1).to_string();
        assert!(name.starts_with("a%2F..-") && name.ends_with(&format!("-{number}")), "{name}");
        assert_eq!(*value, number.as_bytes());
        assert_eq!(lines[index]["file"], json!(folder.path().join(name)));
    }
}

#[test]
fn json_has_what_the_message_has() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    run(with(&parameters, &["write", "-m", "kept", "retain=true"])).expect(0);
    let reading = reader(&parameters, &["--json", "-C", "2"]);
    run_with_input(with(&parameters, &["write"]), &[0xFF, 0]).expect(0);
    let lines = json_lines(reading.end().expect(0).text());
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_micros() as i64;
    for (line, (retain, base64)) in lines.iter().zip([(true, "a2VwdA=="), (false, "/wA=")]) {
        assert_eq!((&line["topic"], &line["qos"]), (&json!("t/x"), &json!(1)));
        assert_eq!((&line["retain"], &line["base64"]), (&json!(retain), &json!(base64)));
        let written = line["timestamp_us"].as_i64().expect("a time");
        assert!((now - 60_000_000..=now).contains(&written), "{line}");
        assert!(line["timestamp"].as_str().expect("a time").ends_with('Z'), "{line}");
    }
    assert_eq!(lines.len(), 2);
}

#[test]
fn count_rate_and_time_out() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let began = Instant::now();
    let ended = run(with(&parameters, &["write", "-v", "-m", "x", "-C", "5", "--rate", "20"])).expect(0);
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert!(ended.stderr.contains("wrote 5 messages"), "{}", ended.stderr);

    run(with(&parameters, &["read", "--timeout", "0.05"])).expect(0);
    let ended = run(with(&parameters, &["read", "--timeout", "0.05", "-C", "1"])).expect(1);
    assert!(ended.stderr.contains("0 of 1 messages"), "{}", ended.stderr);
}

#[test]
fn many_messages_arrive_in_order() {
    let broker = Broker::start();
    for qos in ["qos=0", "qos=1", "qos=2"] {
        let mut parameters = plain(&broker);
        parameters[4] = qos.into();
        let lines: String = (0..3000).map(|number| format!("{number}\n")).collect();
        let reading = reader(&parameters, &["-r", "-t", "-C", "3000"]);
        run_with_input(with(&parameters, &["write", "-l"]), lines.as_bytes()).expect(0);
        assert!(reading.end().expect(0).text() == lines, "{qos}");
    }
    // The outbox has room for a small message while a larger one waits.
    let parameters = plain(&broker);
    let sizes = (0..2000).map(|number| if number % 2 == 0 { 500 } else { 1 });
    let lines: String = sizes.enumerate().map(|(number, size)| format!("{number} {}\n", "x".repeat(size))).collect();
    let reading = reader(&parameters, &["-r", "-t", "-C", "2000"]);
    let writing = with(&parameters, &["write", "-l", "max_queued_messages=5", "max_queued_bytes=1200"]);
    run_with_input(writing, lines.as_bytes()).expect(0);
    assert!(reading.end().expect(0).text() == lines);
}

#[test]
fn the_command_line_is_over_the_file() {
    let broker = Broker::start();
    let file = broker.write(
        "config.yml",
        format!(
            "one: {{type: mqtt, brokers: '{}', topic: wrong, username_pw_set: {{username: user01, password: no}}}}\n\
             two: {{type: mqtt}}\n",
            broker.login_address()
        ),
    );
    let password = broker.write("password", "user01-pass\nanother line\n");
    let file = file.display().to_string();
    let password = format!("username_pw.password=@{}", password.display());
    let common = ["-c", &file, "-s", "one", "topic=right", &password, "qos=1"].map(str::to_owned);
    let messages = round_trip(&common, 1, || run(with(&common, &["write", "-m", "1"])));
    assert_eq!(messages[0]["topic"], json!("right"));

    let ended = run(["write", "-c", &file, "-s", "three", "-m", "x"]).expect(3);
    assert!(ended.stderr.contains("no service 'three'; it has: one, two"), "{}", ended.stderr);
    let ended = run(["write", "-c", &file, "-s", "two", "-m", "x", "brokers=b", "topic=t", "qos=7"]).expect(3);
    assert!(ended.stderr.contains("command line: parameter 'qos': expected"), "{}", ended.stderr);
}

#[test]
fn the_file_is_searched_for_as_by_programs() {
    let broker = Broker::start();
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(home.path().join(".config/sinetstream")).expect("a folder");
    let text = format!("s: {{type: mqtt, brokers: '{}', topic: t}}", broker.plain_address());
    std::fs::write(home.path().join(".config/sinetstream/config.yml"), text).expect("write");
    for (arguments, code) in [(&["write", "-m", "x"][..], 0), (&["write", "-nc", "-m", "x"], 3)] {
        let mut command = command(arguments);
        command.env("HOME", home.path());
        start(command).end().expect(code);
    }
}

#[test]
fn failures_have_their_exit_codes_and_no_password() {
    let broker = Broker::start();
    let login = format!("brokers={}", broker.login_address());
    let [closed] = common::broker::free_ports();
    let closed = format!("brokers=localhost:{closed}");
    let wrong = ["username_pw.username=user01", "username_pw.password=s3cr3t"];
    let service = |broker: &'static str| ["-nc", "type=mqtt", "topic=t", broker];
    let (login, closed): (&'static str, &'static str) = (login.leak(), closed.leak());
    for (arguments, code, words) in [
        ([&service(login)[..], &wrong].concat(), 5, "the broker refused the connection"),
        (service(login).to_vec(), 5, "no user name was sent"),
        ([&service(closed)[..], &wrong].concat(), 4, "refused"),
        ([&service(login)[..], &wrong, &["qos=x"]].concat(), 3, "'qos'"),
        ([&service(login)[..], &["username_pw.password=[s3cr3t"]].concat(), 3, "not YAML"),
        ([&service(login)[..], &wrong, &["tls.ca_certs=/no/such"]].concat(), 3, "/no/such"),
        (vec!["-nc", "s3cr3t"], 2, "not KEY=VALUE"),
        (vec!["-nc", "--s3cr3t-option"], 2, "unexpected argument"),
        (vec!["-nc", "--count", "0"], 2, "--count"),
        ([&service(login)[..], &["username_pw.password=&s3cr3t"]].concat(), 3, "may need quotes"),
        ([&service(login)[..], &["username_pw.password=@s3cr3t"]].concat(), 3, "the file that '@' names"),
        (vec!["config_name=c", "tls.ca_certs=s3cr3t"], 2, "a map is given as a whole"),
        (vec!["-c", "/dev/null", "tls.ca_certs=s3cr3t"], 3, "a pipe can be read only once"),
        (vec!["-c", "/dev/zero"], 3, "larger than"),
        (vec!["no_config=maybe"], 3, "'no_config': expected true or false, found a string"),
        (vec!["config_name=7"], 3, "'config_name': expected a string, found an integer"),
    ] {
        for mode in ["read", "write"] {
            let ended = run([&[mode], &arguments[..]].concat()).expect(code);
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
            let shown = ended.stderr.replace("--s3cr3t-option", "");
            assert!(!shown.contains("s3cr3t") && ended.stdout.is_empty(), "{}", ended.stderr);
        }
    }
}

#[test]
fn text_is_utf_8_and_a_foreign_message_is_no_message() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let ended = run_with_input(with(&parameters, &["write", "-t"]), b"\xFF").expect(1);
    assert!(ended.stderr.contains("not UTF-8"), "{}", ended.stderr);

    let foreign = |reading: Running| {
        let mut client = raw::Client::connect(broker.plain);
        client.publish("t/x", b"not SINETStream's");
        run_with_input(with(&parameters, &["write"]), b"\xFF").expect(0);
        run(with(&parameters, &["write", "-m", "good"])).expect(0);
        reading.end().expect(1)
    };
    let ended = foreign(reader(&parameters, &["-t", "-r"]));
    assert!(ended.stderr.contains("message 1 on \"t/x\"") && ended.stdout.is_empty(), "{ended:?}");
    let ended = foreign(reader(&parameters, &["-t", "-r", "-k", "-C", "1"]));
    assert_eq!(ended.text(), "good\n");
    assert!(ended.stderr.contains("2 messages could not be decoded"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_ends_cleanly() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let reading = reader(&parameters, &["-r", "-t"]);
        let mut writing = command(with(&parameters, &["write", "-l"]));
        writing.stdin(Stdio::piped());
        let mut writing = start(writing);
        let mut input = writing.input();
        input.write_all(b"one\ntwo\n").expect("input");
        let confirmed = || broker.log().matches("Sending PUBACK to sinetstream").count();
        let before = if signal == "INT" { 0 } else { 2 };
        common::eventually("both are written", || confirmed() >= before + 2);
        // The standard input of the command is still open.
        writing.signal(signal);
        let ended = writing.end().expect(code);
        assert!(ended.stderr.contains("wrote 2 messages"), "{}", ended.stderr);
        let delivered = || broker.log().matches("Received PUBACK from sinetstream").count();
        common::eventually("both are read", || delivered() >= before + 2);
        reading.signal(signal);
        let ended = reading.end().expect(code);
        assert_eq!(ended.text(), "one\ntwo\n");
        assert!(ended.stderr.contains("read 2 messages"), "{}", ended.stderr);
        drop(input);
    }
    let goodbyes = broker.log().matches("Received DISCONNECT").count();
    assert_eq!(goodbyes, 4, "{}", broker.log());
}

#[test]
fn the_second_ctrl_c_ends_at_once() {
    let broker = Scripted::open(Peer::drain);
    let brokers = format!("brokers={}", broker.address());
    let never = ["close_timeout_ms=3600000", "write_timeout_ms=3600000"];
    let options = ["write", "-m", "x", "-nc", "type=mqtt", &brokers, "topic=t", "qos=1"];
    let writing = start(command([&options[..], &never].concat()));
    while broker.next_packet().kind() != PUBLISH {}
    writing.signal("INT");
    writing.says("waiting for the confirmation of 1 message");
    writing.signal("INT");
    writing.end().expect(130);
}

#[test]
fn a_broken_pipe_is_no_error() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let kept = ["client_id=cli-test", "clean_session=false"];
    run(with(&parameters, &[&["read", "--timeout", "0"][..], &kept].concat())).expect(0);
    // The lines are more than a pipe holds.
    let line = "x".repeat(1000);
    run(with(&parameters, &["write", "-C", "200", "-m", &line])).expect(0);
    let mut child = Command::new(PROGRAM)
        .args(with(&parameters, &[&["read", "-r", "-t", "--timeout", "20"][..], &kept].concat()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut first = String::new();
    BufReader::with_capacity(1, child.stdout.take().expect("stdout")).read_line(&mut first).expect("a line");
    assert_eq!(first.trim_end(), line);
    let output = common::within(PATIENCE, move || child.wait_with_output().expect("wait"));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_nobody_read_stays_with_the_broker() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    let kept = ["client_id=cli-test", "clean_session=false"];
    let mut child = command(with(&parameters, &[&["read", "-r", "-t", "--timeout", "20"][..], &kept].concat()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command");
    drop(child.stdout.take());
    common::eventually("subscribed", || broker.log().contains("Sending SUBACK"));
    run(with(&parameters, &["write", "-m", "kept"])).expect(0);
    let status = common::within(PATIENCE, move || child.wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    let rest = run(with(&parameters, &[&["read", "-r", "-t", "-C", "1", "--timeout", "20"][..], &kept].concat()));
    assert_eq!(rest.expect(0).text(), "kept\n");
}

#[test]
fn a_terminal_gets_a_progress_line_and_no_control_characters() {
    let broker = Broker::start();
    let parameters = plain(&broker);
    run(with(&parameters, &["write", "-m", "a\x1b[31mb", "retain=true"])).expect(0);
    let line = |words: &[&str]| {
        let mut script = Command::new("script");
        let words = with(&parameters, words).join(" ");
        script.args(["-qec", &format!("{PROGRAM} {words}"), "/dev/null"]).stdin(Stdio::null()).env("TERM", "xterm");
        start(script).end().expect(0)
    };
    let shown = line(&["read", "-C", "1", "--timeout", "20"]);
    assert!(shown.text().contains("a\\u{1b}[31mb"), "{:?}", shown.text());
    assert!(shown.text().contains("read 1 message (7 B)"), "{:?}", shown.text());
    let shown = line(&["write", "-m", "x", "-C", "30", "--rate", "60"]);
    assert!(shown.text().contains("wrote 30 messages (30 B)"), "{:?}", shown.text());
    assert!(shown.text().contains("/30 messages"), "{:?}", shown.text());
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).expect(0);
        assert!(script.text().contains("sinetstream"), "{shell}");
    }
    let script = run(["completions", "bash"]).expect(0);
    let mut bash = Command::new("bash")
        .args(["--norc", "-c", "source /dev/stdin && complete -p sinetstream"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash");
    bash.stdin.take().expect("stdin").write_all(&script.stdout).expect("input");
    let output = bash.wait_with_output().expect("wait");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("-F _sinetstream"));
}

#[test]
fn the_help_has_the_exit_codes_and_warns_of_passwords_on_the_command_line() {
    for arguments in [&["--help"][..], &["write", "--help"], &["read", "--help"], &["check", "--help"]] {
        let help = command::run(arguments).expect(0);
        assert!(help.text().contains("5  login refused"), "{arguments:?}");
        assert_eq!(arguments.len() == 2, help.text().contains("Other users of the machine"), "{arguments:?}");
    }
}

/// The private key of OpenSSL decrypts what was encrypted with its public key.
#[test]
fn a_secret_is_encrypted_for_a_file() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output();
        assert!(output.expect("openssl").status.success(), "{arguments}");
    };
    openssl("genrsa -out private.pem 2048");
    openssl("pkey -in private.pem -pubout -out public.pem");
    openssl("pkey -in private.pem -pubout -outform DER -out public.der");
    openssl("rsa -in private.pem -RSAPublicKey_out -outform DER -out pkcs1.der");
    openssl("genrsa -out short.pem 1024");
    openssl("pkey -in short.pem -pubout -out short_public.pem");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let encrypt = |key: &str, value: &[u8], more: &[&str]| {
        run_with_input([&["encrypt", "--public-key", &file(key)], more].concat(), value)
    };
    let sealed = encrypt("public.pem", b"user01-pass\n", &[]).expect(0);
    assert!(sealed.text().starts_with("!sinetstream/encrypted AAEBA") && sealed.stderr.is_empty(), "{sealed:?}");
    let yaml = format!(
        "service:\n  type: mqtt\n  brokers: {}\n  topic: t/sealed\n  username_pw: {{username: user01}}\n  private_key_file: {}\n",
        broker.login_address(),
        file("private.pem")
    );
    let with = |password: &str| yaml.replace("username: user01", &format!("username: user01, password: {password}"));
    let write = |password: &str| {
        std::fs::write(file("config.yml"), with(password.trim())).expect("write");
        run(["write", "-c", &file("config.yml"), "-m", "hello"])
    };
    write(sealed.text()).expect(0);
    for key in ["public.der", "pkcs1.der"] {
        write(encrypt(key, b"user01-pass\r\n", &[]).expect(0).text()).expect(0);
    }
    // With the line end it is a different password, and so it is with a '\r' that ends no line.
    write(encrypt("public.pem", b"user01-pass\n", &["--raw"]).expect(0).text()).expect(5);
    write(encrypt("public.pem", b"user01-pass\r", &[]).expect(0).text()).expect(5);
    // As a string it would be the password itself.
    std::fs::write(file("sealed"), sealed.text()).expect("write");
    let given = format!("username_pw.password=@{}", file("sealed"));
    let told_of_quotes = run(["write", "-c", &file("config.yml"), "-m", "hello", &given]).expect(3);
    assert!(
        told_of_quotes.stderr.contains("'username_pw.password': a string that begins with '!sinetstream/encrypted'")
    );
    assert!(told_of_quotes.stderr.contains("leave out the quotes"), "{told_of_quotes:?}");

    let told = |key: &str, value: &[u8], code: i32, words: &str| {
        let ended = encrypt(key, value, &[]).expect(code);
        assert!(ended.stderr.contains(words) && ended.stdout.is_empty(), "{ended:?}");
        assert!(!ended.stderr.contains("user01-pass"), "{ended:?}");
    };
    told("public.pem", b"\n", 2, "standard input is empty");
    told("private.pem", b"user01-pass", 3, "private.pem -pubout");
    told("short_public.pem", b"user01-pass", 3, "has 1024 bits, expected at least 2048");
    told("nowhere.pem", b"user01-pass", 3, "nowhere.pem can't be read");
}
