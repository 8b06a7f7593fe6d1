//! The versions of MQTT.

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Version {
    V31,
    #[default]
    V311,
    V5,
}

impl Version {
    /// Returns the name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Version::V31 => "MQTTv31",
            Version::V311 => "MQTTv311",
            Version::V5 => "MQTTv5",
        }
    }
}
