//! The steps of opening a connection and the time of each, for diagnosis.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// A step of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Dns,
    Tcp,
    /// Opening a Unix socket, in place of DNS and TCP.
    Socket,
    /// The proxy's connection to the broker.
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
    /// Warnings about what works, but should be changed.
    pub warnings: Vec<String>,
}

impl Steps {
    pub fn begin() -> Steps {
        Steps { done: Vec::new(), since: Instant::now(), warnings: Vec::new() }
    }

    /// Records that this step has just succeeded; the next one begins.
    pub fn done(&mut self, step: Step) {
        let now = Instant::now();
        self.done.push((step, now - self.since));
        self.since = now;
    }

    /// Returns the steps that succeeded, each with its time.
    #[cfg(feature = "cli")]
    pub fn all(&self) -> &[(Step, Duration)] {
        &self.done
    }

    /// Returns how long the step under way has taken so far.
    #[cfg(feature = "cli")]
    pub fn under_way(&self) -> Duration {
        self.since.elapsed()
    }
}
