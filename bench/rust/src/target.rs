//! Where a client connects to, and what for.

use std::sync::Arc;

use bench_tools::Outcome;
use bench_tools::options::Options;
use bench_tools::presence::Presence;
use bench_tools::row::{Outbox, Row};

#[derive(Clone)]
pub struct Target {
    pub host: String,
    pub port: u16,
    /// The authority of a broker with TLS, a PEM file; `None` without TLS.
    pub authority: Option<String>,
    /// The name and the password, when the broker asks for them.
    pub login: Option<(String, String)>,
    pub topic: String,
    pub qos: u8,
    /// Of a writer that keeps its messages on disk: how, and the folder for them.
    pub outbox: Option<(Outbox, String)>,
    /// Bytes of a value.
    pub size: usize,
    /// Of a client among many: its number.
    pub number: usize,
    /// Of a client among many: it comes back by itself after a lost connection, and tells here whether it has one.
    pub presence: Option<Arc<Presence>>,
}

impl Target {
    pub fn new(options: &Options, row: &Row, topic: String) -> Outcome<Target> {
        let broker = options.get("broker")?;
        let (host, port) = broker.rsplit_once(':').ok_or_else(|| format!("--broker {broker} has no port"))?;
        let login = match options.find("user") {
            Some(user) => Some((user.to_owned(), options.get("password")?.to_owned())),
            None => None,
        };
        let outbox = match row.outbox {
            Some(outbox) => Some((outbox, options.get("directory")?.to_owned())),
            None => None,
        };
        Ok(Target {
            host: host.to_owned(),
            port: port.parse().map_err(|e| format!("--broker {broker}: {e}"))?,
            authority: options.find("ca").map(str::to_owned),
            login,
            topic,
            qos: row.qos,
            outbox,
            size: row.size,
            number: 0,
            presence: None,
        })
    }

    /// A client identifier that no other client has.
    pub fn client_id(&self) -> String {
        format!("bench-{}-{}", std::process::id(), self.number)
    }
}
