//! Opening a connection: socket, CONNECT, CONNACK.

use bytes::BytesMut;
use tokio::time::timeout_at;

use super::client::Plan;
use super::link::{Link, Written, explain, failed};
use super::protocol::{Packet, v4};
use super::wait::after;
use crate::config::Broker;
use crate::error::Error;

/// A connection that the broker has accepted.
pub(crate) struct Opened {
    pub link: Link,
    /// What came after the CONNACK.
    pub input: BytesMut,
    pub session_present: bool,
    pub broker: Broker,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another attempt may do better.
    ForNow(Error),
    /// The broker will not have this client as it is.
    ForGood(Error),
}

/// Connects to a broker, within the connection's time-out.
pub(crate) async fn open(plan: &Plan, broker: &Broker) -> Result<Opened, Refused> {
    let timeout = plan.connection_timeout;
    timeout_at(after(timeout).into(), log_in(plan, broker)).await.unwrap_or_else(|_| {
        let cause = format!("the broker did not answer within {timeout:?}");
        Err(Refused::ForNow(failed(broker, "time-out", cause)))
    })
}

async fn log_in(plan: &Plan, broker: &Broker) -> Result<Opened, Refused> {
    let link = Link::open(broker, plan.tls.as_ref()).await.map_err(Refused::ForNow)?;
    let failed = |step: &str, cause: String| Refused::ForNow(failed(broker, step, cause));
    let hint = if plan.tls.is_some() { "" } else { "; if this is a TLS port, set 'tls'" };
    let lost = |e: &std::io::Error| failed("CONNECT", format!("{}{hint}", explain(e)));

    let mut connect = BytesMut::new();
    v4::connect(&plan.connect, &mut connect);
    let mut chunks = [connect.freeze()].into();
    while link.try_write(&mut chunks).map_err(|e| lost(&e))? != Written::All {
        link.ready(false, true).await.map_err(|e| lost(&e))?;
    }

    let mut input = BytesMut::new();
    loop {
        match link.try_read(&mut input, 0) {
            Ok(0) => {
                let cause = format!("the broker closed the connection without an answer{hint}");
                return Err(failed("CONNECT", cause));
            }
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                link.ready(true, link.wants_write()).await.map_err(|e| lost(&e))?;
                continue;
            }
            Err(e) => return Err(lost(&e)),
        }
        // Whatever else talks here need not be listened to any longer.
        if input.first().is_some_and(|first| *first != 0x20) {
            return Err(failed("CONNACK", "the broker's first packet is another one; is this an MQTT port?".into()));
        }
        let packet = v4::decode(&mut input).map_err(|e| failed("CONNACK", e.to_string()))?;
        match packet {
            None => {}
            Some(Packet::Connack { session_present, code: 0 }) => {
                return Ok(Opened { link, input, session_present, broker: broker.clone() });
            }
            Some(Packet::Connack { code, .. }) => return Err(refused(plan, broker, code)),
            Some(_) => return Err(failed("CONNACK", "the broker's first packet is another one".into())),
        }
    }
}

/// The error for a refusing CONNACK.
fn refused(plan: &Plan, broker: &Broker, code: u8) -> Refused {
    let text = v4::connack_text(code);
    let message = format!("connect {broker}: the broker refused the connection: {text} (CONNACK code {code})");
    if !v4::is_login_refused(code) {
        return match code {
            // Neither the version nor the client id will please it the next time.
            1 | 2 => Refused::ForGood(Error::Connection(message)),
            _ => Refused::ForNow(Error::Connection(message)),
        };
    }
    let who = match &plan.connect.credentials {
        Some(credentials) => {
            let user: String = credentials.username.chars().take(100).collect();
            format!("user '{user}': check 'username_pw' and the broker's users")
        }
        None => "no user name was sent: give 'username_pw'".into(),
    };
    Refused::ForGood(Error::Authentication { message: format!("{message}; {who}"), code })
}
