//! The properties of MQTT 5 packets (section 2.2.2): a block of identifiers and values, preceded by its length.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use zeroize::Zeroize;

use super::{ProtocolError, put_remaining_length};

/// The properties that this client reads or writes, by their identifiers (table 2-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
// "User property" is the specification's name.
#[allow(clippy::enum_variant_names)]
pub(super) enum Property {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifierAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
}

/// The value of a property (table 2-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A byte, two-byte, four-byte or variable-byte integer.
    Number(u32),
    Text(String),
    Data(Bytes),
    Pair(String, String),
}

/// The properties that a broker may put into each packet, by packet type (table 2-4).
pub(super) const CONNACK: &[Property] = &[
    Property::SessionExpiryInterval,
    Property::AssignedClientIdentifier,
    Property::ServerKeepAlive,
    Property::AuthenticationMethod,
    Property::AuthenticationData,
    Property::ResponseInformation,
    Property::ServerReference,
    Property::ReasonString,
    Property::ReceiveMaximum,
    Property::TopicAliasMaximum,
    Property::MaximumQos,
    Property::RetainAvailable,
    Property::UserProperty,
    Property::MaximumPacketSize,
    Property::WildcardSubscriptionAvailable,
    Property::SubscriptionIdentifierAvailable,
    Property::SharedSubscriptionAvailable,
];
pub(super) const PUBLISH: &[Property] = &[
    Property::PayloadFormatIndicator,
    Property::MessageExpiryInterval,
    Property::ContentType,
    Property::ResponseTopic,
    Property::CorrelationData,
    Property::SubscriptionIdentifier,
    Property::TopicAlias,
    Property::UserProperty,
];
/// The properties of PUBACK, PUBREC, PUBREL, PUBCOMP and SUBACK.
pub(super) const ACKNOWLEDGEMENT: &[Property] = &[Property::ReasonString, Property::UserProperty];
pub(super) const DISCONNECT: &[Property] = &[Property::ServerReference, Property::ReasonString, Property::UserProperty];

/// Takes a block of properties off the front of `packet` and hands each to `found`; returns the block.
pub(super) fn read(
    packet: &mut Bytes,
    allowed: &[Property],
    found: impl FnMut(Property, Value),
) -> Result<Bytes, ProtocolError> {
    let length = variable_byte_integer(packet)? as usize;
    if length > packet.len() {
        return Err(malformed("properties longer than their packet"));
    }
    let block = packet.split_to(length);
    walk(block.clone(), allowed, found)?;
    Ok(block)
}

/// Hands each property of a block to `found`. Each may occur once, except for user properties and subscription identifiers.
pub(super) fn walk(
    mut rest: Bytes,
    allowed: &[Property],
    mut found: impl FnMut(Property, Value),
) -> Result<(), ProtocolError> {
    // Identifiers are below 64, so one integer records those that were seen.
    let mut seen = 0_u64;
    while !rest.is_empty() {
        let identifier = rest.get_u8();
        let property = allowed.iter().copied().find(|property| *property as u8 == identifier);
        let property =
            property.ok_or_else(|| malformed(&format!("property {identifier:#04x} does not belong here")))?;
        let bit = 1 << (property as u8);
        if seen & bit != 0 && !matches!(property, Property::UserProperty | Property::SubscriptionIdentifier) {
            return Err(malformed(&format!("{property:?} occurs twice")));
        }
        seen |= bit;
        found(property, read_value(property, &mut rest)?);
    }
    Ok(())
}

fn read_value(property: Property, block: &mut Bytes) -> Result<Value, ProtocolError> {
    use Property as P;
    let (value, good) = match property {
        P::PayloadFormatIndicator
        | P::RequestProblemInformation
        | P::RequestResponseInformation
        | P::MaximumQos
        | P::RetainAvailable
        | P::WildcardSubscriptionAvailable
        | P::SubscriptionIdentifierAvailable
        | P::SharedSubscriptionAvailable => {
            let number = u32::from(need(block, 1)?.get_u8());
            (Value::Number(number), number <= 1)
        }
        P::ServerKeepAlive | P::TopicAliasMaximum => (Value::Number(need(block, 2)?.get_u16().into()), true),
        P::ReceiveMaximum | P::TopicAlias => {
            let number = need(block, 2)?.get_u16().into();
            (Value::Number(number), number > 0)
        }
        P::MessageExpiryInterval | P::SessionExpiryInterval | P::WillDelayInterval => {
            (Value::Number(need(block, 4)?.get_u32()), true)
        }
        P::MaximumPacketSize => {
            let number = need(block, 4)?.get_u32();
            (Value::Number(number), number > 0)
        }
        P::SubscriptionIdentifier => {
            let number = variable_byte_integer(block)?;
            (Value::Number(number), number > 0)
        }
        P::CorrelationData | P::AuthenticationData => (Value::Data(data(block)?), true),
        P::UserProperty => (Value::Pair(text(block)?, text(block)?), true),
        P::ContentType
        | P::ResponseTopic
        | P::AssignedClientIdentifier
        | P::AuthenticationMethod
        | P::ResponseInformation
        | P::ServerReference
        | P::ReasonString => (Value::Text(text(block)?), true),
    };
    if good { Ok(value) } else { Err(malformed(&format!("{property:?} has a value that is not allowed"))) }
}

/// Reads an integer of one to four bytes, the lowest seven bits first (section 1.5.5).
pub(super) fn variable_byte_integer(bytes: &mut Bytes) -> Result<u32, ProtocolError> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let byte = need(bytes, 1)?.get_u8();
        number |= u32::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(malformed("a variable byte integer of more than four bytes"))
}

/// Reads a UTF-8 string that is preceded by its length (section 1.5.4); NUL is not allowed.
fn text(bytes: &mut Bytes) -> Result<String, ProtocolError> {
    shared_text(bytes).map(String::from)
}

/// Reads a UTF-8 string without a copy: it shares the packet's buffer.
pub(super) fn shared_text(bytes: &mut Bytes) -> Result<ByteString, ProtocolError> {
    let text = ByteString::try_from(data(bytes)?).map_err(|_| malformed("a string is not UTF-8"))?;
    if text.contains('\0') { Err(malformed("a string with NUL")) } else { Ok(text) }
}

fn data(bytes: &mut Bytes) -> Result<Bytes, ProtocolError> {
    let length = need(bytes, 2)?.get_u16().into();
    Ok(need(bytes, length)?.split_to(length))
}

/// Returns the bytes if there are at least this many.
pub(super) fn need(bytes: &mut Bytes, count: usize) -> Result<&mut Bytes, ProtocolError> {
    if bytes.len() < count { Err(malformed("it is cut short")) } else { Ok(bytes) }
}

pub(super) fn malformed(what: &str) -> ProtocolError {
    ProtocolError(format!("malformed packet from the broker: {what}"))
}

/// A block of properties to be written.
#[derive(Default)]
pub(super) struct Block(BytesMut);

impl Block {
    pub fn byte(&mut self, property: Property, value: Option<u8>) {
        if let Some(value) = value {
            self.0.put_slice(&[property as u8, value]);
        }
    }

    pub fn two_bytes(&mut self, property: Property, value: Option<u16>) {
        if let Some(value) = value {
            self.0.put_u8(property as u8);
            self.0.put_u16(value);
        }
    }

    pub fn four_bytes(&mut self, property: Property, value: Option<u32>) {
        if let Some(value) = value {
            self.0.put_u8(property as u8);
            self.0.put_u32(value);
        }
    }

    /// Appends binary data. The configuration refuses data that is too long for a two-byte length.
    pub fn data(&mut self, property: Property, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.0.put_u8(property as u8);
            self.put_data(value);
        }
    }

    pub fn text(&mut self, property: Property, value: Option<&str>) {
        self.data(property, value.map(str::as_bytes));
    }

    pub fn user_properties(&mut self, pairs: &[(String, String)]) {
        for (name, value) in pairs {
            self.0.put_u8(Property::UserProperty as u8);
            self.put_data(name.as_bytes());
            self.put_data(value.as_bytes());
        }
    }

    fn put_data(&mut self, data: &[u8]) {
        self.0.put_u16(data.len() as u16);
        self.0.put_slice(data);
    }

    /// Writes the block, preceded by its length.
    pub fn write(&self, to: &mut impl BufMut) {
        put_remaining_length(to, self.0.len());
        to.put_slice(&self.0);
    }

    /// Overwrites the block, since it contains a secret.
    pub fn wipe(mut self) {
        self.0[..].zeroize();
    }

    /// Returns the block.
    pub fn freeze(self) -> Bytes {
        self.0.freeze()
    }
}
