//! The parameters of `crypto`: how messages are encrypted, and with which keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::brought::BroughtAlong;
use super::extractor::Extractor;
use super::rights::Use;
use super::under::Under;
use super::value::{Map, Value};
use crate::files;
use crate::wiped::Secret;

/// A mode of operation of AES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Cbc,
    /// CFB with segments of a whole block, as in SINETStream's Java library.
    Cfb,
    /// CFB with segments of one byte, as in SINETStream's Python library.
    Cfb8,
    Ofb,
    Ctr,
    Eax,
    Gcm,
}

impl Mode {
    /// Whether the mode has an authentication tag, which detects changes.
    pub fn has_tag(self) -> bool {
        matches!(self, Mode::Eax | Mode::Gcm)
    }
}

/// The way in which a text is extended to whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    None,
    /// PKCS #7 (RFC 5652, section 6.3).
    Pkcs7,
    /// ISO/IEC 7816-4: a bit 1, then bits 0.
    Iso7816,
    /// ANSI X9.23: the last byte holds the length.
    X923,
}

/// The hash function inside PBKDF2's HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prf {
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone)]
pub(crate) enum Keys {
    /// A key is derived from the password for each salt (PBKDF2, RFC 8018); the key version is 1. The budget is the time that a
    /// reader may spend at once on deriving keys that fit no message.
    Password { password: Secret, prf: Prf, iterations: u32, budget: Duration },
    /// The keys by version, 1 to 32767; a writer uses the highest version.
    Direct(BTreeMap<u16, Secret>),
}

/// The cipher that encrypts.
#[derive(Debug, Clone)]
pub(crate) enum Encryption {
    Aes(CryptoSettings),
    /// A cipher that the program brings along, with its parameters as they were given.
    Plugin(Map),
}

#[derive(Debug, Clone)]
pub(crate) struct CryptoSettings {
    pub mode: Mode,
    pub padding: Padding,
    /// The length of the key in bytes: 16, 24 or 32.
    pub key_length: usize,
    /// The number of random bytes (salt) at the start of each message, from which the key is derived; the salt is there with
    /// direct keys, too.
    pub salt_bytes: usize,
    /// Whether the tag covers the topic, too.
    pub bind_topic: bool,
    pub keys: Keys,
}

const MODES: [&str; 6] = ["CBC", "CFB", "OFB", "CTR", "EAX", "GCM"];
const DEFAULT_KEY_BITS: i64 = 128;
const DEFAULT_SALT_BYTES: i64 = 8;
const MAX_SALT_BYTES: i64 = 1024;
const DEFAULT_ITERATIONS: i64 = 10_000;
/// RFC 8018, section 4.2 recommends at least this many.
const FEW_ITERATIONS: i64 = 1000;
/// This many take some seconds, which a reader spends for each writer.
const MAX_ITERATIONS: i64 = 10_000_000;
const DEFAULT_BUDGET_MS: i64 = 1000;
/// The longest budget is an hour.
const MAX_BUDGET_MS: i64 = 3_600_000;
/// Java programs read a key version as a signed 16-bit number.
const MAX_KEY_VERSION: u16 = 0x7FFF;

impl Extractor {
    pub fn encryption(&mut self, under: Under, brought: &BroughtAlong) -> Option<Encryption> {
        if !self.switched_on(under, "data_encryption", "crypto") {
            return None;
        }
        match self.value_in(under, &["crypto"]) {
            Some(Value::Map(_)) => {}
            None => {
                self.problem_in(
                    under,
                    &["data_encryption"],
                    "needs 'crypto' with a password or a key, which is missing",
                );
                return None;
            }
            Some(other) => {
                self.wrong_in(under, &["crypto"], "a map", &other);
                return None;
            }
        }
        if brought.ciphers
            && let Some(parameters) = self.for_a_plugin(under)
        {
            return Some(Encryption::Plugin(parameters));
        }
        self.aes(under).map(Encryption::Aes)
    }

    /// Returns the parameters of an algorithm that is not built in, for a plugin.
    fn for_a_plugin(&self, under: Under) -> Option<Map> {
        let text = |name| match self.value_in(under, &["crypto", name]) {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        };
        let (algorithm, mode) = (text("algorithm")?, text("mode"));
        let built_in = algorithm == "AES" && mode.is_none_or(|mode| MODES.contains(&mode.to_uppercase().as_str()));
        match self.value_in(under, &["crypto"]) {
            Some(Value::Map(parameters)) if !built_in => Some(parameters),
            _ => None,
        }
    }

    fn aes(&mut self, under: Under) -> Option<CryptoSettings> {
        let path = ["crypto", "algorithm"];
        match self.text_in(under, &path).as_deref() {
            Some("AES") => {}
            Some(_) => self.problem_in(under, &path, "expected AES"),
            None if self.value_in(under, &path).is_none() => {
                self.problem_in(under, &path, "is missing; expected AES");
            }
            None => {}
        }
        let path = ["crypto", "key_length"];
        let key_bits = self.integer_in(under, &path, 1..=1024).unwrap_or(DEFAULT_KEY_BITS);
        if !matches!(key_bits, 128 | 192 | 256) {
            self.problem_in(under, &path, &format!("expected 128, 192 or 256 bits, found {key_bits}"));
        }
        let key_length = key_bits as usize / 8;
        let mode = self.mode(under);
        let path = ["crypto", "segment_bits"];
        if mode.is_some_and(|mode| !matches!(mode, Mode::Cfb | Mode::Cfb8)) && self.value_in(under, &path).is_some() {
            self.warn_in(under, &path, "has no effect, since the mode is not CFB");
        }
        let padding = self.padding(under, mode);
        let bind_topic = self.bind_topic(under, mode);
        let derivation = self.key_derivation(under);
        let keys = self.keys(under, key_length, &derivation);
        let salt_bytes = derivation.salt_bytes;
        Some(CryptoSettings { mode: mode?, padding, key_length, salt_bytes, bind_topic, keys: keys? })
    }

    fn mode(&mut self, under: Under) -> Option<Mode> {
        let path = ["crypto", "mode"];
        const NAMES: &str = "expected GCM, EAX, CBC, CFB, CTR or OFB";
        let name = match self.text_in(under, &path) {
            Some(name) => name,
            None => {
                if self.value_in(under, &path).is_none() {
                    self.problem_in(under, &path, &format!("is missing; {NAMES}"));
                }
                return None;
            }
        };
        match name.as_str() {
            "CBC" => return Some(Mode::Cbc),
            "CFB" => return self.cfb(under),
            "OFB" => return Some(Mode::Ofb),
            "CTR" => return Some(Mode::Ctr),
            "EAX" => return Some(Mode::Eax),
            "GCM" => return Some(Mode::Gcm),
            "ECB" => self.problem_in(under, &path, &format!("ECB shows which messages are alike; {NAMES}")),
            other if MODES.contains(&other.to_uppercase().as_str()) => {
                self.problem_in(under, &path, &format!("{NAMES}, in capital letters"));
            }
            _ => self.problem_in(under, &path, NAMES),
        }
        None
    }

    /// Chooses the length of CFB's segments, on which SINETStream's libraries disagree.
    fn cfb(&mut self, under: Under) -> Option<Mode> {
        let path = ["crypto", "segment_bits"];
        let bits = match self.value_in(under, &path) {
            Some(_) => self.integer_in(under, &path, 8..=128)?,
            None => {
                let note = "is CFB with segments of 128 bits, as SINETStream for Java has it; SINETStream for Python has 8, \
                            which is 'segment_bits: 8'";
                self.warn_in(under, &["crypto", "mode"], note);
                128
            }
        };
        match bits {
            128 => Some(Mode::Cfb),
            8 => Some(Mode::Cfb8),
            _ => {
                self.problem_in(under, &path, "expected 128 (as in SINETStream for Java) or 8 (for Python)");
                None
            }
        }
    }

    fn padding(&mut self, under: Under, mode: Option<Mode>) -> Padding {
        let path = ["crypto", "padding"];
        let padding = match self.text_in(under, &path).map(|name| name.to_lowercase()).as_deref() {
            None | Some("none" | "nopadding") => Padding::None,
            Some("pkcs7" | "pkcs7padding" | "pkcs5padding") => Padding::Pkcs7,
            Some("iso7816" | "iso7816-4padding") => Padding::Iso7816,
            Some("x923" | "x923padding" | "x9.23padding") => Padding::X923,
            Some(_) => {
                self.problem_in(under, &path, "expected none, pkcs7, iso7816 or x923");
                return Padding::None;
            }
        };
        match (mode, padding) {
            (Some(Mode::Cbc), Padding::None) => {
                self.problem_in(under, &path, "CBC needs 'padding: pkcs7', since it encrypts whole blocks only");
            }
            (_, Padding::None) => {}
            (Some(Mode::Eax | Mode::Gcm), _) => {
                self.warn_in(under, &path, "is needless with EAX and GCM, and refused by SINETStream for Java");
            }
            (_, Padding::Iso7816 | Padding::X923) => {
                self.warn_in(under, &path, "is understood by SINETStream for Java, but not by its Python library");
            }
            (_, Padding::Pkcs7) => {}
        }
        padding
    }

    fn bind_topic(&mut self, under: Under, mode: Option<Mode>) -> bool {
        let path = ["crypto", "bind_topic"];
        let bind_topic = self.flag_in(under, &path).unwrap_or(false);
        if bind_topic && mode.is_some_and(|mode| !mode.has_tag()) {
            self.problem_in(under, &path, "needs the mode GCM or EAX, whose tag covers the topic, too");
        }
        bind_topic
    }

    fn key_derivation(&mut self, under: Under) -> Derivation {
        let map = ["crypto", "key_derivation"];
        match self.value_in(under, &map) {
            None | Some(Value::Map(_)) => {}
            Some(other) => self.wrong_in(under, &map, "a map with 'algorithm', 'salt_bytes' and 'iteration'", &other),
        }
        let path = ["crypto", "key_derivation", "algorithm"];
        if let Some(name) = self.text_in(under, &path)
            && !matches!(name.as_str(), "pbkdf2" | "PBKDF2WithHmacSHA256")
        {
            self.problem_in(under, &path, "expected pbkdf2");
        }
        let path = ["crypto", "key_derivation", "salt_bytes"];
        let salt_bytes = self.integer_in(under, &path, 0..=MAX_SALT_BYTES).unwrap_or(DEFAULT_SALT_BYTES);
        if salt_bytes < DEFAULT_SALT_BYTES {
            self.warn_in(under, &path, &format!("is weak: a salt should have {DEFAULT_SALT_BYTES} bytes or more"));
        }
        let path = ["crypto", "key_derivation", "iteration"];
        let iterations = self.integer_in(under, &path, 1..=MAX_ITERATIONS).unwrap_or(DEFAULT_ITERATIONS);
        if iterations < FEW_ITERATIONS {
            self.warn_in(under, &path, &format!("is weak: a password should be hashed {FEW_ITERATIONS} times or more"));
        }
        let path = ["crypto", "key_derivation", "budget_ms"];
        let budget_ms = self.integer_in(under, &path, 1..=MAX_BUDGET_MS).unwrap_or(DEFAULT_BUDGET_MS);
        let budget = Duration::from_millis(budget_ms as u64);
        let path = ["crypto", "key_derivation", "prf"];
        let prf = match self.text_in(under, &path).as_deref() {
            None | Some("HMAC-SHA256") => Prf::Sha256,
            Some(name @ ("HMAC-SHA384" | "HMAC-SHA512")) => {
                self.warn_in(under, &path, "is understood by SINETStream for Python, but not by its Java library");
                if name == "HMAC-SHA384" { Prf::Sha384 } else { Prf::Sha512 }
            }
            Some(_) => {
                self.problem_in(under, &path, "expected HMAC-SHA256, HMAC-SHA384 or HMAC-SHA512");
                Prf::Sha256
            }
        };
        Derivation { salt_bytes: salt_bytes as usize, prf, iterations: iterations as u32, budget }
    }

    fn keys(&mut self, under: Under, key_length: usize, derivation: &Derivation) -> Option<Keys> {
        let given = |name: &str| self.value_in(under, &["crypto", name]).map(Zeroizing::new);
        match (given("password"), given("key"), given("_keys")) {
            (None, None, None) => {
                self.problem_in(under, &["crypto", "password"], "is missing; expected 'password' or 'key'");
                None
            }
            (Some(_), None, None) => {
                let password = self.crypto_password(under)?;
                let Derivation { prf, iterations, budget, .. } = *derivation;
                Some(Keys::Password { password, prf, iterations, budget })
            }
            (Some(_), _, _) => {
                self.problem_in(under, &["crypto", "password"], "can't be given together with a key");
                None
            }
            (None, Some(key), None) => {
                let key = self.key(under, &["crypto", "key"], &key, key_length)?;
                Some(Keys::Direct(BTreeMap::from([(1, key)])))
            }
            (None, _, Some(keys)) => match &*keys {
                Value::Map(keys) => self.versioned_keys(under, keys, key_length),
                other => {
                    self.wrong_in(under, &["crypto", "_keys"], "a map of versions and keys", other);
                    None
                }
            },
        }
    }

    fn versioned_keys(&mut self, under: Under, keys: &Map, key_length: usize) -> Option<Keys> {
        let map = ["crypto", "_keys"];
        if keys.is_empty() {
            self.problem_in(under, &map, "has no key");
        }
        let mut by_version = BTreeMap::new();
        for (name, key) in keys.iter() {
            let version = name.parse().ok().filter(|version| (1..=MAX_KEY_VERSION).contains(version));
            let Some(version) = version else {
                self.problem_in(under, &map, &format!("expected versions from 1 to {MAX_KEY_VERSION}"));
                return None;
            };
            by_version.insert(version, self.key(under, &["crypto", "_keys", name], key, key_length)?);
        }
        (!by_version.is_empty()).then_some(Keys::Direct(by_version))
    }

    fn key(&mut self, under: Under, path: Under, key: &Value, key_length: usize) -> Option<Secret> {
        match key {
            Value::Bytes(key) if key.len() == key_length => Some(Secret::new(key.clone())),
            Value::Bytes(key) => {
                let message = format!("expected {key_length} bytes, as 'key_length' says, found {}", key.len());
                self.problem_in(under, path, &message);
                None
            }
            other => {
                self.wrong_in(under, path, "bytes (!!binary)", other);
                None
            }
        }
    }

    /// Reads the password: a text, or a map with its `value` or with the `path` of a file.
    fn crypto_password(&mut self, under: Under) -> Option<Secret> {
        let path = ["crypto", "password"];
        let whole = Zeroizing::new(self.value_in(under, &path)?);
        let (inside, value) = match &*whole {
            Value::Map(map) => match (given(map, "value"), given(map, "path"), given(map, "path_data")) {
                (Some(value), None, None) => (Some("value"), value),
                (None, _, Some(content)) => return self.password_content(under, content),
                (None, Some(file), None) => return self.password_file(under, file),
                _ => {
                    self.problem_in(under, &path, "expected either 'value' or 'path'");
                    return None;
                }
            },
            value => (None, value),
        };
        let path: Vec<&str> = path.into_iter().chain(inside).collect();
        let password = match value {
            Value::Str(text) => Secret::new(text.clone().into_bytes()),
            Value::Bytes(bytes) => Secret::new(bytes.clone()),
            other => {
                self.wrong_in(under, &path, "a string, or a map with 'value' or 'path'", other);
                return None;
            }
        };
        self.checked_password(under, &path, password)
    }

    /// Reads a password file as SINETStream for Java does: its lines are joined, without the newline at the end.
    fn password_file(&mut self, under: Under, file: &Value) -> Option<Secret> {
        let path = ["crypto", "password", "path"];
        let Value::Str(file) = file else {
            self.wrong_in(under, &path, "the name of a file", file);
            return None;
        };
        let file: PathBuf = self.user_dir.join(Path::new(file));
        let (text, metadata) = match files::open(&file, files::MAX_BYTES) {
            Ok(opened) => opened,
            Err(e) => {
                self.problem_in(under, &path, &format!("{} can't be read: {e}", file.display()));
                return None;
            }
        };
        let place = self.place_in(under, &path);
        self.look_at(&file, Some(&metadata), Use::Secret, &place);
        self.password_lines(under, &path, &text)
    }

    /// Reads the password from the file's content inside the configuration.
    fn password_content(&mut self, under: Under, content: &Value) -> Option<Secret> {
        let path = ["crypto", "password", "path_data"];
        match content {
            Value::Str(text) => self.password_lines(under, &path, text.as_bytes()),
            Value::Bytes(text) => self.password_lines(under, &path, text),
            other => {
                self.wrong_in(under, &path, "a string or bytes", other);
                None
            }
        }
    }

    fn password_lines(&mut self, under: Under, path: Under, text: &[u8]) -> Option<Secret> {
        let mut password: Vec<u8> = Vec::with_capacity(text.len());
        password.extend(text.iter().enumerate().filter_map(|(i, b)| match (b, text.get(i + 1)) {
            (b'\r', Some(b'\n')) => None,
            _ => Some(*b),
        }));
        if password.last() == Some(&b'\n') {
            password.pop();
        }
        self.checked_password(under, path, Secret::new(password))
    }

    fn checked_password(&mut self, under: Under, path: Under, password: Secret) -> Option<Secret> {
        if password.bytes().is_empty() {
            self.problem_in(under, path, "is empty");
            return None;
        }
        if !password.bytes().is_ascii() {
            self.warn_in(under, path, "has characters beyond ASCII, which SINETStream for Python encodes differently");
        }
        Some(password)
    }
}

struct Derivation {
    salt_bytes: usize,
    prf: Prf,
    iterations: u32,
    budget: Duration,
}

fn given<'a>(map: &'a Map, name: &str) -> Option<&'a Value> {
    map.get(name).filter(|value| **value != Value::Null)
}
