//! The likely reasons when a broker closes connections without a reason, as MQTT 3.1.1 requires (section 4.8).

use std::time::Duration;

use crate::config::Consistency;

/// The number of losses of the same kind in a row that are no accident.
const TIMES: u32 = 3;
/// A connection that lasts longer has not been closed because of its CONNECT.
const SHORT: Duration = Duration::from_secs(2);

/// The counts of connections that the broker has closed.
#[derive(Default)]
pub(crate) struct Suspicion {
    /// The number of connections in a row that were closed directly after the login.
    short: u32,
    /// The number of losses in a row after a publish of a QoS of which the broker has never confirmed one.
    unanswered: u32,
}

impl Suspicion {
    /// Counts a lost connection, and returns a warning when there is a likely reason. `closed` means that the broker closed the
    /// connection without a reason. `unanswered` is the QoS of the publishes under way, if the broker has never confirmed one.
    pub fn lost(
        &mut self,
        closed: bool,
        lasted: Duration,
        unanswered: Option<Consistency>,
        client_id: &str,
    ) -> Option<String> {
        self.unanswered = if unanswered.is_some() { self.unanswered + 1 } else { 0 };
        self.short = if closed && unanswered.is_none() && lasted < SHORT { self.short + 1 } else { 0 };
        match unanswered {
            Some(qos) if self.unanswered == TIMES => Some(format!(
                "the broker has closed the connection {TIMES} times after a message at QoS {}, and has never confirmed one: \
                 it may not support QoS {0}, or not take such a message; try a lower 'consistency'",
                qos.qos()
            )),
            None if self.short == TIMES => Some(format!(
                "the broker has closed {TIMES} connections directly after their login: another client may be connecting \
                 with the same client id, '{client_id}'"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_loss_in_a_row_is_explained_once() {
        let second = Duration::from_secs(1);
        let mut suspicion = Suspicion::default();
        let mut told = Vec::new();
        for lasted in [second, second, 60 * second, second, second, second, second] {
            told.push(suspicion.lost(true, lasted, None, "me").is_some());
        }
        assert_eq!(told, [false, false, false, false, false, true, false]);
        assert_eq!(suspicion.lost(false, second, None, "me"), None);
        let qos = Some(Consistency::ExactlyOnce);
        let told: Vec<_> = (0..4).map(|_| suspicion.lost(true, second, qos, "me")).collect();
        assert!(told[2].as_ref().is_some_and(|text| text.contains("QoS 2")), "{told:?}");
        assert_eq!(told.iter().flatten().count(), 1);
    }
}
