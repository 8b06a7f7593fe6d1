//! As much of MQTT 3.1.1 as the benchmark needs, without any client library.

pub mod batch;
pub mod incoming;
pub mod login;
pub mod message;
pub mod packet;
pub mod window;
