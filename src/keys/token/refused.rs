//! The PINs with which a login has failed, of the whole process: a token counts wrong PINs by itself, whichever module they come
//! through, and locks itself after a few. So no PIN that has failed is ever shown to it again.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use cryptoki::slot::TokenInfo;
use sha2::{Digest as _, Sha256};

use crate::lock::lock;
use crate::wiped::Secret;

/// Which token it is, in whatever slot and under whatever module.
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

/// Of a PIN, for one token; `None`: of what is typed at the token's own keypad.
pub(super) type Digest = Option<[u8; 32]>;

/// It tells PINs apart without keeping them. The same PIN for two tokens has two digests.
pub(super) fn digest(token: &Identity, pin: Option<&Secret>) -> Digest {
    let mut hash = Sha256::new();
    for part in [&token.label, &token.serial, &token.manufacturer, &token.model] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(hash.chain_update(pin?.bytes()).finalize().into())
}

/// A PIN that a token is shown or was shown.
struct Shown {
    token: Identity,
    pin: Digest,
    /// Why the login has failed; `None`: it is under way.
    why: Option<String>,
}

static SHOWN: Mutex<Vec<Shown>> = Mutex::new(Vec::new());
static ENDED: Condvar = Condvar::new();

/// A login that is under way, of which nothing is left when this is dropped, unless it has failed.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    token: &'a Identity,
    pin: Digest,
}

/// Why a PIN must not be shown to a token.
#[derive(Debug, PartialEq)]
pub(super) enum Forbidden {
    /// A login with it has failed for this reason.
    Failed(String),
    /// A login with it is under way through another module, and has not ended in time.
    UnderWay,
}

/// Before a login. Blocks while another one with the same PIN is under way: two modules do not know of each other.
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
    // Who has failed at the keypad may type another one.
    if pin.is_some() {
        shown.push(Shown { token: token.clone(), pin, why: None });
    }
    Ok(Trial { token, pin })
}

impl Trial<'_> {
    /// Never again in this process.
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
        // Nobody else may try it until it is known what becomes of it.
        assert_eq!(begin(&first, pin(&first, "1234")), Err(Forbidden::UnderWay));
        drop(trial);
        let trial = super::begin(&first, pin(&first, "1234"), Instant::now()).expect("none has failed");
        trial.failed("because".into());
        assert_eq!(begin(&first, pin(&first, "1234")), Err(Forbidden::Failed("because".into())));
        assert_eq!(begin(&first, pin(&first, "1235")), Ok(()));
        assert_eq!(begin(&second, pin(&second, "1234")), Ok(()));
        assert_ne!(pin(&first, "1234"), pin(&second, "1234"));
        // What is typed is not known here.
        super::begin(&first, None, Instant::now()).expect("a keypad").failed("because".into());
        assert_eq!(begin(&first, None), Ok(()));
    }
}
