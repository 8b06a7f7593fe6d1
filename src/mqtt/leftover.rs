//! The session that an earlier process has left at the broker, under the same client id.
//!
//! A writer at QoS 2 does not know the packet identifiers in it that wait for a PUBREL: the broker would take a new message
//! under one of them for the old one, or have no room for new ones, and MQTT 3.1.1 can't report that. The session contains
//! nothing else for a writer, so it is discarded. Readers continue theirs, and so do writers whose outbox on disk has kept it.

use std::time::Duration;

use super::connect::{self, Opened, Refused};
use super::kept_session::KeptSession;
use super::plan::Plan;
use super::protocol::Connect;
use super::steps::Steps;
use crate::config::{Broker, Consistency, Version};

/// Connects a client that knows nothing of a session that it may have at the broker.
pub(crate) async fn open(
    plan: &Plan,
    connect: &Connect,
    broker: &Broker,
    kept: Option<&dyn KeptSession>,
) -> Result<Box<Opened>, Refused> {
    let opened = connect::open(plan, connect, broker, &mut Steps::begin()).await?;
    let is_writer = plan.topics.is_empty();
    let is_there = opened.session_present || keeps_untold(connect);
    // The session that MQTT 3.1 has for a new client may be another one than the one that was kept.
    let is_kept =
        opened.session_present && kept.is_some_and(|kept| kept.is_of(&connect.client_id, &broker.to_string()));
    if !(is_writer && plan.qos == Consistency::ExactlyOnce && is_there) || is_kept {
        return Ok(opened);
    }
    tracing::info!("{broker}: the session that an earlier process has left under the client id is discarded");
    hang_up(opened).await;
    let mut clean = Connect { clean: true, ..connect.clone() };
    if connect.version == Version::V5 {
        // The session that this connection begins outlives it as the configuration says.
        return connect::open(plan, &clean, broker, &mut Steps::begin()).await;
    }
    // Before MQTT 5 a clean session ends with its connection.
    clean.will = None;
    hang_up(connect::open(plan, &clean, broker, &mut Steps::begin()).await?).await;
    connect::open(plan, connect, broker, &mut Steps::begin()).await
}

/// Returns true if the broker may keep a session without telling: MQTT 3.1 does not tell whether there is one, and its broker
/// keeps the session of every client that asks for it.
pub(crate) fn keeps_untold(connect: &Connect) -> bool {
    connect.version == Version::V31 && !connect.clean
}

async fn hang_up(opened: Box<Opened>) {
    connect::say_goodbye(&opened.link);
    opened.link.closed(Duration::MAX).await;
}
