//! The one error type of the crate.

/// A `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed. Every message says where it happened and why, and never contains a password, a key or
/// a payload.
///
/// The variants correspond to the exceptions of SINETStream's Java API ([`Error::TimedOut`] to the same as [`Error::Io`]);
/// [`Error::code`] is the number that both languages share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The client is closed, a publish failed, the connection is lost for good, or a certificate can't be read.
    #[error("{0}")]
    Io(String),
    /// The time of a write was up. The message says whether it was withdrawn or may have been delivered.
    #[error("{message}")]
    TimedOut {
        /// What happened, for people.
        message: String,
        /// What stands in the way of a connection to the broker, when there was none.
        #[source]
        cause: Option<Box<Error>>,
    },
    /// The broker can't be reached: DNS, TCP, TLS, a time-out, or a CONNACK that is not about the login.
    #[error("{message}")]
    Connection {
        /// What happened, for people.
        message: String,
        /// What kind of obstacle it was; of several brokers, the last one's.
        cause: Cause,
    },
    /// The broker refused the login.
    #[error("{message}")]
    Authentication {
        /// What happened, for people.
        message: String,
        /// The code in the broker's CONNACK (MQTT 3.1.1, table 3.1: 4 or 5); 0 if a configuration server refused.
        code: u8,
    },
    /// The broker refused a subscription or a publish to this user.
    #[error("{message}")]
    Authorization {
        /// What happened, for people.
        message: String,
        /// The code in the broker's SUBACK (MQTT 3.1.1, section 3.9.3: 0x80).
        code: u8,
    },
    /// The bytes are not a SINETStream message that this reader can read.
    #[error("{0}")]
    InvalidMessage(String),
}

/// What a connection failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The host's name has no address.
    UnknownHost,
    /// The host takes no TCP connection at this port.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// TLS could not be agreed on.
    Tls,
    /// The broker's certificate is not to be trusted.
    Certificate,
    /// The broker refused, with this code in its CONNACK (MQTT 3.1.1, table 3.1; MQTT 5, section 3.2.2.2).
    Refused(u8),
    /// Anything else: the connection was lost, the peer is no broker.
    Other,
}

impl Error {
    /// Of a connection that failed for none of the reasons that have a name.
    pub(crate) fn connection(message: impl Into<String>) -> Error {
        Error::Connection { message: message.into(), cause: Cause::Other }
    }

    /// What a connection or a login failed at; `None` for other errors.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Error::Connection { cause, .. } => Some(*cause),
            Error::Authentication { code, .. } => Some(Cause::Refused(*code)),
            _ => None,
        }
    }

    /// The stable number of the kind of error, the same in Rust and in Java.
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
