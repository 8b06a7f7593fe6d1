//! Tests the YAML of configuration files: its accepted forms, and the lines that syntax errors name.

use std::time::{Duration, Instant};

use crate::common::broker::Broker;
use crate::common::scripted::Scripted;
use crate::common::{PATIENCE, raw, within};
use sinetstream::{Error, MessageWriter, Result};

const SERVICE: &str = "type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n";

fn open(text: impl AsRef<[u8]>) -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    std::fs::write(&file, text).expect("write");
    within(PATIENCE, move || MessageWriter::<str>::builder().config_file(file).open().map(drop))
}

/// Checks that the configuration is accepted: the writer goes on to connect to the closed port.
#[track_caller]
fn accepted(text: impl AsRef<[u8]>) {
    let result = open(&text);
    let text = String::from_utf8_lossy(text.as_ref()).into_owned();
    assert!(
        matches!(&result, Err(Error::Connection { message: m, .. }) if m.contains("127.0.0.1:1:")),
        "{text:?}: {result:?}"
    );
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, line: Option<usize>, words: &[&str]) {
    let result = open(&text);
    let text = String::from_utf8_lossy(text.as_ref()).chars().take(300).collect::<String>();
    let Err(Error::InvalidConfiguration(message)) = result else { panic!("{text:?}: {result:?}") };
    if let Some(line) = line {
        assert!(message.contains(&format!("config.yml:{line}: ")), "{text:?}: line {line} is expected: {message}");
    }
    for word in words {
        assert!(message.contains(word), "{text:?}: '{word}' is not in: {message}");
    }
    assert!(!message.contains("s3cr3t"), "{message}");
}

#[test]
fn layouts_that_mean_the_same() {
    accepted(format!("s:\n  {SERVICE}"));
    accepted(format!("---\ns:\n  {SERVICE}"));
    accepted(format!("--- # a comment\ns:\n  {SERVICE}...\n"));
    accepted(format!("# a comment\n\n---\ns:\n  {SERVICE}"));
    accepted(format!("\u{feff}s:\n  {SERVICE}"));
    accepted(format!("\u{feff}---\ns:\n  {SERVICE}"));
    accepted(format!("%YAML 1.1\n---\ns:\n  {SERVICE}"));
    accepted(format!("s:\n  {SERVICE}").replace('\n', "\r\n"));
    accepted(format!("---\ns:\n  {SERVICE}").replace('\n', "\r\n"));
    accepted(format!("s:\n  {SERVICE}").trim_end());
    accepted("s: {type: mqtt, brokers: '127.0.0.1:1', topic: t}");
    accepted(r#"{"s": {"type": "mqtt", "brokers": ["127.0.0.1:1"], "topic": "t"}}"#);
    accepted("s:\n  type: >-\n    mqtt\n  brokers: |-\n    127.0.0.1:1\n  topic: \"t\\u0041\"\n");
    accepted("? s\n: type: mqtt\n  ? brokers\n  : 127.0.0.1:1\n  topic: t\n");
    accepted("s:\n  type: !!str mqtt\n  brokers: !!seq [127.0.0.1:1]\n  topic: t\n  qos: !!int 1\n");
    accepted("日本語:\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: 日本/こんにちは\n");
    accepted(format!("s:\n  {SERVICE}  5: a number as a name\n  true: a boolean as a name\n"));
    // A marker inside a text does not start a document.
    accepted(format!("s:\n  {SERVICE}  value_serializer: |\n    a\n    --- b\n"));
    accepted(format!("s:\n  {SERVICE}  client_id: \"a\n    ---\"\n"));
}

#[test]
fn booleans_of_yaml_1_1() {
    for word in ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "'true'"] {
        refused(format!("s:\n  {SERVICE}  data_encryption: {word}\n"), Some(5), &["data_encryption", "needs 'crypto'"]);
    }
    for word in ["false", "False", "FALSE", "no", "No", "off", "OFF", "'false'"] {
        accepted(format!("s:\n  {SERVICE}  data_encryption: {word}\n"));
    }
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let shared = "common: &common\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n";
    // The anchor's own map is a service as well, so the other one must be named.
    for service in [
        "s: *common\n",
        "s:\n  <<: *common\n",
        "s:\n  <<: *common\n  topic: other\n",
        "s:\n  topic: other\n  <<: *common\n",
        "s:\n  <<: [*common, {topic: ignored}]\n",
        "s:\n  <<: {<<: *common}\n",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.yml");
        std::fs::write(&file, format!("{shared}{service}")).expect("write");
        let result = MessageWriter::<str>::builder().config_file(file).service("s").open().map(drop);
        assert!(matches!(result, Err(Error::Connection { .. })), "{service}: {result:?}");
    }
    refused("s:\n  <<: 5\n  type: mqtt\n", None, &["<<"]);
    refused("s: *nowhere\n", Some(1), &["anchor"]);
}

/// The message may name either place: the mistake itself, or the alias.
#[test]
fn a_mistake_behind_an_alias() {
    let text = "common: &common\n  type: mqtt\n  brokers: 127.0.0.1:1\n  topic: t\n  qos: 9\ns:\n  <<: *common\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    std::fs::write(&file, text).expect("write");
    match MessageWriter::<str>::builder().config_file(file).service("s").open().map(drop) {
        Err(Error::InvalidConfiguration(message)) => {
            assert!(message.contains("service 's': parameter 'qos'") && message.contains("found 9"), "{message}");
            assert!(message.contains("config.yml:5: ") || message.contains("config.yml:6: "), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_are_counted_in_every_layout() {
    // The mistake is on line 5, plus the number of lines before the text.
    let text = format!("s:\n  {SERVICE}  qos: 9\n");
    let words = &["service 's': parameter 'qos'", "found 9"];
    refused(&text, Some(5), words);
    refused(format!("---\n{text}"), Some(6), words);
    refused(format!("# one\n# two\n\n{text}"), Some(8), words);
    refused(format!("# one\n# two\n---\n{text}"), Some(8), words);
    refused(format!("%YAML 1.1\n---\n{text}"), Some(7), words);
    refused(format!("\u{feff}{text}"), Some(5), words);
    refused(format!("\u{feff}---\n{text}"), Some(6), words);
    refused(text.replace('\n', "\r\n"), Some(5), words);
    refused(format!("---\n{text}").replace('\n', "\r\n"), Some(6), words);
    refused(format!("s:\n  description: |\n    one\n    two\n\n  {SERVICE}  qos: 9\n"), Some(9), words);
    refused("s: {type: mqtt, brokers: h,\n  topic: t,\n  qos:\n   9}\n", Some(3), words);
    // The same name elsewhere does not confuse the search.
    let text =
        String::from("header: {version: 2, qos: 1}\nconfig:\n  s:\n    type: mqtt\n    brokers: h\n    topic: t\n")
            + "    type_spec: {s: {qos: 1}}\n    x: {qos: 1}\n    qos: 9\n";
    refused(text, Some(9), words);
}

#[test]
fn syntax_errors_have_their_line() {
    refused(format!("s:\n  {SERVICE}  qos: [1\n"), None, &[]);
    refused("s:\n  type: mqtt\n  brokers: [a, b\n  topic: t\n", Some(4), &[]);
    refused("s:\n  type: mqtt\n topic: t\n", Some(3), &[]);
    refused("s:\n  type: mqtt: x\n", Some(2), &[]);
    refused("s:\n  type: mqtt\n\ttopic: t\n", Some(3), &[]);
    refused("s:\n\ttype: mqtt\n", Some(2), &[]);
    refused("---\ns:\n\ttype: mqtt\n", Some(3), &[]);
    refused("s:\n  type: 'mqtt\n  topic: t\n", None, &[]);
    refused("s:\n  type: @mqtt\n", Some(2), &[]);
    refused("s:\n  type: \"\\z\"\n", Some(2), &[]);
    refused("s: {type: mqtt}}\n", Some(1), &[]);
    refused("s:\n  topic: a\u{7}b\n", None, &[]);
}

#[test]
fn a_name_that_is_given_twice() {
    refused(format!("s:\n  {SERVICE}  topic: other\n"), Some(5), &["'topic'", "twice"]);
    refused(format!("s:\n  {SERVICE}s:\n  {SERVICE}"), Some(5), &["'s'", "twice"]);
    refused(
        "s:\n  type: mqtt\n  username_pw:\n    password: s3cr3t\n    password: s3cr3t\n",
        Some(5),
        &["'password'", "twice"],
    );
    refused("header: {version: 2, version: 3}\nconfig: {}\n", Some(1), &["'version'", "twice"]);
}

#[test]
fn unknown_tags() {
    for tag in ["!mine", "!!python/object:os.system", "!!timestamp"] {
        refused(format!("s:\n  type: mqtt\n  topic: {tag} s3cr3t\n"), Some(3), &["unknown tag", "quotes"]);
    }
    // A password without its quotes is not shown.
    refused("s:\n  username_pw:\n    password: !s3cr3t\n", Some(3), &["unknown tag", "quotes"]);
    refused("s:\n  type: mqtt\n  topic: !!binary s3cr3t*\n", Some(3), &["Base64"]);
}

#[test]
fn a_password_in_binary() {
    let broker = Scripted::open(|peer| peer.drain());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    for (value, bytes) in [
        ("!!binary AP8KZm9v", &b"\0\xff\nfoo"[..]),
        ("!!binary |\n      AP8K\n      Zm9v", b"\0\xff\nfoo"),
        ("!!binary ''", b""),
        ("!!str 12345", b"12345"),
        ("'12345'", b"12345"),
        ("\"p\\u00e4ss\"", "päss".as_bytes()),
        ("' # no comment'", b" # no comment"),
        ("|-\n      two\n      lines", b"two\nlines"),
        ("on-off", b"on-off"),
    ] {
        let text = format!(
            "s:\n  type: mqtt\n  brokers: {}\n  topic: t\n  username_pw:\n    username: u\n    password: {value}\n",
            broker.address()
        );
        std::fs::write(&file, text).expect("write");
        let writer = MessageWriter::<str>::builder().config_file(&file).open().expect("a writer");
        let connect = raw::Connect::parse(&broker.next_packet());
        assert_eq!(connect.password.as_deref(), Some(bytes), "{value}");
        writer.close().expect("close");
        assert_eq!(broker.next_packet().first, raw::DISCONNECT);
    }
}

/// The value is a real password, which logs in.
#[test]
fn a_password_in_binary_logs_in() {
    let broker = Broker::start();
    let file = broker.write(
        "config.yml",
        format!(
            "s:\n  type: mqtt\n  brokers: {}\n  topic: t\n  username_pw_set: {{username: user01, password: !!binary dXNlcjAxLXBhc3M=}}\n",
            broker.login_address()
        ),
    );
    MessageWriter::<str>::builder().config_file(file).open().expect("a writer").write("hello").expect("write");
}

#[test]
fn files_without_services() {
    refused("", None, &["the file is empty"]);
    refused("\n\n", None, &["the file is empty"]);
    refused("# only a comment\n", None, &["the file is empty"]);
    refused("---\n", None, &["the file is empty"]);
    refused("\u{feff}", None, &["the file is empty"]);
    refused("{}\n", None, &["the file is empty"]);
    refused("- s\n- t\n", None, &["expected a map of services, found a list"]);
    refused("just text\n", None, &["expected a map of services, found a string"]);
    refused("5\n", None, &["expected a map of services, found an integer"]);
    refused("s: [a]\n", Some(1), &["'s'", "found a list"]);
}

#[test]
fn several_documents_are_refused() {
    refused(format!("s:\n  {SERVICE}---\ns:\n  {SERVICE}"), None, &["document"]);
}

#[test]
fn a_file_that_is_not_utf_8() {
    refused(b"s:\n  type: mqtt\n  topic: \xff\xfe\n", Some(3), &["not UTF-8"]);
    // Some editors write UTF-16.
    let utf_16: Vec<u8> = "\u{feff}s:\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(utf_16, Some(1), &["not UTF-8"]);
}

#[test]
fn a_billion_laughs_end_soon() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        text += &format!("a{n}: &a{n} [{items}]\n");
    }
    text += &format!("s:\n  {SERVICE}  more: *a11\n");
    let start = Instant::now();
    refused(&text, None, &[]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // The same expansion is tried with maps and merge keys.
    let mut text = String::from("m0: &m0 {a: x, b: x, c: x}\n");
    for n in 1..14 {
        let before = n - 1;
        text += &format!("m{n}: &m{n} {{a: *m{before}, b: *m{before}, c: {{<<: *m{before}}}}}\n");
    }
    text += &format!("s:\n  {SERVICE}  <<: *m13\n");
    let start = Instant::now();
    refused(&text, None, &[]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // The anchor contains itself.
    assert!(matches!(open("s: &s\n  type: mqtt\n  self: *s\n"), Err(Error::InvalidConfiguration(_))));
}

#[test]
fn deep_nesting_is_no_crash() {
    for (open_bracket, close_bracket) in [("[", "]"), ("{a: ", "}")] {
        for depth in [100, 3_000] {
            let nested = format!("{}{}", open_bracket.repeat(depth), close_bracket.repeat(depth));
            let start = Instant::now();
            let result = open(format!("s:\n  {SERVICE}  deep: {nested}\n"));
            assert!(
                matches!(result, Err(Error::InvalidConfiguration(_) | Error::Connection { .. })),
                "{depth}: {result:?}"
            );
            assert!(start.elapsed() < Duration::from_secs(10), "{depth}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn a_large_file_is_read_in_reasonable_time() {
    let mut text = String::from("header: {version: 2}\nconfig:\n");
    for n in 0..2000 {
        text += &format!("  service{n}:\n    type: mqtt\n    brokers: 127.0.0.1:1\n    topic: t\n    unknown{n}: 5\n");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    std::fs::write(&file, text).expect("write");
    let start = Instant::now();
    let result = MessageWriter::<str>::builder().config_file(file).service("service1999").open().map(drop);
    assert!(matches!(result, Err(Error::Connection { .. })), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn values_without_their_quotes_and_other_slips_are_told_in_plain_words() {
    let password = |value: &str| format!("s:\n  {SERVICE}  username_pw:\n    username: u\n    password: {value}\n");
    let line = password("x").lines().count();
    for value in
        ["%s3cr3t", "@s3cr3t", "`s3cr3t", "*s3cr3t", "&s3cr3t", "*", "& s3cr3t", "]s3cr3t", "- s3cr3t", ",s3cr3t"]
    {
        let first = value.get(..1).expect("a character");
        refused(password(value), Some(line), &[&format!("a value that begins with '{first}' needs quotes")]);
    }
    refused("s:\n\ttype: mqtt\n", Some(2), &["a tab before the first word", "spaces"]);
    refused("s:\n  topic:\n  - \ta: b\n", Some(3), &["a tab before the first word", "spaces"]);
    refused("s:\n  type: mqtt: x\n", Some(2), &["': '", "quotes"]);
    refused("s:\n  type: mqtt\n topic: t\n", Some(3), &["indentation"]);
    refused("s:\n  type: 'mqtt\n  topic: t\n", None, &["a quote is not closed"]);
    refused("s:\n  type: \"\\z\"\n", Some(2), &["escape", "single quotes"]);
    refused("s:\n  brokers: [a, b\n  topic: t\n", Some(3), &["[ ]", "comma"]);
    refused("s: {type: mqtt\n", None, &["{ }"]);
    // Other values stand on the line, so that its first character says nothing.
    let flow = "s: {username_pw: {username: u, password: *s3cr3t}}\n";
    refused(flow, Some(1), &[": a value needs quotes; or it is an alias"]);
    for (text, line) in [
        ("s:\n  username_pw:\n    username: u\n    password:s3cr3t\n", 4),
        ("s:\n  username_pw:\n    password:s3cr3t\n    username: u\n", 3),
        ("s:\n  type: mqtt\n  topic\n\n# the end\n", 3),
        ("s:\n  username_pw: {username: u, passwort:}\n", 2),
    ] {
        refused(text, Some(line), &[": a name without a value, or a blank is missing after ':'"]);
    }
    for text in ["a: 1\n---\nb: 2\n", "a: 1\n--- {b: 2}\n", "---\n--- x\n", "%YAML 1.2\n---\n---\na: 1\n"] {
        let line =
            text.lines().enumerate().filter(|(_, line)| line.starts_with("---")).last().map(|(index, _)| index + 1);
        refused(text, line, &["more than one document", "'---'"]);
    }
    refused("# a\n\n---\na: 1\n---\nb: 1\n", Some(5), &["more than one document"]);
    let row = |own: char, of: char| format!("{own}: &{own} [{}]\n", vec![format!("*{of}"); 10].join(", "));
    let bomb: String = "abcdefg".chars().zip("bcdefgh".chars()).map(|(of, own)| row(own, of)).collect();
    refused(format!("a: &a [1, 2]\n{bomb}"), None, &["aliases", "write the values out"]);
    // Anchors that are used, and ampersands elsewhere, keep their meaning.
    for value in ["'&s3cr3t'", "a&b", "&anchor x"] {
        accepted(password(value));
    }
}

/// Above the services there are names, too.
#[test]
fn a_blank_that_is_missing_around_services_is_told() {
    let missing = "a blank is missing after ':'";
    for known in ["version", "fingerprint"] {
        let text = format!("# a\nheader: {{{known}:s3cr3t}}\nconfig: {{s: {{type: mqtt}}}}\n");
        refused(text, Some(2), &[&format!("'header.{known}': {missing}")]);
    }
    refused("\ns:{type: mqtt}\n", Some(2), &[&format!("service 's': {missing}")]);
    let twice = "s: {username_pw: {password:s3cr3t, password:s3cr3t}}\n";
    refused(twice, Some(1), &["'password' is given twice"]);
    // Parameters without a service are taken for services.
    let told = match open("{type: mqtt, password:s3cr3t}\n") {
        Err(Error::NoService(told)) => told,
        other => panic!("{other:?}"),
    };
    assert!(told.ends_with("it has: type, password"), "{told}");
}

/// A limit's error names the line. Without a bound, repeated values took gigabytes, or minutes.
#[test]
fn what_a_file_may_hold_is_bounded_and_the_error_has_its_line() {
    let aliases = |anchored: &str, count: usize| format!("a: &a {anchored}\nb:\n{}", "- *a\n".repeat(count));
    let list = format!("[{}0]", "0,".repeat(20));
    refused(aliases(&list, 20_000), Some(1), &["b[", "more than 100000 names and values", "aliases"]);
    let text = "x".repeat(100_000);
    refused(aliases(&text, 1000), None, &["more than 8388608 bytes of text", "aliases"]);
    let names = |count: usize| (0..count).map(|i| format!("  n{i}: 1\n")).collect::<String>();
    refused(format!("s:\n{}", names(5001)), Some(2), &["a map has more than 5000 names"]);
    refused(format!("a: &a\n{}b:\n  <<: *a\n  c: 1\n  d: 1\n", names(4999)), None, &["a map has more than 5000 names"]);
    accepted(format!("s:\n  {SERVICE}{}", names(4997)));
}

/// Aliases make maps of thousands of names, and the file has a hundred anchors as well.
#[test]
fn many_maps_of_many_names_take_no_minutes() {
    let names: String = (0..4990).map(|i| format!("xxxxxxxx{i:05}: ~, ")).collect();
    let maps = "  - {<<: *b}\n".repeat(9);
    let anchors: String = (0..100).map(|i| format!("&u{i} x, ")).collect();
    accepted(format!("s:\n  {SERVICE}  b: &b {{{names}}}\n  list:\n{maps}  anchors: [{anchors}]\n"));
}

/// The values are at the end of a long path that a merge key brings, so the file has no line for any of them.
#[test]
fn many_wrong_values_deep_in_a_long_file_take_no_minutes() {
    let values: String = (0..60).map(|i| format!("e{i}: !sinetstream/encrypted AAAA, ")).collect();
    let deep = format!("{}{{{values}}}{}", "{k: ".repeat(100), "}".repeat(100));
    let long = format!("  - {}\n", "y".repeat(60)).repeat(40_000);
    let text = format!("m: &m\n  username_pw: {deep}\nlong:\n{long}s:\n  <<: *m\n  {SERVICE}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yml");
    std::fs::write(&file, text).expect("write");
    let open = move || MessageWriter::<str>::builder().config_file(file).service("s").open().map(drop);
    let Err(Error::InvalidConfiguration(message)) = within(PATIENCE, open) else { panic!("it is accepted") };
    assert!(message.contains("e0': the encrypted value can't be used"), "{message}");
}

/// Decrypting each value takes milliseconds of computing with the private key.
#[test]
fn encrypted_values_are_bounded_in_number() {
    let text = format!("s:\n  {SERVICE}  x: [&v !sinetstream/encrypted AAAA{}]\n", ", *v".repeat(1000));
    refused(text, None, &["more than 1000 encrypted values"]);
}
