//! The task of a client: connects, serves the connection, comes back when it is lost, and ends the client.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use super::backoff::{Backoff, STABLE};
use super::client::{Plan, Shared};
use super::connect::{self, Opened, Refused};
use super::connection::{self, Lost};
use super::state::ConnectionEvent;
use super::wait::lock;
use crate::error::{Error, Result};

/// Runs a client from its opening to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    // Should this task be dropped or panic, nobody may wait for ever.
    let guard = EndGuard(shared.clone());
    let result = live(&shared, &plan).await;
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
        lock(&shared.session).subscribe_when_connected(plan.topics.clone(), plan.qos);
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
        opened.session_present &= session_of.is_none_or(|of| of == broker);
        session_of = Some(broker);
        let lost = match connection::serve(shared, plan, opened).await {
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
            opened = reopen(shared, plan, &mut backoff, &mut broker) => opened?,
            () = shared.given_up() => return Ok(()),
        };
        shared.count_reconnect();
    }
}

/// The first broker that answers. A refused login is final: no next broker is asked.
async fn open_first(plan: &Plan, broker: &mut usize) -> Result<Opened> {
    let mut failures = Vec::new();
    for (index, address) in plan.brokers.iter().enumerate() {
        *broker = index;
        match connect::open(plan, address).await {
            Ok(opened) => return Ok(opened),
            Err(Refused::ForGood(error)) => return Err(error),
            Err(Refused::ForNow(error)) => failures.push(error.to_string()),
        }
    }
    Err(Error::Connection(failures.join("; ")))
}

/// Tries one broker after the other until one answers, with growing delays.
async fn reopen(shared: &Shared, plan: &Plan, backoff: &mut Backoff, broker: &mut usize) -> Result<Opened> {
    loop {
        *broker = (*broker + 1) % plan.brokers.len().max(1);
        let delay = backoff.delay();
        shared.tell(ConnectionEvent::Retrying { delay, broker: plan.brokers[*broker].to_string() });
        sleep(delay).await;
        match connect::open(plan, &plan.brokers[*broker]).await {
            Ok(opened) => return Ok(opened),
            Err(Refused::ForGood(error)) => return Err(error),
            Err(Refused::ForNow(error)) => tracing::debug!("{error}"),
        }
    }
}
