//! One session and one login per token, shared by all clients of the process. A token locks itself after a few wrong PINs, so a
//! PIN that was refused once is never shown to it again.

use std::sync::Mutex;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;

use super::Problem;
use super::module;
use super::words;
use crate::lock::lock;
use crate::wiped::Secret;

/// What opens a token; `None`: its own keypad, or nothing.
pub(super) type Pin = Option<Secret>;

pub(super) struct Token {
    context: Pkcs11,
    label: String,
    serial: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// How many keys of clients need the session.
    users: usize,
    refused: Vec<Pin>,
}

struct Open {
    session: Session,
    slot: Slot,
    login: Login,
}

/// How the session came to be logged in.
enum Login {
    /// The token asks for none.
    NotNeeded,
    /// By this PIN.
    With(Pin),
    /// By somebody else in this process.
    Foreign,
}

impl Open {
    /// Whether the session is what it was: one that somebody has logged out finds no private keys.
    fn is_alive(&self) -> bool {
        let is_logged_in = |state| matches!(state, SessionState::RoUser | SessionState::RwUser);
        match self.session.get_session_info() {
            Ok(info) => matches!(self.login, Login::NotNeeded) || is_logged_in(info.session_state()),
            Err(_) => false,
        }
    }
}

impl Token {
    pub fn new(context: Pkcs11, info: &TokenInfo) -> Token {
        let (label, serial) = (info.label().to_owned(), info.serial_number().to_owned());
        Token { context, label, serial, state: Mutex::default() }
    }

    pub fn is(&self, info: &TokenInfo) -> bool {
        self.label == info.label() && self.serial == info.serial_number()
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    /// A client needs the token from now on, until [`Token::leave`].
    pub fn enter(&self) {
        lock(&self.state).users += 1;
    }

    /// With the last client the session ends, and with it the login.
    pub fn leave(&self) {
        let mut state = lock(&self.state);
        state.users -= 1;
        if state.users == 0 {
            state.open = None;
        }
    }

    /// Does something in a session that is logged in. One that is gone (the token was taken out, and is back) is opened again,
    /// once.
    pub fn with<T>(
        &self,
        pin: &Pin,
        mut work: impl FnMut(&Session) -> cryptoki::error::Result<T>,
    ) -> Result<T, Problem> {
        let mut state = lock(&self.state);
        let failed = |e: &Error| Problem::Device(words::of(e));
        match work(&self.open(&mut state, pin)?.session) {
            Err(e) if words::is_gone(&e) => {
                state.open = None;
                work(&self.open(&mut state, pin)?.session).map_err(|e| failed(&e))
            }
            result => result.map_err(|e| failed(&e)),
        }
    }

    /// What the token can do.
    pub fn mechanisms(&self, pin: &Pin) -> Result<Vec<MechanismType>, Problem> {
        let mut state = lock(&self.state);
        let slot = self.open(&mut state, pin)?.slot;
        self.context.get_mechanism_list(slot).map_err(|e| Problem::Device(words::of(&e)))
    }

    fn open<'a>(&self, state: &'a mut State, pin: &Pin) -> Result<&'a Open, Problem> {
        if state.refused.contains(pin) {
            return Err(Problem::Pin(format!(
                "the token {} has refused this PIN before; it is not tried again in this process, since tokens lock \
                 themselves after a few wrong ones",
                words::quoted(&self.label)
            )));
        }
        let open = match state.open.take().filter(Open::is_alive) {
            Some(open) => match &open.login {
                Login::With(other) if other != pin => {
                    state.open = Some(open);
                    return Err(Problem::Pin(format!(
                        "this process is logged in to the token {} with another PIN",
                        words::quoted(&self.label)
                    )));
                }
                _ => open,
            },
            None => self.log_in(&mut state.refused, pin)?,
        };
        Ok(state.open.insert(open))
    }

    fn log_in(&self, refused: &mut Vec<Pin>, pin: &Pin) -> Result<Open, Problem> {
        let failed = |e: &Error| Problem::Device(words::of(e));
        let shown = words::quoted(&self.label);
        // After it was taken out it may be back in another slot.
        let present = module::present(&self.context).map_err(|e| failed(&e))?;
        let found = present.into_iter().find(|(_, info)| self.is(info));
        let (slot, info) = found
            .ok_or_else(|| Problem::Device(format!("the token {shown} is not there; is the card or device in?")))?;
        let session = self.context.open_ro_session(slot).map_err(|e| failed(&e))?;
        if !info.login_required() {
            return Ok(Open { session, slot, login: Login::NotNeeded });
        }
        let locked =
            || Problem::Pin(format!("the PIN of the token {shown} is locked; its administrator has to unlock it"));
        let login = match pin {
            _ if info.user_pin_locked() => return Err(locked()),
            Some(_) if info.user_pin_final_try() => {
                return Err(Problem::Pin(format!(
                    "the token {shown} has only one try left before it locks itself, and that is not taken here; a login \
                     with the right PIN by another tool gives all of them back (pkcs11-tool --login --test)"
                )));
            }
            Some(pin) => session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(pin.bytes().to_vec()))),
            None if info.protected_authentication_path() => session.login(UserType::User, None),
            None => return Err(Problem::Pin(format!("the token {shown} needs its PIN: give 'pin' or 'pin_file'"))),
        };
        match login {
            Ok(()) => Ok(Open { session, slot, login: Login::With(pin.clone()) }),
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(Open { session, slot, login: Login::Foreign }),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                refused.push(pin.clone());
                Err(Problem::Pin(format!(
                    "the token {shown} refuses the PIN; it was tried once, and is not tried again in this process, since \
                     tokens lock themselves after a few wrong ones"
                )))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(locked()),
            Err(Error::Pkcs11(RvError::PinExpired, _)) => {
                Err(Problem::Pin(format!("the PIN of the token {shown} has expired; it has to be changed")))
            }
            Err(Error::Pkcs11(RvError::UserPinNotInitialized, _)) => {
                Err(Problem::Pin(format!("the token {shown} has no PIN yet; its administrator has to set one")))
            }
            Err(e) => Err(failed(&e)),
        }
    }
}
