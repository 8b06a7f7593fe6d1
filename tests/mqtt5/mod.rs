//! Tests the features that MQTT 5 adds to earlier versions. They use Mosquitto if it can show the behaviour, and otherwise a
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

/// Returns the builder of a writer at QoS 1 that does not reconnect.
fn writer(address: &str, topic: &str) -> MessageWriterBuilder<str> {
    common::writer(address, topic)
        .consistency(Consistency::AtLeastOnce)
        .parameter("protocol", "MQTTv5")
        .parameter("write_timeout_ms", PATIENCE.as_millis() as i64)
}

/// Returns the builder of a reader at QoS 1 that does not reconnect.
fn reader(address: &str, topic: &str) -> MessageReaderBuilder<String> {
    common::reader(address, topic).consistency(Consistency::AtLeastOnce).parameter("protocol", "MQTTv5")
}

/// Returns the builder of a writer that reconnects.
fn returning_writer(address: &str, topic: &str) -> MessageWriterBuilder<str> {
    writer(address, topic).parameter("connect", Value::Null).parameter("reconnect_delay", quickly())
}

/// Returns the builder of a reader that reconnects.
fn returning_reader(address: &str, topic: &str) -> MessageReaderBuilder<String> {
    reader(address, topic).parameter("connect", Value::Null).parameter("reconnect_delay", quickly())
}
