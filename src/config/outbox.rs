//! The parameters of the outbox on disk.

use std::path::PathBuf;
use std::time::Duration;

use super::Role;
use super::extractor::Extractor;
use super::mqtt::ConnectProperties;
use super::path;
use super::quantity;
use super::value::Value;
use crate::terms::{Consistency, Version};

/// The event for which a `write` waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptedBy {
    Disk,
    Broker,
}

/// The moment at which stored messages are made safe against a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncRule {
    Always,
    /// A sync happens at most once in this time.
    Every(Duration),
    Never,
}

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The message waits for room.
    Wait,
    /// The oldest messages that the client does not have yet are dropped to make room.
    DropOldest,
}

/// An outbox on disk, of a writer at QoS 1 or 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxSettings {
    pub directory: PathBuf,
    pub accepted_by: AcceptedBy,
    pub sync: SyncRule,
    /// The limit of waiting messages in bytes.
    pub max_bytes: u64,
    pub overflow: Overflow,
    /// A message that has waited for longer is dropped.
    pub max_age: Option<Duration>,
}

impl OutboxSettings {
    /// Makes a message for people about this outbox.
    pub fn says(&self, what: impl std::fmt::Display) -> String {
        format!("the outbox '{}': {what}", self.directory.display())
    }
}

const NAME: &str = "outbox";
const RETRY_FIRST: &str = "connect.retry_first";
const DEFAULT_MAX_BYTES: i64 = 1 << 30;
const MIN_MAX_BYTES: i64 = 64 << 10;
const MAX_MAX_BYTES: i64 = 1 << 50;
const LEAST_TIME: Duration = Duration::from_millis(1);
/// The longest age is ten years.
const MAX_AGE: Duration = Duration::from_secs(315_360_000);
const MAX_SYNC: Duration = Duration::from_secs(3600);

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
                "needs 'consistency: AT_LEAST_ONCE' or EXACTLY_ONCE; at AT_MOST_ONCE the broker confirms nothing, so nothing could \
                 ever leave it",
            ),
            _ if !has_client_id => {
                Some("needs 'client_id'; without it each process would be another client to the broker")
            }
            _ => None,
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
        Some(OutboxSettings {
            directory: directory?,
            accepted_by,
            sync: self.sync_rule(),
            max_bytes: self.outbox_bytes().unwrap_or(DEFAULT_MAX_BYTES) as u64,
            overflow: self.overflow(),
            max_age: self.max_age(),
        })
    }

    /// Returns how long opening tries again to find a broker. With an outbox that accepts a message once it is on disk, a
    /// program can work without a broker from its beginning.
    pub fn retry_first(&mut self, outbox: Option<&OutboxSettings>) -> Duration {
        let is_for_disk = outbox.is_some_and(|outbox| outbox.accepted_by == AcceptedBy::Disk);
        match self.parameters.get(RETRY_FIRST) {
            None if is_for_disk => Duration::MAX,
            _ => self.any_seconds(RETRY_FIRST),
        }
    }

    /// Warns if exactly-once delivery would not outlive the process: that takes the broker's session, and a broker that reports
    /// whether it still has it.
    pub fn warn_of_lost_handshakes(&mut self, version: Version, clean: bool, properties: &ConnectProperties) {
        let obstacle = match version {
            Version::V31 => {
                "MQTT 3.1 does not tell whether the broker has kept the session; expected a later 'protocol'"
            }
            Version::V5 if clean || properties.session_expiry_interval.unwrap_or_default() == 0 => {
                "the broker keeps no session; expected 'clean_session: false', or 'clean_start: false' and a \
                 'session_expiry_interval' above 0"
            }
            Version::V311 if clean => "the broker keeps no session; expected 'clean_session: false'",
            _ => return,
        };
        if let Some(entry) = self.parameters.get(NAME) {
            let place = self.parameters.place_of(entry, &[]);
            self.parameters.warnings.push(format!(
                "{place} can't deliver exactly once beyond the process: {obstacle}. When the process dies, messages may be \
                 delivered twice"
            ));
        }
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

    fn outbox_bytes(&mut self) -> Option<i64> {
        let inside = &["max_bytes"];
        let value = self.value(NAME, inside)?;
        let found = quantity::bytes(&value).filter(|bytes| (MIN_MAX_BYTES..=MAX_MAX_BYTES).contains(bytes));
        match found {
            Some(bytes) => self.parameters.understood(NAME, inside, Value::Int(bytes)),
            None => self.wrong(NAME, inside, "bytes, from 65536 (64 KiB) to 1 PiB, such as '1 GiB'", &value),
        }
        found
    }

    fn sync_rule(&mut self) -> SyncRule {
        match self.value(NAME, &["sync"]) {
            None => return SyncRule::Always,
            Some(Value::Str(text)) if text == "always" => return SyncRule::Always,
            Some(Value::Str(text)) if text == "never" => return SyncRule::Never,
            Some(value) => {
                if let Some(time) = time(&value, MAX_SYNC) {
                    return SyncRule::Every(time);
                }
            }
        }
        let expected = "expected 'always', 'never', or a time, more than 0 and at most an hour, such as '50 ms'";
        self.parameters.problem(NAME, &["sync"], expected);
        SyncRule::Always
    }

    fn max_age(&mut self) -> Option<Duration> {
        let found = time(&self.value(NAME, &["max_age"])?, MAX_AGE);
        if found.is_none() {
            self.parameters.problem(
                NAME,
                &["max_age"],
                "expected a time, more than 0 and at most ten years, such as '7 days'",
            );
        }
        found
    }
}

fn time(value: &Value, most: Duration) -> Option<Duration> {
    quantity::time(value).filter(|time| (LEAST_TIME..=most).contains(time))
}
