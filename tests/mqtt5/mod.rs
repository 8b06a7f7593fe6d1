//! MQTT 5: what it has and the versions before it have not. Against Mosquitto where that can show it, else against a
//! scripted broker.

mod connect;
mod delivery;
mod disconnect;
mod limits;
mod options;
mod parameters;
mod refused;
mod session;

use crate::common;
use crate::common::{PATIENCE, quickly};
use sinetstream::config::Value;
use sinetstream::{Consistency, MessageReaderBuilder, MessageWriterBuilder};

/// QoS 1. Lost connections stay lost.
fn writer(address: &str, topic: &str) -> MessageWriterBuilder<str> {
    common::writer(address, topic)
        .consistency(Consistency::AtLeastOnce)
        .parameter("protocol", "MQTTv5")
        .parameter("write_timeout_ms", PATIENCE.as_millis() as i64)
}

/// QoS 1. Lost connections stay lost.
fn reader(address: &str, topic: &str) -> MessageReaderBuilder<String> {
    common::reader(address, topic).consistency(Consistency::AtLeastOnce).parameter("protocol", "MQTTv5")
}

/// A writer that comes back.
fn returning_writer(address: &str, topic: &str) -> MessageWriterBuilder<str> {
    writer(address, topic).parameter("connect", Value::Null).parameter("reconnect_delay", quickly())
}

/// A reader that comes back.
fn returning_reader(address: &str, topic: &str) -> MessageReaderBuilder<String> {
    reader(address, topic).parameter("connect", Value::Null).parameter("reconnect_delay", quickly())
}
