//! Addresses of brokers.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::value::Value;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Broker {
    /// On this machine, so that nobody can listen on the way.
    pub fn is_local(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
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
    if text.contains('@') {
        // Not shown: it may hold a password.
        return Err("expected host or host:port, without a user; use 'username_pw' for the login".into());
    }
    if text.contains("://") || text.contains('/') {
        return Err(format!(
            "expected host or host:port, not a URL: '{text}'; use 'tls' and 'transport' for the protocol"
        ));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| format!("']' is missing in '{text}'"))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(format!("'{host}' is not an IPv6 address"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("expected ':' and the port after ']' in '{text}'")),
        }
    } else if text.parse::<Ipv6Addr>().is_ok() {
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
    Ok(Broker { host: host.to_owned(), port })
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
        ] {
            assert!(parse(&Value::from(text), 1883).is_err(), "{text}");
        }
        assert!(parse(&Value::List(vec![]), 1883).is_err());
        assert!(parse(&Value::Int(1883), 1883).is_err());
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
