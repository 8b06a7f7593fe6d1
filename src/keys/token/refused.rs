//! The PINs with which a login has failed anywhere in the process. A token counts wrong PINs itself, through whichever module
//! they come, and locks itself after a few. So a PIN that has failed is never shown to it again.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use cryptoki::slot::TokenInfo;
use sha2::{Digest as _, Sha256};

use crate::lock::lock;
use crate::wiped::Secret;

/// The identity of a token, independent of its slot and module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Identity {
    pub label: String,
    serial: String,
    manufacturer: String,
    model: String,
}

impl Identity {
    pub fn of(info: &TokenInfo) -> Identity {
        Identity {
            label: info.label().to_owned(),
            serial: info.serial_number().to_owned(),
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
        }
    }
}

/// The digest of a PIN for one token; `None` for a PIN that is typed at the token's own keypad.
pub(super) type Digest = Option<[u8; 32]>;

/// Returns a digest that tells PINs apart without storing them. The same PIN has different digests for two tokens.
pub(super) fn digest(token: &Identity, pin: Option<&Secret>) -> Digest {
    let mut hash = Sha256::new();
    for part in [&token.label, &token.serial, &token.manufacturer, &token.model] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(hash.chain_update(pin?.bytes()).finalize().into())
}

/// A PIN that a token is shown now or was shown.
struct Shown {
    token: Identity,
    pin: Digest,
    /// The reason why the login has failed; `None` while it is under way.
    why: Option<String>,
}

static SHOWN: Mutex<Vec<Shown>> = Mutex::new(Vec::new());
static ENDED: Condvar = Condvar::new();

/// A login under way. Dropping it removes its note, unless the login has failed.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    token: &'a Identity,
    pin: Digest,
}

/// The reason why a PIN must not be shown to a token.
#[derive(Debug, PartialEq)]
pub(super) enum Forbidden {
    /// A login with this PIN has failed for this reason.
    Failed(String),
    /// A login with this PIN is under way through another module, and has not ended in time.
    UnderWay,
}

/// Notes a login before it is tried. Blocks while another one with the same PIN is under way, because two modules do not know
/// of each other.
pub(super) fn begin(token: &Identity, pin: Digest, end: Instant) -> Result<Trial<'_>, Forbidden> {
    let mut shown = lock(&SHOWN);
    loop {
        let found = shown.iter().find(|shown| pin.is_some() && shown.pin == pin && shown.token == *token);
        match found.map(|shown| shown.why.clone()) {
            None => break,
            Some(Some(why)) => return Err(Forbidden::Failed(why)),
            Some(None) => {}
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Forbidden::UnderWay);
        }
        shown = ENDED.wait_timeout(shown, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    // After a failure at the keypad, another PIN may be typed there, so nothing is noted.
    if pin.is_some() {
        shown.push(Shown { token: token.clone(), pin, why: None });
    }
    Ok(Trial { token, pin })
}

impl Trial<'_> {
    /// Notes the failure, so that the PIN is never tried again in this process.
    pub fn failed(self, why: String) {
        let mut shown = lock(&SHOWN);
        let mut mine = shown.iter_mut().filter(|shown| shown.pin == self.pin && shown.token == *self.token);
        if let Some(shown) = mine.next() {
            shown.why = Some(why);
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        lock(&SHOWN).retain(|shown| shown.why.is_some() || shown.pin != self.pin || shown.token != *self.token);
        ENDED.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_refused_by_its_token_only() {
        let token = |serial: &str| Identity {
            label: "a token of this test only".into(),
            serial: serial.into(),
            manufacturer: String::new(),
            model: String::new(),
        };
        let pin = |token: &Identity, pin: &str| digest(token, Some(&Secret::new(pin.into())));
        let (first, second) = (token("1"), token("2"));
        let begin = |token, pin| begin(token, pin, Instant::now()).map(drop);
        let trial = super::begin(&first, pin(&first, "1234"), Instant::now()).expect("the first one");
        // No other login may try this PIN until the result of the first is known.
        assert_eq!(begin(&first, pin(&first, "1234")), Err(Forbidden::UnderWay));
        drop(trial);
        let trial = super::begin(&first, pin(&first, "1234"), Instant::now()).expect("none has failed");
        trial.failed("because".into());
        assert_eq!(begin(&first, pin(&first, "1234")), Err(Forbidden::Failed("because".into())));
        assert_eq!(begin(&first, pin(&first, "1235")), Ok(()));
        assert_eq!(begin(&second, pin(&second, "1234")), Ok(()));
        assert_ne!(pin(&first, "1234"), pin(&second, "1234"));
        // A PIN that is typed at the keypad is not known here.
        super::begin(&first, None, Instant::now()).expect("a keypad").failed("because".into());
        assert_eq!(begin(&first, None), Ok(()));
    }
}
