//! When a reader acknowledges messages, with warnings about settings that do not work together.

use super::Role;
use super::extractor::Extractor;
use crate::terms::{ACKNOWLEDGE_NAMES, Acknowledge, Consistency};

impl Extractor {
    /// Reads when a reader acknowledges. `clean` means that the broker keeps no session for another process.
    pub fn acknowledge(&mut self, consistency: Consistency, clean: bool) -> (Acknowledge, Option<u32>) {
        let given = self.text("acknowledge", &[]).and_then(|name| match name.parse() {
            Ok(acknowledge) => Some(acknowledge),
            Err(_) => {
                self.parameters.problem("acknowledge", &[], ACKNOWLEDGE_NAMES);
                None
            }
        });
        let acknowledge = given.unwrap_or_default();
        let tries = self.integer("processed_tries", &[], 1..=i64::from(i32::MAX)).map(|tries| tries as u32);
        if self.role == Role::Reader {
            self.doubt(acknowledge, consistency, clean);
        }
        (acknowledge, tries)
    }

    fn doubt(&mut self, acknowledge: Acknowledge, consistency: Consistency, clean: bool) {
        if acknowledge == Acknowledge::Taken {
            self.no_effect("processed_tries", "it needs 'acknowledge: processed'");
        } else if consistency == Consistency::AtMostOnce {
            self.no_effect("acknowledge", "at QoS 0 nothing is acknowledged");
        } else if clean && let Some(entry) = self.parameters.get("acknowledge") {
            let place = self.parameters.place_of(entry, &[]);
            let what = "keeps messages for this process only: for the next one it needs 'client_id' and 'clean_session: false'";
            self.parameters.warnings.push(format!("{place} {what}"));
        }
    }
}
