//! The properties of a message in MQTT 5.

/// Properties of a message (MQTT 5, section 3.3.2.3).
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    /// The payload format indicator. 1: the value is UTF-8; 0: the value is just bytes.
    pub payload_format_indicator: Option<u8>,
    /// The message's lifetime in seconds; in a message that was read, the rest of it.
    pub message_expiry_interval: Option<u32>,
    /// The type of the value, usually a MIME type.
    pub content_type: Option<String>,
    /// The topic for an answer.
    pub response_topic: Option<String>,
    /// The data that an answer should carry, so that it can be matched to its request.
    pub correlation_data: Option<Vec<u8>>,
    /// The names and values in their order; a name may occur several times.
    pub user_properties: Vec<(String, String)>,
    /// The identifiers of the subscriptions through which the message came; only in messages that were read.
    pub subscription_identifiers: Vec<u32>,
}

/// Hides response topic, correlation data and the content of user properties, which may hold the application's data.
impl std::fmt::Debug for MessageProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageProperties")
            .field("message_expiry_interval", &self.message_expiry_interval)
            .field("content_type", &self.content_type)
            .field("user_properties", &self.user_properties.len())
            .finish_non_exhaustive()
    }
}
