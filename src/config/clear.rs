//! Checks for secrets and connections that would go over the network without TLS.

use super::broker::{self, Broker};
use super::environment::{self, Flag};
use super::extractor::Extractor;
use super::proxy::ProxySettings;
use super::value::{Value, is_word};

/// This variable holds for all programs of a machine, whatever their files and builders say.
const VARIABLE: &str = "SINETSTREAM_REQUIRE_TLS";

/// Refuses a configuration server on another machine that is to be asked without TLS, if TLS is required: the server gets the
/// secret of the login, and an attacker in between could choose the configuration. `given` is the builder's `require_tls`.
pub(super) fn check_server(address: &str, given: Option<Value>) -> Result<(), String> {
    let Some(rest) = address.strip_prefix("http://") else { return Ok(()) };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_local = broker::parse(&Value::from(host), 80).is_ok_and(|hosts| hosts.iter().all(Broker::is_local));
    let is_off = match given {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Str(text)) => is_word(&text, &["false", "no", "off"]),
        Some(_) => false,
    };
    let required_by = match (environment::flag(VARIABLE), is_off) {
        _ if is_local => return Ok(()),
        (Flag::On, _) => format!("{VARIABLE} is on"),
        (Flag::Unclear, _) => format!("the environment variable {VARIABLE} is neither 1 nor 0"),
        (Flag::Off, false) => "'require_tls' is on".to_owned(),
        (Flag::Off, true) => return Ok(()),
    };
    Err(format!(
        "{required_by}, but the login would go to the configuration server {address} without TLS: use https://"
    ))
}

impl Extractor {
    /// Warns of a secret (the login, or the value of a parameter or inside it) that anybody on the way could read, and refuses
    /// every connection without TLS if TLS is required. A broker on this machine needs none.
    pub fn in_the_clear(
        &mut self,
        tls: bool,
        brokers: &[Broker],
        proxy: Option<&ProxySettings>,
        secret: Option<(&str, &str)>,
    ) {
        let by_parameter = self.flag("require_tls", &[]).unwrap_or(false);
        let by_machine = self.machine_requires_tls();
        // Behind a proxy, `localhost` is the proxy's machine, not this one.
        let is_local = |broker: &Broker| {
            broker.is_local() && !proxy.is_some_and(|proxy| proxy.serves(broker) && !proxy.address.is_local())
        };
        let Some(broker) = brokers.iter().find(|broker| !tls && !is_local(broker)) else { return };
        let required_by = match (by_machine, by_parameter) {
            (true, _) => VARIABLE,
            (false, true) => "'require_tls'",
            (false, false) => {
                let Some((name, inside)) = secret else { return };
                let inside = [inside].into_iter().filter(|inside| !inside.is_empty()).collect::<Vec<_>>();
                let place = self.parameters.get(name).map(|entry| self.parameters.place_of(entry, &inside));
                let what = if name == "ws_options" { "what they say" } else { "the password" };
                let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
                self.parameters.warnings.push(format!(
                    "{place}{what} goes to {broker} without TLS, where anybody on the way can read it: set 'tls', and \
                     'require_tls: true' to make this an error"
                ));
                return;
            }
        };
        let what = if secret.is_some() { "the password and the messages" } else { "the messages" };
        let message = format!("{required_by} is on, but {what} would go to {broker} without TLS: set 'tls'");
        self.parameters.problem("brokers", &[], &message);
    }

    fn machine_requires_tls(&mut self) -> bool {
        let flag = environment::flag(VARIABLE);
        if flag == Flag::Unclear {
            let message = format!("the environment variable {VARIABLE} is neither 1 nor 0");
            self.parameters.problem("require_tls", &[], &message);
        }
        flag == Flag::On
    }
}
