//! DNS and TCP.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::failed;
use crate::config::Broker;
use crate::error::{Cause, Result};
use crate::mqtt::steps::{Step, Steps};

/// While another address is left to try, one gets this long: a black hole must not use up the whole deadline.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to the first address of the host that answers, in the order of the resolver.
pub(super) async fn connect(broker: &Broker, steps: &mut Steps) -> Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((broker.host.as_str(), broker.port))
        .await
        .map_err(|e| failed(broker, "DNS", Cause::UnknownHost, e))?
        .collect();
    steps.done(Step::Dns);
    let mut last = failed(broker, "DNS", Cause::UnknownHost, "the name has no address");
    for (index, address) in addresses.iter().enumerate() {
        let attempt = TcpStream::connect(address);
        let connected = match index + 1 < addresses.len() {
            true => timeout(PATIENCE, attempt).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())),
            false => attempt.await,
        };
        match connected {
            Ok(stream) => {
                // Small packets must not wait for the acknowledgement of earlier ones.
                stream.set_nodelay(true).map_err(|e| failed(broker, "TCP", Cause::Other, e))?;
                steps.done(Step::Tcp);
                return Ok(stream);
            }
            Err(e) => {
                let timed_out = e.kind() == std::io::ErrorKind::TimedOut;
                last = failed(broker, "TCP", if timed_out { Cause::TimedOut } else { Cause::Unreachable }, e);
            }
        }
    }
    Err(last)
}
