//! Tests which file is read. The current folder and the home folder belong to a process, so every case has a process of its
//! own.

use std::path::Path;

use crate::common::process::own_test;
use sinetstream::{Error, MessageWriter};

const EXPLICIT: &str = "SINETSTREAM_TEST_EXPLICIT";

/// Prints the file that a writer finds: the port of the closed broker in the error tells which file it was.
fn child(explicit: &str) {
    let mut builder = MessageWriter::<str>::builder();
    if !explicit.is_empty() {
        builder = builder.config_file(explicit);
    }
    let found = match builder.open() {
        Err(Error::Connection { message, .. }) => message,
        Err(Error::NoConfig(message)) => format!("none: {message}"),
        other => panic!("{other:?}"),
    };
    println!("found: {found}");
}

fn find(current: &Path, home: Option<&Path>, explicit: &str) -> String {
    let mut command = own_test(module_path!(), "the_first_file_found_is_read");
    command.current_dir(current).env(EXPLICIT, explicit);
    match home {
        Some(home) => command.env("HOME", home),
        None => command.env("HOME", ""),
    };
    let output = command.output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, found) = text.split_once("found: ").unwrap_or_else(|| panic!("{text}"));
    found.lines().next().expect("a line").to_owned()
}

#[test]
fn the_first_file_found_is_read() {
    if let Ok(explicit) = std::env::var(EXPLICIT) {
        return child(&explicit);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let make = |path: &str, port: u16| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, format!("s: {{type: mqtt, brokers: '127.0.0.1:{port}', topic: t}}\n")).expect("write");
    };
    make("both/.sinetstream_config.yml", 1);
    make("home/.config/sinetstream/config.yml", 2);
    make("both/explicit.yml", 3);
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (both, home, empty) = (at("both"), at("home"), at("empty"));

    let found = find(&both, Some(&home), "");
    assert!(found.contains("127.0.0.1:1:"), "the current folder comes first: {found}");
    let found = find(&empty, Some(&home), "");
    assert!(found.contains("127.0.0.1:2:"), "then the home: {found}");
    let found = find(&both, Some(&home), "explicit.yml");
    assert!(found.contains("127.0.0.1:3:"), "an explicit file, relative to the current folder: {found}");
    let found = find(&empty, Some(&home), &at("both/explicit.yml").display().to_string());
    assert!(found.contains("127.0.0.1:3:"), "an explicit file by its whole path: {found}");

    // A missing explicit file is not replaced by another one.
    let found = find(&both, Some(&home), "missing.yml");
    assert!(found.starts_with("none: ") && found.contains("missing.yml"), "{found}");
    let found = find(&empty, Some(&empty), "");
    for looked_for in [".sinetstream_config.yml", ".config/sinetstream/config.yml"] {
        assert!(found.starts_with("none: ") && found.contains(looked_for), "{found}");
    }
    let found = find(&empty, None, "");
    assert!(found.starts_with("none: "), "{found}");
}
