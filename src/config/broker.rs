//! Addresses of brokers.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::value::Value;

/// The address at which a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    /// A host name or an address, without brackets; or `unix:` and the path of a socket.
    pub host: String,
    /// The port, which is zero for a Unix socket.
    pub port: u16,
}

const SOCKET: &str = "unix:";

impl Broker {
    /// Returns the path of the Unix socket, if the broker has no port.
    pub fn socket(&self) -> Option<&str> {
        self.host.strip_prefix(SOCKET)
    }

    /// Returns the host as certificates and HTTP know it, without the zone of a link-local address, which has a meaning on this
    /// machine only (RFC 6874, section 1).
    pub fn name(&self) -> &str {
        match self.host.split_once('%') {
            Some((address, _)) if self.host.contains(':') => address,
            _ => &self.host,
        }
    }

    /// Returns the zone of a link-local address, which names a network interface.
    pub fn zone(&self) -> Option<&str> {
        self.host.split_once('%').filter(|_| self.socket().is_none()).map(|(_, zone)| zone)
    }

    /// Whether the broker is on this machine, so that nobody can listen on the way.
    pub fn is_local(&self) -> bool {
        if self.socket().is_some() {
            return true;
        }
        match self.name().parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true if self.socket().is_some() => f.write_str(&self.host),
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads `brokers`: a string, with commas between several, or a list of strings.
pub(crate) fn parse(value: &Value, default_port: u16) -> Result<Vec<Broker>, String> {
    let texts: Vec<&str> = match value {
        Value::Str(text) => text.split(',').collect(),
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Str(text) => Ok(text.as_str()),
                other => Err(format!("expected a list of strings host or host:port, found {} in it", other.kind())),
            })
            .collect::<Result<_, _>>()?,
        other => return Err(format!("expected host, host:port or a list of them, found {}", other.kind())),
    };
    if texts.is_empty() {
        return Err("expected at least one broker, found an empty list".into());
    }
    texts.into_iter().map(|text| parse_one(text.trim(), default_port)).collect()
}

fn parse_one(text: &str, default_port: u16) -> Result<Broker, String> {
    if text.is_empty() {
        return Err("expected host or host:port, found an empty string".into());
    }
    if let Some(path) = text.strip_prefix(SOCKET) {
        return socket(path.strip_prefix("//").unwrap_or(path));
    }
    if text.contains('@') {
        // The error does not quote the text, which may hold a password.
        return Err("expected host or host:port, without a user; use 'username_pw' for the login".into());
    }
    if text.contains("://") || text.contains('/') {
        return Err(format!(
            "expected host or host:port, not a URL: '{text}'; use 'tls' and 'transport' for the protocol"
        ));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| format!("']' is missing in '{text}'"))?;
        if !is_ipv6(host) {
            return Err(format!("'{host}' is not an IPv6 address"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("expected ':' and the port after ']' in '{text}'")),
        }
    } else if is_ipv6(text) {
        (text, None)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() || host.len() > 253 || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("'{host}' is not a host name"));
    }
    let port = match port {
        None => default_port,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => number,
            _ => return Err(format!("expected a port from 1 to 65535, found '{port}' in '{text}'")),
        },
    };
    // In a URL the separator before the zone is written `%25` (RFC 6874); outside brackets the zone has its plain form.
    let host = match host.split_once("%25") {
        Some((address, zone)) if text.starts_with('[') && !zone.is_empty() => format!("{address}%{zone}"),
        _ => host.to_owned(),
    };
    Ok(Broker { host, port })
}

fn socket(path: &str) -> Result<Broker, String> {
    if !cfg!(unix) {
        return Err("a Unix socket (unix:) needs a Unix system; expected host or host:port".into());
    }
    // C's sun_path holds the path: 108 bytes with the final zero on Linux, and fewer elsewhere.
    match path.starts_with('/') && !path.contains('\0') {
        true => Ok(Broker { host: format!("{SOCKET}{path}"), port: 0 }),
        false => Err(format!("expected the absolute path of a socket after 'unix:', found '{path}'")),
    }
}

/// Whether the text is an IPv6 address, with or without a zone, which is the name or the number of a network interface (RFC
/// 4007, section 11).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let is_zone = !zone.is_empty() && zone.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '[' | ']'));
    address.parse::<Ipv6Addr>().is_ok() && is_zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("h", "h", 1883),
            (" broker.example.org:8884 ", "broker.example.org", 8884),
            ("[::1]:1884", "::1", 1884),
            ("[fe80::1]", "fe80::1", 1883),
            ("::1", "::1", 1883),
            ("fe80::1%eth0", "fe80::1%eth0", 1883),
            ("[fe80::1%eth0]:1884", "fe80::1%eth0", 1884),
            ("fe80::1%251", "fe80::1%251", 1883),
            ("[fe80::1%25251]:1884", "fe80::1%251", 1884),
            ("[fe80::1%25]", "fe80::1%25", 1883),
            ("[fe80::1%25wlan0.1]", "fe80::1%wlan0.1", 1883),
        ] {
            let expected = Broker { host: host.into(), port };
            assert_eq!(parse(&Value::from(text), 1883), Ok(vec![expected]), "{text}");
        }
        for text in [
            "",
            " ",
            "tcp://h:1",
            "h:",
            "h:x",
            "h:0",
            "h:65536",
            "h:+1",
            ":1883",
            "u:p@h",
            "[::1",
            "[h]:1",
            "[::1]1",
            "a b:1",
            "fe80::1%",
            "[fe80::1%]:1",
            "unix:",
            "unix:relative.sock",
        ] {
            assert!(parse(&Value::from(text), 1883).is_err(), "{text}");
        }
        assert!(parse(&Value::List(vec![]), 1883).is_err());
        assert!(parse(&Value::Int(1883), 1883).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn sockets() {
        for text in ["unix:/run/mosquitto.sock", "unix:///run/mosquitto.sock"] {
            let broker = parse(&Value::from(text), 1883).expect("a broker").remove(0);
            assert_eq!((broker.socket(), broker.is_local()), (Some("/run/mosquitto.sock"), true));
            assert_eq!(broker.to_string(), "unix:/run/mosquitto.sock");
        }
    }

    #[test]
    fn a_zone_is_this_machines_business() {
        let broker = parse(&Value::from("[fe80::1%eth0]:1884"), 1883).expect("a broker").remove(0);
        assert_eq!((broker.name(), broker.zone()), ("fe80::1", Some("eth0")));
        assert_eq!(broker.to_string(), "[fe80::1%eth0]:1884");
    }

    #[test]
    fn local_ones() {
        let is_local = |host: &str| Broker { host: host.into(), port: 1883 }.is_local();
        for host in ["localhost", "LOCALHOST.", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["localhost.example.org", "127.example.org", "128.0.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1"] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn a_user_in_the_address_is_not_shown() {
        let message = parse(&Value::from("user:hidden@h"), 1883).unwrap_err();
        assert!(!message.contains("hidden"), "{message}");
    }
}
