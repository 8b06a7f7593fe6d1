//! The parameters that decide how values become messages: format, compression and encryption. A service and its will have the
//! same ones.

use super::brought::BroughtAlong;
use super::crypto::Encryption;
use super::extractor::Extractor;
use super::under::Under;
use super::value::{Map, Value};

/// The version of the message format; see the `message` module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    V2,
    V3,
}

/// The settings by which a client encodes its messages.
#[derive(Debug, Clone)]
pub(crate) struct MessageSettings {
    pub format: MessageFormat,
    /// Whether messages hold the value alone, without SINETStream's record and header.
    pub user_data_only: bool,
    pub compression: Option<CompressionSettings>,
    pub encryption: Option<Encryption>,
}

/// A compression's name in configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// zlib (RFC 1950), despite the name.
    Gzip,
    Zstd,
    /// LZ4's frame format.
    Lz4,
    /// A compression that the program brings along.
    Plugin,
}

#[derive(Debug, Clone)]
pub(crate) struct CompressionSettings {
    pub algorithm: Algorithm,
    /// The level of compression; `None` means the library's default.
    pub level: Option<i32>,
    /// A value that would be larger than this is not decompressed.
    pub max_decompressed_bytes: usize,
    /// The parameters as they were given, for a plugin.
    pub parameters: Map,
}

/// MQTT can't carry a larger value unless it is compressed.
const DEFAULT_MAX_DECOMPRESSED: i64 = 256 << 20;

impl Extractor {
    /// Reads the parameters of a service (`under` is empty) or of its will.
    pub fn message(&mut self, under: Under, brought: &BroughtAlong) -> MessageSettings {
        let user_data_only = self.flag_in(under, &["user_data_only"]).unwrap_or(false);
        let settings = MessageSettings {
            format: self.message_format(under),
            user_data_only,
            compression: self.compression(under, brought),
            encryption: self.encryption(under, brought),
        };
        if user_data_only {
            for (name, on) in [
                ("data_encryption", settings.encryption.is_some()),
                ("data_compression", settings.compression.is_some()),
            ] {
                if on {
                    let message = format!(
                        "can't be combined with '{name}': nothing in such a message tells how its value is coded"
                    );
                    self.problem_in(under, &["user_data_only"], &message);
                }
            }
        }
        settings
    }

    fn message_format(&mut self, under: Under) -> MessageFormat {
        let name = ["message_format"];
        match self.value_in(under, &name) {
            None | Some(Value::Int(3)) => MessageFormat::V3,
            Some(Value::Int(2)) => MessageFormat::V2,
            Some(Value::Int(other)) => {
                self.problem_in(under, &name, &format!("expected 2 or 3, found {other}"));
                MessageFormat::V3
            }
            Some(other) => {
                self.wrong_in(under, &name, "the integer 2 or 3", &other);
                MessageFormat::V3
            }
        }
    }

    fn compression(&mut self, under: Under, brought: &BroughtAlong) -> Option<CompressionSettings> {
        if !self.switched_on(under, "data_compression", "compression") {
            return None;
        }
        match self.value_in(under, &["compression"]) {
            None | Some(Value::Map(_)) => {}
            Some(other) => {
                self.wrong_in(under, &["compression"], "a map with 'algorithm' and 'level'", &other);
                return None;
            }
        }
        let path = ["compression", "algorithm"];
        let algorithm = match self.text_in(under, &path).as_deref() {
            None | Some("gzip") => Algorithm::Gzip,
            Some("zstd") => Algorithm::Zstd,
            Some("lz4") => Algorithm::Lz4,
            Some(name) if brought.compressions.iter().any(|known| known == name) => Algorithm::Plugin,
            Some(_) => {
                let known: String = brought.compressions.iter().map(|known| format!("{known}, ")).collect();
                self.problem_in(under, &path, &format!("expected {known}gzip, zstd or lz4"));
                return None;
            }
        };
        let levels = match algorithm {
            Algorithm::Gzip => -1..=9,
            Algorithm::Zstd => -131_072..=22,
            Algorithm::Lz4 => -65_537..=16,
            Algorithm::Plugin => i64::from(i32::MIN)..=i64::from(i32::MAX),
        };
        let level = self.integer_in(under, &["compression", "level"], levels);
        if level.is_some() && algorithm == Algorithm::Lz4 {
            self.no_effect_in(under, &["compression", "level"], "this library's lz4 has one level");
        }
        let path = ["compression", "max_decompressed_bytes"];
        let limit = self.integer_in(under, &path, 1..=i64::from(i32::MAX)).unwrap_or(DEFAULT_MAX_DECOMPRESSED);
        let parameters = match self.value_in(under, &["compression"]) {
            Some(Value::Map(parameters)) => parameters,
            _ => Map::new(),
        };
        Some(CompressionSettings {
            algorithm,
            parameters,
            level: level.map(|level| level as i32).filter(|level| algorithm != Algorithm::Gzip || *level >= 0),
            max_decompressed_bytes: limit as usize,
        })
    }
}
