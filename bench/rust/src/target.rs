//! Where a client connects to, and what for.

use bench_tools::Outcome;
use bench_tools::options::Options;
use bench_tools::row::Row;

#[derive(Debug, Clone)]
pub struct Target {
    pub host: String,
    pub port: u16,
    /// The authority of a broker with TLS, a PEM file; `None` without TLS.
    pub authority: Option<String>,
    /// The name and the password, when the broker asks for them.
    pub login: Option<(String, String)>,
    pub topic: String,
    pub qos: u8,
    /// Bytes of a value.
    pub size: usize,
}

impl Target {
    pub fn new(options: &Options, row: &Row, topic: String) -> Outcome<Target> {
        let broker = options.get("broker")?;
        let (host, port) = broker.rsplit_once(':').ok_or_else(|| format!("--broker {broker} has no port"))?;
        let login = match options.find("user") {
            Some(user) => Some((user.to_owned(), options.get("password")?.to_owned())),
            None => None,
        };
        Ok(Target {
            host: host.to_owned(),
            port: port.parse().map_err(|e| format!("--broker {broker}: {e}"))?,
            authority: options.find("ca").map(str::to_owned),
            login,
            topic,
            qos: row.qos,
            size: row.size,
        })
    }

    /// A client identifier that only this process has.
    pub fn client_id(&self) -> String {
        format!("bench-{}", std::process::id())
    }
}
