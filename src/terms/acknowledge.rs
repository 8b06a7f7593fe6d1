//! When a reader acknowledges a message to the broker.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// When a reader acknowledges a message at QoS 1 or 2 to the broker: the parameter `acknowledge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Acknowledge {
    /// When the program is given it.
    #[default]
    Taken,
    /// When the program has processed it, and says so by `acknowledge`. In Java the callbacks of a message say so by returning.
    Processed,
    /// The same, but callbacks (Java) do not say so by returning: only by `acknowledge`.
    Manual,
}

impl Acknowledge {
    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Acknowledge::Taken => "taken",
            Acknowledge::Processed => "processed",
            Acknowledge::Manual => "manual",
        }
    }
}

impl fmt::Display for Acknowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Acknowledge {
    type Err = Error;

    fn from_str(name: &str) -> Result<Acknowledge> {
        [Acknowledge::Taken, Acknowledge::Processed, Acknowledge::Manual]
            .into_iter()
            .find(|acknowledge| acknowledge.name() == name)
            .ok_or_else(|| Error::InvalidConfiguration(ACKNOWLEDGE_NAMES.into()))
    }
}

pub(crate) const ACKNOWLEDGE_NAMES: &str = "expected taken, processed or manual";
