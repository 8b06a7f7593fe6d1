//! How values become messages: format, compression, encryption. The same parameters stand in a service and in a will.

use super::crypto::Encryption;
use super::extractor::Extractor;
use super::value::{Map, Value};

/// Version of the message format; see the `message` module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    V2,
    V3,
}

/// What the messages of a client are made of.
#[derive(Debug, Clone)]
pub(crate) struct MessageSettings {
    pub format: MessageFormat,
    /// The value alone, without SINETStream's record and header.
    pub user_data_only: bool,
    pub compression: Option<CompressionSettings>,
    pub encryption: Option<Encryption>,
}

/// A compression's name in configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// zlib (RFC 1950), whatever its name says.
    Gzip,
    Zstd,
    /// LZ4's frame format.
    Lz4,
    /// One that the program brings along.
    Plugin,
}

#[derive(Debug, Clone)]
pub(crate) struct CompressionSettings {
    pub algorithm: Algorithm,
    /// `None`: the library's default.
    pub level: Option<i32>,
    /// A value that is larger than this is not decompressed.
    pub max_decompressed_bytes: usize,
    /// As they were given, for a plugin.
    pub parameters: Map,
}

/// What the program can do that is not built in.
#[derive(Debug, Clone, Default)]
pub(crate) struct BroughtAlong {
    /// Names of value types.
    pub value_types: Vec<String>,
    /// Names of compressions.
    pub compressions: Vec<String>,
    /// Messaging systems.
    pub service_types: Vec<String>,
    /// Whether there are ciphers; which parameters they take, they tell later.
    pub ciphers: bool,
}

/// Nothing that MQTT carries is larger before compression has done its work.
const DEFAULT_MAX_DECOMPRESSED: i64 = 256 << 20;

/// Where the parameters stand: the service itself, or a map in it.
pub(super) type Under<'a> = &'a [&'a str];

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

    /// A switch and the map with its details. Details without their switch have no effect, which is worth a warning.
    pub(super) fn switched_on(&mut self, under: Under, switch: &str, details: &str) -> bool {
        let on = self.flag_in(under, &[switch]);
        if on != Some(true) && self.value_in(under, &[details]).is_some() {
            let state = if on.is_some() { "false" } else { "not given" };
            self.no_effect_in(under, &[details], &format!("'{switch}' is {state}"));
        }
        on == Some(true)
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

    pub fn value_in(&self, under: Under, path: Under) -> Option<Value> {
        let full = [under, path].concat();
        self.value(full[0], &full[1..])
    }

    pub fn problem_in(&mut self, under: Under, path: Under, message: &str) {
        let full = [under, path].concat();
        self.parameters.problem(full[0], &full[1..], message);
    }

    pub fn wrong_in(&mut self, under: Under, path: Under, expected: &str, found: &Value) {
        let full = [under, path].concat();
        self.wrong(full[0], &full[1..], expected, found);
    }

    pub fn flag_in(&mut self, under: Under, path: Under) -> Option<bool> {
        let full = [under, path].concat();
        self.flag(full[0], &full[1..])
    }

    pub fn text_in(&mut self, under: Under, path: Under) -> Option<String> {
        let full = [under, path].concat();
        self.text(full[0], &full[1..])
    }

    pub fn integer_in(&mut self, under: Under, path: Under, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let full = [under, path].concat();
        self.integer(full[0], &full[1..], range)
    }

    /// Warns that what is given there makes no difference.
    pub fn no_effect_in(&mut self, under: Under, path: Under, why: &str) {
        self.warn_in(under, path, &format!("has no effect: {why}"));
    }

    pub fn warn_in(&mut self, under: Under, path: Under, what: &str) {
        let place = self.place_in(under, path);
        self.parameters.warnings.push(format!("{place} {what}"));
    }

    pub fn place_in(&self, under: Under, path: Under) -> String {
        let full = [under, path].concat();
        self.parameters.get(full[0]).map(|entry| self.parameters.place_of(entry, &full[1..])).unwrap_or_default()
    }
}
