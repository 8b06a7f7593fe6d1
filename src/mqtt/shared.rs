//! What a client's driver and its callers share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::inbox::Inbox;
use super::link::Link;
use super::protocol::Limits;
use super::sender::{Flushed, Sender};
use super::session::{Aftermath, Event, Room, Session};
use super::state::{ConnectionEvent, Listener};
use super::wait::{after, lock};
use crate::config::Settings;
use crate::error::Error;

/// What has to go at once is worth a call, however little it is.
const ANYTHING: u64 = 1;
/// So many bytes are worth a call of the operating system of their own.
const WORTHWHILE: u64 = 16 * 1024;

/// Where a client is in its life.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    Opening,
    Open,
    /// The end, with what was not delivered although it was accepted.
    Ended {
        undelivered: usize,
    },
}

/// See the module.
pub(crate) struct Shared {
    /// What the client asked for; see [`Shared::client_id`].
    wanted_client_id: String,
    assigned_client_id: OnceLock<String>,
    session: Mutex<Session>,
    sender: Mutex<Sender>,
    pub inbox: Inbox,
    /// Wakes the driver.
    wake: Notify,
    /// The driver is at work and will look at the output before it sleeps: who appends to that need not wake it.
    /// Changed and read under the session's lock, except for the driver's being set awake.
    awake: AtomicBool,
    /// Wakes what watches the deadlines, when one comes that is earlier than those it knows.
    earlier: Notify,
    /// The next deadline that is watched, in milliseconds after `born`; `u64::MAX`: none.
    watched: AtomicU64,
    born: Instant,
    status: watch::Sender<Status>,
    connected: AtomicBool,
    reconnects: AtomicU64,
    listener: Option<Listener>,
    /// What stood in the way of a connection when that was last logged.
    last_obstacle: Mutex<Option<Error>>,
    /// A publish was accepted without a connection.
    accepted_offline: Notify,
    /// Tells that the session may have become idle.
    progress: Notify,
    /// When an orderly close gives up.
    close_by: watch::Sender<Option<Instant>>,
}

/// What a client that was closed answers.
pub(crate) fn closed_error() -> Error {
    Error::Io("the client is closed".into())
}

impl Shared {
    pub fn new(settings: &Settings, listener: Option<Listener>) -> Shared {
        let now = Instant::now();
        let room = Room::new(settings.max_queued_messages, settings.max_queued_bytes as usize);
        Shared {
            wanted_client_id: settings.client_id.clone(),
            assigned_client_id: OnceLock::new(),
            session: Mutex::new(
                Session::new(settings.version, settings.max_inflight, settings.keep_alive, now)
                    .bounded(room, settings.write_timeout),
            ),
            sender: Mutex::default(),
            inbox: Inbox::new(settings.max_received_messages, settings.max_received_bytes),
            wake: Notify::new(),
            awake: AtomicBool::new(false),
            earlier: Notify::new(),
            watched: AtomicU64::new(u64::MAX),
            born: now,
            status: watch::Sender::new(Status::Opening),
            connected: AtomicBool::new(false),
            reconnects: AtomicU64::new(0),
            listener,
            last_obstacle: Mutex::default(),
            accepted_offline: Notify::new(),
            progress: Notify::new(),
            close_by: watch::Sender::new(None),
        }
    }

    /// Does something with the session; what follows from it is done without the lock.
    pub fn with<T>(&self, change: impl FnOnce(&mut Session) -> T) -> T {
        let (result, aftermath) = self.with_aftermath(change);
        self.settle(aftermath);
        result
    }

    /// The same, with what follows from it left to the caller: see [`Shared::settle`].
    pub fn with_aftermath<T>(&self, change: impl FnOnce(&mut Session) -> T) -> (T, Aftermath) {
        let mut session = lock(&self.session);
        let result = change(&mut session);
        (result, session.take_aftermath())
    }

    /// Looks at the session, which does not change by that.
    pub fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        look(&lock(&self.session))
    }

    pub fn settle(&self, aftermath: Aftermath) {
        let Aftermath { events, wakes, ended, watch } = aftermath;
        events.into_iter().for_each(|event| self.dispatch(event));
        watch.into_iter().for_each(|at| self.watch(at));
        wakes.into_iter().for_each(std::task::Waker::wake);
        if ended {
            self.progress.notify_waiters();
        }
    }

    pub fn dispatch(&self, event: Event) {
        match event {
            Event::Delivery(publish, receipt) => self.inbox.push([(publish, receipt)]),
            Event::Pong(waiter) => drop(waiter.send(())),
            Event::NoPong(waiter) => drop(waiter),
            Event::Warning(text) => self.tell(ConnectionEvent::Warning { text }),
            Event::Subscribed(_) => {}
        }
    }

    // ---- the client's life

    /// The client is ready for use.
    pub fn opened(&self) {
        self.status.send_if_modified(|status| {
            let opening = matches!(status, Status::Opening);
            if opening {
                *status = Status::Open;
            }
            opening
        });
    }

    pub fn is_opening(&self) -> bool {
        matches!(*self.status.borrow(), Status::Opening)
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// The client identifier: the broker's, if it has assigned one.
    pub fn client_id(&self) -> &str {
        self.assigned_client_id.get().unwrap_or(&self.wanted_client_id)
    }

    /// The broker calls the client by another name than it asked for (MQTT 5, section 3.2.2.3.7).
    pub fn assigned_client_id(&self, id: &str) {
        self.assigned_client_id.get_or_init(|| id.to_owned());
    }

    pub fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    pub fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// A connection is there: the session goes on with it.
    pub fn attach(&self, link: Arc<Link>, session_present: bool, limits: &Limits, broker: String) {
        lock(&self.sender).attach(link);
        self.with(|session| {
            session.name_broker(broker);
            session.connected(session_present, limits, Instant::now());
        });
        self.connected.store(true, Ordering::Release);
    }

    /// Whether this obstacle is another one than the last.
    fn is_news(&self, cause: &Error) -> bool {
        lock(&self.last_obstacle).replace(cause.clone()).as_ref() != Some(cause)
    }

    /// Logs a change, and tells it to the listener. A subscriber or a listener that panics must not take the client along;
    /// a subscriber that does so during the end that a panic has brought would even end the process.
    pub fn tell(&self, event: ConnectionEvent) {
        let is_news = match &event {
            ConnectionEvent::Lost { cause } | ConnectionEvent::Retrying { cause, .. } => self.is_news(cause),
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
        if let Some(listener) = &self.listener
            && catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err()
        {
            let _ = catch_unwind(|| tracing::error!("the connection listener panicked"));
        }
    }

    /// The connection is gone, and another one will be tried.
    pub fn detach(&self, cause: &Error) {
        lock(&self.sender).detach();
        self.with(|session| session.disconnected(cause));
        // After that, so that whoever sees it knows that nothing goes to the lost connection any more.
        self.connected.store(false, Ordering::Release);
    }

    /// Ends the client, once: what is pending fails with the cause, what comes later too.
    pub fn end(&self, cause: Option<Error>) {
        if matches!(*self.status.borrow(), Status::Ended { .. }) {
            return;
        }
        let pending = cause.clone().unwrap_or_else(|| {
            Error::Io("the client was closed before the message was confirmed; it may have been delivered".into())
        });
        let later = cause.clone().unwrap_or_else(closed_error);
        lock(&self.sender).detach();
        let (undelivered, waiting, aftermath) = {
            let mut session = lock(&self.session);
            // Without a close, every write tells its failure itself.
            let undelivered = if self.close_deadline().is_some() { session.pending() } else { 0 };
            session.refuse(later.clone());
            session.disconnected(&pending);
            session.fail_all(&pending);
            (undelivered, session.room().close(), session.take_aftermath())
        };
        // After that, so that whoever sees it learns the cause with the next call.
        self.connected.store(false, Ordering::Release);
        self.settle(aftermath);
        waiting.into_iter().for_each(std::task::Waker::wake);
        match cause {
            None => {
                self.inbox.close(later);
                self.tell(ConnectionEvent::Closed);
            }
            Some(cause) => {
                self.inbox.end(later);
                self.tell(ConnectionEvent::Ended { cause });
            }
        }
        self.status.send_replace(Status::Ended { undelivered });
        self.progress.notify_waiters();
    }

    // ---- sending

    /// Writes everything that is to be sent.
    pub fn flush(&self) -> std::io::Result<Flushed> {
        self.flush_while(ANYTHING)
    }

    /// For the driver: writes what is to be sent in large pieces, since a call costs as much as accepting ten messages.
    /// Little that has been appended meanwhile is left for the next time. `waiting`: how many bytes there are now.
    pub fn flush_gathered(&self, waiting: u64) -> std::io::Result<Flushed> {
        if (ANYTHING..WORTHWHILE).contains(&waiting) {
            // Callers that are at it append more.
            std::thread::yield_now();
        }
        self.flush_while(WORTHWHILE)
    }

    fn flush_while(&self, worthwhile: u64) -> std::io::Result<Flushed> {
        let mut aftermath = Aftermath::default();
        let flushed = lock(&self.sender).flush(&self.session, worthwhile, &mut aftermath);
        self.settle(aftermath);
        flushed
    }

    /// Sends what a caller has just put into the session: by itself if nobody else is sending, else by the driver.
    pub fn send_now(&self) {
        let mut aftermath = Aftermath::default();
        let done = match self.sender.try_lock() {
            Ok(mut sender) => match sender.flush(&self.session, ANYTHING, &mut aftermath) {
                Ok(Flushed::All) => true,
                Ok(Flushed::Blocked) => false,
                Err(e) => {
                    sender.keep(e);
                    false
                }
            },
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
        };
        self.settle(aftermath);
        if !done {
            self.wake_driver();
        }
    }

    /// Leaves what a caller has just put into the session to the driver, which is woken only if it sleeps: it takes all
    /// that has gathered until it comes to write.
    pub fn send_soon(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Makes the driver look at everything.
    pub fn wake_driver(&self) {
        self.awake.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// For the driver: waits until it is woken.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// For the driver: true when it may sleep. What is appended after that wakes it.
    pub fn may_sleep(&self, blocked: bool) -> bool {
        self.awake.store(false, Ordering::SeqCst);
        let more = !blocked && self.look(|session| !session.output.is_empty());
        if more {
            self.awake.store(true, Ordering::Release);
        }
        !more
    }

    // ---- deadlines of publishes

    /// A publish with this deadline has been accepted.
    pub fn watch(&self, deadline: Instant) {
        let at = self.millis(deadline);
        if at < self.watched.load(Ordering::Acquire) {
            self.watched.fetch_min(at, Ordering::AcqRel);
            self.earlier.notify_one();
        }
        if !self.is_connected() {
            self.accepted_offline.notify_one();
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Fails publishes whose time is up, as long as the client lives.
    pub async fn expire_overdue(&self) -> std::convert::Infallible {
        loop {
            let earlier = self.earlier.notified();
            self.watched.store(u64::MAX, Ordering::Release);
            let now = Instant::now();
            let (next, ended) = self.with(|session| {
                let before = session.pending();
                (session.expire(now), session.pending() < before)
            });
            if ended {
                // Whoever closes may have waited for these only.
                self.wake_driver();
            }
            match next {
                None => earlier.await,
                Some(at) => {
                    self.watched.fetch_min(self.millis(at), Ordering::AcqRel);
                    tokio::select! {
                    biased;
                                    () = earlier => {}
                                    () = tokio::time::sleep_until(at) => {}
                                }
                }
            }
        }
    }

    // ---- closing

    pub fn close_deadline(&self) -> Option<Instant> {
        *self.close_by.borrow()
    }

    /// Without a connection: waits until a publish is accepted.
    pub async fn accepted_offline(&self) {
        self.accepted_offline.notified().await;
    }

    /// Waits until the client is being closed.
    pub async fn closing(&self) {
        let mut close_by = self.close_by.subscribe();
        // The sender lives in `self`.
        let _ = close_by.wait_for(Option::is_some).await;
    }

    /// Without a connection: waits until the client is being closed and there is no use in coming back.
    pub async fn given_up(&self) {
        self.closing().await;
        let deadline = self.close_deadline().unwrap_or_else(Instant::now);
        loop {
            let progress = self.progress.notified();
            if self.look(Session::pending) == 0 {
                return;
            }
            tokio::select! {
            biased;
                    () = progress => {}
                    () = tokio::time::sleep_until(deadline) => return,
                }
        }
    }

    /// Waits until every publish below this number has ended; false: because the client has.
    pub async fn ended_before(&self, number: u64) -> bool {
        loop {
            let progress = self.progress.notified();
            // First: an end is the end of every publish, too.
            match self.look(|session| (session.has_ended(), session.has_ended_before(number))) {
                (true, _) => return false,
                (false, true) => return true,
                (false, false) => progress.await,
            }
        }
    }

    /// Why nothing is accepted any more.
    pub fn refusal(&self) -> Option<Error> {
        self.look(|session| session.refusal().cloned())
    }

    pub fn begin_close(&self, timeout: Duration) {
        let waiting = self.with(|session| {
            session.refuse(closed_error());
            session.room().close()
        });
        waiting.into_iter().for_each(std::task::Waker::wake);
        self.inbox.close(closed_error());
        self.close_by.send_if_modified(|close_by| {
            let first = close_by.is_none();
            if first {
                *close_by = Some(after(timeout));
            }
            first
        });
        self.wake_driver();
    }
}
