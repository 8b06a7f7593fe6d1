//! The options of a single message.

use std::time::Duration;

use super::MessageProperties;

/// The options of a single message, for the methods of the writers whose names end with `_with`. An option replaces the
/// service's parameter for this message only; a user property replaces those of the service with the same name. The write
/// checks them.
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
    /// The properties that are given. The expiry is separate, because it may be longer than MQTT can express.
    pub(crate) properties: MessageProperties,
}

impl WriteOptions {
    /// Returns empty options: the message is written like any other of the service.
    pub fn new() -> WriteOptions {
        WriteOptions::default()
    }

    /// Sets the topic of the message, without wildcards. The connection and all other parameters remain the service's.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Sets whether the broker keeps the message for new readers of its topic.
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = Some(retain);
        self
    }

    /// Sets how long the message is valid after the broker has received it, rounded up to whole seconds
    /// (`message_expiry_interval`; MQTT 5 only).
    pub fn message_expiry(mut self, expiry: Duration) -> Self {
        self.expiry = Some(expiry);
        self
    }

    /// Sets the type of the value, usually a MIME type (MQTT 5 only).
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.properties.content_type = Some(content_type.into());
        self
    }

    /// Sets the topic for an answer, without wildcards (MQTT 5 only).
    pub fn response_topic(mut self, topic: impl Into<String>) -> Self {
        self.properties.response_topic = Some(topic.into());
        self
    }

    /// Sets the data that an answer should carry, or the data of the request that this message answers (MQTT 5 only).
    pub fn correlation_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.properties.correlation_data = Some(data.into());
        self
    }

    /// Adds a name and a value (MQTT 5 only). The properties of several calls are sent in the order of the calls, and a name
    /// may occur several times. They follow the service's user properties, of which those with the same name are left out.
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.user_properties.push((name.into(), value.into()));
        self
    }
}

/// Shows the properties as their own `Debug` does, without the application's data.
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
