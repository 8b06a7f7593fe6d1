//! The proxy through which brokers are reached (HTTP's CONNECT, RFC 9110, section 9.3.6).

use std::fmt;

use super::broker::{self, Broker};
use super::environment;
use super::extractor::Extractor;
use super::value::Value;
use crate::wiped::Secret;

/// The proxy's address and the login for it.
#[derive(Clone, PartialEq)]
pub(crate) struct ProxySettings {
    pub address: Broker,
    pub login: Option<(String, Secret)>,
    /// Hosts that are reached directly, in the form of `NO_PROXY`.
    direct: Vec<String>,
}

/// Shows the settings without the login.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings").field("address", &self.address).finish()
    }
}

const PROXY: &str = "proxy";
/// Most proxies listen on this port.
const DEFAULT_PORT: i64 = 3128;
/// With this value of the parameter, the environment's variables are read.
const ENVIRONMENT: &str = "environment";

impl ProxySettings {
    /// Whether this broker is reached through the proxy.
    pub fn serves(&self, broker: &Broker) -> bool {
        let host = broker.host.trim_end_matches('.').to_ascii_lowercase();
        broker.socket().is_none()
            && !self.direct.iter().any(|direct| {
                let direct = direct.trim_start_matches("*.").trim_start_matches('.');
                direct == "*" || host == direct || host.strip_suffix(direct).is_some_and(|rest| rest.ends_with('.'))
            })
    }
}

impl Extractor {
    /// Reads the proxy. Variables of the environment are read only on request: they are made for browsers, and a service that
    /// is started in another environment would take another way.
    pub fn proxy(&mut self) -> Option<ProxySettings> {
        match self.value(PROXY, &[])? {
            Value::Map(_) => self.proxy_of_map(),
            Value::Str(text) if text == ENVIRONMENT => self.proxy_of_environment(),
            other => {
                let expected = "a map with 'proxy_addr', or the word 'environment' for HTTPS_PROXY";
                self.wrong(PROXY, &[], expected, &other);
                None
            }
        }
    }

    fn proxy_of_map(&mut self) -> Option<ProxySettings> {
        if let Some(kind) = self.text(PROXY, &["proxy_type"])
            && !kind.eq_ignore_ascii_case("HTTP")
        {
            self.parameters.problem(PROXY, &["proxy_type"], "expected HTTP; SOCKS is not supported");
        }
        let port = self.integer(PROXY, &["proxy_port"], 1..=65535).unwrap_or(DEFAULT_PORT);
        let username = self.text(PROXY, &["proxy_username"]);
        let password = self.secret(PROXY, &["proxy_password"]);
        let Some(host) = self.text(PROXY, &["proxy_addr"]) else {
            if self.value(PROXY, &["proxy_addr"]).is_none() {
                self.parameters.problem(PROXY, &[], "has no 'proxy_addr', the name or address of the proxy");
            }
            return None;
        };
        let login = match (username, password) {
            (None, None) => None,
            (Some(username), password) if !username.contains(':') => {
                Some((username, password.unwrap_or_else(|| Secret::new(Vec::new()))))
            }
            (Some(_), _) => {
                self.parameters.problem(PROXY, &["proxy_username"], "has a colon, which HTTP does not allow in it");
                None
            }
            (None, Some(_)) => {
                self.parameters.problem(PROXY, &["proxy_password"], "is given without 'proxy_username'");
                None
            }
        };
        // The port is a parameter of its own, so zero means that the address has none.
        match broker::parse(&Value::from(host), 0).as_deref() {
            Ok([address]) if address.socket().is_none() && address.port > 0 => {
                let message = "has a port in it; expected one name or address, and the port in 'proxy_port'";
                self.parameters.problem(PROXY, &["proxy_addr"], message);
                None
            }
            Ok([address]) if address.socket().is_none() => Some(ProxySettings {
                address: Broker { port: port as u16, ..address.clone() },
                login,
                direct: Vec::new(),
            }),
            Ok(_) => {
                self.parameters.problem(PROXY, &["proxy_addr"], "expected one name or address");
                None
            }
            Err(message) => {
                self.parameters.problem(PROXY, &["proxy_addr"], message);
                None
            }
        }
    }

    fn proxy_of_environment(&mut self) -> Option<ProxySettings> {
        let url = environment::first(["https_proxy", "HTTPS_PROXY"])?;
        let direct = environment::first(["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let direct = direct.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty());
        match of_url(&url) {
            Some((address, login)) => Some(ProxySettings { address, login, direct: direct.collect() }),
            None => {
                let message = "HTTPS_PROXY is not http://HOST:PORT, or with a login http://USER:PASSWORD@HOST:PORT";
                self.parameters.problem(PROXY, &[], message);
                None
            }
        }
    }
}

fn of_url(url: &str) -> Option<(Broker, Option<(String, Secret)>)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return None,
        None => url,
    };
    let rest = rest.trim_end_matches('/');
    let (login, host) = match rest.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, rest),
    };
    let login = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((username, password)) => {
            Some((String::from_utf8(decoded(username)?).ok()?, Secret::new(decoded(password)?)))
        }
        None => None,
    };
    match broker::parse(&Value::from(host), DEFAULT_PORT as u16).ok()?.as_slice() {
        [address] if address.socket().is_none() => Some((address.clone(), login)),
        _ => None,
    }
}

/// Decodes percent-encoding: `%40` is `@`.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_a_url() {
        let (address, login) = of_url("http://me:p%40ss@proxy.example.org:8080/").expect("a proxy");
        assert_eq!(address.to_string(), "proxy.example.org:8080");
        assert!(login.is_some_and(|(username, password)| username == "me" && password.bytes() == b"p@ss"));
        for (url, expected) in [("proxy", "proxy:3128"), ("http://[::1]:1", "[::1]:1"), ("http://proxy/", "proxy:3128")]
        {
            assert_eq!(of_url(url).map(|(address, _)| address.to_string()).as_deref(), Some(expected));
        }
        for url in
            ["https://proxy:1", "socks5://proxy", "", "http://", "http://a:%zz@proxy", "http://a:%é@proxy", "unix:/x"]
        {
            assert!(of_url(url).is_none(), "{url}");
        }
    }

    #[test]
    fn some_hosts_are_reached_without_it() {
        let direct = ["localhost", ".example.org", "*.example.com", "10.0.0.1"].map(str::to_owned).to_vec();
        let (address, login) = of_url("proxy").expect("a proxy");
        let proxy = ProxySettings { address, login, direct };
        let serves = |host: &str| proxy.serves(&Broker { host: host.into(), port: 1883 });
        for host in ["LocalHost.", "example.org", "a.example.org", "a.b.example.com", "10.0.0.1", "unix:/run/x"] {
            assert!(!serves(host), "{host}");
        }
        for host in ["localhost.example.net", "notexample.org", "10.0.0.11", "::1"] {
            assert!(serves(host), "{host}");
        }
        assert!(
            !ProxySettings { direct: vec!["*".into()], ..proxy.clone() }.serves(&Broker { host: "x".into(), port: 1 })
        );
    }
}
