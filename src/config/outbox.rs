//! The outbox on disk.

use std::path::PathBuf;
use std::time::Duration;

use super::Role;
use super::extractor::Extractor;
use super::path;
use super::value::Value;
use crate::terms::Consistency;

/// What a `write` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptedBy {
    Disk,
    Broker,
}

/// When what was stored is also kept for a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncRule {
    Always,
    /// At most that often.
    Every(Duration),
    Never,
}

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// It waits for some.
    Wait,
    /// The oldest ones that are not with the client give way to it.
    DropOldest,
}

/// An outbox on disk, of a writer at QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxSettings {
    pub directory: PathBuf,
    pub accepted_by: AcceptedBy,
    pub sync: SyncRule,
    /// Bytes that may wait.
    pub max_bytes: u64,
    pub overflow: Overflow,
    /// What has waited for longer is dropped.
    pub max_age: Option<Duration>,
}

const NAME: &str = "outbox";
const DEFAULT_MAX_BYTES: i64 = 1 << 30;
const MIN_MAX_BYTES: i64 = 64 << 10;
const MAX_MAX_BYTES: i64 = 1 << 50;
/// Ten years.
const MAX_AGE_S: f64 = 315_360_000.0;
const MAX_SYNC_S: f64 = 3600.0;

impl Extractor {
    pub fn outbox(&mut self, consistency: Consistency, has_client_id: bool) -> Option<OutboxSettings> {
        match self.value(NAME, &[])? {
            Value::Map(_) => {}
            other => {
                self.wrong(NAME, &[], "a map with 'directory'", &other);
                return None;
            }
        }
        if self.role == Role::Reader {
            self.parameters.problem(NAME, &[], "a reader has no outbox; expected it in a service of writers only");
            return None;
        }
        let obstacle = match consistency {
            Consistency::AtMostOnce => Some(
                "needs 'consistency: AT_LEAST_ONCE'; at AT_MOST_ONCE the broker confirms nothing, so nothing could ever leave it",
            ),
            Consistency::ExactlyOnce => Some(
                "needs 'consistency: AT_LEAST_ONCE'; it is not yet possible with EXACTLY_ONCE, which would have to outlive the process",
            ),
            Consistency::AtLeastOnce if !has_client_id => {
                Some("needs 'client_id'; without it each process would be another client to the broker")
            }
            Consistency::AtLeastOnce => None,
        };
        if let Some(obstacle) = obstacle {
            self.parameters.problem(NAME, &[], obstacle);
        }
        let directory = self.outbox_directory();
        let accepted_by = match self.text(NAME, &["accept"]).as_deref() {
            None | Some("broker") => AcceptedBy::Broker,
            Some("disk") => AcceptedBy::Disk,
            Some(_) => {
                self.parameters.problem(NAME, &["accept"], "expected 'disk' or 'broker'");
                AcceptedBy::Broker
            }
        };
        let max_bytes = self.integer(NAME, &["max_bytes"], MIN_MAX_BYTES..=MAX_MAX_BYTES);
        Some(OutboxSettings {
            directory: directory?,
            accepted_by,
            sync: self.sync_rule(),
            max_bytes: max_bytes.unwrap_or(DEFAULT_MAX_BYTES) as u64,
            overflow: self.overflow(),
            max_age: self.max_age(),
        })
    }

    fn overflow(&mut self) -> Overflow {
        match self.text(NAME, &["overflow"]).as_deref() {
            None | Some("wait") => Overflow::Wait,
            Some("drop_oldest") => Overflow::DropOldest,
            Some(_) => {
                self.parameters.problem(NAME, &["overflow"], "expected 'wait' or 'drop_oldest'");
                Overflow::Wait
            }
        }
    }

    fn outbox_directory(&mut self) -> Option<PathBuf> {
        let inside = &["directory"];
        let Some(value) = self.value(NAME, inside) else {
            self.parameters.problem(NAME, inside, "is missing; expected the path of a directory");
            return None;
        };
        match path::of_value(&value).filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Some(self.user_dir.join(path)),
            None => {
                self.wrong(NAME, inside, "the path of a directory", &value);
                None
            }
        }
    }

    fn sync_rule(&mut self) -> SyncRule {
        match self.value(NAME, &["sync"]) {
            None => return SyncRule::Always,
            Some(Value::Str(text)) if text == "always" => return SyncRule::Always,
            Some(Value::Str(text)) if text == "never" => return SyncRule::Never,
            Some(value) => {
                if let Some(seconds) = seconds(&value, MAX_SYNC_S) {
                    return SyncRule::Every(seconds);
                }
            }
        }
        let expected = "expected 'always', 'never', or seconds, more than 0 and at most 3600";
        self.parameters.problem(NAME, &["sync"], expected);
        SyncRule::Always
    }

    fn max_age(&mut self) -> Option<Duration> {
        let found = seconds(&self.value(NAME, &["max_age"])?, MAX_AGE_S);
        if found.is_none() {
            self.parameters.problem(NAME, &["max_age"], "expected seconds, more than 0 and at most 315360000");
        }
        found
    }
}

fn seconds(value: &Value, most: f64) -> Option<Duration> {
    let seconds = match value {
        Value::Int(seconds) => *seconds as f64,
        Value::Float(seconds) => *seconds,
        Value::Str(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (0.001..=most).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
