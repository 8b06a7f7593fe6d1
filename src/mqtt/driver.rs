//! The task of a client: connects, serves the connection, comes back when it is lost, and ends the client.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use super::backoff::{Backoff, STABLE};
use super::connect::{self, Opened, Refused};
use super::connection::{self, Lost};
use super::leftover;
use super::plan::Plan;
use super::shared::Shared;
use super::state::ConnectionEvent;
use super::steps::Steps;
use crate::config::Version;
use crate::error::{Cause, Error, Result};

/// Runs a client from its opening to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    // Should this task be dropped or panic, nobody may wait for ever.
    let guard = EndGuard(shared.clone());
    let result = tokio::select! {
        result = live(&shared, &plan) => result,
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

async fn live(shared: &Shared, plan: &Plan) -> Result<()> {
    let mut broker = 0;
    if !plan.topics.is_empty() {
        shared.with(|session| session.subscribe_when_connected(plan.topics.clone(), plan.qos));
    }
    let mut opened = tokio::select! {
        opened = open_first(plan, &mut broker) => opened?,
        () = shared.closing() => return Ok(()),
    };
    // Another broker's session is not this one, even if it has one under the same client id.
    let mut session_of = None;
    let mut backoff = Backoff::new(plan.reconnect_min, plan.reconnect_max);
    loop {
        let since = Instant::now();
        let resumes = match session_of {
            None => opened.session_present,
            Some(of) => of == broker && (opened.session_present || leftover::keeps_untold(&plan.connect)),
        };
        if session_of.is_none() {
            for text in std::mem::take(&mut opened.warnings) {
                shared.tell(ConnectionEvent::Warning { text });
            }
        }
        session_of = Some(broker);
        if let Some(id) = &opened.limits.assigned_client_id {
            shared.assigned_client_id(id);
        }
        if let Some(text) = &opened.limits.response_information {
            tracing::info!("the broker's response information: {text:?}");
        }
        let lost = match connection::serve(shared, plan, opened, resumes).await {
            Ok(()) => return Ok(()),
            Err(Lost::ForGood(error)) => return Err(error),
            Err(Lost::Connection(error)) if !plan.reconnect || shared.is_opening() => return Err(error),
            Err(Lost::Connection(error)) => error,
        };
        if since.elapsed() >= STABLE {
            backoff.reset();
        }
        shared.detach(&lost);
        shared.tell(ConnectionEvent::Lost { cause: lost });
        opened = tokio::select! {
            opened = reopen(shared, plan, &mut backoff, &mut broker, session_of) => opened?,
            () = shared.given_up() => return Ok(()),
        };
        shared.count_reconnect();
    }
}

/// The first broker that answers. A refused login is final: no next broker is asked.
async fn open_first(plan: &Plan, broker: &mut usize) -> Result<Opened> {
    let mut failures = Vec::new();
    let mut last = Cause::Other;
    for (index, address) in plan.brokers.iter().enumerate() {
        *broker = index;
        match leftover::open(plan, &plan.connect, address).await {
            Ok(opened) => return Ok(opened),
            Err(Refused::ForGood(error)) => return Err(error),
            Err(Refused::ForNow(error)) => {
                failures.push(error.to_string());
                last = error.cause().unwrap_or(last);
            }
        }
    }
    Err(Error::Connection { message: failures.join("; "), cause: last })
}

/// Tries one broker after the other until one answers, with growing delays. `session_of`: the broker that holds our
/// session.
async fn reopen(
    shared: &Shared,
    plan: &Plan,
    backoff: &mut Backoff,
    broker: &mut usize,
    session_of: Option<usize>,
) -> Result<Opened> {
    let mut connect = plan.connect.clone();
    connect.client_id = shared.client_id().to_owned();
    loop {
        *broker = (*broker + 1) % plan.brokers.len().max(1);
        let delay = backoff.delay();
        shared.tell(ConnectionEvent::Retrying { delay, broker: plan.brokers[*broker].to_string() });
        sleep(delay).await;
        if connect.version == Version::V5 {
            // Where our session is, a clean start has been made already.
            connect.clean = plan.connect.clean && session_of != Some(*broker);
        }
        let address = &plan.brokers[*broker];
        let result = match session_of == Some(*broker) {
            true => connect::open(plan, &connect, address, &mut Steps::begin()).await,
            false => leftover::open(plan, &connect, address).await,
        };
        match result {
            Ok(opened) => return Ok(opened),
            Err(Refused::ForGood(error)) => return Err(error),
            Err(Refused::ForNow(error)) => tracing::debug!("{error}"),
        }
    }
}
