//! The key with which a message is encrypted. Deriving a key from a password costs milliseconds, so a key is kept for its salt.
//!
//! Anyone who may publish chooses the salt of a message, so a reader derives keys for strangers, too. A key counts as known
//! only after a message has shown that its writer has the password, and the cost of strangers is bounded by a [`Budget`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::cipher::Cipher;
use crate::config::{CryptoSettings, Keys, Prf};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::wiped;

/// The number of salts whose keys are kept, which is the number of writers that can take turns without another derivation.
const MAX_KNOWN: usize = 1024;
/// The number of keys that no message has fitted yet: a writer with another password, too, must cost one derivation and not one
/// per message.
const MAX_UNPROVEN: usize = 16;
/// The time after which an unused key is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// The key version of a password's key.
const PASSWORD_VERSION: u16 = 1;

/// The keys of a service, with those that were derived from its password.
pub(super) struct KeyRing {
    settings: CryptoSettings,
    direct: BTreeMap<u16, Arc<Cipher>>,
    derived: Mutex<DerivedKeys>,
}

struct DerivedKeys {
    known: Places,
    unproven: Places,
    budget: Budget,
}

struct Derived {
    salt: Vec<u8>,
    cipher: Arc<Cipher>,
    cost: Duration,
    used: Instant,
}

/// The key for a message that is being read.
pub(super) struct Candidate {
    pub cipher: Arc<Cipher>,
    /// The time that its derivation took, if no message has fitted the key yet.
    cost: Option<Duration>,
}

impl KeyRing {
    pub fn new(settings: &CryptoSettings) -> Result<KeyRing> {
        let mut direct = BTreeMap::new();
        if let Keys::Direct(keys) = &settings.keys {
            for (version, key) in keys {
                direct.insert(*version, Arc::new(Cipher::new(settings.mode, settings.padding, key.bytes())?));
            }
        }
        let most = match &settings.keys {
            Keys::Password { budget, .. } => *budget,
            Keys::Direct(_) => Duration::ZERO,
        };
        let budget = Budget { most, spent: Duration::ZERO, at: Instant::now() };
        let derived = DerivedKeys { known: Places::new(MAX_KNOWN), unproven: Places::new(MAX_UNPROVEN), budget };
        Ok(KeyRing { settings: settings.clone(), direct, derived: Mutex::new(derived) })
    }

    /// Returns the version of the key that a writer uses; it also applies to a message that names none.
    pub fn newest(&self) -> u16 {
        self.direct.keys().next_back().copied().unwrap_or(PASSWORD_VERSION)
    }

    /// Returns the key of a writer, which uses this salt for all its messages.
    pub fn for_writing(&self, version: u16, salt: &[u8]) -> Result<Arc<Cipher>> {
        match self.direct.get(&version) {
            Some(cipher) => Ok(cipher.clone()),
            None => self.derive(salt),
        }
    }

    /// Returns the key with which a message is to be opened. If it fits, the caller must call [`KeyRing::fits`].
    pub fn for_reading(&self, version: u16, salt: &[u8]) -> Result<Candidate> {
        let Keys::Password { budget, .. } = &self.settings.keys else {
            let cipher = self.direct.get(&version).cloned().ok_or_else(|| unknown(version))?;
            return Ok(Candidate { cipher, cost: None });
        };
        if version != PASSWORD_VERSION {
            return Err(unknown(version));
        }
        let began = Instant::now();
        {
            let mut derived = lock(&self.derived);
            if let Some(known) = derived.known.find(salt, began) {
                return Ok(Candidate { cipher: known.cipher.clone(), cost: None });
            }
            if let Some(unproven) = derived.unproven.find(salt, began) {
                return Ok(Candidate { cipher: unproven.cipher.clone(), cost: Some(unproven.cost) });
            }
            if !derived.budget.is_left(began) {
                return Err(exhausted(*budget));
            }
        }
        // The key is derived outside the lock, because other threads have messages with other salts.
        let cipher = self.derive(salt)?;
        let now = Instant::now();
        let cost = now.duration_since(began);
        let mut derived = lock(&self.derived);
        derived.budget.spend(cost, now);
        derived.unproven.put(Derived { salt: salt.to_vec(), cipher: cipher.clone(), cost, used: now });
        Ok(Candidate { cipher, cost: Some(cost) })
    }

    /// Notes that a message could be read with this key, so that whoever has chosen the salt knows the password.
    pub fn fits(&self, salt: &[u8], candidate: Candidate) {
        let Some(cost) = candidate.cost else { return };
        let mut derived = lock(&self.derived);
        derived.unproven.take_out(salt);
        let proven = Derived { salt: salt.to_vec(), cipher: candidate.cipher, cost, used: Instant::now() };
        // The cost of a key that displaces another one stays in the budget: otherwise old messages of more writers than there
        // are places, replayed in turn, would each cost a derivation for ever.
        if derived.known.put(proven) {
            derived.budget.give_back(cost);
        }
    }

    fn derive(&self, salt: &[u8]) -> Result<Arc<Cipher>> {
        let Keys::Password { password, prf, iterations, .. } = &self.settings.keys else {
            return Err(Error::Internal("a key of a password that is not there".into()));
        };
        let mut key = Zeroizing::new(vec![0; self.settings.key_length]);
        wiped::on_the_stack::<{ wiped::LARGE }, _>(|| {
            derive(*prf, password.bytes(), salt, *iterations, &mut key);
            Ok(Arc::new(Cipher::new(self.settings.mode, self.settings.padding, &key)?))
        })
    }
}

/// A limited number of keys, the most recently used ones.
struct Places {
    most: usize,
    taken: Vec<Derived>,
}

impl Places {
    fn new(most: usize) -> Places {
        Places { most, taken: Vec::new() }
    }

    fn find(&mut self, salt: &[u8], now: Instant) -> Option<&Derived> {
        let found = self.taken.iter_mut().rfind(|one| one.salt == salt)?;
        found.used = now;
        Some(found)
    }

    fn take_out(&mut self, salt: &[u8]) {
        self.taken.retain(|one| one.salt != salt);
    }

    /// Adds a key. Returns false if another one had to go.
    fn put(&mut self, new: Derived) -> bool {
        self.taken.retain(|one| new.used.saturating_duration_since(one.used) < KEPT_FOR);
        if self.taken.iter().any(|one| one.salt == new.salt) {
            return true;
        }
        let full = self.taken.len() >= self.most;
        if full && let Some(oldest) = (0..self.taken.len()).min_by_key(|index| self.taken[*index].used) {
            self.taken.swap_remove(oldest);
        }
        self.taken.push(new);
        !full
    }
}

/// The time that may be spent on keys that no message has fitted: a certain amount at once, and in the long run a quarter of
/// all time. The spent time is a debt that decreases as time passes.
struct Budget {
    most: Duration,
    spent: Duration,
    at: Instant,
}

impl Budget {
    /// The debt decreases by one part in this many of the time that passes.
    const SHARE: u32 = 4;

    fn is_left(&mut self, now: Instant) -> bool {
        self.settle(now);
        self.spent < self.most
    }

    fn spend(&mut self, cost: Duration, now: Instant) {
        self.settle(now);
        self.spent += cost;
    }

    fn give_back(&mut self, cost: Duration) {
        self.spent = self.spent.saturating_sub(cost);
    }

    fn settle(&mut self, now: Instant) {
        self.spent = self.spent.saturating_sub(now.saturating_duration_since(self.at) / Budget::SHARE);
        self.at = self.at.max(now);
    }
}

fn unknown(version: u16) -> Error {
    Error::InvalidMessage(match version {
        0 => "the message is not encrypted, but this reader takes encrypted ones only".into(),
        _ => format!("the message is encrypted with key version {version}, which this reader does not have"),
    })
}

fn exhausted(budget: Duration) -> Error {
    let most = budget.as_millis();
    Error::InvalidMessage(format!(
        "the message can't be decrypted now: it is the first one of its writer, and making keys for messages with another \
         password has used up the time for that ({most} ms; 'crypto.key_derivation.budget_ms' raises it)"
    ))
}

fn derive(prf: Prf, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
    match prf {
        Prf::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, salt, iterations, key),
        Prf::Sha384 => pbkdf2::pbkdf2_hmac::<sha2::Sha384>(password, salt, iterations, key),
        Prf::Sha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, salt, iterations, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Padding};
    use crate::wiped::Secret;

    fn ring(budget: Duration) -> KeyRing {
        let password = Secret::new(b"secret".to_vec());
        let keys = Keys::Password { password, prf: Prf::Sha256, iterations: 1, budget };
        let settings = CryptoSettings {
            mode: Mode::Gcm,
            padding: Padding::None,
            key_length: 16,
            salt_bytes: 8,
            bind_topic: false,
            keys,
        };
        KeyRing::new(&settings).unwrap()
    }

    /// Returns the key of a message that fits.
    fn used(ring: &KeyRing, salt: &[u8]) -> Arc<Cipher> {
        let candidate = ring.for_reading(1, salt).unwrap();
        let cipher = candidate.cipher.clone();
        ring.fits(salt, candidate);
        cipher
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn places(ring: &KeyRing) -> (usize, usize) {
        let derived = lock(&ring.derived);
        (derived.known.taken.len(), derived.unproven.taken.len())
    }

    #[test]
    fn a_key_is_derived_once_for_its_salt_and_not_kept_without_bound() {
        let ring = ring(HOUR);
        let first = used(&ring, b"salt");
        assert!(Arc::ptr_eq(&first, &used(&ring, b"salt")));
        for salt in 0..2 * MAX_KNOWN as u32 {
            used(&ring, &salt.to_be_bytes());
            assert!(Arc::ptr_eq(&first, &used(&ring, b"salt")), "what is used is kept");
        }
        assert_eq!(places(&ring), (MAX_KNOWN, 0));
    }

    #[test]
    fn keys_that_no_message_fits_take_no_known_ones_place() {
        let ring = ring(HOUR);
        let known = used(&ring, b"salt");
        for salt in 0..2 * MAX_KNOWN as u32 {
            ring.for_reading(1, &salt.to_be_bytes()).unwrap();
        }
        assert!(Arc::ptr_eq(&known, &used(&ring, b"salt")));
        assert_eq!(places(&ring), (1, MAX_UNPROVEN));
    }

    #[test]
    fn a_writer_with_another_password_costs_one_key_and_not_one_a_message() {
        let ring = ring(HOUR);
        let first = ring.for_reading(1, b"salt").unwrap();
        assert!(Arc::ptr_eq(&first.cipher, &ring.for_reading(1, b"salt").unwrap().cipher));
        // A forged message with the same salt must not shut the writer out.
        assert!(Arc::ptr_eq(&first.cipher, &used(&ring, b"salt")));
        assert_eq!(places(&ring), (1, 0));
    }

    #[test]
    fn only_keys_that_fit_and_have_a_place_of_their_own_cost_nothing() {
        let ring = ring(HOUR);
        let spent = || lock(&ring.derived).budget.spent;
        for salt in 0..MAX_KNOWN as u32 {
            used(&ring, &salt.to_be_bytes());
        }
        assert_eq!(spent(), Duration::ZERO, "honest writers, however many");
        let stranger = ring.for_reading(1, b"nobody's").unwrap();
        assert!(stranger.cost.is_some_and(|cost| !cost.is_zero()) && !spent().is_zero(), "a stranger");
        lock(&ring.derived).budget.give_back(HOUR);
        used(&ring, b"in another's place");
        assert!(!spent().is_zero(), "one who takes a place");
    }

    #[test]
    fn without_time_a_new_salt_is_refused_and_a_known_one_is_not() {
        let ring = ring(HOUR);
        used(&ring, b"known");
        lock(&ring.derived).budget.spend(3 * HOUR, Instant::now());
        let Err(Error::InvalidMessage(why)) = ring.for_reading(1, b"new") else { panic!("it is tried") };
        assert!(why.contains("'crypto.key_derivation.budget_ms'") && why.contains("3600000 ms"), "{why}");
        used(&ring, b"known");
        lock(&ring.derived).budget.give_back(3 * HOUR);
        used(&ring, b"new");
    }

    #[test]
    fn a_budget_is_spent_at_once_and_comes_back_at_a_quarter_of_the_clock() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut budget = Budget { most: Duration::from_secs(1), spent: Duration::ZERO, at: start };
        for _ in 0..4 {
            assert!(budget.is_left(at(0)));
            budget.spend(Duration::from_millis(300), at(0));
        }
        assert!(!budget.is_left(at(0)));
        assert!(budget.is_left(at(1)), "250 of 1200 ms are paid back");
        budget.spend(Duration::from_secs(10), at(1));
        assert!(!budget.is_left(at(39)));
        assert!(budget.is_left(at(41)));
        // The budget does not grow beyond its maximum in an hour.
        assert!(budget.is_left(at(3600)));
        budget.spend(Duration::from_secs(1), at(3600));
        assert!(!budget.is_left(at(3600)));
        // A thread that has read the clock earlier may come later.
        budget.spend(Duration::from_secs(1), at(3500));
        assert!(!budget.is_left(at(3603)));
    }

    /// The expected bytes are from RFC 7914, section 11.
    #[test]
    fn the_derivation_is_pbkdf2() {
        let mut key = [0; 16];
        derive(Prf::Sha256, b"passwd", b"salt", 1, &mut key);
        assert_eq!(
            key,
            [0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f, 0xec, 0x16, 0x91, 0xc2, 0x25, 0x44, 0xb6, 0x05]
        );
    }
}
