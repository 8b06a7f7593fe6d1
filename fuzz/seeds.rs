//! Writes the seeds of every target into folders of that name below the folder in the argument.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const VECTORS: &str = include_str!("../tests/data/vectors.json");
const FILES: [&str; 5] = [
    include_str!("../tests/data/guide.yml"),
    include_str!("../tests/data/mistakes.yml"),
    include_str!("../tests/data/services_v1.yml"),
    include_str!("../tests/data/services_v2.yml"),
    include_str!("../tests/data/services_v3.yml"),
];
/// The combinations that the first byte chooses from.
const COMBINATIONS: u8 = 48;

struct Seeds(PathBuf);

impl Seeds {
    fn of(root: &Path, target: &str) -> Seeds {
        let folder = root.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        Seeds(folder)
    }

    fn add(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).expect("write");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
}

/// Every string of this name, wherever it stands.
fn strings<'a>(value: &'a Value, wanted: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name.starts_with(wanted) => found.push(text),
                    value => strings(value, wanted, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, wanted, found)),
        _ => {}
    }
}

fn main() {
    let root = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
    let all = |name: &str| {
        let mut found = Vec::new();
        strings(&vectors, name, &mut found);
        found
    };
    let seeds = Seeds::of(&root, "message");
    let messages: Vec<&str> =
        all("encoded_hex").into_iter().chain(all("message_hex")).filter(|hex| hex.len() < 8192).collect();
    assert!(messages.len() > 100, "{} messages", messages.len());
    for (number, hex) in messages.iter().enumerate() {
        let first = number as u8 % COMBINATIONS;
        seeds.add(&number.to_string(), &[&[first][..], &bytes(hex)].concat());
    }
    let seeds = Seeds::of(&root, "round_trip");
    for first in 0..COMBINATIONS {
        seeds.add(&first.to_string(), &[&[first][..], b"a value, a value"].concat());
    }
    let seeds = Seeds::of(&root, "packets");
    let packets: [&[u8]; 7] = [
        b"\x20\x02\x00\x00",
        b"\x20\x03\x00\x00\x00",
        b"\x20\x09\x00\x00\x06\x21\x00\x14\x24\x01\x2a",
        b"\x30\x06\x00\x01tabc",
        b"\x32\x0d\x00\x01t\x00\x01\x05\x03\x00\x02abxy",
        b"\x40\x02\x00\x01\x50\x02\x00\x02\x62\x02\x00\x03\x70\x02\x00\x04",
        b"\x90\x03\x00\x01\x80\xd0\x00\xe0\x02\x8b\x00",
    ];
    for (number, packet) in packets.iter().enumerate() {
        for first in [0, 1, 64, 65] {
            seeds.add(&format!("{number}-{first}"), &[&[first][..], packet].concat());
        }
    }
    let seeds = Seeds::of(&root, "yaml");
    for (number, file) in FILES.iter().enumerate() {
        seeds.add(&number.to_string(), file.as_bytes());
    }
    for (number, config) in all("config").iter().enumerate() {
        seeds.add(&format!("vector-{number}"), config.as_bytes());
    }
    let seeds = Seeds::of(&root, "pem");
    for (number, key) in all("private_key_pem").iter().enumerate() {
        seeds.add(&number.to_string(), key.as_bytes());
    }
    let seeds = Seeds::of(&root, "secret");
    for (number, value) in all("yaml_value").iter().enumerate() {
        seeds.add(&number.to_string(), value.trim_start_matches("!sinetstream/encrypted").as_bytes());
    }
}
