//! Listens to the events of a client's connection.

use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use sinetstream::{ConnectionEvent, Error};

use super::PATIENCE;

pub struct Events(pub Receiver<ConnectionEvent>);

/// Returns a listener, and the events that it receives.
pub fn listen() -> (impl Fn(&ConnectionEvent) + Send + Sync + 'static, Events) {
    let (sender, events) = channel();
    (move |event: &ConnectionEvent| drop(sender.send(event.clone())), Events(events))
}

impl Events {
    /// Skips events until this one, and returns it.
    #[track_caller]
    pub fn skip_to(&self, wanted: impl Fn(&ConnectionEvent) -> bool) -> ConnectionEvent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.0.recv_timeout(left).expect("the event did not come");
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for a connection; returns whether the broker still knew the session.
    #[track_caller]
    pub fn connected(&self) -> bool {
        match self.skip_to(|event| matches!(event, ConnectionEvent::Connected { .. })) {
            ConnectionEvent::Connected { session_present, .. } => session_present,
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits for the loss of the connection; returns its cause.
    #[track_caller]
    pub fn lost(&self) -> Error {
        match self.skip_to(|event| matches!(event, ConnectionEvent::Lost { .. })) {
            ConnectionEvent::Lost { cause } => cause,
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits for an attempt to connect that has failed with these words.
    #[track_caller]
    pub fn failed(&self, words: &str) {
        self.skip_to(
            |event| matches!(event, ConnectionEvent::Retrying { cause, .. } if cause.to_string().contains(words)),
        );
    }
}
