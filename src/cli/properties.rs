//! Formats the MQTT 5 properties of a message, for people and as JSON.

use serde_json::{Value, json};

use super::binary::base64;
use super::terminal::harmless;
use crate::mqtt::MessageProperties;

/// Returns a line for each property, with the names of the parameter `message_properties`.
pub(super) fn lines(properties: &MessageProperties) -> String {
    let MessageProperties { payload_format_indicator, message_expiry_interval, .. } = properties;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("  {name}: {value}\n"));
    let quoted = |text: &str| harmless(&format!("{text:?}"));
    payload_format_indicator.iter().for_each(|number| line("payload_format_indicator", number.to_string()));
    message_expiry_interval.iter().for_each(|seconds| line("message_expiry_interval", seconds.to_string()));
    properties.content_type.iter().for_each(|text| line("content_type", quoted(text)));
    properties.response_topic.iter().for_each(|text| line("response_topic", quoted(text)));
    properties.correlation_data.iter().for_each(|data| match std::str::from_utf8(data) {
        Ok(text) => line("correlation_data", quoted(text)),
        Err(_) => line("correlation_data", format!("{} (Base64)", base64(data))),
    });
    let pairs = properties.user_properties.iter();
    pairs.for_each(|(name, value)| line("user_property", format!("{}={}", quoted(name), quoted(value))));
    properties.subscription_identifiers.iter().for_each(|id| line("subscription_identifier", id.to_string()));
    lines.concat()
}

/// Returns the properties that the message has. Correlation data are bytes, so they are in Base64.
pub(super) fn json(properties: &MessageProperties) -> Value {
    let mut object = json!({});
    let mut put = |name: &str, value: Option<Value>| value.into_iter().for_each(|value| object[name] = value);
    put("payload_format_indicator", properties.payload_format_indicator.map(Value::from));
    put("message_expiry_interval", properties.message_expiry_interval.map(Value::from));
    put("content_type", properties.content_type.as_deref().map(Value::from));
    put("response_topic", properties.response_topic.as_deref().map(Value::from));
    put("correlation_data", properties.correlation_data.as_deref().map(|data| base64(data).into()));
    let (pairs, identifiers) = (&properties.user_properties, &properties.subscription_identifiers);
    put("user_properties", (!pairs.is_empty()).then(|| json!(pairs)));
    put("subscription_identifiers", (!identifiers.is_empty()).then(|| json!(identifiers)));
    object
}
