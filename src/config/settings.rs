//! The typed settings, and the checks of their values.

use std::time::Duration;

use super::broker::{self, Broker};
use super::extractor::Extractor;
use super::layers::Parameters;
use super::login::Credentials;
use super::login_file::LoginFile;
use super::login_source::LoginSource;
use super::message::MessageSettings;
use super::mqtt::ConnectProperties;
use super::outbox::OutboxSettings;
use super::proxy::ProxySettings;
use super::tls::TlsSettings;
use super::value::{Map, Value};
use super::websocket::WebSocketSettings;
use super::will::WillSettings;
use super::{Request, Role};
use crate::error::{Error, Result};
use crate::terms::{Acknowledge, CONSISTENCY_NAMES, Consistency, MessageProperties, Version, topic};

/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub service: Option<String>,
    /// The brokers in the order in which they are tried; there is at least one.
    pub brokers: Vec<Broker>,
    /// The proxy through which the brokers are reached, if there is one.
    pub proxy: Option<ProxySettings>,
    pub tls: Option<TlsSettings>,
    /// The settings of the WebSocket; `None` means MQTT without one.
    pub web_socket: Option<WebSocketSettings>,
    pub credentials: Option<Credentials>,
    /// The file from which the login can be read again.
    pub login_file: Option<LoginFile>,
    /// The program's source of the login, which is asked before each attempt to connect.
    pub login_source: Option<LoginSource>,
    /// A writer has one topic name, a reader one or more topic filters.
    pub topics: Vec<String>,
    pub client_id: String,
    pub consistency: Consistency,
    pub retain: bool,
    pub value_type: String,
    pub value_serializer: Option<String>,
    pub value_deserializer: Option<String>,
    /// Java only: the size in pixels of the largest image that its deserializer decodes.
    pub max_image_pixels: i64,
    /// How long a read waits; `None` means without end.
    pub receive_timeout: Option<Duration>,
    pub write_timeout: Duration,
    pub close_timeout: Duration,
    /// The moment at which a reader acknowledges.
    pub acknowledge: Acknowledge,
    /// Java only: how often a message is given to a callback that throws, before it is acknowledged all the same.
    pub processed_tries: Option<u32>,
    pub message: MessageSettings,
    pub version: Version,
    /// The properties of CONNECT; MQTT 5 only.
    pub connect_properties: ConnectProperties,
    /// The properties that a writer adds to its messages; MQTT 5 only.
    pub message_properties: Option<MessageProperties>,
    pub will: Option<WillSettings>,
    /// The keep-alive interval; zero switches it off.
    pub keep_alive: Duration,
    pub connection_timeout: Duration,
    /// Clean session, which is clean start in MQTT 5.
    pub clean: bool,
    /// The in-flight window: how many QoS 1 and 2 publishes may be unacknowledged at a time.
    pub max_inflight: u16,
    pub automatic_reconnect: bool,
    /// How long opening keeps trying to find a broker; zero means one attempt.
    pub retry_first: Duration,
    /// How long a refused login is tried again; zero means not at all.
    pub retry_login: Duration,
    /// The first delay before an attempt to reconnect.
    pub reconnect_min: Duration,
    /// The longest delay before an attempt to reconnect.
    pub reconnect_max: Duration,
    /// The outbox on disk of a writer, which keeps the messages that the broker has not confirmed.
    pub outbox: Option<Box<OutboxSettings>>,
    /// The bounds of the outbox in memory.
    pub max_queued_messages: usize,
    pub max_queued_bytes: u32,
    /// The bounds of the inbox.
    pub max_received_messages: usize,
    pub max_received_bytes: usize,
    /// All parameters, if the messaging system is a plugin of the program.
    pub plugged: Option<Map>,
    /// The parameters for people to look at: defaults included, secrets hidden.
    pub visible: Map,
    pub warnings: Vec<String>,
}

impl Settings {
    /// Drops what only opening needs, once TLS has the key: the client's key and its password.
    pub fn forget_key(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.client_certificate = None;
        }
    }

    /// Returns the only topic of a writer.
    pub fn written_topic(&self) -> &str {
        self.topics.first().map_or("", String::as_str)
    }
}

const DEFAULT_KEEP_ALIVE_S: i64 = 60;
pub(super) const DEFAULT_CONNECTION_TIMEOUT_S: f64 = 30.0;
const DEFAULT_WRITE_TIMEOUT_MS: u64 = 60_000;
const DEFAULT_CLOSE_TIMEOUT_MS: u64 = 10_000;
const DEFAULT_MAX_INFLIGHT: u16 = 1000;
/// Mosquitto closes the connection of a client that has more QoS 2 publishes in flight than its `max_inflight_messages`, which
/// is 20 by default.
const DEFAULT_MAX_INFLIGHT_QOS_2: u16 = 20;
const DEFAULT_RECONNECT_MIN_S: f64 = 1.0;
const DEFAULT_RECONNECT_MAX_S: f64 = 120.0;
const DEFAULT_MAX_MESSAGES: i64 = 10_000;
const DEFAULT_MAX_QUEUED_BYTES: i64 = 64 << 20;
const DEFAULT_MAX_RECEIVED_BYTES: i64 = 32 << 20;
/// An image of 10,000 by 10,000 pixels takes 400 MB in Java when it is decoded.
const DEFAULT_MAX_IMAGE_PIXELS: i64 = 100_000_000;
/// Stands for every name: the program has a serializer of its own.
const ANY_VALUE_TYPE: &str = "*";

pub(crate) fn extract(parameters: Parameters, service: Option<String>, request: &Request) -> Result<Settings> {
    let mut take = Extractor { parameters, role: request.role, user_dir: request.user_dir.clone() };
    let plugged = take.service_type(&request.brought.service_types)?.then(|| take.parameters.hand_over());
    take.parameters.check_support();
    let tls = take.tls(request);
    let web_socket = take.web_socket();
    let brokers = match plugged {
        Some(_) => Vec::new(),
        None => take.brokers(default_port(tls.is_some(), web_socket.is_some())),
    };
    let proxy = take.proxy();
    take.sockets(&brokers, tls.is_some());
    let (reconnect_min, reconnect_max) = take.reconnect_delay();
    let consistency = take.consistency();
    let client_id = take.client_id();
    let outbox = take.outbox(consistency, client_id.is_some()).map(Box::new);
    let version = take.version();
    let mut connect_properties = take.connect_properties(version);
    let clean = take.clean(version, client_id.is_none(), &mut connect_properties);
    if outbox.is_some() && consistency == Consistency::ExactlyOnce {
        take.warn_of_lost_handshakes(version, clean, &connect_properties);
    }
    let credentials = take.credentials(version).filter(|_| request.brought.login.is_none());
    let secret = match &credentials {
        _ if request.brought.login.is_some() => Some(("", "")),
        Some(Credentials { password: Some(_), .. }) => Some(("username_pw", "password")),
        _ if connect_properties.auth_data.is_some() => Some(("auth_data", "")),
        _ => web_socket.as_ref().filter(|settings| settings.may_hold_secrets()).map(|_| ("ws_options", "headers")),
    };
    let (acknowledge, processed_tries) = match plugged {
        Some(_) => Default::default(),
        None => take.acknowledge(consistency, clean),
    };
    take.in_the_clear(tls.is_some(), &brokers, proxy.as_ref(), secret);
    let mut settings = Settings {
        service,
        brokers,
        proxy,
        tls,
        web_socket,
        credentials,
        login_file: None,
        login_source: request.brought.login.clone(),
        topics: take.topics(plugged.is_none()),
        client_id: client_id.unwrap_or_else(|| new_client_id(version)),
        consistency,
        retain: take.flag("retain", &[]).unwrap_or(false),
        value_type: take.value_type(&request.brought.value_types),
        value_serializer: take.text("value_serializer", &[]),
        value_deserializer: take.text("value_deserializer", &[]),
        max_image_pixels: take.size("max_image_pixels", DEFAULT_MAX_IMAGE_PIXELS),
        receive_timeout: take.milliseconds("receive_timeout_ms"),
        write_timeout: take.timeout("write_timeout_ms", DEFAULT_WRITE_TIMEOUT_MS),
        close_timeout: take.timeout("close_timeout_ms", DEFAULT_CLOSE_TIMEOUT_MS),
        acknowledge,
        processed_tries,
        message: take.message(&[], &request.brought),
        version,
        connect_properties,
        message_properties: take.message_properties("message_properties", &[]).filter(|_| version == Version::V5),
        will: take.will(version, request.brought.serializers),
        keep_alive: take.keep_alive(),
        connection_timeout: take.connection_timeout(),
        clean,
        max_inflight: take.max_inflight(consistency),
        automatic_reconnect: take.flag("connect.automatic_reconnect", &[]).unwrap_or(true),
        retry_first: take.retry_first(outbox.as_deref()),
        retry_login: take.any_seconds("connect.retry_login"),
        reconnect_min,
        reconnect_max,
        outbox,
        max_queued_messages: take.max_queued_messages(),
        max_queued_bytes: take.size("max_queued_bytes", DEFAULT_MAX_QUEUED_BYTES) as u32,
        max_received_messages: take.size("max_received_messages", DEFAULT_MAX_MESSAGES) as usize,
        max_received_bytes: take.size("max_received_bytes", DEFAULT_MAX_RECEIVED_BYTES) as usize,
        plugged,
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

/// Generates a client identifier that no other client has. MQTT 3.1 allows 23 characters (section 3.1).
fn new_client_id(version: Version) -> String {
    let mut id = format!("sinetstream-{}", uuid::Uuid::new_v4().simple());
    if version == Version::V31 {
        id.replace_range(..id.len() - 17, "sinet-");
    }
    id
}

/// Returns the broker's port for an address in `brokers` that has none.
fn default_port(tls: bool, web_socket: bool) -> u16 {
    match (web_socket, tls) {
        (false, false) => 1883,
        (false, true) => 8883,
        (true, false) => 80,
        (true, true) => 443,
    }
}

/// Adds the common parameters that nobody gave, so that they are visible. `qos` may have decided the consistency.
fn with_defaults(mut visible: Map, settings: &Settings) -> Map {
    visible.insert("consistency", settings.consistency.name());
    let defaults = [
        ("retain", Value::Bool(settings.retain)),
        ("value_type", Value::from(settings.value_type.as_str())),
        ("user_data_only", Value::Bool(settings.message.user_data_only)),
        ("data_compression", Value::Bool(settings.message.compression.is_some())),
        ("data_encryption", Value::Bool(settings.message.encryption.is_some())),
    ];
    for (name, value) in defaults {
        if visible.get(name).is_none() {
            visible.insert(name, value);
        }
    }
    visible
}

impl Extractor {
    /// Returns whether the program brings the messaging system along.
    fn service_type(&mut self, brought_along: &[String]) -> Result<bool> {
        let Some(entry) = self.parameters.get("type") else {
            self.parameters.problem("type", &[], "is missing; expected 'mqtt'");
            return Ok(false);
        };
        match &entry.value {
            Value::Str(name) if name == "mqtt" => {}
            Value::Str(name) if brought_along.contains(name) => return Ok(true),
            Value::Str(name) => {
                let place = self.parameters.place_of(entry, &[]);
                let others: String = brought_along.iter().map(|known| format!(", '{known}'")).collect();
                return Err(Error::UnsupportedServiceType(format!(
                    "{place}: type '{name}' is not known; expected 'mqtt'{others}"
                )));
            }
            other => {
                let message = format!("expected the string 'mqtt', found {}", other.kind());
                self.parameters.problem("type", &[], &message);
            }
        }
        Ok(false)
    }

    fn brokers(&mut self, default_port: u16) -> Vec<Broker> {
        let Some(value) = self.value("brokers", &[]) else {
            self.parameters.problem("brokers", &[], "is missing; expected host or host:port");
            return Vec::new();
        };
        if let Value::Str(text) = &value {
            let list: Vec<Value> = text.split(',').map(|broker| Value::from(broker.trim())).collect();
            self.parameters.understood("brokers", &[], Value::List(list));
        }
        broker::parse(&value, default_port).unwrap_or_else(|message| {
            self.parameters.problem("brokers", &[], &message);
            Vec::new()
        })
    }

    /// Checks Unix sockets under TLS: a certificate is for a host, which such a socket does not have.
    fn sockets(&mut self, brokers: &[Broker], tls: bool) {
        if let Some(broker) = brokers.iter().find(|broker| tls && broker.socket().is_some()) {
            let message = format!("'{broker}' is on this machine and has no name for a certificate: leave out 'tls'");
            self.parameters.problem("brokers", &[], &message);
        }
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
        // `qos` wins over a `consistency` of the same or of a lower layer.
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

    /// Reads the topics. `mqtt` means that MQTT's rules apply; other messaging systems have their own.
    fn topics(&mut self, mqtt: bool) -> Vec<String> {
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
                _ if !mqtt => Ok(()),
                Role::Writer => topic::check_name(text, "the topic of a writer"),
                Role::Reader => topic::check_filter(text),
            };
            if let Err(message) = checked {
                self.parameters.problem("topic", path, &message);
            }
            topics.push(text.clone());
        }
        match (self.role, topics.len()) {
            (Role::Writer, 1) | (Role::Reader, 1..) => {}
            (_, 0) if !mqtt => {}
            (_, 0) => self.parameters.problem("topic", &[], "is missing; expected a topic"),
            (Role::Writer, _) => self.parameters.problem("topic", &[], "a writer has one topic, found several"),
        }
        topics
    }

    fn value_type(&mut self, brought_along: &[String]) -> String {
        let Some(name) = self.text("value_type", &[]) else { return "byte_array".into() };
        match name.as_str() {
            "byte_array" | "text" | "image" => {}
            other if brought_along.iter().any(|known| known == other || known == ANY_VALUE_TYPE) => {}
            _ => self.parameters.problem("value_type", &[], "expected byte_array, text or image"),
        }
        name
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

    /// Reads the limit of queued messages. As in Python, 0 means no limit by number; the one by bytes stays.
    fn max_queued_messages(&mut self) -> usize {
        match self.integer_or_inside("max_queued_messages", "queue_size", 0..=i64::from(u32::MAX)) {
            Some(0) => usize::MAX,
            given => given.unwrap_or(DEFAULT_MAX_MESSAGES) as usize,
        }
    }

    fn max_inflight(&mut self, consistency: Consistency) -> u16 {
        let given = self.integer_or_inside("max_inflight_messages", "inflight", 1..=65_535);
        given.and_then(|given| u16::try_from(given).ok()).unwrap_or(match consistency {
            Consistency::ExactlyOnce => DEFAULT_MAX_INFLIGHT_QOS_2,
            _ => DEFAULT_MAX_INFLIGHT,
        })
    }
}
