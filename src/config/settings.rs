//! Typed settings, each value checked.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::broker::{self, Broker};
use super::layers::Parameters;
use super::value::{Map, Value};
use super::{Request, Role};
use crate::error::{Error, Result};
use crate::mqtt::topic;

/// How surely a message arrives: MQTT's quality of service under SINETStream's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Consistency {
    /// QoS 0: a message may be lost.
    #[default]
    AtMostOnce,
    /// QoS 1: a message may arrive several times.
    AtLeastOnce,
    /// QoS 2: a message arrives once.
    ExactlyOnce,
}

impl Consistency {
    /// The QoS level, 0 to 2.
    pub fn qos(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_qos(qos: i64) -> Option<Consistency> {
        match qos {
            0 => Some(Consistency::AtMostOnce),
            1 => Some(Consistency::AtLeastOnce),
            2 => Some(Consistency::ExactlyOnce),
            _ => None,
        }
    }

    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Consistency::AtMostOnce => "AT_MOST_ONCE",
            Consistency::AtLeastOnce => "AT_LEAST_ONCE",
            Consistency::ExactlyOnce => "EXACTLY_ONCE",
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Consistency {
    type Err = Error;

    fn from_str(name: &str) -> Result<Consistency> {
        [Consistency::AtMostOnce, Consistency::AtLeastOnce, Consistency::ExactlyOnce]
            .into_iter()
            .find(|consistency| consistency.name() == name)
            .ok_or_else(|| Error::InvalidConfiguration(CONSISTENCY_NAMES.into()))
    }
}

const CONSISTENCY_NAMES: &str = "expected AT_MOST_ONCE, AT_LEAST_ONCE or EXACTLY_ONCE";

/// Version of the message format; see the `message` module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageFormat {
    V2,
    V3,
}

/// A login. `Debug` hides it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub username: String,
    pub password: Option<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// How the broker's certificate is checked.
#[derive(Debug, Clone)]
pub(crate) struct TlsSettings {
    /// PEM file of trusted certificates; `None`: the system's.
    pub ca_certs: Option<PathBuf>,
    /// Where that was written, for error messages.
    pub ca_certs_place: String,
    pub check_hostname: bool,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub service: Option<String>,
    /// Tried in this order; at least one.
    pub brokers: Vec<Broker>,
    pub tls: Option<TlsSettings>,
    pub credentials: Option<Credentials>,
    /// A writer has one topic name, a reader one or more topic filters.
    pub topics: Vec<String>,
    pub client_id: String,
    pub consistency: Consistency,
    pub retain: bool,
    pub value_type: String,
    pub value_serializer: Option<String>,
    pub value_deserializer: Option<String>,
    /// `None`: for ever.
    pub receive_timeout: Option<Duration>,
    pub write_timeout: Duration,
    pub close_timeout: Duration,
    pub message_format: MessageFormat,
    /// Zero: no keep-alive.
    pub keep_alive: Duration,
    pub connection_timeout: Duration,
    pub clean_session: bool,
    /// How many QoS 1 and 2 publishes may be without their acknowledgement at a time.
    pub max_inflight: u16,
    pub automatic_reconnect: bool,
    /// The first delay before an attempt to come back …
    pub reconnect_min: Duration,
    /// … and the longest.
    pub reconnect_max: Duration,
    /// Bounds of the outbox.
    pub max_queued_messages: usize,
    pub max_queued_bytes: u32,
    /// Bounds of the inbox.
    pub max_received_messages: usize,
    pub max_received_bytes: usize,
    /// The parameters for people to look at: defaults included, secrets hidden.
    pub visible: Map,
    pub warnings: Vec<String>,
}

const DEFAULT_KEEP_ALIVE_S: i64 = 60;
const DEFAULT_CONNECTION_TIMEOUT_S: f64 = 30.0;
const DEFAULT_WRITE_TIMEOUT_MS: u64 = 60_000;
const DEFAULT_CLOSE_TIMEOUT_MS: u64 = 10_000;
const DEFAULT_MAX_INFLIGHT: u16 = 1000;
/// Mosquitto cuts the connection of a client that has more QoS 2 publishes under way than its
/// `max_inflight_messages`, and that is 20 by default.
const DEFAULT_MAX_INFLIGHT_QOS_2: u16 = 20;
const DEFAULT_RECONNECT_MIN_S: f64 = 1.0;
const DEFAULT_RECONNECT_MAX_S: f64 = 120.0;
const DEFAULT_MAX_MESSAGES: i64 = 10_000;
const DEFAULT_MAX_QUEUED_BYTES: i64 = 64 << 20;
const DEFAULT_MAX_RECEIVED_BYTES: i64 = 32 << 20;
/// Above this (about 31 years) a wait is for ever.
const FOREVER_MS: u64 = 1_000_000_000_000;
/// Stands for every name: the program has a serializer of its own.
const ANY_VALUE_TYPE: &str = "*";
/// Two bytes hold the length of an MQTT string (MQTT 3.1.1, section 1.5.3).
const MAX_STRING: usize = 65_535;

pub(crate) fn extract(parameters: Parameters, service: Option<String>, request: &Request) -> Result<Settings> {
    let mut take = Extractor { parameters, role: request.role };
    take.service_type()?;
    take.parameters.check_support();
    take.not_built();
    let tls = take.tls(request);
    let brokers = take.brokers(tls.is_some());
    let (reconnect_min, reconnect_max) = take.reconnect_delay();
    let consistency = take.consistency();
    let client_id = take.client_id();
    let clean_session = take.clean_session(client_id.is_none());
    let mut settings = Settings {
        service,
        brokers,
        tls,
        credentials: take.credentials(),
        topics: take.topics(),
        client_id: client_id.unwrap_or_else(|| format!("sinetstream-{}", uuid::Uuid::new_v4().simple())),
        consistency,
        retain: take.flag("retain", &[]).unwrap_or(false),
        value_type: take.value_type(&request.value_types),
        value_serializer: take.text("value_serializer", &[]),
        value_deserializer: take.text("value_deserializer", &[]),
        receive_timeout: take.milliseconds("receive_timeout_ms"),
        write_timeout: take.timeout("write_timeout_ms", DEFAULT_WRITE_TIMEOUT_MS),
        close_timeout: take.timeout("close_timeout_ms", DEFAULT_CLOSE_TIMEOUT_MS),
        message_format: take.message_format(),
        keep_alive: take.keep_alive(),
        connection_timeout: take.connection_timeout(),
        clean_session,
        max_inflight: take.max_inflight(consistency),
        automatic_reconnect: take.flag("connect.automatic_reconnect", &[]).unwrap_or(true),
        reconnect_min,
        reconnect_max,
        max_queued_messages: take.max_queued_messages(),
        max_queued_bytes: take.size("max_queued_bytes", DEFAULT_MAX_QUEUED_BYTES) as u32,
        max_received_messages: take.size("max_received_messages", DEFAULT_MAX_MESSAGES) as usize,
        max_received_bytes: take.size("max_received_bytes", DEFAULT_MAX_RECEIVED_BYTES) as usize,
        visible: Map::new(),
        warnings: Vec::new(),
    };
    if let Some(error) = take.parameters.take_error() {
        return Err(error);
    }
    settings.visible = with_defaults(take.parameters.visible(), &settings);
    settings.warnings = take.parameters.warnings;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    Ok(settings)
}

/// The common parameters are visible even when nobody gave them.
fn with_defaults(mut visible: Map, settings: &Settings) -> Map {
    let defaults = [
        ("consistency", Value::from(settings.consistency.name())),
        ("value_type", Value::from(settings.value_type.as_str())),
        ("user_data_only", Value::Bool(false)),
        ("data_compression", Value::Bool(false)),
        ("data_encryption", Value::Bool(false)),
    ];
    for (name, value) in defaults {
        if visible.get(name).is_none() {
            visible.insert(name, value);
        }
    }
    visible
}

struct Extractor {
    parameters: Parameters,
    role: Role,
}

impl Extractor {
    fn service_type(&mut self) -> Result<()> {
        let Some(entry) = self.parameters.get("type") else {
            self.parameters.problem("type", &[], "is missing; expected 'mqtt'");
            return Ok(());
        };
        match &entry.value {
            Value::Str(name) if name == "mqtt" => {}
            Value::Str(name) => {
                let place = self.parameters.place_of(entry, &[]);
                return Err(Error::UnsupportedServiceType(format!(
                    "{place}: type '{name}' is not known; expected 'mqtt'"
                )));
            }
            other => {
                let message = format!("expected the string 'mqtt', found {}", other.kind());
                self.parameters.problem("type", &[], &message);
            }
        }
        Ok(())
    }

    /// Features that are known and switched on, but not built.
    fn not_built(&mut self) {
        self.refuse_when_on("user_data_only", "messages without SINETStream's header are");
        for (switch, details, what) in
            [("data_compression", "compression", "compression is"), ("data_encryption", "crypto", "encryption is")]
        {
            let on = self.refuse_when_on(switch, what);
            let explicitly_off = !on && self.parameters.get(switch).is_some();
            let Some(entry) = self.parameters.get(details).filter(|_| !on) else { continue };
            if explicitly_off {
                let place = self.parameters.place_of(entry, &[]);
                self.parameters.warnings.push(format!("{place} has no effect while '{switch}' is false"));
            } else {
                let message =
                    format!("{what} not supported yet by this version; remove it, or set '{switch}' to false");
                self.parameters.problem(details, &[], &message);
            }
        }
        match self.text("protocol", &[]).as_deref() {
            None | Some("MQTTv311") => {}
            Some("MQTTv5") => self.parameters.problem("protocol", &[], "MQTTv5 is not supported yet by this version"),
            Some("MQTTv31") => self.parameters.problem("protocol", &[], "MQTTv31 is not supported yet by this version"),
            Some(_) => self.parameters.problem("protocol", &[], "expected MQTTv311, MQTTv5 or MQTTv31"),
        }
        match self.text("transport", &[]).as_deref() {
            None | Some("tcp") => {}
            Some("websockets") => {
                self.parameters.problem("transport", &[], "websockets is not supported yet by this version");
            }
            Some(_) => self.parameters.problem("transport", &[], "expected tcp or websockets"),
        }
    }

    /// Reads a switch and refuses it when it is on; returns whether it is.
    fn refuse_when_on(&mut self, name: &str, what: &str) -> bool {
        let on = self.flag(name, &[]) == Some(true);
        if on {
            self.parameters.problem(name, &[], &format!("{what} not supported yet by this version"));
        }
        on
    }

    fn value(&self, name: &str, inside: &[&str]) -> Option<Value> {
        let mut value = &self.parameters.get(name)?.value;
        for part in inside {
            match value {
                Value::Map(map) => value = map.get(part)?,
                _ => return None,
            }
        }
        (*value != Value::Null).then(|| value.clone())
    }

    fn wrong(&mut self, name: &str, inside: &[&str], expected: &str, found: &Value) {
        let message = match found {
            Value::Encrypted(_) => "encrypted values are not supported yet by this version".to_owned(),
            _ => format!("expected {expected}, found {}", found.kind()),
        };
        self.parameters.problem(name, inside, &message);
    }

    /// A boolean. `'true'` as a string counts, and so do YAML 1.1's yes, no, on and off, which other readers of the
    /// same file take for booleans.
    fn flag(&mut self, name: &str, inside: &[&str]) -> Option<bool> {
        let value = self.value(name, inside)?;
        match &value {
            Value::Bool(flag) => Some(*flag),
            Value::Str(text) if is_word(text, &["true", "yes", "on"]) => Some(true),
            Value::Str(text) if is_word(text, &["false", "no", "off"]) => Some(false),
            _ => {
                self.wrong(name, inside, "true or false", &value);
                None
            }
        }
    }

    fn text(&mut self, name: &str, inside: &[&str]) -> Option<String> {
        match self.value(name, inside)? {
            Value::Str(text) => Some(text),
            other => {
                let hint = match other {
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) => "a string (put the value in quotes)",
                    _ => "a string",
                };
                self.wrong(name, inside, hint, &other);
                None
            }
        }
    }

    /// A whole number in a range, also when it is written as a string.
    fn integer(&mut self, name: &str, inside: &[&str], range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(name, inside)?;
        let number = match &value {
            Value::Int(number) => Some(*number),
            Value::Str(text) => text.trim().parse().ok(),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            _ => None,
        };
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        match number {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.parameters.problem(name, inside, &format!("expected {expected}, found {number}")),
            None => self.wrong(name, inside, &expected, &value),
        }
        None
    }

    /// A whole number, or a map with it under a name.
    fn integer_or_inside(&mut self, name: &str, inside: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match self.value(name, &[]) {
            Some(Value::Map(_)) => self.integer(name, &[inside], range),
            _ => self.integer(name, &[], range),
        }
    }

    /// A duration in milliseconds; `None` when it is not given or practically endless.
    fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        let value = self.value(name, &[])?;
        let number = match &value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number >= FOREVER_MS as f64 => None,
            Some(number) if number >= 0.0 => Some(Duration::from_millis(number as u64)),
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

    /// A time-out that always ends, even if in years.
    fn timeout(&mut self, name: &str, default_ms: u64) -> Duration {
        let given = self.parameters.get(name).is_some();
        let default_ms = if given { FOREVER_MS } else { default_ms };
        self.milliseconds(name).unwrap_or(Duration::from_millis(default_ms))
    }

    fn tls(&mut self, request: &Request) -> Option<TlsSettings> {
        let on = match self.value("tls", &[]) {
            None => false,
            Some(Value::Map(map)) if map.iter().all(|(_, value)| *value == Value::Null) => {
                let place = self.parameters.get("tls").map(|entry| self.parameters.place_of(entry, &[]));
                let place = place.unwrap_or_default();
                self.parameters.warnings.push(format!("{place} is empty, so TLS is off; write 'true' to switch it on"));
                false
            }
            Some(Value::Map(_)) => true,
            Some(Value::Bool(on)) => on,
            Some(Value::Str(text)) if is_word(&text, &["true", "yes", "on"]) => true,
            Some(Value::Str(text)) if is_word(&text, &["false", "no", "off"]) => false,
            Some(other) => {
                self.wrong("tls", &[], "true, false or a map", &other);
                false
            }
        };
        let check_hostname = self.flag("tls", &["check_hostname"]).unwrap_or(true);
        let insecure = match self.value("tls_insecure", &[]) {
            Some(Value::Map(_)) => self.flag("tls_insecure", &["value"]),
            Some(_) => self.flag("tls_insecure", &[]),
            None => None,
        };
        let ca_certs = self.text("tls", &["ca_certs"]);
        if ca_certs.as_deref() == Some("") {
            self.parameters.problem("tls", &["ca_certs"], "expected the path of a PEM file, found an empty string");
        }
        if insecure.is_some() && !on {
            self.no_effect("tls_insecure", "TLS is off");
        }
        let place = self.parameters.get("tls").map(|entry| self.parameters.place_of(entry, &["ca_certs"]));
        on.then(|| TlsSettings {
            ca_certs_place: place.unwrap_or_default(),
            ca_certs: ca_certs.map(|path| request.user_dir.join(path)),
            check_hostname: insecure.map_or(check_hostname, |insecure| !insecure),
        })
    }

    fn no_effect(&mut self, name: &str, why: &str) {
        if let Some(entry) = self.parameters.get(name) {
            let place = self.parameters.place_of(entry, &[]);
            self.parameters.warnings.push(format!("{place} has no effect: {why}"));
        }
    }

    fn brokers(&mut self, tls: bool) -> Vec<Broker> {
        let Some(value) = self.value("brokers", &[]) else {
            self.parameters.problem("brokers", &[], "is missing; expected host or host:port");
            return Vec::new();
        };
        broker::parse(&value, if tls { 8883 } else { 1883 }).unwrap_or_else(|message| {
            self.parameters.problem("brokers", &[], &message);
            Vec::new()
        })
    }

    fn consistency(&mut self) -> Consistency {
        let consistency = self.text("consistency", &[]).and_then(|name| match name.parse() {
            Ok(consistency) => Some(consistency),
            Err(_) => {
                self.parameters.problem("consistency", &[], CONSISTENCY_NAMES);
                None
            }
        });
        let qos = self.integer("qos", &[], 0..=2).and_then(Consistency::from_qos);
        // `qos` wins over `consistency` of the same or of a lower layer.
        let qos_counts = match (self.parameters.get("qos"), self.parameters.get("consistency")) {
            (Some(qos), Some(consistency)) => self.parameters.is_at_least_as_high(qos, consistency),
            _ => true,
        };
        if qos_counts { qos.or(consistency) } else { consistency }.unwrap_or_default()
    }

    fn client_id(&mut self) -> Option<String> {
        let id = self.text("client_id", &[]).filter(|id| !id.trim().is_empty())?;
        self.check_mqtt_string("client_id", &[], &id);
        Some(id)
    }

    fn clean_session(&mut self, generated_id: bool) -> bool {
        let clean = self.flag("clean_session", &[]).unwrap_or(true);
        if !clean && generated_id {
            // A session under a name that nobody uses again would only fill the broker.
            self.no_effect("clean_session", "without 'client_id' the session can't be found again");
        }
        clean || generated_id
    }

    /// MQTT 3.1.1, section 1.5.3.
    fn check_mqtt_string(&mut self, name: &str, inside: &[&str], text: &str) {
        if text.len() > MAX_STRING {
            self.parameters.problem(name, inside, &format!("longer than {MAX_STRING} bytes, which MQTT can't carry"));
        }
        if text.contains(char::is_control) {
            self.parameters.problem(name, inside, "contains a control character, which brokers refuse");
        }
    }

    fn credentials(&mut self) -> Option<Credentials> {
        match self.value("username_pw", &[])? {
            Value::Map(map) if map.iter().all(|(_, value)| *value == Value::Null) => {
                self.no_effect("username_pw", "it is empty, so no user name is sent");
                return None;
            }
            Value::Map(_) => {}
            other => {
                self.wrong("username_pw", &[], "a map with 'username' and 'password'", &other);
                return None;
            }
        }
        let username = self.text("username_pw", &["username"]);
        let password = match self.value("username_pw", &["password"]) {
            Some(Value::Bytes(password)) => Some(password),
            Some(_) => self.text("username_pw", &["password"]).map(String::into_bytes),
            None => None,
        };
        if let Some(username) = &username {
            self.check_mqtt_string("username_pw", &["username"], username);
        } else if self.value("username_pw", &["username"]).is_none() {
            self.parameters.problem("username_pw", &["username"], "is missing; expected a string");
        }
        if password.as_ref().is_some_and(|password| password.len() > MAX_STRING) {
            let message = format!("longer than {MAX_STRING} bytes, which MQTT can't carry");
            self.parameters.problem("username_pw", &["password"], &message);
        }
        Some(Credentials { username: username.unwrap_or_default(), password })
    }

    fn topics(&mut self) -> Vec<String> {
        let (found, inside): (Vec<Value>, bool) = match self.value("topic", &[]) {
            None => (vec![], false),
            Some(Value::List(items)) => (items, true),
            Some(other) => (vec![other], false),
        };
        let mut topics = Vec::new();
        for (index, value) in found.iter().enumerate() {
            let index = index.to_string();
            let path: &[&str] = if inside { &[&index] } else { &[] };
            let Value::Str(text) = value else {
                self.wrong("topic", path, "a string or a list of strings", value);
                return vec![];
            };
            let checked = match self.role {
                Role::Writer => topic::check_name(text),
                Role::Reader => topic::check_filter(text),
            };
            if let Err(message) = checked {
                self.parameters.problem("topic", path, &message);
            }
            topics.push(text.clone());
        }
        match (self.role, topics.len()) {
            (Role::Writer, 1) | (Role::Reader, 1..) => {}
            (_, 0) => self.parameters.problem("topic", &[], "is missing; expected a topic"),
            (Role::Writer, _) => self.parameters.problem("topic", &[], "a writer has one topic, found several"),
        }
        topics
    }

    fn value_type(&mut self, brought_along: &[String]) -> String {
        let Some(name) = self.text("value_type", &[]) else { return "byte_array".into() };
        match name.as_str() {
            "byte_array" | "text" => {}
            other if brought_along.iter().any(|known| known == other || known == ANY_VALUE_TYPE) => {}
            "image" => self.parameters.problem("value_type", &[], "image is not supported yet by this version"),
            _ => self.parameters.problem("value_type", &[], "expected byte_array or text"),
        }
        name
    }

    fn message_format(&mut self) -> MessageFormat {
        match self.value("message_format", &[]) {
            None | Some(Value::Int(3)) => MessageFormat::V3,
            Some(Value::Int(2)) => MessageFormat::V2,
            Some(Value::Int(other)) => {
                self.parameters.problem("message_format", &[], &format!("expected 2 or 3, found {other}"));
                MessageFormat::V3
            }
            Some(other) => {
                self.wrong("message_format", &[], "the integer 2 or 3", &other);
                MessageFormat::V3
            }
        }
    }

    fn keep_alive(&mut self) -> Duration {
        let seconds = self.integer("connect.keepalive", &[], 0..=65_535).unwrap_or(DEFAULT_KEEP_ALIVE_S);
        Duration::from_secs(seconds as u64)
    }

    fn connection_timeout(&mut self) -> Duration {
        let given = self.seconds("connect.connection_timeout", &[]);
        given.unwrap_or(Duration::from_secs_f64(DEFAULT_CONNECTION_TIMEOUT_S))
    }

    fn reconnect_delay(&mut self) -> (Duration, Duration) {
        match self.value("reconnect_delay", &[]) {
            None | Some(Value::Map(_)) => {}
            Some(other) => self.wrong("reconnect_delay", &[], "a map with 'min_delay' and 'max_delay'", &other),
        }
        let min = self.seconds("reconnect_delay", &["min_delay"]);
        let max = self.seconds("reconnect_delay", &["max_delay"]);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.parameters.problem("reconnect_delay", &[], "'min_delay' is larger than 'max_delay'");
        }
        let default = Duration::from_secs_f64(DEFAULT_RECONNECT_MIN_S);
        let min = min.unwrap_or(max.map_or(default, |max| max.min(default)));
        (min, max.unwrap_or(Duration::from_secs_f64(DEFAULT_RECONNECT_MAX_S)).max(min))
    }

    /// A time in seconds, which may have a fraction.
    fn seconds(&mut self, name: &str, inside: &[&str]) -> Option<Duration> {
        let seconds = match self.value(name, inside)? {
            Value::Int(seconds) => Some(seconds as f64),
            Value::Float(seconds) => Some(seconds),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        match seconds {
            Some(seconds) if (0.001..=3600.0).contains(&seconds) => Some(Duration::from_secs_f64(seconds)),
            _ => {
                self.parameters.problem(name, inside, "expected seconds, more than 0 and at most 3600");
                None
            }
        }
    }

    /// As in Python, 0 is no bound; the one by bytes stays.
    fn max_queued_messages(&mut self) -> usize {
        match self.integer_or_inside("max_queued_messages", "queue_size", 0..=i64::from(u32::MAX)) {
            Some(0) => usize::MAX,
            given => given.unwrap_or(DEFAULT_MAX_MESSAGES) as usize,
        }
    }

    fn size(&mut self, name: &str, default: i64) -> i64 {
        self.integer(name, &[], 1..=i64::from(u32::MAX >> 1)).unwrap_or(default)
    }

    fn max_inflight(&mut self, consistency: Consistency) -> u16 {
        let given = self.integer_or_inside("max_inflight_messages", "inflight", 1..=65_535);
        given.and_then(|given| u16::try_from(given).ok()).unwrap_or(match consistency {
            Consistency::ExactlyOnce => DEFAULT_MAX_INFLIGHT_QOS_2,
            _ => DEFAULT_MAX_INFLIGHT,
        })
    }
}

fn is_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()))
}
