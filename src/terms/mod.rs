//! The terms of MQTT that the configuration, the messages and the engine share. Nothing here depends on any of these.

mod acknowledge;
mod consistency;
mod options;
mod properties;
pub(crate) mod text;
pub(crate) mod topic;
mod version;

pub(crate) use acknowledge::ACKNOWLEDGE_NAMES;
pub use acknowledge::Acknowledge;
pub(crate) use consistency::CONSISTENCY_NAMES;
pub use consistency::Consistency;
pub use options::WriteOptions;
pub use properties::MessageProperties;
pub(crate) use version::Version;
