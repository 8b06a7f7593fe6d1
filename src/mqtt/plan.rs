//! What the driver needs to know of the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::link::{Dialer, Network, Tls};
use super::protocol::{Connect, Will};
use super::runtime::Runtime;
use crate::config::{Broker, Consistency, LoginFile, LoginSource, Role, Settings, WebSocketSettings};
use crate::error::Result;
use crate::material::KeyMaterial;
use crate::terms::Acknowledge;

/// What a client runs on, and where it finds its brokers.
pub(crate) struct Environment {
    pub runtime: Arc<Runtime>,
    pub network: Network,
}

impl Environment {
    /// The one of every client outside of the simulation.
    pub fn system() -> Result<Environment> {
        Ok(Environment { runtime: Runtime::get()?, network: Network::System })
    }
}

/// See the module.
pub(crate) struct Plan {
    pub dialer: Dialer,
    pub brokers: Vec<Broker>,
    pub tls: Option<Tls>,
    pub web_socket: Option<WebSocketSettings>,
    pub connect: Connect,
    /// Where the login can be read again.
    pub login_file: Option<LoginFile>,
    /// What gives it anew.
    pub login_source: Option<LoginSource>,
    pub connection_timeout: Duration,
    /// What a reader subscribes to; empty for a writer.
    pub topics: Vec<String>,
    pub qos: Consistency,
    /// The application acknowledges what it has taken.
    pub acknowledges: bool,
    /// A writer's messages are retained.
    pub retain: bool,
    /// Come back after a loss.
    pub reconnect: bool,
    /// How long the opening tries again.
    pub retry_first: Duration,
    /// How long a refused login is tried again.
    pub retry_login: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// Lives until the driver has ended.
    pub runtime: Arc<Runtime>,
}

impl Plan {
    /// Reads the certificates; nothing is done on the network.
    pub fn new(
        settings: &Settings,
        role: Role,
        will: Option<Will>,
        material: &KeyMaterial,
        environment: Environment,
    ) -> Result<Plan> {
        Ok(Plan {
            dialer: Dialer::new(environment.network, settings.proxy.clone()),
            brokers: settings.brokers.clone(),
            tls: settings.tls.as_ref().map(|tls| Tls::new(tls, material)).transpose()?,
            web_socket: settings.web_socket.clone(),
            connect: Connect {
                version: settings.version,
                client_id: settings.client_id.clone(),
                clean: settings.clean,
                keep_alive_s: settings.keep_alive.as_secs() as u16,
                credentials: settings.credentials.clone(),
                will,
                properties: settings.connect_properties.clone(),
            },
            login_file: settings.login_file.clone(),
            login_source: settings.login_source.clone(),
            connection_timeout: settings.connection_timeout,
            topics: if role == Role::Reader { settings.topics.clone() } else { Vec::new() },
            qos: settings.consistency,
            acknowledges: settings.acknowledge != Acknowledge::Taken,
            retain: settings.retain,
            reconnect: settings.automatic_reconnect,
            retry_first: settings.retry_first,
            retry_login: settings.retry_login,
            reconnect_min: settings.reconnect_min,
            reconnect_max: settings.reconnect_max,
            runtime: environment.runtime,
        })
    }

    /// Asks a token for the client's key, if there is one, within the connection's time-out. What about the client's certificate
    /// should be changed.
    pub async fn identify(&self) -> Result<Option<String>> {
        match &self.tls {
            Some(tls) => tls.identify(self.connection_timeout).await,
            None => Ok(None),
        }
    }
}
