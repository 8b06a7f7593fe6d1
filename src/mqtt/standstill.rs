//! Warns about a program that waits for messages which the broker does not send, because the program does not acknowledge those
//! that it has: a broker sends a limited number of unacknowledged messages, and does not say so.

use std::time::Duration;

use tokio::time::Instant;

use super::inbox::{Backlog, Inbox};

/// The time without an arrival or an acknowledgement after which it is called a standstill.
const PATIENCE: Duration = Duration::from_secs(10);
/// No usual broker waits for fewer acknowledgements; a program that has fewer unacknowledged messages may just take long.
const MANY: usize = 10;

/// The watch for a standstill; see the module.
#[derive(Default)]
pub(super) struct Standstill {
    /// The inbox's count, and the moment since which it has not changed.
    seen: Option<(u64, Instant)>,
    /// True when the standstill was reported.
    told: bool,
}

impl Standstill {
    /// Looks at the inbox, and returns a warning, once until something moves again, and when to look the next time.
    pub fn look(&mut self, inbox: &Inbox, now: Instant) -> (Option<String>, Option<Instant>) {
        let Some(moves) = inbox.moves() else {
            *self = Standstill::default();
            return (None, None);
        };
        let since = match self.seen {
            Some((seen, since)) if seen == moves => since,
            _ => {
                self.told = false;
                now
            }
        };
        self.seen = Some((moves, since));
        if self.told {
            return (None, None);
        }
        if now < since + PATIENCE {
            return (None, Some(since + PATIENCE));
        }
        match inbox.backlog() {
            Some(backlog) if backlog.unacknowledged >= MANY || !inbox.has_room() => {
                self.told = true;
                (Some(text(&backlog)), None)
            }
            // The program is busy, or has little to acknowledge.
            _ => {
                self.seen = Some((moves, now));
                (None, Some(now + PATIENCE))
            }
        }
    }
}

fn text(&Backlog { unacknowledged, held, failed }: &Backlog) -> String {
    let failed = match failed {
        0 => String::new(),
        number => format!(", and {number} come again when the connection has been lost, since they were not processed"),
    };
    format!(
        "no messages come any more, since {unacknowledged} are not acknowledged to the broker: {held} of them wait for the program \
         to acknowledge them{failed}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Consistency;
    use crate::mqtt::inbox::tests::{arrive, publish};

    fn inbox(messages: u16) -> Inbox {
        let inbox = Inbox::new(1000, 1 << 20);
        (1..=messages).for_each(|id| arrive(&inbox, id));
        inbox
    }

    fn hand_out(inbox: &Inbox) {
        while inbox.try_pop().unwrap().is_some() {}
    }

    /// Looks while a caller waits for a message.
    fn look(standstill: &mut Standstill, inbox: &Inbox, now: Instant) -> (Option<String>, Option<Instant>) {
        let mut arrival = Box::pin(inbox.arrival());
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        // The first time, the wake-up of earlier arrivals is still there.
        if arrival.as_mut().poll(context).is_ready() {
            arrival = Box::pin(inbox.arrival());
            assert!(arrival.as_mut().poll(context).is_pending());
        }
        standstill.look(inbox, now)
    }

    #[test]
    fn a_standstill_is_told_once_until_something_moves() {
        let (inbox, mut standstill, start) = (inbox(12), Standstill::default(), Instant::now());
        hand_out(&inbox);
        inbox.failed(2);
        assert_eq!(look(&mut standstill, &inbox, start), (None, Some(start + PATIENCE)));
        let (told, again) = look(&mut standstill, &inbox, start + PATIENCE);
        assert_eq!(
            told.unwrap(),
            "no messages come any more, since 12 are not acknowledged to the broker: 11 of them wait for the program to \
             acknowledge them, and 1 come again when the connection has been lost, since they were not processed"
        );
        assert_eq!(again, None);
        assert_eq!(look(&mut standstill, &inbox, start + 3 * PATIENCE), (None, None));
        inbox.taken(1);
        let later = start + 4 * PATIENCE;
        assert_eq!(look(&mut standstill, &inbox, later), (None, Some(later + PATIENCE)));
        assert!(look(&mut standstill, &inbox, later + PATIENCE).0.unwrap().contains("since 11 are not"));
    }

    #[test]
    fn a_program_that_is_at_work_does_not_stand_still() {
        let (few, many, start) = (inbox(9), inbox(12), Instant::now());
        for (inbox, waits) in [(&few, true), (&many, false)] {
            hand_out(inbox);
            let mut standstill = Standstill::default();
            for turn in 0..5 {
                let now = start + turn * PATIENCE;
                let (told, again) = if waits { look(&mut standstill, inbox, now) } else { standstill.look(inbox, now) };
                assert_eq!((told, again), (None, Some(now + PATIENCE)));
            }
        }
        // Messages that wait to be read are no standstill either, and without anything to acknowledge there is nothing to look
        // at.
        inbox(12).push([(publish(Consistency::AtMostOnce, 0), None)]);
        assert_eq!(Standstill::default().look(&Inbox::new(1, 1), start), (None, None));
    }

    #[test]
    fn a_full_inbox_is_a_standstill_however_few_it_holds() {
        let (inbox, mut standstill, start) = (Inbox::new(3, 1 << 20), Standstill::default(), Instant::now());
        (1..=3).for_each(|id| arrive(&inbox, id));
        hand_out(&inbox);
        look(&mut standstill, &inbox, start);
        assert!(look(&mut standstill, &inbox, start + PATIENCE).0.unwrap().contains("since 3 are not"));
    }
}
