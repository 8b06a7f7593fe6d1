//! SINETStream's MQTT client: it publishes and subscribes through one small API and one YAML file. The program is the same with
//! or without TLS and passwords.
//!
//! ```no_run
//! use sinetstream::{MessageReader, MessageWriter};
//!
//! let reader = MessageReader::<String>::builder().service("service-mqtt-password").open()?;
//! let writer = MessageWriter::<str>::builder().service("service-mqtt-password").open()?;
//! writer.write("hello")?;
//! if let Some(message) = reader.read()? {
//!     println!("{}", message.value());
//! }
//! # Ok::<(), sinetstream::Error>(())
//! ```
//!
//! [`MessageWriter`] and [`MessageReader`] block, [`AsyncMessageWriter`] and [`AsyncMessageReader`] do not; they have
//! the same options.
//!
//! # Map of the crate
//!
//! Data flows one way: `config` (YAML and builder to typed settings) → [`MessageWriter`], [`MessageReader`] → `message` (value
//! to wire bytes and back) → `mqtt` (session, sockets, driver). `jni` gives the same to Java; no other module knows Java.

#![warn(missing_docs)]
#![cfg_attr(not(feature = "jni"), forbid(unsafe_code))]
#![cfg_attr(feature = "jni", deny(unsafe_code))]
// A Rust program does not use the functions that only Java calls.
#![cfg_attr(not(feature = "jni"), allow(dead_code, unused_imports))]

#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod builder;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod config;
mod error;
mod files;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod histogram;
#[cfg(feature = "jni")]
mod jni;
mod kept;
mod keys;
mod lock;
mod material;
mod message;
mod metrics;
mod mqtt;
mod outbox;
mod reader;
#[cfg(feature = "metrics")]
mod recorder;
mod strangers;
mod terms;
mod tls;
mod wait;
mod wiped;
mod writer;

pub use builder::{ClientName, Tls};
pub use config::Login;
pub use error::{Delivery, Error, IoError, IoKind, Obstacle, Result};
pub use histogram::Histogram;
pub use metrics::Metrics;
pub use mqtt::{ConnectionEvent, ConnectionInfo};
pub use reader::{AsyncMessageReader, Message, MessageReader, MessageReaderBuilder, ReadValue};
#[cfg(feature = "metrics")]
pub use recorder::MetricsRecorder;
pub use terms::{Acknowledge, Consistency, MessageProperties, WriteOptions};
pub use writer::{AsyncMessageWriter, MessageWriter, MessageWriterBuilder, Sent, WriteValue};

/// Any error that a program's own serializer or deserializer may return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Compiles the examples of the README and of the guide; a test checks that every page with an example is listed here.
#[cfg(doctest)]
// Blocks that are files have the file's name after their language.
#[allow(rustdoc::invalid_codeblock_attributes)]
mod examples {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/start.md")]
    struct Start;
    #[doc = include_str!("../docs/password.md")]
    struct Password;
    #[doc = include_str!("../docs/asynchronous.md")]
    struct Asynchronous;
    #[doc = include_str!("../docs/delivery.md")]
    struct Delivery;
    #[doc = include_str!("../docs/metrics.md")]
    struct Metrics;
    #[doc = include_str!("../docs/production.md")]
    struct Production;
}
