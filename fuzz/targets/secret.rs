#![no_main]

use std::sync::OnceLock;

static KEY: OnceLock<String> = OnceLock::new();

fn key() -> String {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/vectors.json")).expect("JSON");
    vectors["rsa"]["private_key_pem"].as_str().expect("a key").to_owned()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| sinetstream::fuzz::secret(KEY.get_or_init(key), data));
