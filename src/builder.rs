//! What the builders of writers and readers have in common.

mod tls;

use std::time::Duration;

use crate::config::{self, BroughtAlong, Map, Request, Role, Value};
use crate::error::{Error, IoKind};
use crate::mqtt::{Client, ConnectionEvent, Listener};
use crate::wait::after;

pub use tls::Tls;

/// An empty request; relative paths start in the current folder.
pub(crate) fn request(role: Role) -> Request {
    Request {
        role,
        user_dir: std::env::current_dir().unwrap_or_default(),
        user_home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        config_file: None,
        config_text: None,
        service: None,
        no_config: false,
        parameters: Map::new(),
        fields: Map::new(),
        brought: BroughtAlong::default(),
    }
}

/// Which client it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientName {
    /// The client identifier: the one that was given or made. (The broker may have assigned another.)
    pub client_id: String,
    /// The service's name; `None` when no file was read and none was given.
    pub service: Option<String>,
    /// `writer` or `reader`.
    pub role: &'static str,
}

/// Is told of which client an event is.
pub(crate) type NamedListener = Box<dyn Fn(&ClientName, &ConnectionEvent) + Send + Sync>;

/// The same of one client.
pub(crate) fn named(listener: NamedListener, settings: &config::Settings, role: Role) -> Listener {
    let role = match role {
        Role::Writer => "writer",
        Role::Reader => "reader",
    };
    let name = ClientName { client_id: settings.client_id.clone(), service: settings.service.clone(), role };
    Box::new(move |event| listener(&name, event))
}

/// The value of the parameter `brokers`.
pub(crate) fn brokers(brokers: impl IntoIterator<Item = impl Into<String>>) -> Value {
    tls::list(brokers)
}

/// The same for one broker; an IPv6 address has brackets there.
pub(crate) fn broker(host: &str, port: u16) -> Value {
    let bare = host.contains(':') && !host.starts_with('[');
    brokers([if bare { format!("[{host}]:{port}") } else { format!("{host}:{port}") }])
}

/// The setters that writers and readers share.
macro_rules! common_setters {
    () => {
        /// The service in the configuration file. Not needed when the file has only one.
        pub fn service(mut self, service: impl Into<String>) -> Self {
            self.request.service = Some(service.into());
            self
        }

        /// The configuration file. Without it `./.sinetstream_config.yml`, then `~/.config/sinetstream/config.yml`.
        pub fn config_file(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.request.config_file = Some(path.into());
            self
        }

        /// The configuration itself instead of a file: what a file would contain. Of a file that is part of the program it is
        /// `include_str!("config.yml")`. Paths in it start in the current folder.
        pub fn config_text(mut self, text: impl Into<String>) -> Self {
            self.request.config_text = Some(crate::config::ConfigText::new("configuration text", text.into()));
            self
        }

        /// The configuration from a stream, which is read to its end now.
        ///
        /// # Errors
        ///
        /// [`Error::NoConfig`](crate::Error::NoConfig) when it can't be read.
        pub fn config_stream(mut self, stream: impl std::io::Read) -> crate::Result<Self> {
            self.request.config_text = Some(crate::config::ConfigText::read("configuration stream", stream)?);
            Ok(self)
        }

        /// Reads no configuration file: all parameters come from the builder.
        pub fn no_config(mut self, no_config: bool) -> Self {
            self.request.no_config = no_config;
            self
        }

        /// The name of a configuration on a configuration server, which is asked instead of reading a file. The server and the
        /// login are in `~/.config/sinetstream/auth.json`, unless [`auth_file`](Self::auth_file) names another.
        pub fn config_name(self, name: impl Into<String>) -> Self {
            self.field("config_name", name.into())
        }

        /// The file with the configuration server's address and the login there.
        pub fn auth_file(self, path: impl Into<std::path::PathBuf>) -> Self {
            self.field("auth_file", crate::config::path::to_value(&path.into()))
        }

        /// The private key for encrypted values of the configuration. Without it `~/.config/sinetstream/private_key.pem`.
        pub fn private_key_file(self, path: impl Into<std::path::PathBuf>) -> Self {
            self.field("private_key_file", crate::config::path::to_value(&path.into()))
        }

        /// The messaging system; `mqtt`.
        pub fn service_type(self, name: impl Into<String>) -> Self {
            self.field("type", name.into())
        }

        /// The client identifier; the default is one that nobody else has.
        pub fn client_id(self, id: impl Into<String>) -> Self {
            self.field("client_id", id.into())
        }

        /// How surely messages arrive.
        pub fn consistency(self, consistency: crate::Consistency) -> Self {
            self.field("consistency", consistency.name())
        }

        /// The brokers, which are tried in this order, and on again after a lost connection: `host`, `host:port`,
        /// `[IPv6]:port` or `unix:/path`. It is the parameter `brokers`.
        pub fn brokers(self, brokers: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.parameter("brokers", crate::builder::brokers(brokers))
        }

        /// One broker: its name or address, an IPv6 address with or without brackets, and its port.
        pub fn broker(self, host: impl AsRef<str>, port: u16) -> Self {
            self.parameter("brokers", crate::builder::broker(host.as_ref(), port))
        }

        /// TLS: the parameter `tls`, which replaces the file's as a whole.
        pub fn tls(self, tls: crate::Tls) -> Self {
            self.parameter("tls", tls)
        }

        /// The login that the broker is shown: the parameter `username_pw`.
        pub fn login(self, username: impl Into<String>, password: impl Into<String>) -> Self {
            self.parameter("username_pw", [("username", username.into()), ("password", password.into())])
        }

        /// Any parameter of the configuration file, by its name there. It replaces the file's.
        pub fn parameter(mut self, name: impl Into<String>, value: impl Into<crate::config::Value>) -> Self {
            self.request.parameters.insert(name, value);
            self
        }

        /// Several parameters.
        pub fn parameters(mut self, parameters: crate::config::Map) -> Self {
            for (name, value) in parameters.iter() {
                self.request.parameters.insert(name, value.clone());
            }
            self
        }

        /// What gives the login, in place of `username_pw`: it is asked before each attempt to connect, so that a token that
        /// expires, or a password that changes, is always one of now. It runs on a thread where it may block, for
        /// `connect.connection_timeout` at most; an error of its is a failed attempt like a broker that can't be reached.
        ///
        /// ```no_run
        /// use sinetstream::{Login, MessageWriter};
        ///
        /// # fn new_token() -> std::io::Result<String> { Ok(String::new()) }
        /// let writer = MessageWriter::<str>::builder()
        ///     .service("service-mqtt-password")
        ///     .login_with(|| Ok(Login::new("user01", new_token()?)))
        ///     .open()?;
        /// # Ok::<(), sinetstream::Error>(())
        /// ```
        pub fn login_with(
            mut self,
            login: impl Fn() -> std::result::Result<crate::Login, crate::BoxError> + Send + Sync + 'static,
        ) -> Self {
            self.request.brought.login = Some(crate::config::LoginSource::new(login));
            self
        }

        /// Is called with every change of the connection, in order, from the client's own task: it must return quickly
        /// and must not call a method that blocks.
        pub fn on_connection_event(
            mut self,
            listener: impl Fn(&crate::ConnectionEvent) + Send + Sync + 'static,
        ) -> Self {
            self.listener = Some(Box::new(move |_, event| listener(event)));
            self
        }

        /// The same, told which client it is: for a listener of several clients.
        pub fn on_connection_event_of(
            mut self,
            listener: impl Fn(&crate::ClientName, &crate::ConnectionEvent) + Send + Sync + 'static,
        ) -> Self {
            self.listener = Some(Box::new(listener));
            self
        }

        fn field(mut self, name: &str, value: impl Into<crate::config::Value>) -> Self {
            self.request.fields.insert(name, value);
            self
        }
    };
}
pub(crate) use common_setters;

/// What a client knows of itself; see the public getters.
macro_rules! common_getters {
    ($($part:ident).+) => {
        /// The service's name; `None` when no file was read and none was given.
        pub fn service(&self) -> Option<&str> {
            self.$($part).+.settings.service.as_deref()
        }

        /// The client identifier: the one that was given or made, or that the broker has assigned instead.
        pub fn client_id(&self) -> &str {
            self.$($part).+.client.client_id()
        }

        /// How surely messages arrive.
        pub fn consistency(&self) -> crate::Consistency {
            self.$($part).+.settings.consistency
        }

        /// The parameters, with the builder's over the file's and secrets hidden.
        pub fn config(&self) -> &crate::config::Map {
            &self.$($part).+.settings.visible
        }

        /// True when there is a connection now; without one, the client is on its way back, or has ended.
        pub fn is_connected(&self) -> bool {
            self.$($part).+.client.is_connected()
        }

        /// How the client is doing: queues, reconnects.
        pub fn connection_info(&self) -> crate::ConnectionInfo {
            self.$($part).+.info()
        }

        /// The counters.
        pub fn metrics(&self) -> crate::Metrics {
            self.$($part).+.metrics()
        }

        /// Tells the recorder of the crate `metrics` the client's numbers, under the names of `docs/metrics.md`; feature
        /// `metrics`.
        #[cfg(feature = "metrics")]
        pub fn metrics_recorder(&self) -> crate::MetricsRecorder {
            self.$($part).+.metrics_recorder()
        }

        /// Sets all counters to zero.
        pub fn reset_metrics(&self) {
            self.$($part).+.reset_metrics();
        }
    };
}
pub(crate) use common_getters;

pub(crate) fn load(request: &Request) -> crate::Result<config::Settings> {
    config::load(request)
}

/// Runs a future with a deadline, on any executor; `None` when the time is up.
pub(crate) async fn within<T>(client: &Client, timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    let timer = {
        let runtime = client.runtime();
        let _context = runtime.enter();
        tokio::time::sleep_until(after(timeout))
    };
    tokio::select! {
        biased;
        output = future => Some(output),
        () = timer => None,
    }
}

pub(crate) fn no_answer(timeout: Duration) -> Error {
    Error::connection(format!("the broker did not answer a ping within {} ms", timeout.as_millis()))
}

pub(crate) fn flush_timeout(timeout: Duration) -> Error {
    Error::io(IoKind::TimedOut, format!("flush timed out after {} ms", timeout.as_millis()))
}
