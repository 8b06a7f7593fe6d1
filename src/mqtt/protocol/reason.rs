//! The reasons of a broker's actions: MQTT 5's reason codes (section 2.4), and the few of the versions before.

use crate::strangers::harmless;
use std::fmt;

/// A code from the broker, with the details that it adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub code: u8,
    /// The broker's own words.
    pub text: Option<String>,
    /// Another broker that the broker refers to.
    pub server: Option<String>,
}

impl Reason {
    /// Returns whether a DISCONNECT may be about a packet that the client has sent, and not about the broker or the connection
    /// (MQTT 5, section 3.14.2.1). Before MQTT 5 there are no reasons.
    pub fn is_about_a_packet(&self) -> bool {
        matches!(self.code, 0x00 | 0x80..=0x83 | 0x90 | 0x94 | 0x95 | 0x97 | 0x99..=0x9B)
    }
}

/// The length at which the broker's own words are cut.
const MAX_TEXT: usize = 300;

impl Reason {
    pub fn of(code: u8) -> Reason {
        Reason { code, ..Reason::default() }
    }

    /// Returns true if the code means an error, which is so from 0x80 on.
    pub fn is_error(&self) -> bool {
        self.code >= 0x80
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (reason code {:#04x})", text(self.code), self.code)?;
        if let Some(text) = &self.text {
            write!(f, ": '{}'", printable(text))?;
        }
        if let Some(server) = &self.server {
            write!(f, "; it points to the broker '{}'", printable(server))?;
        }
        Ok(())
    }
}

fn printable(text: &str) -> String {
    harmless(text, MAX_TEXT)
}

/// Returns the meaning of a reason code of MQTT 5 (table 2-6).
fn text(code: u8) -> &'static str {
    match code {
        0x00 => "success",
        0x04 => "disconnect with will message",
        0x10 => "no matching subscribers",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8A => "banned",
        0x8B => "server shutting down",
        0x8C => "bad authentication method",
        0x8D => "keep alive timeout",
        0x8E => "session taken over",
        0x8F => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x92 => "packet identifier not found",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9A => "retain not supported",
        0x9B => "QoS not supported",
        0x9C => "use another server",
        0x9D => "server moved",
        0x9E => "shared subscriptions not supported",
        0x9F => "connection rate exceeded",
        0xA0 => "maximum connect time",
        0xA1 => "subscription identifiers not supported",
        0xA2 => "wildcard subscriptions not supported",
        _ => "unknown reason",
    }
}

/// Returns the meaning of a refusing CONNACK (MQTT 3.1.1, section 3.2.2.3, table 3.1).
pub(crate) fn connack_text(code: u8) -> &'static str {
    match code {
        1 => "the broker does not accept this protocol version",
        2 => "the broker does not accept this client id",
        3 => "the broker's MQTT service is unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => text(code),
    }
}
