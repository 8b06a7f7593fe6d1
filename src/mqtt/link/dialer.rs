//! Opening a connection, by DNS and TCP, a Unix socket or a proxy, to the first of a broker's addresses that answers.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::failed;
use super::network::Network;
use super::transport::Transport;
use super::tunnel;
use crate::config::{Broker, ProxySettings};
use crate::error::{Error, Obstacle, Result};
use crate::lock::lock;
use crate::mqtt::steps::{Step, Steps};

/// The time for which an attempt is alone before the next address is tried beside it (RFC 8305, section 5: recommended value).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The dialer; see the module. It remembers which address has answered, so that the next connection begins there.
pub(crate) struct Dialer {
    network: Network,
    proxy: Option<ProxySettings>,
    answered: Mutex<HashMap<String, SocketAddr>>,
}

impl Dialer {
    pub fn new(network: Network, proxy: Option<ProxySettings>) -> Dialer {
        Dialer { network, proxy, answered: Mutex::default() }
    }

    /// Returns a number from 0 to 1, see [`Network::random`].
    pub fn random(&self) -> f64 {
        self.network.random()
    }

    /// Connects to the broker. The caller sets the deadline.
    pub async fn connect(&self, broker: &Broker, steps: &mut Steps) -> Result<Transport> {
        if let Some(path) = broker.socket() {
            let stream = self.network.connect_socket(path).await;
            let stream = stream.map_err(|e| failed(broker, "socket", Obstacle::Unreachable, explain_socket(&e)))?;
            steps.done(Step::Socket);
            return Ok(stream);
        }
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| proxy.serves(broker)) else {
            return self.connect_directly(broker, "", broker, steps).await;
        };
        let at = &proxy.address;
        let stream = self.connect_directly(at, &format!("the proxy {at}: "), broker, steps).await?;
        tunnel::open(broker, proxy, &stream).await?;
        steps.done(Step::Proxy);
        Ok(stream)
    }

    /// Connects to `who` on behalf of the broker: to the broker itself, or to a proxy, which `whose` then names in errors.
    async fn connect_directly(
        &self,
        who: &Broker,
        whose: &str,
        broker: &Broker,
        steps: &mut Steps,
    ) -> Result<Transport> {
        let name = who.to_string();
        let found = self.network.lookup(&who.host, who.port).await;
        let found = found.map_err(|e| {
            let hint = who
                .zone()
                .map(|zone| format!("; is '{zone}' a network interface of this machine?"))
                .unwrap_or_default();
            failed(broker, "DNS", Obstacle::UnknownHost, format!("{whose}{e}{hint}"))
        })?;
        steps.done(Step::Dns);
        let last_time = lock(&self.answered).get(&name).copied();
        match self.race(in_turn(found, last_time)).await {
            Ok((address, stream)) => {
                lock(&self.answered).insert(name, address);
                steps.done(Step::Tcp);
                Ok(stream)
            }
            Err(failures) => Err(unreachable(broker, whose, &failures)),
        }
    }

    /// Begins with the first address, and tries the next one beside it whenever an attempt has failed or has taken
    /// [`ATTEMPT_DELAY`] (RFC 8305, section 5). The first connection wins; the other attempts are given up.
    async fn race(
        &self,
        addresses: Vec<SocketAddr>,
    ) -> std::result::Result<(SocketAddr, Transport), Vec<(SocketAddr, io::Error)>> {
        let mut left = addresses.into_iter();
        let mut attempts = JoinSet::new();
        let mut failures = Vec::new();
        loop {
            match left.next() {
                Some(address) => {
                    let network = self.network.clone();
                    attempts.spawn(async move { (address, network.connect(address).await) });
                }
                None if attempts.is_empty() => return Err(failures),
                None => {}
            }
            tokio::select! {
                biased;
                Some(attempt) = attempts.join_next() => match attempt {
                    Ok((address, Ok(stream))) => return Ok((address, stream)),
                    Ok((address, Err(e))) => failures.push((address, e)),
                    Err(e) => tracing::debug!("an attempt to connect has stopped: {e}"),
                },
                () = sleep(ATTEMPT_DELAY), if left.len() > 0 => {}
            }
        }
    }
}

/// Returns the addresses in the order in which they are tried: first the one that answered the last time, then the families in
/// turn, beginning with the one that the resolver prefers (RFC 8305, section 4).
fn in_turn(found: Vec<SocketAddr>, last_time: Option<SocketAddr>) -> Vec<SocketAddr> {
    let first = last_time.filter(|address| found.contains(address));
    let rest = found.into_iter().filter(|address| Some(*address) != first).collect::<Vec<_>>();
    let preferred = first.or(rest.first().copied()).is_some_and(|address| address.is_ipv6());
    let (same, other): (Vec<_>, Vec<_>) = rest.into_iter().partition(|address| address.is_ipv6() == preferred);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut order = Vec::from_iter(first);
    // After the address that answered the last time, it is the other family's turn.
    let mut turn = first.is_some();
    while let Some(next) =
        if turn { other.next().or_else(|| same.next()) } else { same.next().or_else(|| other.next()) }
    {
        order.push(next);
        turn = !turn;
    }
    order
}

/// Returns the error when no address has answered. It names the addresses if they failed in different ways.
fn unreachable(broker: &Broker, whose: &str, failures: &[(SocketAddr, io::Error)]) -> Error {
    let Some((_, last)) = failures.last() else {
        return failed(broker, "DNS", Obstacle::UnknownHost, format!("{whose}the name has no address"));
    };
    let obstacle = if last.kind() == io::ErrorKind::TimedOut { Obstacle::TimedOut } else { Obstacle::Unreachable };
    let same = failures.iter().all(|(_, e)| e.to_string() == last.to_string());
    let why = match same {
        true => last.to_string(),
        false => failures.iter().map(|(address, e)| format!("{address}: {e}")).collect::<Vec<_>>().join("; "),
    };
    failed(broker, "TCP", obstacle, format!("{whose}{why}"))
}

fn explain_socket(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{error}; is the broker running, and does it listen there?"),
        io::ErrorKind::ConnectionRefused => format!("{error}; nobody listens there any more: is the broker running?"),
        io::ErrorKind::PermissionDenied => format!("{error}; this user needs the right to write to the socket"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        text.split(' ').map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn families_take_turns_and_the_address_of_the_last_time_comes_first() {
        let found = || addresses("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1");
        assert_eq!(in_turn(found(), None), addresses("[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1"));
        let last_time = addresses("2.2.2.2:1").first().copied();
        assert_eq!(in_turn(found(), last_time), addresses("2.2.2.2:1 [::1]:1 1.1.1.1:1 [::2]:1 [::3]:1"));
        let gone = addresses("9.9.9.9:1").first().copied();
        assert_eq!(in_turn(found(), gone), in_turn(found(), None));
        assert_eq!(in_turn(Vec::new(), gone), []);
    }
}
