//! One file for each client library.

#[cfg(any(feature = "libmosquitto", feature = "paho-c"))]
#[allow(unsafe_code)]
mod callbacks;
#[cfg(feature = "libmosquitto")]
pub mod libmosquitto;
#[cfg(feature = "paho-c")]
pub mod paho_c;
pub mod rumqttc;
pub mod sinetstream;
