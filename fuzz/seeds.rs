//! Writes the seeds of every target into folders named after the targets, below the folder in the argument.

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
/// Keys encrypted by OpenSSL, with the password that the target gives; a fuzzer does not find their form by itself.
const ENCRYPTED_KEYS: [(&str, &str); 2] = [
    (
        "pbkdf2",
        "3081ec305706092a864886f70d01050d304a302906092a864886f70d01050c301c040883e0b0b6d090bf5002020800300c06\
        082a864886f70d02090500301d0609608648016503040102041096a0d079b12b88ccdd9e94b5a0f65c880481907782f10443\
        30795cb0846c821a8e8d0343b0371cc13ddc5c4cf3ef9f3f73aa942f79138f6ef0f18631abef3f1ff2263f9c727391de3c5b\
        f8604ff00c15e8d6b0498a648e10866939a821f6fd7e421e44cc5e68efcecc1131f08332e77ee80c238fb57f5ae70fc81e25\
        50d510273fd86327a2295929cf12a0bc8967d390f8b0a587886e0099c7b38e9eb559b0714d69d7",
    ),
    (
        "scrypt",
        "3081e4304f06092a864886f70d01050d3042302106092b06010401da47040b30140408eb8877dff121643602020400020108\
        020101301d06096086480165030401020410410dd30c30bfd5f581bb9c508f700d830481906daf32bb87e32c9d3a6e91d6ce\
        953a8801432d0005024b9e7b106a73909c835235ef34b861c07941d2d977852e4306c70788e596254096943ce62c9a651fa2\
        51c75e4b2273c140460137e14a4c14f1d1b6729a5e5ad400ad758cd637d2f1f4342e5be87b6adc4f453a9b7d2394d8eb6170\
        d5b854137aa4677610a39a96c2ea870282cb25a7b228e3d9c99a21ea605348",
    ),
];
/// Certificates by OpenSSL, one a line: an authority with name constraints, a broker's with every extension, one with only a
/// common name, and one with an RSA key.
const CERTIFICATES: &str = include_str!("certificates.txt");
/// Answers of a server to the request that opens a WebSocket; the first one answers the very request of the target.
const ANSWERS: [&str; 3] = [
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n\x02\x04",
    "HTTP/1.1 302 Found\r\nLocation: https://user:password@host:1/path?query#fragment\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
];
/// An answer of a configuration server.
const CONFIGURATION: &str = r#"{"name": "c", "config": {"header": {"version": 3}, "config": {"service": {"type": "mqtt",
"brokers": ["h:1"], "crypto": {"key_length": 128}, "tls": {}}}}, "attachments": [{"target": "service.tls.ca_certs_data",
"value": "AAEC"}], "secrets": [{"target": "*.username_pw.password", "id": "a"}, {"target": "service.crypto.key",
"ids": [{"version": 1, "id": "b"}, {"version": 2, "id": "c"}]}]}"#;
/// The files that the target writes: two segments with messages and the journal of finished ones; the same with one bit
/// changed; one with a damaged head and a very large number; and one with the last numbers that there are.
const OUTBOXES: [&[u8]; 4] = [
    b"\x00\x01\x00\x05\x01\x00\xff\x87\x00\x01\x00\x05\x01\x40\x05\x07\x03\0\0\0\0\0\0\0\x01",
    b"\x00\x01\x00\x05\x01\x00\x06\x01\x00\x05\x06\x10\x05\x09\x27\x03\0\0\0\0\0\0\0\x01\x04\x03abc",
    b"\x04\x07SINETOB\x02\0\0\x01\0\0\0\0\x01\x00\x05",
    b"\x47\xff\xff\xff\xff\xff\xff\xff\xff\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff",
];
/// The number of combinations that the first byte chooses from.
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

/// Finds every string with this name, at any depth.
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
    let seeds = Seeds::of(&root, "encrypted_key");
    for (name, key) in ENCRYPTED_KEYS {
        seeds.add(name, &bytes(key));
    }
    let seeds = Seeds::of(&root, "certificate");
    for (number, certificate) in CERTIFICATES.lines().enumerate() {
        seeds.add(&number.to_string(), &bytes(certificate));
    }
    let seeds = Seeds::of(&root, "web_socket");
    for (number, answer) in ANSWERS.iter().enumerate() {
        seeds.add(&number.to_string(), answer.as_bytes());
    }
    Seeds::of(&root, "server").add("configuration", CONFIGURATION.as_bytes());
    let seeds = Seeds::of(&root, "outbox");
    for (number, script) in OUTBOXES.iter().enumerate() {
        seeds.add(&number.to_string(), script);
    }
    let seeds = Seeds::of(&root, "secret");
    for (number, value) in all("yaml_value").iter().enumerate() {
        seeds.add(&number.to_string(), value.trim_start_matches("!sinetstream/encrypted").as_bytes());
    }
}
