//! The life of a client: its status, its name and its connections, and the events about them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use crate::error::{Delivery, Error, IoKind};
use crate::lock::lock;
use crate::mqtt::link::Link;
use crate::mqtt::protocol::Limits;
use crate::mqtt::state::{ConnectionEvent, Listener};

/// The status of a client in its life.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    Opening,
    Open,
    /// The client has ended, with this number of accepted messages that were not delivered.
    Ended {
        undelivered: usize,
    },
}

/// Returns the error with which a closed client answers.
pub(crate) fn closed_error() -> Error {
    Error::io(IoKind::Closed, "the client is closed")
}

/// The life of a client; see the module.
pub(super) struct Life {
    status: watch::Sender<Status>,
    /// The client id that was asked for; see [`Shared::client_id`].
    wanted_client_id: String,
    assigned_client_id: OnceLock<String>,
    connected: AtomicBool,
    reconnects: AtomicU64,
    listener: Option<Listener>,
    /// The obstacle to a connection that was logged last.
    last_obstacle: Mutex<Option<Error>>,
}

impl Life {
    pub fn new(wanted_client_id: String, listener: Option<Listener>) -> Life {
        Life {
            status: watch::Sender::new(Status::Opening),
            wanted_client_id,
            assigned_client_id: OnceLock::new(),
            connected: AtomicBool::new(false),
            reconnects: AtomicU64::new(0),
            listener,
            last_obstacle: Mutex::default(),
        }
    }

    /// Remembers an obstacle to a connection, and returns true if it is another one than the last.
    fn note_obstacle(&self, cause: &Error) -> bool {
        lock(&self.last_obstacle).replace(cause.clone()).as_ref() != Some(cause)
    }
}

impl Shared {
    /// Marks the client as ready for use.
    pub fn mark_open(&self) {
        self.life.status.send_if_modified(|status| {
            let opening = matches!(status, Status::Opening);
            if opening {
                *status = Status::Open;
            }
            opening
        });
    }

    pub fn is_opening(&self) -> bool {
        matches!(*self.life.status.borrow(), Status::Opening)
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.life.status.subscribe()
    }

    /// Returns the client identifier: the broker's, if it has assigned one.
    pub fn client_id(&self) -> &str {
        self.life.assigned_client_id.get().unwrap_or(&self.life.wanted_client_id)
    }

    /// Takes over the client identifier that the broker has assigned (MQTT 5, section 3.2.2.3.7).
    pub fn assign_client_id(&self, id: &str) {
        self.life.assigned_client_id.get_or_init(|| id.to_owned());
    }

    pub fn count_reconnect(&self) {
        self.life.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    pub fn reconnects(&self) -> u64 {
        self.life.reconnects.load(Ordering::Relaxed)
    }

    pub fn is_connected(&self) -> bool {
        self.life.connected.load(Ordering::Acquire)
    }

    /// Continues the session with a new connection.
    pub fn attach(&self, link: Arc<Link>, session_present: bool, limits: &Limits, broker: String) {
        self.attach_sender(link);
        self.with(|session| {
            session.name_broker(broker);
            session.connected(session_present, limits, Instant::now());
        });
        self.life.connected.store(true, Ordering::Release);
    }

    /// Takes note that the connection is gone and another one will be tried.
    pub fn detach(&self, cause: &Error) {
        self.detach_sender();
        self.with(|session| session.disconnected(cause, Instant::now()));
        // The flag changes last, so that a caller who sees it knows that nothing goes to the lost connection any more.
        self.life.connected.store(false, Ordering::Release);
    }

    /// Logs a change, and reports it to the listener. A log subscriber or a listener that panics must not take the client
    /// along; a subscriber that panics while the client ends because of a panic would even end the process.
    pub fn announce(&self, event: ConnectionEvent) {
        let is_news = match &event {
            ConnectionEvent::Lost { cause } | ConnectionEvent::Retrying { cause, .. } => self.life.note_obstacle(cause),
            _ => false,
        };
        let _ = catch_unwind(|| match &event {
            ConnectionEvent::Connected { .. } => tracing::info!("{event}"),
            ConnectionEvent::Retrying { .. } if !is_news => tracing::debug!("{event}"),
            ConnectionEvent::Lost { .. } | ConnectionEvent::Retrying { .. } | ConnectionEvent::Warning { .. } => {
                tracing::warn!("{event}");
            }
            ConnectionEvent::Ended { .. } => tracing::error!("{event}"),
            ConnectionEvent::Closed => tracing::debug!("{event}"),
        });
        if let Some(listener) = &self.life.listener
            && catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err()
        {
            let _ = catch_unwind(|| tracing::error!("the connection listener panicked"));
        }
    }

    /// Returns the reason why nothing is accepted any more.
    pub fn refusal(&self) -> Option<Error> {
        self.look(|session| session.refusal().cloned())
    }

    /// Ends the client, once. What is pending fails with the cause, and so does what comes later.
    pub fn end(&self, cause: Option<Error>) {
        if matches!(*self.life.status.borrow(), Status::Ended { .. }) {
            return;
        }
        let pending = |delivery| {
            let closed = || {
                let what = match delivery {
                    Delivery::NotSent => "sent",
                    Delivery::Refused | Delivery::Unknown => "confirmed; it may have been delivered",
                };
                Error::io(IoKind::Closed, format!("the client was closed before the message was {what}"))
            };
            cause.clone().unwrap_or_else(closed).of_message(delivery)
        };
        let later = cause.clone().unwrap_or_else(closed_error);
        self.detach_sender();
        let now = Instant::now();
        let ((undelivered, waiting), aftermath) = self.with_aftermath(|session| {
            // Without a close, every write reports its failure itself.
            let undelivered = if self.close_deadline().is_some() { session.outgoing.pending() } else { 0 };
            session.refuse(later.clone());
            session.disconnected(&pending(Delivery::Unknown), now);
            session.outgoing.fail_all(pending, now);
            (undelivered, session.outgoing.room.close())
        });
        // The flag changes after that, so that a caller who sees it learns the cause with the next call.
        self.life.connected.store(false, Ordering::Release);
        self.settle(aftermath);
        waiting.into_iter().for_each(std::task::Waker::wake);
        match cause {
            None => {
                self.inbox.close(later);
                self.announce(ConnectionEvent::Closed);
            }
            Some(cause) => {
                self.inbox.end(later);
                self.announce(ConnectionEvent::Ended { cause });
            }
        }
        self.life.status.send_replace(Status::Ended { undelivered });
        self.progress.notify_waiters();
    }
}
