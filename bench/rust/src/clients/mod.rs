//! One file for each client library.

#[cfg(feature = "libmosquitto")]
pub mod libmosquitto;
#[cfg(feature = "paho-c")]
pub mod paho_c;
pub mod rumqttc;
pub mod sinetstream;
