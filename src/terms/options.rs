//! What a program says of one message.

use std::time::Duration;

use super::MessageProperties;

/// Options of one message, for the methods of the writers whose names end with `_with`. What is given replaces the service's
/// parameter for this message only; of user properties, those with the same names. They are checked by the write.
///
/// ```
/// use std::time::Duration;
/// use sinetstream::WriteOptions;
///
/// let options = WriteOptions::new().retain(true).message_expiry(Duration::from_secs(60)).content_type("text/plain");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    pub(crate) topic: Option<String>,
    pub(crate) retain: Option<bool>,
    pub(crate) expiry: Option<Duration>,
    /// Those that are given; the expiry is beside them, since it may be longer than MQTT can say.
    pub(crate) properties: MessageProperties,
}

impl WriteOptions {
    /// None yet: the message is written as any other of the service.
    pub fn new() -> WriteOptions {
        WriteOptions::default()
    }

    /// The topic of the message, without wildcards. The writer's connection and everything else of its service stay.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Whether the broker keeps the message for new readers of its topic.
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = Some(retain);
        self
    }

    /// How long the message counts from when the broker has it, rounded up to whole seconds (`message_expiry_interval`; MQTT 5
    /// only).
    pub fn message_expiry(mut self, expiry: Duration) -> Self {
        self.expiry = Some(expiry);
        self
    }

    /// What the value is, usually a MIME type (MQTT 5 only).
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.properties.content_type = Some(content_type.into());
        self
    }

    /// Where an answer should be sent, without wildcards (MQTT 5 only).
    pub fn response_topic(mut self, topic: impl Into<String>) -> Self {
        self.properties.response_topic = Some(topic.into());
        self
    }

    /// What an answer should carry, or what the request carried that this message answers (MQTT 5 only).
    pub fn correlation_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.properties.correlation_data = Some(data.into());
        self
    }

    /// A name and a value (MQTT 5 only). Those of several calls are sent in the order of the calls, and a name may occur several
    /// times. They come after the service's user properties, of which those with the same name are left out.
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.user_properties.push((name.into(), value.into()));
        self
    }
}

/// Without what applications put in.
impl std::fmt::Debug for WriteOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteOptions")
            .field("topic", &self.topic)
            .field("retain", &self.retain)
            .field("expiry", &self.expiry)
            .field("properties", &self.properties)
            .finish()
    }
}
