//! The steps of opening a connection and how long each took; for whoever looks for a fault.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// A step of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Dns,
    Tcp,
    /// A Unix socket, in place of both.
    Socket,
    /// The proxy has connected to the broker.
    Proxy,
    Tls,
    WebSocket,
    /// CONNECT and its CONNACK.
    Login,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Dns => "DNS",
            Step::Tcp => "TCP",
            Step::Socket => "socket",
            Step::Proxy => "proxy",
            Step::Tls => "TLS",
            Step::WebSocket => "WebSocket",
            Step::Login => "login",
        })
    }
}

/// The steps that succeeded, in order.
#[derive(Debug)]
pub(crate) struct Steps {
    done: Vec<(Step, Duration)>,
    since: Instant,
    /// What works, but should be changed.
    pub warnings: Vec<String>,
}

impl Steps {
    pub fn begin() -> Steps {
        Steps { done: Vec::new(), since: Instant::now(), warnings: Vec::new() }
    }

    /// This step has just succeeded; the next one begins.
    pub fn done(&mut self, step: Step) {
        let now = Instant::now();
        self.done.push((step, now - self.since));
        self.since = now;
    }

    /// The steps that succeeded, each with its time.
    #[cfg(feature = "cli")]
    pub fn all(&self) -> &[(Step, Duration)] {
        &self.done
    }

    /// How long the step under way has taken so far.
    #[cfg(feature = "cli")]
    pub fn under_way(&self) -> Duration {
        self.since.elapsed()
    }
}
