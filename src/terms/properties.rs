//! What a message of MQTT 5 says of itself.

/// Properties of a message (MQTT 5, section 3.3.2.3).
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    /// 1: the value is UTF-8; 0: just bytes.
    pub payload_format_indicator: Option<u8>,
    /// The message's lifetime in seconds; on a message that was read, what was left of it.
    pub message_expiry_interval: Option<u32>,
    /// What the value is, usually a MIME type.
    pub content_type: Option<String>,
    /// Where an answer should be sent.
    pub response_topic: Option<String>,
    /// What an answer should carry, so that it can be matched.
    pub correlation_data: Option<Vec<u8>>,
    /// Names and values in their order; a name may occur several times.
    pub user_properties: Vec<(String, String)>,
    /// The identifiers of the subscriptions through which the message came; on messages that were read only.
    pub subscription_identifiers: Vec<u32>,
}

/// Without what applications put in.
impl std::fmt::Debug for MessageProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageProperties")
            .field("message_expiry_interval", &self.message_expiry_interval)
            .field("content_type", &self.content_type)
            .field("user_properties", &self.user_properties.len())
            .finish_non_exhaustive()
    }
}
