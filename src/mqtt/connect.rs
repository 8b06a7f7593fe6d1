//! Opening a connection: socket, CONNECT, CONNACK.

use bytes::{Bytes, BytesMut};
use tokio::time::timeout_at;

use super::link::{Link, TLS_ALERT, Tls, Written, explain, failed};
use super::plan::Plan;
use super::protocol::{self, Connack, Connect, Decoder, Limits, Packet, Reason, connack_text};
use super::steps::{Step, Steps};
use crate::config::{Broker, Version};
use crate::error::{Error, Obstacle};
use crate::wait::after;

/// A connection that the broker has accepted.
pub(crate) struct Opened {
    pub link: Link,
    /// The bytes that came after the CONNACK.
    pub input: BytesMut,
    pub decoder: Decoder,
    pub session_present: bool,
    pub limits: Limits,
    pub broker: Broker,
    /// Warnings about what works, but should be changed.
    pub warnings: Vec<String>,
}

/// The reason why there is no connection.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another attempt may succeed.
    ForNow(Error),
    /// The broker refuses this client for good.
    ForGood(Error),
}

/// Connects to a broker within the connection's time-out.
pub(crate) async fn open(
    plan: &Plan,
    connect: &Connect,
    broker: &Broker,
    steps: &mut Steps,
) -> Result<Box<Opened>, Refused> {
    let timeout = plan.connection_timeout;
    // The future is boxed, since it is several times larger than the one that serves a connection; its memory is free again
    // when the client is connected.
    let logged_in = Box::pin(log_in(plan, connect, broker, steps));
    timeout_at(after(timeout), logged_in).await.unwrap_or_else(|_| {
        let cause = match plan.tls.as_ref().and_then(|tls| tls.silence(timeout)) {
            Some(silence) => silence,
            None => format!("the broker did not answer within {timeout:?}"),
        };
        Err(Refused::ForNow(failed(broker, "time-out", Obstacle::TimedOut, cause)))
    })
}

async fn log_in(plan: &Plan, connect: &Connect, broker: &Broker, steps: &mut Steps) -> Result<Box<Opened>, Refused> {
    let link = Link::open(&plan.dialer, broker, plan.tls.as_ref(), plan.web_socket.as_ref(), steps).await.map_err(
        |error| match error {
            Error::Authentication { .. } => Refused::ForGood(error),
            _ => Refused::ForNow(error),
        },
    )?;
    let failed = |step: &str, cause: String| Refused::ForNow(failed(broker, step, Obstacle::Other, cause));
    // Once a WebSocket is open, the port is known to be the right one.
    let known = plan.tls.is_some() || plan.web_socket.is_some();
    let hint = if known { "" } else { "; if this is a TLS port, set 'tls'" };
    let shortcoming = plan.tls.as_ref().and_then(Tls::shortcoming).map(|why| format!("; {why}")).unwrap_or_default();
    let lost = |e: &std::io::Error| failed("CONNECT", format!("{}{hint}{shortcoming}", explain(e)));

    // The CONNECT is wiped when it has been written.
    let mut chunks = [Bytes::from_owner(protocol::connect(connect))].into();
    while link.try_write(&mut chunks).map_err(|e| lost(&e))? != Written::All {
        link.ready(false, true).await.map_err(|e| lost(&e))?;
    }

    let mut input = BytesMut::new();
    let mut decoder = Decoder::new(connect);
    loop {
        match link.try_read(&mut input, 0) {
            Ok(0) => {
                let cause = format!("the broker closed the connection without an answer{hint}");
                return Err(failed("CONNECT", cause));
            }
            // The task yields so that the deadline also ends a peer that sends for ever, but no CONNACK.
            Ok(_) => tokio::task::yield_now().await,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                // TLS and WebSocket have answers of their own, which must be sent meanwhile.
                link.try_write(&mut chunks).map_err(|e| lost(&e))?;
                link.acknowledge_at_once();
                link.ready(true, link.wants_write()).await.map_err(|e| lost(&e))?;
                continue;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(e) => return Err(lost(&e)),
        }
        // A peer whose first packet is neither CONNACK nor, in MQTT 5, AUTH is no MQTT broker.
        if let Some(port) = other_port(&input) {
            return Err(failed("CONNACK", port.into()));
        }
        if input.first().is_some_and(|first| !matches!(first, 0x20 | 0xF0)) {
            return Err(failed("CONNACK", "the broker's first packet is not a CONNACK; is this an MQTT port?".into()));
        }
        match decoder.decode(&mut input).map_err(|e| failed("CONNACK", e.to_string()))? {
            None => {}
            Some(Packet::Connack(connack)) => {
                plan.tls.iter().for_each(Tls::is_answered);
                let Connack { session_present, reason, limits } = *connack;
                if reason.code != 0 {
                    return Err(refused(connect, broker, &reason));
                }
                if let Err(refused) = check_limits(plan, broker, &limits) {
                    say_goodbye(&link);
                    return Err(refused);
                }
                steps.done(Step::Login);
                let (broker, warnings) = (broker.clone(), std::mem::take(&mut steps.warnings));
                return Ok(Box::new(Opened { link, input, decoder, session_present, limits, broker, warnings }));
            }
            Some(Packet::Auth) => {
                let message = format!(
                    "connect {broker}: the broker asks for a further step of authentication (AUTH), which is not supported"
                );
                return Err(Refused::ForGood(Error::Authentication { message, code: 0x8C, delivery: None }));
            }
            Some(_) => return Err(failed("CONNACK", "the broker's first packet is not a CONNACK".into())),
        }
    }
}

/// Returns what the port is for, if the first bytes tell.
fn other_port(input: &[u8]) -> Option<&'static str> {
    if input.starts_with(&TLS_ALERT) {
        return Some("the answer is a TLS alert; this looks like a TLS port: set 'tls'");
    }
    input
        .starts_with(b"HTTP")
        .then_some("the answer is HTTP; this looks like an HTTP port: set 'transport: websockets', or another port")
}

/// Returns the error for a refusing CONNACK.
fn refused(connect: &Connect, broker: &Broker, reason: &Reason) -> Refused {
    let code = reason.code;
    let what = match connect.version {
        Version::V5 if code >= 0x80 => reason.to_string(),
        // A broker of an earlier version answers an MQTT 5 client with such a code, too.
        _ => format!("{} (CONNACK code {code})", connack_text(code)),
    };
    let message = format!("connect {broker}: the broker refused the connection: {what}");
    let not_accepted = |message| Error::Connection { message, obstacle: Obstacle::Refused(code), delivery: None };
    match code {
        4 | 5 | 0x86 | 0x87 | 0x8A | 0x8C => {
            let message =
                format!("{message}; {}", if code == 0x8C { "check 'auth_method'".into() } else { who(connect) });
            Refused::ForGood(Error::Authentication { message, code, delivery: None })
        }
        // The next attempt would offer the same version and be refused again.
        1 | 0x84 => {
            let version = connect.version.name();
            Refused::ForGood(not_accepted(format!("{message}; 'protocol' is {version}")))
        }
        2 | 0x85 => {
            let long = connect.version == Version::V31 && connect.client_id.len() > 23;
            let mut hint = if long { "; MQTT 3.1 allows 23 characters" } else { "" }.to_owned();
            if code == 2 {
                // MQTT 3 has no code for a keep-alive that is too long, so Mosquitto uses this one (max_keepalive).
                let seconds = connect.keep_alive_s;
                hint.push_str(&format!(
                    "; a keep-alive that is too long for the broker is refused so, too; 'connect.keepalive' is {seconds}"
                ));
            }
            Refused::ForGood(not_accepted(format!("{message}; the client id is '{}'{hint}", connect.client_id)))
        }
        0x9C | 0x9D => {
            Refused::ForNow(not_accepted(format!("{message}; name the broker that serves instead in 'brokers'")))
        }
        _ => Refused::ForNow(not_accepted(message)),
    }
}

/// Returns who was refused, and which parameter to check.
fn who(connect: &Connect) -> String {
    match connect.credentials.as_ref().map(|credentials| &credentials.username) {
        Some(Some(username)) => {
            let user: String = username.chars().take(100).collect();
            format!("user '{user}': check 'username_pw' and the broker's users")
        }
        Some(None) => "a password was sent without a user name: check 'username_pw'".into(),
        None => "no user name was sent: give 'username_pw'".into(),
    }
}

/// Refuses a broker that can't do what the client needs: a packet that exceeds its limits would end the connection (MQTT 5,
/// sections 3.2.2.3.4, 3.2.2.3.5, 3.2.2.3.11 and 3.2.2.3.13).
fn check_limits(plan: &Plan, broker: &Broker, limits: &Limits) -> Result<(), Refused> {
    let will = plan.connect.will.as_ref();
    let writer = plan.topics.is_empty();
    let qos = if writer { plan.qos.qos() } else { 0 };
    let problem = if limits.maximum_qos.is_some_and(|most| qos > most) {
        format!("it takes no messages at QoS {qos}; set 'consistency' or 'qos' lower")
    } else if limits.no_retain && (writer && plan.retain || will.is_some_and(|will| will.retain)) {
        "it does not support retained messages; set 'retain' to false".into()
    } else if limits.no_wildcards && plan.topics.iter().any(|topic| topic.contains(['+', '#'])) {
        "it does not support subscriptions with wildcards".into()
    } else if limits.no_shared && plan.topics.iter().any(|topic| topic.starts_with("$share/")) {
        "it does not support shared subscriptions".into()
    } else {
        return Ok(());
    };
    let error =
        failed(broker, "CONNACK", Obstacle::Other, format!("the broker can't do what is asked of it: {problem}"));
    // Another broker of the list may be able to.
    Err(if plan.brokers.len() > 1 { Refused::ForNow(error) } else { Refused::ForGood(error) })
}

/// Sends DISCONNECT, as far as that is possible without waiting: otherwise the broker would publish the will.
pub(super) fn say_goodbye(link: &Link) {
    let mut packet = BytesMut::new();
    protocol::disconnect(&mut packet);
    let _ = link.try_write(&mut [packet.freeze()].into());
    link.shutdown();
}
