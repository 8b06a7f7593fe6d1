//! The heading of a publish: everything besides its payload.

use bytes::Bytes;
use bytestring::ByteString;

use super::protocol::{MAX_PROPERTIES, MessageProperties};
use crate::config::{Settings, Version};
use crate::error::{Error, Result};
use crate::terms::{WriteOptions, text, topic};

/// The topic, the flag and the properties of a PUBLISH (MQTT 5, section 3.3): the service's, or a message's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub topic: ByteString,
    pub retain: bool,
    /// The properties as a block of bytes, see [`MessageProperties::encode`]; MQTT 5 only.
    pub properties: Bytes,
}

impl Heading {
    /// Returns the heading of a writer's messages without options.
    pub fn of_service(settings: &Settings) -> Heading {
        let properties = settings.message_properties.as_ref().map(MessageProperties::encode).unwrap_or_default();
        Heading { topic: settings.written_topic().into(), retain: settings.retain, properties }
    }

    /// Returns the heading of a message with options.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfiguration`] names the option that is wrong.
    pub fn of_message(settings: &Settings, options: &WriteOptions) -> Result<Heading> {
        if let Some(name) = &options.topic {
            topic::check_name(name, "the topic of a message").map_err(|why| wrong("topic", &why))?;
        }
        Ok(Heading {
            topic: options.topic.as_deref().unwrap_or(settings.written_topic()).into(),
            retain: options.retain.unwrap_or(settings.retain),
            properties: properties(settings, options)?,
        })
    }

    /// Returns the heading's size in memory, or on disk.
    pub fn size(&self) -> usize {
        self.topic.len() + self.properties.len()
    }
}

fn properties(settings: &Settings, options: &WriteOptions) -> Result<Bytes> {
    check(settings.version, options)?;
    let given = &options.properties;
    let mut all = settings.message_properties.clone().unwrap_or_default();
    if let Some(expiry) = options.expiry {
        let seconds = expiry.as_secs().saturating_add(u64::from(expiry.subsec_nanos() > 0));
        let most = u32::MAX;
        let too_long = |_| wrong("message_expiry", &format!("longer than {most} seconds, which MQTT can't say"));
        all.message_expiry_interval = Some(u32::try_from(seconds).map_err(too_long)?);
    }
    all.content_type = given.content_type.clone().or(all.content_type);
    all.response_topic = given.response_topic.clone().or(all.response_topic);
    all.correlation_data = given.correlation_data.clone().or(all.correlation_data);
    all.user_properties.retain(|(name, _)| given.user_properties.iter().all(|(new, _)| new != name));
    all.user_properties.extend_from_slice(&given.user_properties);
    let block = all.encode();
    if block.len() > MAX_PROPERTIES {
        let (bytes, most) = (block.len(), MAX_PROPERTIES);
        let what = format!("the properties of a message have {bytes} bytes, and may have {most} at most");
        return Err(Error::InvalidConfiguration(what));
    }
    Ok(block)
}

fn check(version: Version, options: &WriteOptions) -> Result<()> {
    let given = &options.properties;
    let only_in_5 = [
        ("message_expiry", options.expiry.is_some()),
        ("content_type", given.content_type.is_some()),
        ("response_topic", given.response_topic.is_some()),
        ("correlation_data", given.correlation_data.is_some()),
        ("user_property", !given.user_properties.is_empty()),
    ];
    if let Some((option, _)) = only_in_5.iter().find(|(_, is_given)| *is_given && version != Version::V5) {
        let has = version.name();
        return Err(wrong(option, &format!("needs 'protocol: MQTTv5'; this writer's protocol is {has}")));
    }
    if let Some(content_type) = &given.content_type {
        text::check(content_type).map_err(|why| wrong("content_type", &why))?;
    }
    if let Some(name) = &given.response_topic {
        topic::check_name(name, "a response topic").map_err(|why| wrong("response_topic", &why))?;
    }
    if let Some(data) = &given.correlation_data {
        text::check_data(data).map_err(|why| wrong("correlation_data", &why))?;
    }
    let mut texts = given.user_properties.iter().flat_map(|(name, value)| [name, value]);
    texts.try_for_each(|text| text::check(text)).map_err(|why| wrong("user_property", &why))
}

fn wrong(option: &str, why: &str) -> Error {
    Error::InvalidConfiguration(format!("option '{option}' of a message: {why}"))
}
