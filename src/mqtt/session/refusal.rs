//! The meaning of a broker's refusals for the application.

use crate::config::Version;
use crate::error::{Delivery, Error, IoKind, Result};
use crate::mqtt::protocol::{Publish, Reason};

const NOT_AUTHORIZED: u8 = 0x87;

/// Returns how a publish ends with this acknowledgement. `is_only_copy` means that it was sent once; otherwise a broker may
/// have delivered another copy.
pub(super) fn outcome(
    publish: &Publish,
    is_only_copy: bool,
    broker: &str,
    packet: &str,
    reason: &Reason,
) -> Result<()> {
    if !reason.is_error() {
        return Ok(());
    }
    let topic = &publish.topic;
    let message =
        format!("broker {broker}: the broker refused a message to the topic '{topic}' with {packet}: {reason}");
    Err(match reason.code {
        NOT_AUTHORIZED => Error::Authorization { message, code: NOT_AUTHORIZED, delivery: None },
        code => Error::io(IoKind::Refused(code), message),
    }
    .of_message(if is_only_copy { Delivery::Refused } else { Delivery::Unknown }))
}

/// Returns the error for the topic filters among these that were refused, if there are any.
pub(super) fn subscription(version: Version, filters: &[String], codes: &[u8], text: Option<String>) -> Result<()> {
    let refused = || filters.iter().zip(codes.iter().copied()).filter(|(_, code)| *code > 2);
    let Some((_, first)) = refused().next() else { return Ok(()) };
    let code = if refused().any(|(_, code)| code == NOT_AUTHORIZED) { NOT_AUTHORIZED } else { first };
    let names: Vec<&str> = refused().map(|(filter, _)| filter.as_str()).collect();
    let why = match version {
        Version::V5 => Reason { code, text, server: None }.to_string(),
        _ => format!("code {code:#04x}"),
    };
    let message = format!("the broker refused the subscription to '{}': {why}", names.join("', '"));
    // Before MQTT 5 one code stands for every reason, and it usually means a lack of authorization.
    match code == NOT_AUTHORIZED || version != Version::V5 {
        true => Err(Error::Authorization { message, code, delivery: None }),
        false => Err(Error::io(IoKind::Refused(code), message)),
    }
}
