//! The time when a reader acknowledges a message to the broker.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The parameter `acknowledge`: when a reader acknowledges a message at QoS 1 or 2 to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Acknowledge {
    /// The message is acknowledged when the program gets it.
    #[default]
    Taken,
    /// The message is acknowledged when the program has processed it and calls `acknowledge`. In Java the return of the
    /// message's callbacks acknowledges it as well.
    Processed,
    /// The message is acknowledged only when the program calls `acknowledge`, and in Java not by the return of callbacks.
    Manual,
}

impl Acknowledge {
    /// Returns the name in configuration files.
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
