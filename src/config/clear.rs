//! What would go over the network without TLS.

use super::broker::Broker;
use super::environment::{self, Flag};
use super::extractor::Extractor;

/// For all programs of a machine, whatever their files and builders say.
const VARIABLE: &str = "SINETSTREAM_REQUIRE_TLS";

impl Extractor {
    /// Warns of a secret of the login, the value of a parameter or inside it, that anybody on the way could read, and
    /// refuses every connection without TLS where that is required. A broker on this machine needs none.
    pub fn in_the_clear(&mut self, tls: bool, brokers: &[Broker], secret: Option<(&str, &str)>) {
        let by_parameter = self.flag("require_tls", &[]).unwrap_or(false);
        let by_machine = self.machine_requires_tls();
        let Some(broker) = brokers.iter().find(|broker| !tls && !broker.is_local()) else { return };
        let required_by = match (by_machine, by_parameter) {
            (true, _) => VARIABLE,
            (false, true) => "'require_tls'",
            (false, false) => {
                let Some((name, inside)) = secret else { return };
                let inside = [inside].into_iter().filter(|inside| !inside.is_empty()).collect::<Vec<_>>();
                let place = self.parameters.get(name).map(|entry| self.parameters.place_of(entry, &inside));
                self.parameters.warnings.push(format!(
                    "{}: the password goes to {broker} without TLS, where anybody on the way can read it: set 'tls', and \
                     'require_tls: true' to make this an error",
                    place.unwrap_or_default()
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
