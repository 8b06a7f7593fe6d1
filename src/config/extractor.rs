//! Reads the values of parameters and checks the type of each; a wrong value is noted with its place.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::Role;
use super::layers::Parameters;
use super::value::{Value, is_word};
use crate::terms::text;
use crate::wiped::Secret;

/// A longer wait (about 31 years) counts as endless.
const FOREVER_MS: u64 = 1_000_000_000_000;

/// Reads parameters. Its methods return `None` when a parameter is not given, or is wrong, which is noted.
pub(super) struct Extractor {
    pub parameters: Parameters,
    pub role: Role,
    /// Relative names of files are resolved against this folder.
    pub user_dir: PathBuf,
}

impl Extractor {
    pub fn value(&self, name: &str, inside: &[&str]) -> Option<Value> {
        let mut value = &self.parameters.get(name)?.value;
        for part in inside {
            match value {
                Value::Map(map) => value = map.get(part)?,
                _ => return None,
            }
        }
        (*value != Value::Null).then(|| value.clone())
    }

    pub fn wrong(&mut self, name: &str, inside: &[&str], expected: &str, found: &Value) {
        self.parameters.problem(name, inside, &format!("expected {expected}, found {}", found.kind()));
    }

    /// Reads a boolean. The string `'true'` counts, and so do YAML 1.1's yes, no, on and off, which other readers of the same
    /// file take for booleans.
    pub fn flag(&mut self, name: &str, inside: &[&str]) -> Option<bool> {
        let value = self.value(name, inside)?;
        let flag = match &value {
            Value::Bool(flag) => *flag,
            Value::Str(text) if is_word(text, &["true", "yes", "on"]) => true,
            Value::Str(text) if is_word(text, &["false", "no", "off"]) => false,
            _ => {
                self.wrong(name, inside, "true or false", &value);
                return None;
            }
        };
        self.parameters.understood(name, inside, Value::Bool(flag));
        Some(flag)
    }

    pub fn text(&mut self, name: &str, inside: &[&str]) -> Option<String> {
        match self.value(name, inside)? {
            Value::Str(text) => Some(text),
            // A decrypted value is bytes, whatever type it had before.
            Value::Bytes(bytes) if self.parameters.was_encrypted(name) => match String::from_utf8(bytes) {
                Ok(text) => Some(text),
                Err(e) => {
                    e.into_bytes().zeroize();
                    self.parameters.problem(name, inside, "the decrypted value is not a text (UTF-8)");
                    None
                }
            },
            other => {
                let other = Zeroizing::new(other);
                let hint = match *other {
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) => "a string (put the value in quotes)",
                    _ => "a string",
                };
                self.wrong(name, inside, hint, &other);
                None
            }
        }
    }

    /// Reads a password: a text, or bytes.
    pub fn secret(&mut self, name: &str, inside: &[&str]) -> Option<Secret> {
        match self.value(name, inside).map(Zeroizing::new).as_deref_mut()? {
            Value::Bytes(bytes) => Some(Secret::new(std::mem::take(bytes))),
            _ => self.text(name, inside).map(|text| Secret::new(text.into_bytes())),
        }
    }

    /// Reads a whole number in a range, also when it is written as a string.
    pub fn integer(&mut self, name: &str, inside: &[&str], range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(name, inside)?;
        let number = match &value {
            Value::Int(number) => Some(*number),
            Value::Str(text) => text.trim().parse().ok(),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            _ => None,
        };
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        match number {
            Some(number) if range.contains(&number) => {
                self.parameters.understood(name, inside, Value::Int(number));
                return Some(number);
            }
            Some(number) => self.parameters.problem(name, inside, &format!("expected {expected}, found {number}")),
            None => self.wrong(name, inside, &expected, &value),
        }
        None
    }

    /// Reads a whole number, or a map that has it under the name `inside`.
    pub fn integer_or_inside(&mut self, name: &str, inside: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match self.value(name, &[]) {
            Some(Value::Map(_)) => self.integer(name, &[inside], range),
            _ => self.integer(name, &[], range),
        }
    }

    /// Reads a duration in milliseconds; `None` if it is not given or is practically endless.
    pub fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        let value = self.value(name, &[])?;
        let number = match &value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number >= 0.0 => {
                self.parameters.understood(name, &[], Value::Int(number as i64));
                (number < FOREVER_MS as f64).then(|| Duration::from_millis(number as u64))
            }
            Some(_) => {
                self.parameters.problem(name, &[], "expected milliseconds, 0 or more");
                None
            }
            None => {
                self.wrong(name, &[], "milliseconds, 0 or more", &value);
                None
            }
        }
    }

    /// Reads a time-out that always ends, even if only after years.
    pub fn timeout(&mut self, name: &str, default_ms: u64) -> Duration {
        let given = self.parameters.get(name).is_some();
        let default_ms = if given { FOREVER_MS } else { default_ms };
        self.milliseconds(name).unwrap_or(Duration::from_millis(default_ms))
    }

    /// Reads a time in seconds, which may have a fraction.
    pub fn seconds(&mut self, name: &str, inside: &[&str]) -> Option<Duration> {
        match as_seconds(&self.value(name, inside)?) {
            Some(seconds) if (0.001..=3600.0).contains(&seconds) => Some(Duration::from_secs_f64(seconds)),
            _ => {
                self.parameters.problem(name, inside, "expected seconds, more than 0 and at most 3600");
                None
            }
        }
    }

    /// Reads a time in seconds without an upper limit. Zero is allowed, and is the default.
    pub fn any_seconds(&mut self, name: &str) -> Duration {
        let Some(value) = self.value(name, &[]) else { return Duration::ZERO };
        match as_seconds(&value) {
            // A time that is too large for Duration counts as endless.
            Some(seconds) if seconds >= 0.0 => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
            _ => {
                self.parameters.problem(name, &[], "expected seconds, 0 or more");
                Duration::ZERO
            }
        }
    }

    /// Warns that a parameter, if it is given, has no effect.
    pub fn no_effect(&mut self, name: &str, why: &str) {
        if let Some(entry) = self.parameters.get(name) {
            let place = self.parameters.place_of(entry, &[]);
            self.parameters.warnings.push(format!("{place} has no effect: {why}"));
        }
    }

    /// Warns that a name inside a parameter, if it is given, has no effect.
    pub fn no_effect_inside(&mut self, name: &str, inside: &str, why: &str) {
        if let (Some(entry), Some(_)) = (self.parameters.get(name), self.value(name, &[inside])) {
            let place = self.parameters.place_of(entry, &[inside]);
            self.parameters.warnings.push(format!("{place} has no effect: {why}"));
        }
    }

    /// Checks that a text may be an MQTT string (MQTT 3.1.1, section 1.5.3).
    pub fn check_mqtt_string(&mut self, name: &str, inside: &[&str], text: &str) {
        if let Err(message) = text::check(text) {
            self.parameters.problem(name, inside, &message);
        }
    }

    pub fn size(&mut self, name: &str, default: i64) -> i64 {
        self.integer(name, &[], 1..=i64::from(u32::MAX >> 1)).unwrap_or(default)
    }
}

/// Returns the number, which may also be written as a text.
fn as_seconds(value: &Value) -> Option<f64> {
    match value {
        Value::Int(seconds) => Some(*seconds as f64),
        Value::Float(seconds) => Some(*seconds),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}
