//! The part of MQTT 3.1.1 that the benchmark needs, without any client library.

pub mod batch;
pub mod incoming;
pub mod login;
pub mod message;
pub mod packet;
pub mod window;
