//! The terms of MQTT that the configuration, the messages and the engine have in common. Nothing here knows any of them.

mod acknowledge;
mod consistency;
mod properties;
pub(crate) mod topic;
mod version;

pub(crate) use acknowledge::ACKNOWLEDGE_NAMES;
pub use acknowledge::Acknowledge;
pub(crate) use consistency::CONSISTENCY_NAMES;
pub use consistency::Consistency;
pub use properties::MessageProperties;
pub(crate) use version::Version;
