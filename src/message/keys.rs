//! Which key a message is encrypted with. A key that is made of a password costs milliseconds, so it is kept for its salt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::cipher::Cipher;
use crate::config::{CryptoSettings, Keys, Prf};
use crate::error::{Error, Result};
use crate::mqtt::wait::lock;

/// Salts whose keys are kept: as many writers can take turns without a derivation.
const MAX_KEPT: usize = 1024;
/// A key that nobody has used for so long is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// The version of a password's key.
const PASSWORD_VERSION: u16 = 1;

/// See the module.
pub(super) struct KeyRing {
    settings: CryptoSettings,
    direct: BTreeMap<u16, Arc<Cipher>>,
    derived: Mutex<Vec<Derived>>,
}

struct Derived {
    salt: Vec<u8>,
    cipher: Arc<Cipher>,
    used: Instant,
}

impl KeyRing {
    pub fn new(settings: &CryptoSettings) -> Result<KeyRing> {
        let mut direct = BTreeMap::new();
        if let Keys::Direct(keys) = &settings.keys {
            for (version, key) in keys {
                direct.insert(*version, Arc::new(Cipher::new(settings.mode, settings.padding, key.bytes())?));
            }
        }
        Ok(KeyRing { settings: settings.clone(), direct, derived: Mutex::default() })
    }

    /// The version of the key that a writer uses; also that of a message which names none.
    pub fn newest(&self) -> u16 {
        self.direct.keys().next_back().copied().unwrap_or(PASSWORD_VERSION)
    }

    pub fn cipher(&self, version: u16, salt: &[u8]) -> Result<Arc<Cipher>> {
        let Keys::Password { password, prf, iterations } = &self.settings.keys else {
            return self.direct.get(&version).cloned().ok_or_else(|| self.unknown(version));
        };
        if version != PASSWORD_VERSION {
            return Err(self.unknown(version));
        }
        if let Some(cipher) = self.kept(salt) {
            return Ok(cipher);
        }
        // Outside the lock: other threads have messages with other salts.
        let mut key = Zeroizing::new(vec![0; self.settings.key_length]);
        derive(*prf, password.bytes(), salt, *iterations, &mut key);
        let cipher = Arc::new(Cipher::new(self.settings.mode, self.settings.padding, &key)?);
        self.keep(salt, &cipher);
        Ok(cipher)
    }

    fn unknown(&self, version: u16) -> Error {
        Error::InvalidMessage(match version {
            0 => "the message is not encrypted, but this reader takes encrypted ones only".into(),
            _ => format!("the message is encrypted with key version {version}, which this reader does not have"),
        })
    }

    fn kept(&self, salt: &[u8]) -> Option<Arc<Cipher>> {
        let mut derived = lock(&self.derived);
        let index = derived.iter().rposition(|one| one.salt == salt)?;
        derived[index].used = Instant::now();
        Some(derived[index].cipher.clone())
    }

    fn keep(&self, salt: &[u8], cipher: &Arc<Cipher>) {
        let now = Instant::now();
        let mut derived = lock(&self.derived);
        derived.retain(|one| now.duration_since(one.used) < KEPT_FOR);
        if derived.iter().any(|one| one.salt == salt) {
            return;
        }
        if derived.len() >= MAX_KEPT
            && let Some(oldest) = (0..derived.len()).min_by_key(|index| derived[*index].used)
        {
            derived.swap_remove(oldest);
        }
        derived.push(Derived { salt: salt.to_vec(), cipher: cipher.clone(), used: now });
    }
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
    use crate::config::{Mode, Secret};

    fn ring() -> KeyRing {
        let keys = Keys::Password { password: Secret::new(b"secret".to_vec()), prf: Prf::Sha256, iterations: 1 };
        let settings =
            CryptoSettings { mode: Mode::Gcm, padding: false, key_length: 16, salt_bytes: 8, bind_topic: false, keys };
        KeyRing::new(&settings).unwrap()
    }

    #[test]
    fn a_key_is_derived_once_for_its_salt_and_not_kept_without_bound() {
        let ring = ring();
        let first = ring.cipher(1, b"salt").unwrap();
        assert!(Arc::ptr_eq(&first, &ring.cipher(1, b"salt").unwrap()));
        for salt in 0..2 * MAX_KEPT as u32 {
            ring.cipher(1, &salt.to_be_bytes()).unwrap();
            assert!(Arc::ptr_eq(&first, &ring.cipher(1, b"salt").unwrap()), "what is used is kept");
        }
        assert_eq!(lock(&ring.derived).len(), MAX_KEPT);
    }

    /// RFC 7914, section 11.
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
