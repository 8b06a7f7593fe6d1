//! The exit codes, and the reasons why the command failed.

use crate::error::Error;

/// The exit code of the command. `args::EXIT_CODES` describes the same codes to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Configuration = 3,
    Connection = 4,
    Login = 5,
    Authorization = 6,
    /// The code is 128 plus the signal's number, as in shells.
    Interrupted = 130,
    Terminated = 143,
}

/// The reason why the command can't go on.
#[derive(Debug)]
pub(super) struct Failure {
    pub message: String,
    pub exit: Exit,
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Failed }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: Exit::Usage }
    }

    /// Classifies an error from before anything was sent: a certificate that can't be read counts as a configuration error.
    pub fn before_connecting(error: Error) -> Failure {
        let exit = match exit_of(&error) {
            Exit::Failed => Exit::Configuration,
            exit => exit,
        };
        Failure { exit, ..Failure::from(error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { message: reworded(&error), exit: exit_of(&error) }
    }
}

pub(super) fn exit_of(error: &Error) -> Exit {
    match error {
        Error::InvalidConfiguration(_)
        | Error::NoConfig(_)
        | Error::NoService(_)
        | Error::UnsupportedServiceType(_) => Exit::Configuration,
        Error::Connection { .. } => Exit::Connection,
        Error::Authentication { .. } => Exit::Login,
        Error::Authorization { .. } => Exit::Authorization,
        Error::Internal(_) | Error::Io(_) | Error::TimedOut { .. } | Error::InvalidMessage(_) => Exit::Failed,
    }
}

/// Rewords a message of the library for users of the command, where the command line takes the place of the builder.
pub(super) fn reworded(text: impl ToString) -> String {
    text.to_string().replace("builder: parameter '", "command line: parameter '")
}
