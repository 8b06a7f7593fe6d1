//! The TLS sessions that clients with the same parameters resume, by the broker with which they began.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption};
use rustls::pki_types::UnixTime;

use crate::config::Broker;
use crate::lock::lock;

/// The longest time for which a session is resumed, so that the broker shows its certificate again and is judged anew.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// The number of brokers whose sessions are kept. With one more, all sessions begin anew.
const MAX_BROKERS: usize = 256;

#[derive(Default)]
pub(super) struct Sessions {
    /// The sessions by broker. A host may have several brokers, which do not know each other's sessions, but rustls would look
    /// only at the host's name.
    brokers: Mutex<HashMap<String, Arc<Session>>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

/// The sessions with one broker.
pub(super) struct Session {
    tickets: Arc<dyn ClientSessionStore>,
    /// `None` means that the broker has not shown a certificate yet.
    until: Mutex<Option<UnixTime>>,
}

impl Sessions {
    /// Returns the sessions that may be resumed now, or an empty place for new ones.
    pub fn with(&self, broker: &Broker, now: UnixTime) -> Arc<Session> {
        let name = broker.to_string();
        let mut brokers = lock(&self.brokers);
        if let Some(session) = brokers.get(&name).filter(|session| !session.is_over(now)) {
            return session.clone();
        }
        if brokers.len() >= MAX_BROKERS {
            brokers.clear();
        }
        let session = Arc::new(Session::new());
        brokers.insert(name, session.clone());
        session
    }

    /// Forgets all sessions, so that they begin anew.
    pub fn forget(&self) {
        lock(&self.brokers).clear();
    }
}

impl Session {
    fn new() -> Session {
        // The cache is keyed by the host's name, of which there is only one here.
        Session { tickets: Arc::new(ClientSessionMemoryCache::new(1)), until: Mutex::default() }
    }

    pub fn resumption(&self) -> Resumption {
        Resumption::store(self.tickets.clone())
    }

    /// Takes note that the broker has shown its certificates at this time, of which the first one expires at `not_after`.
    pub fn began(&self, now: UnixTime, not_after: UnixTime) {
        let longest = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + LONGEST);
        let until = not_after.min(longest);
        let mut known = lock(&self.until);
        *known = Some(known.map_or(until, |known| known.min(until)));
    }

    fn is_over(&self, now: UnixTime) -> bool {
        lock(&self.until).is_some_and(|until| now > until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn broker(port: u16) -> Broker {
        Broker { host: "host".into(), port }
    }

    #[test]
    fn a_session_ends_with_the_certificate_that_was_shown_or_after_an_hour() {
        for (not_after, last) in [(1_010, 1_010), (1_000_000, 1_000 + 3_600)] {
            let sessions = Sessions::default();
            let first = sessions.with(&broker(1), at(1_000));
            first.began(at(1_000), at(not_after));
            // Another client began at the same time, and its broker has got a new certificate.
            first.began(at(1_001), at(2_000_000));
            assert!(Arc::ptr_eq(&first, &sessions.with(&broker(1), at(last))));
            assert!(!Arc::ptr_eq(&first, &sessions.with(&broker(1), at(last + 1))));
        }
    }

    #[test]
    fn each_broker_has_its_own() {
        let sessions = Sessions::default();
        let first = sessions.with(&broker(1), at(1));
        assert!(!Arc::ptr_eq(&first, &sessions.with(&broker(2), at(1))));
        assert!(Arc::ptr_eq(&first, &sessions.with(&broker(1), at(1))));
        for port in 2..=MAX_BROKERS as u16 {
            sessions.with(&broker(port), at(1));
        }
        assert_eq!(lock(&sessions.brokers).len(), MAX_BROKERS);
        sessions.with(&broker(1_000), at(1));
        assert_eq!(lock(&sessions.brokers).len(), 1);
    }
}
