//! The parameters of MQTT's versions: the version itself, the properties of CONNECT in MQTT 5, and the properties of messages.

use super::extractor::Extractor;
use super::value::Value;
use crate::terms::{MessageProperties, Version, text, topic};
use crate::wiped::Secret;

/// The properties of CONNECT in MQTT 5 (section 3.1.2.11); `None` means that a property is left out.
#[derive(Clone, Default)]
pub(crate) struct ConnectProperties {
    /// The interval in seconds.
    pub session_expiry_interval: Option<u32>,
    pub receive_maximum: Option<u16>,
    /// The size of a whole packet in bytes.
    pub maximum_packet_size: Option<u32>,
    pub topic_alias_maximum: Option<u16>,
    pub request_response_info: Option<bool>,
    pub request_problem_info: Option<bool>,
    pub user_properties: Vec<(String, String)>,
    pub auth_method: Option<String>,
    pub auth_data: Option<Secret>,
}

/// Shows the properties without the authentication.
impl std::fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConnectProperties")
    }
}

/// Parameters for which earlier versions have no field.
const MQTT5_ONLY: [&str; 8] = [
    "clean_start",
    "session_expiry_interval",
    "receive_maximum",
    "maximum_packet_size",
    "topic_alias_maximum",
    "request_response_info",
    "request_problem_info",
    "user_property",
];

/// A session expiry interval of this value means that the session never expires (MQTT 5, section 3.1.2.11.2).
const NEVER: u32 = u32::MAX;

/// The largest packet that MQTT allows: a fixed header of five bytes, and the largest remaining length.
const MAX_PACKET: i64 = 5 + 268_435_455;

impl Extractor {
    pub fn version(&mut self) -> Version {
        match self.text("protocol", &[]).as_deref() {
            // DEFAULT is the name for programs that leave the version to the library.
            None | Some("MQTTv311" | "DEFAULT") => Version::V311,
            Some("MQTTv5") => Version::V5,
            Some("MQTTv31") => Version::V31,
            Some(_) => {
                self.parameters.problem("protocol", &[], "expected MQTTv311, MQTTv5 or MQTTv31");
                Version::V311
            }
        }
    }

    pub fn connect_properties(&mut self, version: Version) -> ConnectProperties {
        let number = i64::from(u32::MAX);
        let properties = ConnectProperties {
            session_expiry_interval: self.integer("session_expiry_interval", &[], 0..=number).map(|n| n as u32),
            receive_maximum: self.integer("receive_maximum", &[], 1..=65_535).map(|n| n as u16),
            // Every answer to a small packet fits into 128 bytes.
            maximum_packet_size: self.integer("maximum_packet_size", &[], 128..=MAX_PACKET).map(|n| n as u32),
            topic_alias_maximum: self.integer("topic_alias_maximum", &[], 0..=65_535).map(|n| n as u16),
            request_response_info: self.switch("request_response_info"),
            request_problem_info: self.switch("request_problem_info"),
            user_properties: self.user_properties("user_property", &[]),
            auth_method: self.text("auth_method", &[]),
            auth_data: self.bytes("auth_data", &[]).map(Secret::new),
        };
        if let Some(method) = &properties.auth_method {
            self.check_mqtt_string("auth_method", &[], method);
        } else if properties.auth_data.is_some() {
            self.parameters.problem("auth_data", &[], "needs 'auth_method' beside it");
        }
        if version != Version::V5 {
            // These are refused rather than ignored, because they concern security.
            for name in ["auth_method", "auth_data"] {
                if self.parameters.get(name).is_some() {
                    self.parameters.problem(name, &[], "needs 'protocol: MQTTv5'");
                }
            }
            for name in MQTT5_ONLY.into_iter().chain(["message_properties"]) {
                self.no_effect(name, "it needs 'protocol: MQTTv5'");
            }
            return ConnectProperties::default();
        }
        properties
    }

    /// Reads `clean_session`, and under MQTT 5 `clean_start`.
    pub fn clean(&mut self, version: Version, generated_id: bool, properties: &mut ConnectProperties) -> bool {
        let session = self.flag("clean_session", &[]);
        let start = self.flag("clean_start", &[]);
        let expires = properties.session_expiry_interval.is_some();
        let (name, clean) = match (version, start, session) {
            (Version::V5, Some(start), _) => {
                self.no_effect("clean_session", "'clean_start' is given, which is MQTT 5's name for it");
                if !start && !generated_id && !expires {
                    let why = "without 'session_expiry_interval' the broker keeps no session beyond a connection";
                    self.no_effect("clean_start", why);
                }
                ("clean_start", start)
            }
            (Version::V5, None, Some(session)) => {
                let mut meaning = "is taken for 'clean_start', its name in MQTT 5".to_owned();
                if !session && !generated_id && !expires {
                    // In earlier versions `clean_session: false` means this (MQTT 5, section 3.1.2.4).
                    properties.session_expiry_interval = Some(NEVER);
                    meaning += ", with a 'session_expiry_interval' that never ends";
                }
                if let Some(entry) = self.parameters.get("clean_session") {
                    let place = self.parameters.place_of(entry, &[]);
                    self.parameters.warnings.push(format!("{place} {meaning}"));
                }
                ("clean_session", session)
            }
            (_, _, session) => ("clean_session", session.unwrap_or(true)),
        };
        if !clean && generated_id {
            // A session under a client identifier that is never used again would only fill the broker.
            self.no_effect(name, "without 'client_id' the session can't be found again");
        }
        clean || generated_id
    }

    /// Reads a flag that may also be written as 0 or 1.
    fn switch(&mut self, name: &str) -> Option<bool> {
        match self.value(name, &[])? {
            Value::Int(number @ (0 | 1)) => Some(number == 1),
            _ => self.flag(name, &[]),
        }
    }

    /// Reads bytes, or the UTF-8 of a text.
    pub fn bytes(&mut self, name: &str, inside: &[&str]) -> Option<Vec<u8>> {
        let bytes = match self.value(name, inside)? {
            Value::Bytes(bytes) => bytes,
            Value::Str(text) => text.into_bytes(),
            other => {
                self.wrong(name, inside, "bytes or a string", &other);
                return None;
            }
        };
        if let Err(message) = text::check_data(&bytes) {
            self.parameters.problem(name, inside, &message);
        }
        Some(bytes)
    }

    /// Reads a map from names to texts, or to lists of texts, since a name may occur several times.
    pub fn user_properties(&mut self, name: &str, inside: &[&str]) -> Vec<(String, String)> {
        let map = match self.value(name, inside) {
            None => return Vec::new(),
            Some(Value::Map(map)) => map,
            Some(other) => {
                self.wrong(name, inside, "a map of names and strings", &other);
                return Vec::new();
            }
        };
        let mut properties = Vec::new();
        for (key, value) in map.iter() {
            let path: Vec<&str> = inside.iter().copied().chain([key]).collect();
            let values = match value {
                Value::Null => continue,
                Value::List(items) => items.as_slice(),
                single => std::slice::from_ref(single),
            };
            self.check_text(name, &path, key);
            for value in values {
                match value {
                    Value::Str(text) => {
                        self.check_text(name, &path, text);
                        properties.push((key.to_owned(), text.clone()));
                    }
                    other => self.wrong(name, &path, "a string (put the value in quotes)", other),
                }
            }
        }
        properties
    }

    fn check_text(&mut self, name: &str, inside: &[&str], text: &str) {
        if let Err(message) = text::check(text) {
            self.parameters.problem(name, inside, &message);
        }
    }

    /// Reads the properties of sent messages from `name`, or from a map inside it.
    pub fn message_properties(&mut self, name: &str, inside: &[&str]) -> Option<MessageProperties> {
        match self.value(name, inside)? {
            Value::Map(_) => {}
            other => {
                self.wrong(name, inside, "a map of message properties", &other);
                return None;
            }
        }
        fn at<'a>(inside: &[&'a str], last: &'a str) -> Vec<&'a str> {
            inside.iter().copied().chain([last]).collect()
        }
        let mut properties = MessageProperties::default();
        let place = at(inside, "payload_format_indicator");
        properties.payload_format_indicator = self.integer(name, &place, 0..=1).map(|n| n as u8);
        let place = at(inside, "message_expiry_interval");
        properties.message_expiry_interval = self.integer(name, &place, 0..=i64::from(u32::MAX)).map(|n| n as u32);
        let place = at(inside, "content_type");
        properties.content_type = self.text(name, &place).inspect(|text| self.check_text(name, &place, text));
        let place = at(inside, "response_topic");
        properties.response_topic = self.text(name, &place).inspect(|text| {
            if let Err(message) = topic::check_name(text, "a response topic") {
                self.parameters.problem(name, &place, &message);
            }
        });
        properties.correlation_data = self.bytes(name, &at(inside, "correlation_data"));
        properties.user_properties = self.user_properties(name, &at(inside, "user_property"));
        (properties != MessageProperties::default()).then_some(properties)
    }
}
