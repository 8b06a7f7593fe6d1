//! The one error type of the crate.

use std::fmt;
use std::ops::Deref;

/// A `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why an operation failed. Every message says where it happened and why, and never contains a password, a key or a
/// payload.
///
/// The variants correspond to the exceptions of SINETStream's Java API ([`Error::TimedOut`] to the same one as [`Error::Io`]);
/// [`Error::code`] is the number that both languages share.
///
/// `Debug` reads like `Display`, followed by the causes on lines of their own, because people see it when `main` returns the
/// error or `unwrap` meets it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A defect of this library.
    #[error("internal error: {0}")]
    Internal(String),
    /// Something is wrong in the configuration file or in the builder: a value, a type, a combination, the syntax.
    #[error("{0}")]
    InvalidConfiguration(String),
    /// No configuration file was found, or the one that was asked for does not exist.
    #[error("{0}")]
    NoConfig(String),
    /// The file has no such service, or it has several and none was named.
    #[error("{0}")]
    NoService(String),
    /// The `type` of the service is not one that this library speaks.
    #[error("{0}")]
    UnsupportedServiceType(String),
    /// The client is closed, a publish failed, the connection is lost for good, or a certificate can't be read:
    /// [`IoError::kind`] says which.
    #[error("{0}")]
    Io(IoError),
    /// The deadline of a write has passed. The message says whether it was withdrawn or may have been delivered.
    #[error("{message}")]
    TimedOut {
        /// The description, for people.
        message: String,
        /// The obstacle to a connection with the broker, if there was no connection.
        source: Option<Box<Error>>,
        /// The fate of the message.
        delivery: Delivery,
    },
    /// The broker can't be reached: DNS, TCP, TLS, a time-out, or a CONNACK that is not about the login.
    #[error("{message}")]
    Connection {
        /// The description, for people.
        message: String,
        /// The kind of obstacle; with several brokers, that of the last one.
        obstacle: Obstacle,
        /// The fate of the message, if a write fails with this error.
        delivery: Option<Delivery>,
    },
    /// The broker refused the login.
    #[error("{message}")]
    Authentication {
        /// The description, for people.
        message: String,
        /// The code in the broker's CONNACK (MQTT 3.1.1, table 3.1: 4 or 5); 0 if a configuration server or a proxy refused.
        code: u8,
        /// The fate of the message, if a write fails with this error.
        delivery: Option<Delivery>,
    },
    /// The broker refused a subscription or a publish to this user.
    #[error("{message}")]
    Authorization {
        /// The description, for people.
        message: String,
        /// The reason code in the broker's SUBACK (MQTT 3.1.1, section 3.9.3: 0x80), or under MQTT 5 in its SUBACK, PUBACK,
        /// PUBREC or DISCONNECT (0x87).
        code: u8,
        /// The fate of the message, if a write fails with this error.
        delivery: Option<Delivery>,
    },
    /// The bytes are not a SINETStream message that this reader can read.
    #[error("{0}")]
    InvalidMessage(String),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut of: &dyn std::error::Error = self;
        while let Some(cause) = of.source() {
            write!(f, "\ncaused by: {cause}")?;
            of = cause;
        }
        Ok(())
    }
}

/// The fate of a message whose write has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The broker was not sent the message, and will not be: writing it again makes no duplicate.
    NotSent,
    /// The broker was sent the message and has refused it.
    Refused,
    /// The broker was sent the message and has not confirmed it: it may have been delivered, or not.
    Unknown,
}

/// The kind of an [`Error::Io`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoKind {
    /// The client was closed by the program.
    Closed,
    /// The deadline of a wait has passed. (That of a write is an [`Error::TimedOut`].)
    TimedOut,
    /// The connection was lost and is not opened again.
    Lost,
    /// The broker has refused with this reason code (MQTT 5, section 2.4).
    Refused(u8),
    /// The message is larger than MQTT or this broker allows.
    TooLarge,
    /// Any other failure: a certificate or a token can't be read, a serializer has failed.
    Other,
}

/// A description for people, which dereferences to `str`, with a kind for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoError {
    message: String,
    kind: IoKind,
    delivery: Option<Delivery>,
}

impl IoError {
    /// Returns the kind of the failure.
    pub fn kind(&self) -> IoKind {
        self.kind
    }

    /// Returns the fate of the message, if a write has failed.
    pub fn delivery(&self) -> Option<Delivery> {
        self.delivery
    }

    /// Returns the same error with another text.
    pub(crate) fn with_message(self, message: String) -> IoError {
        IoError { message, ..self }
    }
}

impl Deref for IoError {
    type Target = str;

    fn deref(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Makes an error of the kind [`IoKind::Other`].
impl<T: Into<String>> From<T> for IoError {
    fn from(message: T) -> IoError {
        IoError { message: message.into(), kind: IoKind::Other, delivery: None }
    }
}

/// The obstacle on which a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The host name has no address.
    UnknownHost,
    /// The host accepts no TCP connection at this port.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// No TLS connection could be agreed on.
    Tls,
    /// The broker's certificate is not trusted.
    Certificate,
    /// The broker refused with this code in its CONNACK (MQTT 3.1.1, table 3.1; MQTT 5, section 3.2.2.2).
    Refused(u8),
    /// Any other obstacle: the connection was lost, the peer is no broker.
    Other,
}

impl Error {
    /// Returns the error of a connection that failed for a reason without a name of its own.
    pub(crate) fn connection(message: impl Into<String>) -> Error {
        Error::Connection { message: message.into(), obstacle: Obstacle::Other, delivery: None }
    }

    pub(crate) fn io(kind: IoKind, message: impl Into<String>) -> Error {
        Error::Io(IoError { message: message.into(), kind, delivery: None })
    }

    /// Adds the fate of the message to the error of its write, unless the error has one already.
    pub(crate) fn of_message(mut self, became: Delivery) -> Error {
        match &mut self {
            Error::Io(IoError { delivery, .. })
            | Error::Connection { delivery, .. }
            | Error::Authentication { delivery, .. }
            | Error::Authorization { delivery, .. } => {
                delivery.get_or_insert(became);
            }
            Error::TimedOut { .. }
            | Error::Internal(_)
            | Error::InvalidConfiguration(_)
            | Error::NoConfig(_)
            | Error::NoService(_)
            | Error::UnsupportedServiceType(_)
            | Error::InvalidMessage(_) => {}
        }
        self
    }

    /// Returns the fate of the message, if a write has failed. `None` if it is not known, or if the error is not about a
    /// message.
    pub fn delivery(&self) -> Option<Delivery> {
        match self {
            Error::Io(error) => error.delivery,
            Error::TimedOut { delivery, .. } => Some(*delivery),
            Error::Connection { delivery, .. }
            | Error::Authentication { delivery, .. }
            | Error::Authorization { delivery, .. } => *delivery,
            _ => None,
        }
    }

    /// Returns true if the program has closed the client.
    pub fn is_closed(&self) -> bool {
        matches!(self, Error::Io(IoError { kind: IoKind::Closed, .. }))
    }

    /// Returns true if a deadline has passed: of a write, of another wait, or of opening a connection.
    pub fn is_timed_out(&self) -> bool {
        matches!(
            self,
            Error::TimedOut { .. }
                | Error::Io(IoError { kind: IoKind::TimedOut, .. })
                | Error::Connection { obstacle: Obstacle::TimedOut, .. }
        )
    }

    /// Returns true if the connection was lost and is not opened again.
    pub fn is_lost(&self) -> bool {
        matches!(self, Error::Io(IoError { kind: IoKind::Lost, .. }))
    }

    /// Returns the code with which the broker has refused, from its CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP or DISCONNECT.
    pub fn reason_code(&self) -> Option<u8> {
        match self {
            Error::Io(IoError { kind: IoKind::Refused(code), .. })
            | Error::Connection { obstacle: Obstacle::Refused(code), .. }
            | Error::Authorization { code, .. } => Some(*code),
            Error::Authentication { code, .. } => Some(*code).filter(|code| *code != 0),
            _ => None,
        }
    }

    /// Returns the obstacle on which a connection or a login failed; `None` for other errors.
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Error::Connection { obstacle, .. } => Some(*obstacle),
            Error::Authentication { code, .. } => Some(Obstacle::Refused(*code)),
            _ => None,
        }
    }

    /// Returns the stable number of the kind of error, which is the same in Rust and in Java.
    pub fn code(&self) -> i32 {
        match self {
            Error::Internal(_) => 1,
            Error::InvalidConfiguration(_) => 2,
            Error::NoConfig(_) => 3,
            Error::NoService(_) => 4,
            Error::UnsupportedServiceType(_) => 5,
            Error::Io(_) | Error::TimedOut { .. } => 6,
            Error::Connection { .. } => 7,
            Error::Authentication { .. } => 8,
            Error::Authorization { .. } => 9,
            Error::InvalidMessage(_) => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `main` shows its error in this form.
    #[test]
    fn people_read_the_words_and_the_causes_and_no_fields() {
        let refused = Error::Authentication { message: "connect b:1: no".into(), code: 5, delivery: None };
        assert_eq!(format!("Error: {refused:?}"), "Error: connect b:1: no");
        let cause = Some(Box::new(Error::connection("connect b:1: unreachable")));
        let late = Error::TimedOut { message: "the time is up".into(), source: cause, delivery: Delivery::NotSent };
        assert_eq!(format!("{late:?}"), "the time is up\ncaused by: connect b:1: unreachable");
        assert_eq!(format!("{:?}", Error::io(IoKind::Closed, "the writer is closed")), "the writer is closed");
    }
}
