//! The state that a client's driver and its callers share: the session behind its lock, the inbox, and four subjects with a
//! file each. These are the `life` of the client, from its opening to its end, with the events about it; the `sending` of the
//! session's output; the `deadlines` of publishes; and `closing` in good order.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::inbox::{Delivery, Failed, Inbox, Popped, Taken};
use super::kept_session::KeptSession;
use super::session::{Aftermath, Event, Room, Session};
use super::state::{ConnectionEvent, Listener};
use crate::config::Settings;
use crate::lock::lock;

mod closing;
mod deadlines;
mod life;
mod sending;
use closing::Closing;
use deadlines::Watch;
use life::Life;
pub(crate) use life::{Status, closed_error};
use sending::Sending;

/// The shared state; see the module.
pub(crate) struct Shared {
    session: Mutex<Session>,
    pub inbox: Inbox,
    life: Life,
    sending: Sending,
    watch: Watch,
    closing: Closing,
    /// The keeper of the session beyond the process.
    pub kept: Option<Arc<dyn KeptSession>>,
    /// Notifies that publishes have ended, or the client.
    progress: Notify,
}

impl Shared {
    pub fn new(settings: &Settings, listener: Option<Listener>, kept: Option<Arc<dyn KeptSession>>) -> Shared {
        let now = Instant::now();
        let room = Room::new(settings.max_queued_messages, settings.max_queued_bytes as usize);
        let mut session = Session::new(
            settings.version,
            settings.max_inflight,
            settings.keep_alive,
            room,
            settings.write_timeout,
            now,
        );
        if kept.is_some() {
            session.outgoing.keep();
        }
        Shared {
            session: Mutex::new(session),
            inbox: Inbox::new(settings.max_received_messages, settings.max_received_bytes),
            life: Life::new(settings.client_id.clone(), listener),
            sending: Sending::default(),
            watch: Watch::new(now),
            closing: Closing::default(),
            kept,
            progress: Notify::new(),
        }
    }

    /// Changes the session, and does what follows from the change without the lock.
    pub fn with<T>(&self, change: impl FnOnce(&mut Session) -> T) -> T {
        let (result, aftermath) = self.with_aftermath(change);
        self.settle(aftermath);
        result
    }

    /// Changes the session, and leaves what follows from the change to the caller: see [`Shared::settle`].
    pub fn with_aftermath<T>(&self, change: impl FnOnce(&mut Session) -> T) -> (T, Aftermath) {
        let mut session = lock(&self.session);
        let result = change(&mut session);
        (result, session.take_aftermath())
    }

    /// Looks at the session without changing it.
    pub fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        look(&lock(&self.session))
    }

    /// Does what follows from a change of the session.
    pub fn settle(&self, aftermath: Aftermath) {
        let Aftermath { events, wakes, ended, received, watch } = aftermath;
        events.into_iter().for_each(|event| self.dispatch(event));
        watch.into_iter().for_each(|at| self.watch(at));
        wakes.into_iter().for_each(std::task::Waker::wake);
        if let Some(kept) = self.kept.as_ref().filter(|_| received) {
            kept.received();
        }
        if ended {
            self.progress.notify_waiters();
        }
    }

    /// Hands this message over to the application.
    pub fn popped(&self, popped: Popped) -> Delivery {
        if popped.resume {
            self.wake_driver();
        }
        popped.delivery
    }

    /// Acknowledges messages that the application has taken and that the inbox marks as taken. Both happen under the session's
    /// lock, so that acknowledgements of several threads leave in the order of the messages.
    pub fn acknowledge(&self, taken: impl FnOnce(&Inbox) -> Taken) {
        let (any, all, resume) = self.with(|session| {
            let Taken { receipts, resume, all } = taken(&self.inbox);
            let any = !receipts.is_empty();
            receipts.into_iter().for_each(|receipt| session.acknowledge(receipt));
            (any, all, resume)
        });
        if any {
            // A program may end right after its last message, so the last acknowledgement does not wait for the driver.
            if all { self.send_now() } else { self.send_soon() }
        }
        if resume {
            self.wake_driver();
        }
    }

    /// Lets go of this message, which the application has not taken.
    pub fn failed(&self, number: u64) {
        let Failed { receipt, resume } = self.inbox.failed(number);
        if let Some(receipt) = receipt {
            self.with(|session| session.failed(receipt));
        }
        if resume {
            self.wake_driver();
        }
    }

    pub fn dispatch(&self, event: Event) {
        match event {
            Event::Delivery(publish, receipt) => self.inbox.push([(publish, receipt)]),
            Event::Again(publish, receipt) => self.inbox.again(publish, receipt),
            Event::Void(receipt) => self.acknowledge(|inbox| inbox.voided(receipt)),
            Event::SessionLost => self.inbox.session_lost(),
            Event::Pong(waiter) => drop(waiter.send(())),
            Event::NoPong(waiter) => drop(waiter),
            Event::Warning(text) => self.announce(ConnectionEvent::Warning { text }),
            Event::Subscribed(_) => {}
        }
    }
}
