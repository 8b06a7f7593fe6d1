//! MQTT 5. Every packet is read and written here: the codec's reader for this version can't be used where there are properties,
//! because it trusts lengths, lets properties leak into payloads, does not know AUTH and the short DISCONNECT, and drops the
//! reasons of a refused CONNACK. Tests compare both where the codec is right.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::properties::{self, Block, Property, Value, malformed, need};
use super::{
    Connack, Connect, Limits, MessageProperties, Packet, ProtocolError, Publish, Reason, Will, put_remaining_length,
    put_string,
};
use crate::config::Consistency;
use crate::wiped::Secret;

/// Checks packet type, flags and length as MQTT 5 fixes them for what a broker sends (sections 2.1.2, 2.1.3 and 3).
pub(super) fn check_fixed_header(first: u8, remaining: usize) -> Result<(), ProtocolError> {
    let (kind, flags) = (first >> 4, first & 0x0F);
    let fits = match kind {
        // A broker of an earlier version refuses with two bytes.
        2 => flags == 0 && remaining >= 2,
        3 => (flags >> 1) & 3 != 3 && (flags & 0b1110 != 0b1000),
        4 | 5 | 7 => flags == 0 && remaining >= 2,
        6 => flags == 2 && remaining >= 2,
        9 => flags == 0 && remaining >= 4,
        13 => flags == 0 && remaining == 0,
        14 | 15 => flags == 0,
        _ => return Err(ProtocolError(format!("a broker does not send packets of type {kind}"))),
    };
    match fits {
        true => Ok(()),
        false => Err(ProtocolError(format!("packet of type {kind} with flags {flags:#x} and length {remaining}"))),
    }
}

/// Reads what follows the fixed header. The topic of a PUBLISH may be empty, with an alias.
pub(super) fn decode(first: u8, mut body: Bytes) -> Result<(Packet, Option<u16>), ProtocolError> {
    let mut alias = None;
    let packet = match first >> 4 {
        2 => connack(body)?,
        3 => {
            let (publish, given) = publish(first, body)?;
            alias = given;
            Packet::Publish(publish)
        }
        4 => acknowledgement(body, Packet::Puback)?,
        5 => acknowledgement(body, Packet::Pubrec)?,
        6 => acknowledgement(body, Packet::Pubrel)?,
        7 => acknowledgement(body, Packet::Pubcomp)?,
        9 => {
            let id = packet_id(&mut body)?;
            let mut reason = Reason::default();
            read_reason(&mut body, properties::ACKNOWLEDGEMENT, &mut reason)?;
            if body.is_empty() {
                return Err(malformed("SUBACK without a reason code"));
            }
            Packet::Suback(id, body.to_vec(), reason.text)
        }
        13 => Packet::Pingresp,
        14 => {
            let mut reason = Reason::of(if body.is_empty() { 0 } else { body.get_u8() });
            if !body.is_empty() {
                read_reason(&mut body, properties::DISCONNECT, &mut reason)?;
                nothing_left(&body)?;
            }
            Packet::Disconnect(reason)
        }
        15 => Packet::Auth,
        kind => return Err(ProtocolError(format!("a broker does not send packets of type {kind}"))),
    };
    Ok((packet, alias))
}

fn connack(mut body: Bytes) -> Result<Packet, ProtocolError> {
    need(&mut body, 2)?;
    let flags = body.get_u8();
    let code = body.get_u8();
    if flags > 1 || (flags == 1 && code != 0) {
        return Err(ProtocolError(format!("CONNACK with flags {flags:#x} and code {code:#04x}")));
    }
    let mut connack = Connack { session_present: flags == 1, reason: Reason::of(code), limits: Limits::default() };
    if body.is_empty() {
        return match code {
            0 => Err(malformed("CONNACK without properties")),
            // A broker of an earlier version refuses in this form.
            _ => Ok(Packet::Connack(Box::new(connack))),
        };
    }
    let Connack { reason, limits, .. } = &mut connack;
    properties::read(&mut body, properties::CONNACK, |property, value| match (property, value) {
        (Property::ReasonString, Value::Text(text)) => reason.text = Some(text),
        (Property::ServerReference, Value::Text(text)) => reason.server = Some(text),
        (Property::AssignedClientIdentifier, Value::Text(text)) => limits.assigned_client_id = Some(text),
        (Property::ResponseInformation, Value::Text(text)) => limits.response_information = Some(text),
        (Property::ServerKeepAlive, Value::Number(seconds)) => limits.server_keep_alive_s = Some(seconds as u16),
        (Property::ReceiveMaximum, Value::Number(number)) => limits.receive_maximum = Some(number as u16),
        (Property::MaximumPacketSize, Value::Number(bytes)) => limits.maximum_packet_size = Some(bytes as usize),
        (Property::MaximumQos, Value::Number(qos)) => limits.maximum_qos = Some(qos as u8),
        (Property::RetainAvailable, Value::Number(flag)) => limits.no_retain = flag == 0,
        (Property::WildcardSubscriptionAvailable, Value::Number(flag)) => limits.no_wildcards = flag == 0,
        (Property::SharedSubscriptionAvailable, Value::Number(flag)) => limits.no_shared = flag == 0,
        _ => {}
    })?;
    nothing_left(&body)?;
    Ok(Packet::Connack(Box::new(connack)))
}

fn publish(first: u8, mut body: Bytes) -> Result<(Publish, Option<u16>), ProtocolError> {
    let topic = properties::shared_text(&mut body)?;
    let qos = Consistency::from_qos(i64::from((first >> 1) & 3)).ok_or_else(|| malformed("QoS 3"))?;
    let packet_id = if qos == Consistency::AtMostOnce { 0 } else { packet_id(&mut body)? };
    let mut alias = None;
    let properties = properties::read(&mut body, properties::PUBLISH, |property, value| {
        if let (Property::TopicAlias, Value::Number(number)) = (property, value) {
            alias = Some(number as u16);
        }
    })?;
    let publish =
        Publish { topic, payload: body, qos, retain: first & 1 == 1, dup: first & 8 == 8, packet_id, properties };
    Ok((publish, alias))
}

/// Parsed properties use far more memory than their encoding; cap them against hostile peers.
pub(crate) const MAX_PROPERTIES: usize = 1024 * 1024;

/// Returns what the properties of a PUBLISH say to the application; `None` when they say nothing.
pub(super) fn message_properties(block: &Bytes) -> Option<MessageProperties> {
    if block.is_empty() {
        return None;
    }
    if block.len() > MAX_PROPERTIES {
        tracing::warn!("the properties of a message are left out: they have {} bytes", block.len());
        return None;
    }
    let mut found = MessageProperties::default();
    // The block was read before, so this can't fail.
    let _ = properties::walk(block.clone(), properties::PUBLISH, |property, value| match (property, value) {
        (Property::PayloadFormatIndicator, Value::Number(number)) => {
            found.payload_format_indicator = Some(number as u8);
        }
        (Property::MessageExpiryInterval, Value::Number(seconds)) => found.message_expiry_interval = Some(seconds),
        (Property::ContentType, Value::Text(text)) => found.content_type = Some(text),
        (Property::ResponseTopic, Value::Text(text)) => found.response_topic = Some(text),
        (Property::CorrelationData, Value::Data(data)) => found.correlation_data = Some(data.to_vec()),
        (Property::UserProperty, Value::Pair(name, value)) => found.user_properties.push((name, value)),
        (Property::SubscriptionIdentifier, Value::Number(id)) => found.subscription_identifiers.push(id),
        _ => {}
    });
    (found != MessageProperties::default()).then_some(found)
}

/// Reads PUBACK and its like: the reason code may be left out when it is 0, and the properties with it (section 3.4.2.1).
fn acknowledgement(mut body: Bytes, packet: fn(u16, Reason) -> Packet) -> Result<Packet, ProtocolError> {
    let id = packet_id(&mut body)?;
    let mut reason = Reason::of(if body.is_empty() { 0 } else { body.get_u8() });
    if !body.is_empty() {
        read_reason(&mut body, properties::ACKNOWLEDGEMENT, &mut reason)?;
        nothing_left(&body)?;
    }
    Ok(packet(id, reason))
}

fn read_reason(body: &mut Bytes, allowed: &[Property], reason: &mut Reason) -> Result<(), ProtocolError> {
    properties::read(body, allowed, |property, value| match (property, value) {
        (Property::ReasonString, Value::Text(text)) => reason.text = Some(text),
        (Property::ServerReference, Value::Text(text)) => reason.server = Some(text),
        _ => {}
    })?;
    Ok(())
}

fn packet_id(body: &mut Bytes) -> Result<u16, ProtocolError> {
    match need(body, 2)?.get_u16() {
        0 => Err(ProtocolError("packet identifier 0".into())),
        id => Ok(id),
    }
}

fn nothing_left(body: &Bytes) -> Result<(), ProtocolError> {
    if body.is_empty() { Ok(()) } else { Err(malformed("bytes after its end")) }
}

/// Writes the properties of a CONNECT (section 3.1.2.11).
pub(super) fn connect_properties(connect: &Connect, to: &mut impl BufMut) {
    let given = &connect.properties;
    let mut block = Block::default();
    block.four_bytes(Property::SessionExpiryInterval, given.session_expiry_interval);
    block.two_bytes(Property::ReceiveMaximum, given.receive_maximum);
    block.four_bytes(Property::MaximumPacketSize, given.maximum_packet_size);
    block.two_bytes(Property::TopicAliasMaximum, given.topic_alias_maximum);
    block.byte(Property::RequestResponseInformation, given.request_response_info.map(u8::from));
    block.byte(Property::RequestProblemInformation, given.request_problem_info.map(u8::from));
    block.user_properties(&given.user_properties);
    block.text(Property::AuthenticationMethod, given.auth_method.as_deref());
    // The secret comes last, so that a growing block leaves no copy of it behind.
    block.data(Property::AuthenticationData, given.auth_data.as_ref().map(Secret::bytes));
    block.write(to);
    block.wipe();
}

/// Writes the properties of a will (section 3.1.3.2).
pub(super) fn will_properties(will: &Will, to: &mut impl BufMut) {
    let mut delay = Block::default();
    delay.four_bytes(Property::WillDelayInterval, will.delay_interval);
    let delay = delay.freeze();
    put_remaining_length(to, delay.len() + will.properties.len());
    to.put_slice(&delay);
    to.put_slice(&will.properties);
}

/// Encodes the properties of an outgoing PUBLISH or of a will (section 3.3.2.3), as a block without its length.
pub(super) fn encode_message_properties(properties: &MessageProperties) -> Bytes {
    let mut block = Block::default();
    block.byte(Property::PayloadFormatIndicator, properties.payload_format_indicator);
    block.four_bytes(Property::MessageExpiryInterval, properties.message_expiry_interval);
    block.text(Property::ContentType, properties.content_type.as_deref());
    block.text(Property::ResponseTopic, properties.response_topic.as_deref());
    block.data(Property::CorrelationData, properties.correlation_data.as_deref());
    block.user_properties(&properties.user_properties);
    block.freeze()
}

/// Writes a SUBSCRIBE (section 3.8), without properties and with no option but the QoS.
pub(super) fn subscribe(id: u16, filters: &[String], qos: Consistency, to: &mut BytesMut) {
    let remaining = 3 + filters.iter().map(|filter| 3 + filter.len()).sum::<usize>();
    to.put_u8(0x82);
    put_remaining_length(to, remaining);
    to.put_u16(id);
    to.put_u8(0);
    for filter in filters {
        put_string(to, filter.as_bytes());
        to.put_u8(qos.qos());
    }
}

#[cfg(test)]
mod tests;
