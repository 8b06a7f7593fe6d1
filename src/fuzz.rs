//! The functions that the fuzz targets call: one for each decoder of bytes from outside. They are not for programs: they change
//! with the inside of the crate. Each panics when something is wrong, and only then. The tests also call them with some random
//! bytes.

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};

use crate::config::{
    self, Algorithm, CompressionSettings, ConnectProperties, CryptoSettings, Encryption, Keys, Map, MessageFormat,
    MessageSettings, Mode, Padding, Version,
};
use crate::error::Error;
use crate::keys::section::Section;
use crate::message::{Decoder, Encoder};
use crate::mqtt;
use crate::mqtt::protocol::{self, Connect};
use crate::outbox;
use crate::wiped::Secret;

/// The topic of all messages.
const TOPIC: &str = "t";

struct Codec {
    encoder: Encoder,
    decoder: Decoder,
    authenticated: bool,
}

/// Returns one codec for each combination of format, compression and mode.
fn codecs() -> &'static [Codec] {
    static CODECS: OnceLock<Vec<Codec>> = OnceLock::new();
    CODECS.get_or_init(|| {
        let modes = [Mode::Cbc, Mode::Cfb, Mode::Cfb8, Mode::Ofb, Mode::Ctr, Mode::Eax, Mode::Gcm];
        let modes = || std::iter::once(None).chain(modes.map(Some));
        let mut codecs = Vec::new();
        for format in [MessageFormat::V2, MessageFormat::V3] {
            for algorithm in [None, Some(Algorithm::Gzip), Some(Algorithm::Zstd), Some(Algorithm::Lz4)] {
                codecs.extend(modes().map(|mode| codec(format, algorithm, mode)));
            }
        }
        codecs
    })
}

fn codec(format: MessageFormat, algorithm: Option<Algorithm>, mode: Option<Mode>) -> Codec {
    let compression = algorithm.map(|algorithm| CompressionSettings {
        algorithm,
        level: None,
        max_decompressed_bytes: 1 << 20,
        parameters: Map::new(),
    });
    let encryption = mode.map(|mode| {
        let keys = Keys::Direct([(1, Secret::new(vec![7; 16]))].into());
        let padding = if mode == Mode::Cbc { Padding::Pkcs7 } else { Padding::None };
        Encryption::Aes(CryptoSettings { mode, padding, key_length: 16, salt_bytes: 8, bind_topic: false, keys })
    });
    let settings = MessageSettings { format, user_data_only: false, compression, encryption };
    Codec {
        encoder: Encoder::new(&settings, TOPIC, None).expect("an encoder"),
        decoder: Decoder::new(&settings, None).expect("a decoder"),
        authenticated: mode.is_some_and(Mode::has_tag),
    }
}

fn chosen(data: &[u8]) -> Option<(&'static Codec, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((&codecs()[usize::from(*first) % codecs().len()], rest))
}

/// Decodes a message; the first byte chooses the codec.
pub fn message(data: &[u8]) {
    if let Some((codec, wire)) = chosen(data) {
        let _ = codec.decoder.decode(&Bytes::copy_from_slice(wire), TOPIC);
    }
}

/// Encodes a value and decodes it again; the first byte chooses the codec. With authenticated encryption, a message with a
/// changed bit must be refused.
pub fn round_trip(data: &[u8]) {
    let Some((codec, value)) = chosen(data) else { return };
    let fill = |place: &mut [u8]| {
        place.copy_from_slice(value);
        Ok::<_, Error>(())
    };
    let time = value.iter().fold(0, |time: i64, byte| time.wrapping_mul(257).wrapping_add(i64::from(*byte)));
    let wire = codec.encoder.encode(value.len(), time, fill).expect("a message").wire;
    let decoded = codec.decoder.decode(&wire, TOPIC).expect("the message of a value");
    assert_eq!((decoded.payload.as_ref(), decoded.timestamp_us), (value, time));
    let mut changed = wire.to_vec();
    let bit = (time.unsigned_abs() % (changed.len() as u64 * 8)) as usize;
    changed[bit / 8] ^= 1 << (bit % 8);
    let header = if wire.starts_with(&[0xDF, 3, 0, 0]) { 6 } else { 0 };
    if codec.authenticated && bit / 8 >= header {
        assert!(codec.decoder.decode(&changed.into(), TOPIC).is_err(), "a changed message was accepted");
    }
}

/// Decodes packets from a broker. The first byte chooses the version of MQTT and the place where the bytes are cut in two.
pub fn packets(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let version = if first & 1 == 0 { Version::V311 } else { Version::V5 };
    let connect = Connect {
        version,
        client_id: "c".into(),
        clean: true,
        keep_alive_s: 60,
        credentials: None,
        will: None,
        properties: ConnectProperties::default(),
    };
    let mut decoder = protocol::Decoder::new(&connect);
    let (early, late) = bytes.split_at(bytes.len() * usize::from(first >> 1) / 128);
    let mut input = BytesMut::new();
    for part in [early, late] {
        input.extend_from_slice(part);
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
    }
}

/// Reads a stranger's certificate in DER.
pub fn certificate(data: &[u8]) {
    mqtt::fuzz_certificate(data);
}

/// Reads a server's answer to the request that opens a WebSocket.
pub fn web_socket(data: &[u8]) {
    mqtt::fuzz_answer(data);
}

/// Reads the answer of a configuration server that was asked for a configuration.
pub fn server(data: &[u8]) {
    config::fuzz_server(data);
}

/// Parses a configuration file. The fuzzer watches the time.
pub fn yaml(data: &[u8]) {
    config::fuzz_yaml(&String::from_utf8_lossy(data));
}

/// Reads a file with certificates or keys.
pub fn pem(data: &[u8]) {
    for section in crate::keys::pem::sections(data).unwrap_or_default() {
        let _ = crate::keys::private::private_key(&section, Some(b"password"));
    }
}

/// Opens an encrypted private key in DER, which itself says how much work that takes. The fuzzer watches the time.
pub fn encrypted_key(data: &[u8]) {
    let section = Section { label: "ENCRYPTED PRIVATE KEY".into(), body: data.to_vec().into(), headers: Vec::new() };
    let _ = crate::keys::private::private_key(&section, Some(b"password"));
}

/// Opens the files of an outbox on disk, which the input describes. The fuzzer watches the time and the memory.
pub fn outbox(data: &[u8]) {
    outbox::fuzz_files(data);
}

/// Decrypts an encrypted value with the private key in a PEM file.
pub fn secret(key: &str, data: &[u8]) {
    config::fuzz_secret(key, &String::from_utf8_lossy(data));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn values_come_back_and_changes_are_noticed(data in bytes()) {
            round_trip(&data);
        }

        #[test]
        fn random_bytes_are_no_panic(data in bytes()) {
            message(&data);
            packets(&data);
            yaml(&data);
            encrypted_key(&data);
            certificate(&data);
            web_socket(&data);
            server(&data);
            outbox(&data);
        }

        #[test]
        fn random_bytes_behind_a_header_are_no_panic(first in any::<u8>(), version in 0..3u8, body in bytes()) {
            message(&[&[first, 0xDF, 3, 0, 0, 0, version][..], &body].concat());
            message(&[&[first, 0xDF, 3, 0, 0, 0, 0, 0xC3, 1, 0x1F, 0x9C, 0xC, 0x91, 0xEB, 0x33, 0x66, 0x4F], &body[..]].concat());
        }

        #[test]
        fn what_is_cut_off_is_an_error(choice in 0..48usize, value in bytes(), share in 0.0..1.0f64) {
            let codec = &codecs()[choice];
            let fill = |place: &mut [u8]| {
                place.copy_from_slice(&value);
                Ok::<_, Error>(())
            };
            let wire = codec.encoder.encode(value.len(), 1, fill).expect("a message").wire;
            let length = (wire.len() as f64 * share) as usize;
            prop_assert!(codec.decoder.decode(&wire.slice(..length), TOPIC).is_err());
        }
    }
}
