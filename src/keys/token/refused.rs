//! The PINs with which a login has failed, of the whole process: a token counts wrong PINs by itself, whichever module they come
//! through, and locks itself after a few. So no PIN that has failed is ever shown to it again.

use std::sync::Mutex;

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

struct Refusal {
    token: Identity,
    pin: Digest,
    why: String,
}

static REFUSALS: Mutex<Vec<Refusal>> = Mutex::new(Vec::new());

/// Never again in this process.
pub(super) fn remember(token: &Identity, pin: Digest, why: String) {
    lock(&REFUSALS).push(Refusal { token: token.clone(), pin, why });
}

/// Why a login with this PIN has failed, if one has.
pub(super) fn why(token: &Identity, pin: Digest) -> Option<String> {
    let refusals = lock(&REFUSALS);
    let found = refusals.iter().find(|refusal| refusal.pin == pin && refusal.token == *token);
    found.map(|refusal| refusal.why.clone())
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
        remember(&first, pin(&first, "1234"), "because".into());
        assert_eq!(why(&first, pin(&first, "1234")), Some("because".into()));
        assert_eq!(why(&first, pin(&first, "1235")), None);
        assert_eq!(why(&first, digest(&first, None)), None);
        assert_eq!(why(&second, pin(&second, "1234")), None);
        assert_ne!(pin(&first, "1234"), pin(&second, "1234"));
    }
}
