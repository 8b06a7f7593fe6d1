//! The will: the message that the broker publishes when it loses the client without a DISCONNECT.

use super::brought::BroughtAlong;
use super::extractor::Extractor;
use super::message::MessageSettings;
use super::value::Value;
use crate::terms::text::MAX_LENGTH;
use crate::terms::{Consistency, MessageProperties, Version, topic};

/// The settings of the will. Only parameters inside `will` apply to it; `Debug` hides the value.
#[derive(Clone)]
pub(crate) struct WillSettings {
    pub topic: String,
    /// The value, which is encoded as a SINETStream message.
    pub value: Vec<u8>,
    /// The program's class that serializes the value.
    pub serializer: Option<WillSerializer>,
    pub message: MessageSettings,
    pub qos: Consistency,
    pub retain: bool,
    /// The delay in seconds; MQTT 5 only.
    pub delay_interval: Option<u32>,
    pub properties: Option<MessageProperties>,
}

/// See [`WillSettings::serializer`].
#[derive(Clone)]
pub(crate) struct WillSerializer {
    pub class: String,
    pub payload: Value,
}

impl std::fmt::Debug for WillSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WillSettings({:?})", self.topic)
    }
}

impl Extractor {
    pub fn will(&mut self, version: Version, brings_serializers: bool) -> Option<WillSettings> {
        match self.value("will", &[])? {
            Value::Map(_) => {}
            other => {
                self.wrong("will", &[], "a map with 'topic' and 'payload'", &other);
                return None;
            }
        }
        let topic = self.text("will", &["topic"]);
        match &topic {
            Some(topic) => {
                if let Err(message) = topic::check_name(topic, "the topic of a will") {
                    self.parameters.problem("will", &["topic"], &message);
                }
            }
            None if self.value("will", &["topic"]).is_none() => {
                self.parameters.problem("will", &["topic"], "is missing; expected a topic");
            }
            None => {}
        }
        let serializer = self.will_serializer(brings_serializers);
        let value = if serializer.is_some() { Vec::new() } else { self.will_value() };
        let delay_interval =
            self.integer("will", &["delay_interval"], 0..=i64::from(u32::MAX)).map(|seconds| seconds as u32);
        let properties = self.message_properties("will", &["message_properties"]);
        if version != Version::V5 {
            self.no_effect_inside("will", "delay_interval", "it needs 'protocol: MQTTv5'");
            self.no_effect_inside("will", "message_properties", "it needs 'protocol: MQTTv5'");
        }
        let message = self.message(&["will"], &BroughtAlong::default());
        self.look_at_the_form();
        Some(WillSettings {
            topic: topic.unwrap_or_default(),
            value,
            serializer,
            message,
            qos: self.will_qos(),
            retain: self.flag("will", &["retain"]).unwrap_or(false),
            delay_interval,
            properties,
        })
    }

    /// Warns if the service sets `user_data_only` and the will does not say it: as in all SINETStream libraries, the service's
    /// setting does not apply to the will, so the broker would get two forms, perhaps without the user knowing.
    fn look_at_the_form(&mut self) {
        let alone = self.value("user_data_only", &[]) == Some(Value::Bool(true));
        if let (true, None, Some(entry)) = (alone, self.value("will", &["user_data_only"]), self.parameters.get("will"))
        {
            let place = self.parameters.place_of(entry, &[]);
            self.parameters.warnings.push(format!(
                "{place}: the will goes out in SINETStream's format although 'user_data_only' is true; \
                 'will.user_data_only' decides for it: true, or false to keep it so"
            ));
        }
    }

    /// Reads `serializer`, which wins over `value_type`, as in a writer.
    fn will_serializer(&mut self, brings_serializers: bool) -> Option<WillSerializer> {
        let class = self.text("will", &["value_serializer"])?;
        if !brings_serializers {
            let message = "names a class of Java; a Rust program gives bytes or a text";
            self.parameters.problem("will", &["value_serializer"], message);
            return None;
        }
        match self.value("will", &["payload"]) {
            Some(payload) => Some(WillSerializer { class, payload }),
            None => {
                self.parameters.problem("will", &["payload"], "is missing; expected a value for 'value_serializer'");
                None
            }
        }
    }

    /// Reads the value. Without `value_type` a text is sent as text.
    fn will_value(&mut self) -> Vec<u8> {
        let kind = self.text("will", &["value_type"]);
        if !matches!(kind.as_deref(), None | Some("text" | "byte_array")) {
            self.parameters.problem("will", &["value_type"], "expected byte_array or text");
            return Vec::new();
        }
        let value = match (self.value("will", &["payload"]), kind.as_deref()) {
            (Some(Value::Str(text)), None | Some("text")) => text.into_bytes(),
            (Some(Value::Bytes(bytes)), None | Some("byte_array")) => bytes,
            (None, _) => {
                self.parameters.problem("will", &["payload"], "is missing; expected a string or bytes");
                Vec::new()
            }
            (Some(Value::Str(_)), _) => {
                let message = "a string needs 'value_type: text'; expected bytes (!!binary)";
                self.parameters.problem("will", &["payload"], message);
                Vec::new()
            }
            (Some(other), kind) => {
                let expected =
                    if kind == Some("text") { "a string (put the value in quotes)" } else { "a string or bytes" };
                self.wrong("will", &["payload"], expected, &other);
                Vec::new()
            }
        };
        // SINETStream's header takes up to 64 bytes more.
        if value.len() > MAX_LENGTH - 64 {
            let limit = MAX_LENGTH - 64;
            self.parameters.problem(
                "will",
                &["payload"],
                &format!("longer than {limit} bytes, which a will can't carry"),
            );
        }
        value
    }

    /// Reads `qos`, or `consistency`; the service's own does not apply, unlike elsewhere.
    fn will_qos(&mut self) -> Consistency {
        let consistency = self.text("will", &["consistency"]).and_then(|name| {
            let consistency = name.parse().ok();
            if consistency.is_none() {
                let message = "expected AT_MOST_ONCE, AT_LEAST_ONCE or EXACTLY_ONCE";
                self.parameters.problem("will", &["consistency"], message);
            }
            consistency
        });
        self.integer("will", &["qos"], 0..=2).and_then(Consistency::from_qos).or(consistency).unwrap_or_default()
    }
}
