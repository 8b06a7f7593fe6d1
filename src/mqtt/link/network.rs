//! The network and the random numbers of the engine, both of which the simulation replaces.

use std::io;
use std::net::SocketAddr;
#[cfg(test)]
use std::sync::Arc;

use tokio::net::TcpStream;

use super::lookup::lookup;
use super::transport::Transport;
#[cfg(test)]
use crate::mqtt::simulation;

/// The network; see the module.
#[derive(Clone)]
pub(crate) enum Network {
    /// The operating system's network.
    System,
    #[cfg(test)]
    Simulated(Arc<simulation::Network>),
}

impl Network {
    /// Returns the addresses of a host, in the order in which the resolver prefers them.
    pub async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Network::System => lookup(host, port).await,
            #[cfg(test)]
            Network::Simulated(network) => network.lookup(host, port).await,
        }
    }

    /// Opens a connection. The caller sets the deadline.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Transport> {
        match self {
            Network::System => {
                let tcp = TcpStream::connect(address).await?;
                // Small packets must not wait for the acknowledgement of earlier ones.
                tcp.set_nodelay(true)?;
                Ok(tcp.into())
            }
            #[cfg(test)]
            Network::Simulated(network) => network.connect(address).await.map(Transport::Memory),
        }
    }

    /// Opens a connection to a Unix socket. The caller sets the deadline.
    pub async fn connect_socket(&self, path: &str) -> io::Result<Transport> {
        match self {
            #[cfg(unix)]
            Network::System => tokio::net::UnixStream::connect(path).await.map(Transport::Unix),
            #[cfg(not(unix))]
            Network::System => Err(io::Error::new(io::ErrorKind::Unsupported, format!("{path}: not on this system"))),
            #[cfg(test)]
            Network::Simulated(_) => Err(io::Error::new(io::ErrorKind::Unsupported, path)),
        }
    }

    /// Returns an unpredictable number from 0 to 1, which need not be of cryptographic quality.
    pub fn random(&self) -> f64 {
        match self {
            Network::System => {
                let bits = uuid::Uuid::new_v4().as_u128() as u32;
                f64::from(bits) / f64::from(u32::MAX)
            }
            #[cfg(test)]
            Network::Simulated(network) => network.random(),
        }
    }
}
