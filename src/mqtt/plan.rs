//! The part of the configuration that the driver needs.

use std::sync::Arc;
use std::time::Duration;

use super::link::{Dialer, Network, Tls};
use super::protocol::{Connect, Will};
use super::runtime::Runtime;
use crate::config::{Broker, Consistency, LoginFile, LoginSource, Role, Settings, WebSocketSettings};
use crate::error::Result;
use crate::material::KeyMaterial;
use crate::terms::Acknowledge;

/// The environment of a client: what it runs on, and how it finds its brokers.
pub(crate) struct Environment {
    pub runtime: Arc<Runtime>,
    pub network: Network,
}

impl Environment {
    /// Returns the environment of every client outside of the simulation.
    pub fn system() -> Result<Environment> {
        Ok(Environment { runtime: Runtime::get()?, network: Network::System })
    }
}

/// The plan; see the module.
pub(crate) struct Plan {
    pub dialer: Dialer,
    pub brokers: Vec<Broker>,
    pub tls: Option<Tls>,
    pub web_socket: Option<WebSocketSettings>,
    pub connect: Connect,
    /// The file from which the login can be read again.
    pub login_file: Option<LoginFile>,
    /// The function of the program that provides the login anew.
    pub login_source: Option<LoginSource>,
    pub connection_timeout: Duration,
    /// The topic filters to which a reader subscribes; empty for a writer.
    pub topics: Vec<String>,
    pub qos: Consistency,
    /// True when the application acknowledges messages itself.
    pub acknowledges: bool,
    /// True when a writer's messages are retained.
    pub retain: bool,
    /// True when the client reconnects after a loss.
    pub reconnect: bool,
    /// The time for which the opening is retried.
    pub retry_first: Duration,
    /// The time for which a refused login is retried.
    pub retry_login: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// The runtime, which must live until the driver has ended.
    pub runtime: Arc<Runtime>,
}

impl Plan {
    /// Reads the certificates, without using the network.
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

    /// Asks a token for the client's key, if there is one, within the connection's time-out. Returns a warning if the client's
    /// certificate should be changed.
    pub async fn identify(&self) -> Result<Option<String>> {
        match &self.tls {
            Some(tls) => tls.identify(self.connection_timeout).await,
            None => Ok(None),
        }
    }
}
