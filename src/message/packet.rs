//! SINETStream's message formats 2 and 3: the record, encrypted or not. In format 3 a header with the version of the key
//! precedes it.

use std::sync::Arc;

use bytes::Bytes;

use super::cipher::{Cipher, IV};
use super::compress::Compressor;
use super::keys::KeyRing;
use super::plugin::Plugin;
use super::{Decoded, Encoded, avro};
use crate::config::{CryptoSettings, Encryption, MessageFormat, MessageSettings};
use crate::error::{Error, Result};
use crate::mqtt::ValueSize;

/// The marker of format 3; the key version follows in two bytes, big endian. Key version 0 means "not encrypted".
const MARKER_V3: [u8; 4] = [0xDF, 0x03, 0x00, 0x00];
const HEADER_V3: usize = 6;
const NOT_ENCRYPTED: u16 = 0;
/// The greatest length of the record's header and its two numbers.
const MAX_RECORD_HEAD: usize = avro::HEADER.len() + 10 + 10;

/// Makes messages from values. Many threads may use one.
pub(crate) struct Encoder {
    settings: MessageSettings,
    compressor: Option<Compressor>,
    key: Option<WriterKey>,
    /// The plugin that encrypts, if it is not the cipher.
    plugin: Option<Arc<dyn Plugin>>,
}

/// The key with which all messages of a writer are encrypted.
struct WriterKey {
    version: u16,
    salt: Vec<u8>,
    cipher: Arc<Cipher>,
    /// The topic that the tag also covers, if messages are bound to it.
    topic: Option<String>,
}

impl Encoder {
    /// Makes an encoder for messages on this topic. With a password this derives the key, which takes milliseconds. The plugin
    /// does what the settings leave to it.
    pub fn new(settings: &MessageSettings, topic: &str, plugin: Option<Arc<dyn Plugin>>) -> Result<Encoder> {
        let key = match &settings.encryption {
            None | Some(Encryption::Plugin(_)) => None,
            Some(Encryption::Aes(crypto)) => {
                let ring = KeyRing::new(crypto)?;
                let mut salt = vec![0; crypto.salt_bytes];
                random(&mut salt)?;
                let version = ring.newest();
                let topic = crypto.bind_topic.then(|| topic.to_owned());
                Some(WriterKey { version, cipher: ring.for_writing(version, &salt)?, salt, topic })
            }
        };
        let compressor = settings.compression.as_ref().map(|settings| Compressor::new(settings, plugin.clone()));
        let plugin = cipher_of(settings, plugin)?;
        Ok(Encoder { settings: settings.clone(), compressor, key, plugin })
    }

    /// Returns by how many bytes a value can grow at most, unless compression makes it larger.
    pub fn overhead(&self) -> usize {
        let encryption = self.key.as_ref().map_or(0, |key| key.salt.len() + IV + key.cipher.overhead());
        HEADER_V3 + MAX_RECORD_HEAD + encryption
    }

    /// Returns the message of a value of `length` bytes, which `fill` writes into their place.
    pub fn encode<E: From<Error>>(
        &self,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Encoded, E> {
        self.encode_for(None, length, timestamp_us, fill)
    }

    /// Does the same for a topic other than the writer's.
    pub fn encode_for<E: From<Error>>(
        &self,
        topic: Option<&str>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Encoded, E> {
        if self.settings.user_data_only {
            let mut wire = vec![0; length];
            fill(&mut wire)?;
            return Ok(Encoded { wire: wire.into(), size: ValueSize::same(length) });
        }
        if let Some(plugin) = &self.plugin {
            return self.encode_with(plugin, length, timestamp_us, fill);
        }
        let Some(compressor) = &self.compressor else {
            // The capacity must be exact, because sharing a vector with room left costs another allocation.
            let end = if self.key.is_some() { self.overhead() } else { 0 };
            let mut wire =
                Vec::with_capacity(self.head_length() + avro::head_length(timestamp_us, length) + length + end);
            self.put_head(&mut wire)?;
            avro::put_head(&mut wire, timestamp_us, length);
            let start = wire.len();
            wire.resize(start + length, 0);
            fill(&mut wire[start..])?;
            self.seal(&mut wire, 0, topic)?;
            return Ok(Encoded { wire: wire.into(), size: ValueSize::same(length) });
        };
        let mut value = vec![0; length];
        fill(&mut value)?;
        // The length of the record's head depends on the compressed size, so the head is written last, right before the value.
        let room = self.head_length() + MAX_RECORD_HEAD;
        let mut wire = Vec::with_capacity(room + length / 2 + 64);
        wire.resize(room, 0);
        compressor.compress(&value, &mut wire)?;
        let compressed = wire.len() - room;
        let mut head = Vec::with_capacity(room);
        self.put_head(&mut head)?;
        avro::put_head(&mut head, timestamp_us, compressed);
        let start = room - head.len();
        wire[start..room].copy_from_slice(&head);
        self.seal(&mut wire, start, topic)?;
        Ok(Encoded { wire: Bytes::from(wire).slice(start..), size: ValueSize { plain: length, compressed } })
    }

    /// Does the same with the program's own cipher, which gets the record and returns everything after the header.
    fn encode_with<E: From<Error>>(
        &self,
        plugin: &Arc<dyn Plugin>,
        length: usize,
        timestamp_us: i64,
        fill: impl FnOnce(&mut [u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Encoded, E> {
        let mut value = vec![0; length];
        fill(&mut value)?;
        if let Some(compressor) = &self.compressor {
            let mut compressed = Vec::new();
            compressor.compress(&value, &mut compressed)?;
            value = compressed;
        }
        let size = ValueSize { plain: length, compressed: value.len() };
        let mut record = Vec::with_capacity(MAX_RECORD_HEAD + value.len());
        avro::put_head(&mut record, timestamp_us, value.len());
        record.extend_from_slice(&value);
        let (version, encrypted) = plugin.encrypt(&record)?;
        let mut wire = Vec::with_capacity(HEADER_V3 + encrypted.len());
        if self.settings.format == MessageFormat::V3 {
            put_header(&mut wire, version);
        }
        wire.extend_from_slice(&encrypted);
        Ok(Encoded { wire: wire.into(), size })
    }

    /// Returns the length of the bytes before the record.
    fn head_length(&self) -> usize {
        let header = if self.settings.format == MessageFormat::V3 { HEADER_V3 } else { 0 };
        header + self.key.as_ref().map_or(0, |key| key.salt.len() + IV)
    }

    fn put_head(&self, wire: &mut Vec<u8>) -> Result<()> {
        if self.settings.format == MessageFormat::V3 {
            put_header(wire, self.key.as_ref().map_or(NOT_ENCRYPTED, |key| key.version));
        }
        if let Some(key) = &self.key {
            wire.extend_from_slice(&key.salt);
            let mut iv = [0; IV];
            random(&mut iv)?;
            wire.extend_from_slice(&iv);
        }
        Ok(())
    }

    /// Encrypts the record of the message that begins at `start`.
    fn seal(&self, wire: &mut Vec<u8>, start: usize, topic: Option<&str>) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let record = start + self.head_length();
        let bound_to = key.topic.as_deref().map(|usual| topic.unwrap_or(usual));
        key.cipher.seal(wire, record - IV - key.salt.len(), record, bound_to)
    }
}

fn put_header(wire: &mut Vec<u8>, version: u16) {
    wire.extend_from_slice(&MARKER_V3);
    wire.extend_from_slice(&version.to_be_bytes());
}

/// Returns the plugin if it is what encrypts.
fn cipher_of(settings: &MessageSettings, plugin: Option<Arc<dyn Plugin>>) -> Result<Option<Arc<dyn Plugin>>> {
    match (&settings.encryption, plugin) {
        (Some(Encryption::Plugin(_)), None) => Err(Error::Internal("no plugin for the encryption".into())),
        (Some(Encryption::Plugin(_)), plugin) => Ok(plugin),
        (None | Some(Encryption::Aes(_)), _) => Ok(None),
    }
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| Error::Io(format!("the system's random numbers are not available: {e}").into()))
}

/// Makes values from messages. Many threads may use one.
pub(crate) struct Decoder {
    settings: MessageSettings,
    compressor: Option<Compressor>,
    keys: Option<ReaderKeys>,
    /// The plugin that decrypts, if it is not the cipher.
    plugin: Option<Arc<dyn Plugin>>,
}

struct ReaderKeys {
    ring: KeyRing,
    salt_bytes: usize,
    bind_topic: bool,
}

impl ReaderKeys {
    fn new(crypto: &CryptoSettings) -> Result<ReaderKeys> {
        Ok(ReaderKeys { ring: KeyRing::new(crypto)?, salt_bytes: crypto.salt_bytes, bind_topic: crypto.bind_topic })
    }
}

impl Decoder {
    /// Makes a decoder. The plugin does what the settings leave to it.
    pub fn new(settings: &MessageSettings, plugin: Option<Arc<dyn Plugin>>) -> Result<Decoder> {
        let keys = match &settings.encryption {
            Some(Encryption::Aes(crypto)) => Some(ReaderKeys::new(crypto)?),
            None | Some(Encryption::Plugin(_)) => None,
        };
        Ok(Decoder {
            settings: settings.clone(),
            compressor: settings.compression.as_ref().map(|settings| Compressor::new(settings, plugin.clone())),
            keys,
            plugin: cipher_of(settings, plugin)?,
        })
    }

    /// Decodes wire bytes that came on this topic. A reader of format 3 also reads format 2; a reader of format 2 knows no
    /// header.
    ///
    /// With a password, the first message of each salt, and thus of each writer, costs the derivation of a key.
    pub fn decode(&self, wire: &Bytes, topic: &str) -> Result<Decoded> {
        if self.settings.user_data_only {
            return Ok(Decoded { timestamp_us: 0, payload: wire.clone(), size: ValueSize::same(wire.len()) });
        }
        if wire.is_empty() {
            let what =
                "not a SINETStream message: it is empty, as one is that clears the retained message of its topic";
            return Err(Error::InvalidMessage(what.into()));
        }
        let (version, body) = match self.settings.format {
            MessageFormat::V3 if wire.starts_with(&MARKER_V3) && wire.len() >= HEADER_V3 => {
                (Some(u16::from_be_bytes([wire[4], wire[5]])), wire.slice(HEADER_V3..))
            }
            _ => (None, wire.clone()),
        };
        let (timestamp_us, value) = match (&self.keys, &self.plugin, version) {
            (None, Some(plugin), version) => record(plugin.decrypt(&body, version.unwrap_or(NOT_ENCRYPTED))?.into())?,
            (None, None, None | Some(NOT_ENCRYPTED)) => record(body)?,
            (None, None, Some(version)) => {
                return Err(Error::InvalidMessage(format!(
                    "the message is encrypted (key version {version}), but this reader does not decrypt"
                )));
            }
            (Some(keys), _, version) => open(keys, version, &body, topic)?,
        };
        let compressed = value.len();
        let payload = match &self.compressor {
            None => value,
            Some(compressor) => Bytes::from(compressor.decompress(&value)?),
        };
        Ok(Decoded { timestamp_us, size: ValueSize { plain: payload.len(), compressed }, payload })
    }
}

/// Returns time and value of a record.
fn record(record: Bytes) -> Result<(i64, Bytes)> {
    let (timestamp_us, value) = avro::decode(&record)?;
    Ok((timestamp_us, record.slice(value)))
}

/// Returns time and value of an encrypted record.
fn open(keys: &ReaderKeys, version: Option<u16>, body: &[u8], topic: &str) -> Result<(i64, Bytes)> {
    let start = keys.salt_bytes + IV;
    if version != Some(NOT_ENCRYPTED) && body.len() < start {
        let found = body.len();
        return Err(Error::InvalidMessage(format!(
            "not an encrypted SINETStream message: {found} bytes, shorter than salt and initialisation vector"
        )));
    }
    let salt = body.get(..keys.salt_bytes).unwrap_or_default();
    let candidate = keys.ring.for_reading(version.unwrap_or(keys.ring.newest()), salt)?;
    let mut buffer = body.to_vec();
    let length = candidate.cipher.open(&mut buffer, 0, start, keys.bind_topic.then_some(topic))?;
    // A wrong key gives no valid record: its header of ten bytes serves as a check in the modes without a tag.
    let opened = record(Bytes::from(buffer).slice(start..start + length))?;
    keys.ring.fits(salt, candidate);
    Ok(opened)
}
