//! MQTT's quality of service under SINETStream's names.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The delivery guarantee of a message: MQTT's quality of service under SINETStream's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Consistency {
    /// QoS 0: a message may be lost.
    #[default]
    AtMostOnce,
    /// QoS 1: a message may arrive several times.
    AtLeastOnce,
    /// QoS 2: a message arrives once.
    ExactlyOnce,
}

impl Consistency {
    /// Returns the QoS level, 0 to 2.
    pub fn qos(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_qos(qos: i64) -> Option<Consistency> {
        match qos {
            0 => Some(Consistency::AtMostOnce),
            1 => Some(Consistency::AtLeastOnce),
            2 => Some(Consistency::ExactlyOnce),
            _ => None,
        }
    }

    /// Returns the name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Consistency::AtMostOnce => "AT_MOST_ONCE",
            Consistency::AtLeastOnce => "AT_LEAST_ONCE",
            Consistency::ExactlyOnce => "EXACTLY_ONCE",
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Consistency {
    type Err = Error;

    fn from_str(name: &str) -> Result<Consistency> {
        [Consistency::AtMostOnce, Consistency::AtLeastOnce, Consistency::ExactlyOnce]
            .into_iter()
            .find(|consistency| consistency.name() == name)
            .ok_or_else(|| Error::InvalidConfiguration(CONSISTENCY_NAMES.into()))
    }
}

pub(crate) const CONSISTENCY_NAMES: &str = "expected AT_MOST_ONCE, AT_LEAST_ONCE or EXACTLY_ONCE";
