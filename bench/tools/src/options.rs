//! Parses the command line: `--name value` pairs.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use crate::Outcome;
use crate::row::Row;

pub struct Options(HashMap<String, String>);

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Options> {
        let mut options = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("{word} is not an option"))?;
            let value = words.next().ok_or_else(|| format!("{word} has no value"))?;
            options.insert(name.to_owned(), value);
        }
        Ok(Options(options))
    }

    /// Returns an option that may be missing.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn get(&self, name: &str) -> Outcome<&str> {
        self.find(name).ok_or_else(|| format!("--{name} is missing").into())
    }

    pub fn row(&self) -> Outcome<Row> {
        Row::from_str(self.get("row")?)
    }

    pub fn seconds(&self, name: &str) -> Outcome<Duration> {
        let text = self.get(name)?;
        let seconds = f64::from_str(text).map_err(|e| format!("--{name} {text}: {e}"))?;
        Duration::try_from_secs_f64(seconds).map_err(|e| format!("--{name} {text}: {e}").into())
    }
}
