//! The options that the builders of writers and readers have in common.

mod tls;

use std::time::Duration;

use crate::config::{self, BroughtAlong, Map, Request, Role, Value};
use crate::error::{Error, IoKind};
use crate::mqtt::{Client, ConnectionEvent, Listener};
use crate::wait::after;

pub use tls::Tls;

/// Returns an empty request; relative paths start in the current folder.
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

/// The names by which a listener of several clients tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientName {
    /// The client identifier: the given or the generated one. (The broker may have assigned another.)
    pub client_id: String,
    /// The service's name; `None` if no file was read and no name was given.
    pub service: Option<String>,
    /// `writer` or `reader`.
    pub role: &'static str,
}

/// A listener that is told which client an event belongs to.
pub(crate) type NamedListener = Box<dyn Fn(&ClientName, &ConnectionEvent) + Send + Sync>;

/// Returns a listener for one client, which passes the client's name on.
pub(crate) fn named(listener: NamedListener, settings: &config::Settings, role: Role) -> Listener {
    let role = match role {
        Role::Writer => "writer",
        Role::Reader => "reader",
    };
    let name = ClientName { client_id: settings.client_id.clone(), service: settings.service.clone(), role };
    Box::new(move |event| listener(&name, event))
}

/// Returns the value of the parameter `brokers`.
pub(crate) fn brokers(brokers: impl IntoIterator<Item = impl Into<String>>) -> Value {
    tls::list(brokers)
}

/// Returns the same value for one broker; an IPv6 address gets brackets.
pub(crate) fn broker(host: &str, port: u16) -> Value {
    let bare = host.contains(':') && !host.starts_with('[');
    brokers([if bare { format!("[{host}]:{port}") } else { format!("{host}:{port}") }])
}

/// The setters that writers and readers share.
macro_rules! common_setters {
    () => {
        /// Sets the service in the configuration file. It is not needed if the file has only one.
        pub fn service(mut self, service: impl Into<String>) -> Self {
            self.request.service = Some(service.into());
            self
        }

        /// Sets the configuration file. Without it, the file is `./.sinetstream_config.yml`, else
        /// `~/.config/sinetstream/config.yml`.
        pub fn config_file(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.request.config_file = Some(path.into());
            self
        }

        /// Sets the text of the configuration, in place of a file. A file that is part of the program can be given as
        /// `include_str!("config.yml")`. Paths in the text start in the current folder.
        pub fn config_text(mut self, text: impl Into<String>) -> Self {
            self.request.config_text = Some(crate::config::ConfigText::new("configuration text", text.into()));
            self
        }

        /// Reads the configuration from a stream, to its end, at once.
        ///
        /// # Errors
        ///
        /// [`Error::NoConfig`](crate::Error::NoConfig) if the stream can't be read.
        pub fn config_stream(mut self, stream: impl std::io::Read) -> crate::Result<Self> {
            self.request.config_text = Some(crate::config::ConfigText::read("configuration stream", stream)?);
            Ok(self)
        }

        /// Sets whether no configuration file is read, so that all parameters come from the builder.
        pub fn no_config(mut self, no_config: bool) -> Self {
            self.request.no_config = no_config;
            self
        }

        /// Sets the name of a configuration on a configuration server, which is asked instead of reading a file. The server and
        /// the login are in `~/.config/sinetstream/auth.json`, unless [`auth_file`](Self::auth_file) names another file.
        pub fn config_name(self, name: impl Into<String>) -> Self {
            self.field("config_name", name.into())
        }

        /// Sets the file with the address of the configuration server and the login there.
        pub fn auth_file(self, path: impl Into<std::path::PathBuf>) -> Self {
            self.field("auth_file", crate::config::path::to_value(&path.into()))
        }

        /// Sets the file of the private key for encrypted values of the configuration. The default is
        /// `~/.config/sinetstream/private_key.pem`.
        pub fn private_key_file(self, path: impl Into<std::path::PathBuf>) -> Self {
            self.field("private_key_file", crate::config::path::to_value(&path.into()))
        }

        /// Sets the messaging system, which is `mqtt`.
        pub fn service_type(self, name: impl Into<String>) -> Self {
            self.field("type", name.into())
        }

        /// Sets the client identifier; the default is a generated one that no other client has.
        pub fn client_id(self, id: impl Into<String>) -> Self {
            self.field("client_id", id.into())
        }

        /// Sets the quality of service.
        pub fn consistency(self, consistency: crate::Consistency) -> Self {
            self.field("consistency", consistency.name())
        }

        /// Sets the parameter `brokers`: the brokers, each as `host`, `host:port`, `[IPv6]:port` or `unix:/path`. They are
        /// tried in this order, again after a lost connection.
        pub fn brokers(self, brokers: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.parameter("brokers", crate::builder::brokers(brokers))
        }

        /// Sets one broker: its name or address (an IPv6 address with or without brackets), and its port.
        pub fn broker(self, host: impl AsRef<str>, port: u16) -> Self {
            self.parameter("brokers", crate::builder::broker(host.as_ref(), port))
        }

        /// Sets the parameter `tls`, which replaces the file's as a whole.
        pub fn tls(self, tls: crate::Tls) -> Self {
            self.parameter("tls", tls)
        }

        /// Sets the login that the broker is shown: the parameter `username_pw`.
        pub fn login(self, username: impl Into<String>, password: impl Into<String>) -> Self {
            self.parameter("username_pw", [("username", username.into()), ("password", password.into())])
        }

        /// Sets any parameter of the configuration file by its name there. It replaces the file's.
        pub fn parameter(mut self, name: impl Into<String>, value: impl Into<crate::config::Value>) -> Self {
            self.request.parameters.insert(name, value);
            self
        }

        /// Sets several parameters.
        pub fn parameters(mut self, parameters: crate::config::Map) -> Self {
            for (name, value) in parameters.iter() {
                self.request.parameters.insert(name, value.clone());
            }
            self
        }

        /// Sets a function that gives the login, in place of `username_pw`. It is called before each attempt to connect, so
        /// that an expiring token or a changing password is always up to date. It runs on a thread where it may block, for at
        /// most `connect.connection_timeout`. If it fails, the attempt counts as failed, as when the broker can't be reached.
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

        /// Sets a listener for every change of the connection. It is called in order, on the client's own task, so it must
        /// return quickly and must not call a method that blocks.
        pub fn on_connection_event(
            mut self,
            listener: impl Fn(&crate::ConnectionEvent) + Send + Sync + 'static,
        ) -> Self {
            self.listener = Some(Box::new(move |_, event| listener(event)));
            self
        }

        /// Sets a listener that is also told which client the event belongs to, for use by several clients.
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

/// The getters that writers and readers share.
macro_rules! common_getters {
    ($($part:ident).+) => {
        /// Returns the service's name; `None` if no file was read and no name was given.
        pub fn service(&self) -> Option<&str> {
            self.$($part).+.settings.service.as_deref()
        }

        /// Returns the client identifier: the given or the generated one, or the one that the broker has assigned instead.
        pub fn client_id(&self) -> &str {
            self.$($part).+.client.client_id()
        }

        /// Returns the quality of service.
        pub fn consistency(&self) -> crate::Consistency {
            self.$($part).+.settings.consistency
        }

        /// Returns the parameters of file and builder, where the builder's replace the file's and secrets are hidden.
        pub fn config(&self) -> &crate::config::Map {
            &self.$($part).+.settings.visible
        }

        /// Returns true while there is a connection; without one, the client is reconnecting, or has ended.
        pub fn is_connected(&self) -> bool {
            self.$($part).+.client.is_connected()
        }

        /// Returns the state of the client: queues, reconnects.
        pub fn connection_info(&self) -> crate::ConnectionInfo {
            self.$($part).+.info()
        }

        /// Returns a snapshot of the counters.
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

/// Runs a future with a deadline, on any executor; returns `None` when the time is up.
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
