//! What is compared: a client library, as its users use it. ../../java/Client.java is the same for Java.

use std::sync::Arc;
use std::time::Duration;

use bench_tools::Outcome;
use bench_tools::measured::Measured;

use crate::clients;
use crate::reads::Counts;
use crate::target::Target;

/// Every method connects, and those of readers also subscribe, before they return.
pub trait Client: Sync {
    /// A writer that does not wait for confirmations. At most `window` messages are to be unconfirmed.
    fn writer(&self, target: &Target, window: usize) -> Outcome<Box<dyn Writer>>;

    fn blocking_writer(&self, _: &Target) -> Outcome<Box<dyn BlockingWriter>> {
        Err("this client has no call that writes and waits for the confirmation".into())
    }

    /// A reader that tells each message to `counts` as it comes.
    fn reader(&self, target: &Target, counts: Arc<Counts>) -> Outcome<Box<dyn Open>>;

    /// A reader whose messages a thread fetches, and tells to `counts`.
    fn blocking_reader(&self, _: &Target, _: Arc<Counts>) -> Outcome<Box<dyn Open>> {
        Err("this client has no call that waits for a message".into())
    }
}

/// An open client.
pub trait Open: Send {
    fn close(self: Box<Self>) -> Outcome;
}

pub trait Writer: Open {
    /// Starts one write, and does not wait for its end.
    fn start(&self, value: &[u8]) -> Outcome;

    /// Writes without waiting, but with no more than the window of unconfirmed messages; waits at the end until all have
    /// ended. Adds the messages that did well, and what went wrong.
    fn write_for(&mut self, value: &[u8], time: Duration, into: &mut Measured);
}

/// May be used by several threads.
pub trait BlockingWriter: Open + Sync {
    /// Writes, and waits for the confirmation.
    fn write(&self, value: &[u8]) -> Outcome;
}

pub fn named(name: &str) -> Outcome<Box<dyn Client>> {
    Ok(match name {
        clients::sinetstream::NAME => Box::new(clients::sinetstream::SinetStream::new()?),
        clients::rumqttc::NAME => Box::new(clients::rumqttc::Rumqttc::new()?),
        #[cfg(feature = "libmosquitto")]
        clients::libmosquitto::NAME => Box::new(clients::libmosquitto::LibMosquitto::new()?),
        #[cfg(feature = "paho-c")]
        clients::paho_c::NAME => Box::new(clients::paho_c::PahoC),
        _ => return Err(format!("{name} is not a client, or was not built in").into()),
    })
}
