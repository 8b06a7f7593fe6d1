//! The task of a client: connects, serves the connection, reconnects when it is lost, and ends the client.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::{Backoff, STABLE};
use super::connect::{self, Opened, Refused};
use super::connection::{self, Lost};
use super::inquiry::Inquiry;
use super::leftover;
use super::patience::Patience;
use super::plan::Plan;
use super::protocol::Connect;
use super::session::Session;
use super::shared::Shared;
use super::state::ConnectionEvent;
use super::steps::Steps;
use super::suspicion::Suspicion;
use crate::config::{Credentials, Version};
use crate::error::{Error, Obstacle, Result};

/// Runs a client from its opening to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    // If this task is dropped or panics, nobody may wait for ever.
    let guard = EndGuard(shared.clone());
    let result = tokio::select! {
        biased;
        result = Driver::new(&shared, &plan).live() => result,
        never = shared.expire_overdue() => match never {},
    };
    shared.end(result.err());
    drop(guard);
}

struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end(Some(Error::Internal("the client's task has stopped".into())));
    }
}

/// The shortest time between a failure and an extra attempt that is made because of a waiting write. It doubles as the other
/// delays do, so that writes don't keep the delays short.
const HURRY: Duration = Duration::from_millis(250);
/// The longest delay before the next attempt to reconnect while the client is being closed.
const CLOSING_DELAY: Duration = Duration::from_secs(1);

struct Driver<'a> {
    shared: &'a Shared,
    plan: &'a Plan,
    backoff: Backoff,
    /// The index, in the list, of the broker of the present connection or of the next attempt.
    broker: usize,
    /// The index of the broker that holds the session of this client.
    session_of: Option<usize>,
    hurry: Backoff,
    /// The time after `last_failure` before which no extra attempt is made because of a waiting write.
    hurry_delay: Duration,
    /// The moment of the last failure: of an attempt to connect, or of the connection.
    last_failure: Instant,
    /// True when an attempt was made because of a close.
    tried_for_close: bool,
    /// The login, as it was last read.
    credentials: Option<Credentials>,
    /// The question to the program for a login, perhaps begun by an earlier attempt.
    login_asked: Inquiry<Result<Credentials>>,
    /// The patience with a broker that refuses the login.
    for_login: Patience,
    suspicion: Suspicion,
}

/// The client has been closed in good order.
struct Closed;

/// The outcome of an attempt to open the client.
enum First {
    /// The client was open until its connection was lost, or it was closed.
    Ended(std::result::Result<Error, Closed>),
    /// The attempt failed, and the next one may succeed.
    Failed(Error),
}

impl<'a> Driver<'a> {
    fn new(shared: &'a Shared, plan: &'a Plan) -> Driver<'a> {
        Driver {
            shared,
            plan,
            backoff: Backoff::new(plan.reconnect_min, plan.reconnect_max),
            hurry: Backoff::new(HURRY, plan.reconnect_max),
            hurry_delay: HURRY,
            broker: 0,
            session_of: None,
            last_failure: Instant::now(),
            tried_for_close: false,
            credentials: plan.connect.credentials.clone(),
            login_asked: Inquiry::default(),
            for_login: Patience::new(plan.retry_login),
            suspicion: Suspicion::default(),
        }
    }

    async fn live(mut self) -> Result<()> {
        let (shared, plan) = (self.shared, self.plan);
        if !plan.topics.is_empty() {
            shared.with(|session| session.subscribe_when_connected(plan.topics.clone(), plan.qos));
        }
        let mut lost = match self.open().await? {
            Ok(lost) => lost,
            Err(Closed) => return Ok(()),
        };
        loop {
            if !plan.reconnect {
                return Err(lost);
            }
            let opened = tokio::select! {
                biased;
                opened = self.reopen(lost) => opened?,
                () = shared.reconnecting_is_useless() => return Ok(()),
            };
            shared.count_reconnect();
            lost = match self.serve(opened).await {
                Ok(()) => return Ok(()),
                Err(Lost::ForGood(error)) => return Err(error),
                Err(Lost::Connection(error) | Lost::Closed(error)) => error,
            };
        }
    }

    /// Opens the client and serves its first connection until that is lost. Repeats failed attempts for as long as the plan
    /// says.
    async fn open(&mut self) -> Result<std::result::Result<Error, Closed>> {
        tokio::select! {
            biased;
            identified = self.plan.identify() => {
                if let Some(text) = identified? {
                    self.shared.announce(ConnectionEvent::Warning { text });
                }
            }
            () = self.shared.closing() => return Ok(Err(Closed)),
        }
        let mut for_broker = Patience::new(self.plan.retry_first);
        loop {
            let cause = match self.open_once().await? {
                First::Ended(end) => return Ok(end),
                First::Failed(error) => error,
            };
            let is_login = matches!(cause, Error::Authentication { .. });
            let left = if is_login { self.for_login.left() } else { for_broker.left() };
            let Some(left) = left else { return Err(cause) };
            if is_login {
                self.has_another_login().await;
            }
            let delay = self.delay().min(left);
            let broker = self.plan.brokers[0].to_string();
            self.shared.announce(ConnectionEvent::Retrying { delay, broker, cause });
            tokio::select! {
                biased;
                () = self.shared.closing() => return Ok(Err(Closed)),
                () = sleep(delay) => {}
            }
        }
    }

    /// Opens the client with the first broker that does all that the client needs. After a refused login no further broker is
    /// asked; a refused subscription is final.
    async fn open_once(&mut self) -> Result<First> {
        let mut failures = Vec::new();
        for broker in 0..self.plan.brokers.len() {
            self.broker = broker;
            let shared = self.shared;
            let opened = tokio::select! {
                biased;
                opened = self.first_attempt() => opened,
                () = shared.closing() => return Ok(First::Ended(Err(Closed))),
            };
            let failure = match opened {
                Ok(opened) => match self.serve(opened).await {
                    Ok(()) => return Ok(First::Ended(Err(Closed))),
                    Err(Lost::ForGood(error)) => return Err(error),
                    Err(Lost::Connection(error) | Lost::Closed(error)) if self.shared.is_opening() => error,
                    Err(Lost::Connection(error) | Lost::Closed(error)) => return Ok(First::Ended(Ok(error))),
                },
                Err(Refused::ForGood(error @ Error::Authentication { .. })) => return Ok(First::Failed(error)),
                Err(Refused::ForGood(error)) => return Err(error),
                Err(Refused::ForNow(error)) => error,
            };
            // The next broker may hold a session of its own with the same packet identifiers. A session that is kept beyond the
            // process knows which broker it belongs to.
            if self.shared.kept.is_none() {
                self.session_of = None;
                self.shared.with(Session::start_over);
            }
            failures.push(failure);
        }
        Ok(First::Failed(all_failed(failures)))
    }

    async fn first_attempt(&mut self) -> std::result::Result<Box<Opened>, Refused> {
        self.renew_login().await.map_err(Refused::ForNow)?;
        let connect = Connect { credentials: self.credentials.clone(), ..self.plan.connect.clone() };
        leftover::open(self.plan, &connect, &self.plan.brokers[self.broker], self.shared.kept.as_deref()).await
    }

    /// Asks the program for a login, if it provides them, within the time-out of a connection.
    async fn renew_login(&mut self) -> Result<()> {
        let Some(source) = self.plan.login_source.clone() else { return Ok(()) };
        let (version, most) = (self.plan.connect.version, self.plan.connection_timeout);
        let answer = timeout(most, self.login_asked.ask(move || source.ask(version))).await;
        self.credentials = Some(match answer {
            Ok(Ok(login)) => login?,
            Ok(Err(_)) => return Err(Error::connection("the program gave no login: its function has panicked")),
            Err(_) => {
                let message = format!("the program gave no login within {} ms", most.as_millis());
                return Err(Error::Connection { message, obstacle: Obstacle::TimedOut, delivery: None });
            }
        });
        Ok(())
    }

    /// Serves a connection until the client is closed or the connection is lost.
    async fn serve(&mut self, mut opened: Box<Opened>) -> std::result::Result<(), Lost> {
        let (shared, plan) = (self.shared, self.plan);
        self.for_login.renew();
        // A session that another broker holds under the same client id is not this session.
        let client_id = shared.client_id().to_owned();
        let broker = opened.broker.to_string();
        let resumes = match self.session_of {
            None => opened.session_present && shared.kept.as_ref().is_none_or(|kept| kept.is_of(&client_id, &broker)),
            Some(of) => of == self.broker && (opened.session_present || leftover::keeps_untold(&plan.connect)),
        };
        if self.session_of.is_none() {
            for text in std::mem::take(&mut opened.warnings) {
                shared.announce(ConnectionEvent::Warning { text });
            }
        }
        if let Some(id) = &opened.limits.assigned_client_id {
            shared.assign_client_id(id);
        }
        if let Some(text) = &opened.limits.response_information {
            tracing::info!("the broker's response information: {text:?}");
        }
        let since = Instant::now();
        let begun = match shared.kept.as_ref().filter(|_| !resumes) {
            None => Ok(()),
            Some(kept) => {
                // The session starts over before `begin`, so that what was received in the previous session is not stored for
                // this one.
                shared.with(Session::start_over);
                tokio::select! {
                    biased;
                    begun = kept.begin(&client_id, &broker) => begun,
                    () = shared.reconnecting_is_useless() => {
                        connect::say_goodbye(&opened.link);
                        return Ok(());
                    }
                }
            }
        };
        let result = match begun {
            Ok(()) => {
                self.session_of = Some(self.broker);
                connection::serve(shared, plan, opened, resumes).await
            }
            Err(error) => {
                self.session_of = None;
                connect::say_goodbye(&opened.link);
                Err(Lost::Connection(error))
            }
        };
        if let Err(Lost::Connection(error) | Lost::Closed(error)) = &result {
            self.last_failure = Instant::now();
            let lasted = self.last_failure - since;
            if lasted >= STABLE {
                self.backoff.reset();
                self.hurry.reset();
                self.hurry_delay = HURRY;
            }
            let closed = matches!(result, Err(Lost::Closed(_)));
            let unanswered = shared.look(|session| session.outgoing.never_answered()).filter(|_| closed);
            if let Some(text) = self.suspicion.lost(closed, lasted, unanswered, shared.client_id()) {
                shared.announce(ConnectionEvent::Warning { text });
            }
            if plan.reconnect || shared.is_opening() {
                shared.detach(error);
                shared.announce(ConnectionEvent::Lost { cause: error.clone() });
            }
        }
        result
    }

    /// Tries one broker after the other, with growing delays, until one accepts the connection.
    async fn reopen(&mut self, mut cause: Error) -> Result<Box<Opened>> {
        let mut next = None;
        loop {
            self.broker = (self.broker + 1) % self.plan.brokers.len().max(1);
            let planned = next.unwrap_or_else(|| Instant::now() + self.delay());
            let delay = planned.saturating_duration_since(Instant::now());
            let broker = self.plan.brokers[self.broker].to_string();
            self.shared.announce(ConnectionEvent::Retrying { delay, broker, cause });
            let hurried = self.pause(planned).await;
            let mut attempt = self.attempt().await;
            if let Err(Refused::ForGood(Error::Authentication { .. })) = &attempt
                && self.has_another_login().await
            {
                attempt = self.attempt().await;
            }
            match attempt {
                Ok(opened) => return Ok(opened),
                Err(Refused::ForGood(error @ Error::Authentication { .. })) if self.for_login.left().is_some() => {
                    self.hindered(&error);
                    cause = error;
                }
                Err(Refused::ForGood(error)) => return Err(error),
                Err(Refused::ForNow(error)) => cause = error,
            }
            // An attempt that is made because of a waiting write is an additional one, and does not replace the planned one.
            next = (hurried && !self.tried_for_close).then_some(planned);
        }
    }

    /// Returns whether the configuration file now has another login than the one that was refused. That login is shown to the
    /// broker once, so that a wrong password does not lock the account.
    async fn has_another_login(&mut self) -> bool {
        let Some(file) = self.plan.login_file.clone() else { return false };
        // A login that has lost its password comes from a half-written file; the client must not become anonymous unasked.
        let has_password = self.credentials.as_ref().is_some_and(|login| login.password.is_some());
        match tokio::task::spawn_blocking(move || file.read()).await {
            Ok(Ok(Some(read))) if has_password && read.password.is_none() => false,
            Ok(Ok(read @ Some(_))) if read != self.credentials => {
                self.credentials = read;
                true
            }
            Ok(Ok(_)) => false,
            Ok(Err(error)) => {
                tracing::warn!("the login is refused, and the configuration can't be read again: {error}");
                false
            }
            Err(error) => {
                tracing::warn!("reading the configuration again: {error}");
                false
            }
        }
    }

    fn delay(&mut self) -> Duration {
        let delay = self.backoff.delay(self.plan.dialer.random());
        if self.tried_for_close { delay.min(CLOSING_DELAY) } else { delay }
    }

    /// Waits until this moment, or less when a caller can't wait so long: a close gets an attempt at once, and so does a write
    /// whose deadline is earlier. Returns true when the wait was cut short.
    async fn pause(&mut self, planned: Instant) -> bool {
        loop {
            let now = Instant::now();
            let urgent = self.shared.look(|session| session.outgoing.next_deadline()).is_some_and(|at| at < planned);
            let early = self.last_failure + self.hurry_delay;
            let wake = if urgent { early.min(planned) } else { planned };
            if now >= wake {
                if wake < planned {
                    self.hurry_delay = self.hurry.delay(self.plan.dialer.random());
                }
                return wake < planned;
            }
            tokio::select! {
                biased;
                () = self.shared.closing(), if !self.tried_for_close => {
                    self.tried_for_close = true;
                    return true;
                }
                () = self.shared.accepted_offline() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    async fn attempt(&mut self) -> std::result::Result<Box<Opened>, Refused> {
        if let Err(error) = self.renew_login().await {
            self.hindered(&error);
            return Err(Refused::ForNow(error));
        }
        let mut connect = self.plan.connect.clone();
        connect.client_id = self.shared.client_id().to_owned();
        connect.credentials.clone_from(&self.credentials);
        let is_its_own = self.session_of == Some(self.broker);
        if connect.version == Version::V5 {
            // At the broker that holds our session, the clean start has been made already.
            connect.clean &= !is_its_own;
        }
        let address = &self.plan.brokers[self.broker];
        let result = match is_its_own {
            true => connect::open(self.plan, &connect, address, &mut Steps::begin()).await,
            false => leftover::open(self.plan, &connect, address, self.shared.kept.as_deref()).await,
        };
        if let Err(Refused::ForNow(error)) = &result {
            self.hindered(error);
        }
        result
    }

    /// Takes note that an attempt to reconnect has failed and another one follows.
    fn hindered(&mut self, cause: &Error) {
        self.last_failure = Instant::now();
        self.shared.with(|session| session.outgoing.hindered(cause));
    }
}

/// Returns the error for a list of brokers of which none could be opened.
fn all_failed(mut failures: Vec<Error>) -> Error {
    if failures.len() == 1
        && let Some(only) = failures.pop()
    {
        return only;
    }
    let obstacle = failures.iter().rev().find_map(Error::obstacle).unwrap_or(Obstacle::Other);
    let messages: Vec<String> = failures.iter().map(Error::to_string).collect();
    Error::Connection { message: messages.join("; "), obstacle, delivery: None }
}
