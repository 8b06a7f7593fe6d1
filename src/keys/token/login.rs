//! One session and one login per token, shared by all clients of the process. A token locks itself after a few wrong PINs, so a
//! PIN that was refused once is never shown to it again.

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;
use tokio::sync::Semaphore;

use super::Problem;
use super::module;
use super::refused::{self, Digest, Forbidden, Identity};
use super::words;
use super::worker::{Limit, Worker};
use crate::wiped::Secret;

/// The PIN that opens a token; `None` if the token's own keypad does, or if it needs none.
pub(super) type Pin = Option<Secret>;

pub(super) struct Token {
    context: Pkcs11,
    identity: Identity,
    /// The worker, which makes all calls for this token.
    pub worker: Arc<Worker<State>>,
    /// The permits for handshakes that may block on the token. It does one thing after the other, so more handshakes would only
    /// occupy more threads.
    pub turns: Arc<Semaphore>,
}

const TURNS: usize = 4;

#[derive(Default)]
pub(super) struct State {
    open: Option<Open>,
}

struct Open {
    session: Session,
    slot: Slot,
    login: Login,
}

/// The way in which the session came to be logged in.
enum Login {
    /// The token requires no login.
    NotNeeded,
    /// This PIN was used.
    With(Digest),
    /// Other code in this process has logged in.
    Foreign,
}

impl Open {
    /// Returns whether the session can still be used: after a logout by other code it finds no private keys.
    fn is_alive(&self) -> bool {
        match self.session.get_session_info() {
            Ok(info) => matches!(self.login, Login::NotNeeded) || is_logged_in(info.session_state()),
            Err(_) => false,
        }
    }
}

/// Returns whether the process is logged in at this token, which holds for all its sessions there.
fn is_logged_in(state: SessionState) -> bool {
    matches!(state, SessionState::RoUser | SessionState::RwUser)
}

impl Token {
    pub fn new(context: Pkcs11, info: &TokenInfo) -> Token {
        let identity = Identity::of(info);
        let worker = Arc::new(Worker::new(format!("the token {}", words::quoted(&identity.label))));
        Token { context, identity, worker, turns: Arc::new(Semaphore::new(TURNS)) }
    }

    pub fn is(&self, info: &TokenInfo) -> bool {
        self.identity == Identity::of(info)
    }

    pub fn label(&self) -> &str {
        &self.identity.label
    }

    /// Runs `work` in a session that is logged in. If the session is gone, because the token was removed and is back, it is
    /// opened again, once. `step` names the function that `work` calls.
    pub async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        pin: &Pin,
        limit: Limit,
        step: &'static str,
        mut work: impl FnMut(&Session) -> cryptoki::error::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let (token, pin) = (self.clone(), pin.clone());
        let asked = self.worker.ask(limit, move |state| {
            let failed = |e: &Error| Problem::Device(words::of(e));
            let mut once = |state: &mut State| {
                let session = &token.open(state, &pin, limit)?.session;
                token.worker.at(step);
                Ok(work(session))
            };
            match once(state)? {
                Err(e) if words::is_gone(&e) => {
                    state.open = None;
                    once(state)?.map_err(|e| failed(&e))
                }
                result => result.map_err(|e| failed(&e)),
            }
        });
        asked.await?
    }

    /// Returns the mechanisms of the token.
    pub async fn mechanisms(self: &Arc<Self>, pin: &Pin, limit: Limit) -> Result<Vec<MechanismType>, Problem> {
        let (token, pin) = (self.clone(), pin.clone());
        let asked = self.worker.ask(limit, move |state| {
            let slot = token.open(state, &pin, limit)?.slot;
            token.worker.at("C_GetMechanismList");
            token.context.get_mechanism_list(slot).map_err(|e| Problem::Device(words::of(&e)))
        });
        asked.await?
    }

    fn open<'a>(&self, state: &'a mut State, pin: &Pin, limit: Limit) -> Result<&'a Open, Problem> {
        let digest = refused::digest(&self.identity, pin.as_ref());
        self.worker.at("C_GetSessionInfo");
        let open = match state.open.take().filter(Open::is_alive) {
            Some(open) => match &open.login {
                Login::With(other) if *other != digest => {
                    state.open = Some(open);
                    let how = match pin {
                        Some(_) => "with another PIN",
                        None => "with a PIN, and this client has none: give 'pin' or 'pin_file'",
                    };
                    let shown = words::quoted(self.label());
                    return Err(Problem::Pin(format!("this process is logged in to the token {shown} {how}")));
                }
                _ => open,
            },
            None => self.log_in(pin, digest, limit)?,
        };
        Ok(state.open.insert(open))
    }

    fn log_in(&self, pin: &Pin, digest: Digest, limit: Limit) -> Result<Open, Problem> {
        let failed = |e: &Error| Problem::Device(words::of(e));
        let shown = words::quoted(self.label());
        self.worker.at("C_GetTokenInfo");
        // A token that was removed may be back in another slot.
        let present = module::present(&self.context).map_err(|e| failed(&e))?;
        let found = present.into_iter().find(|(_, info)| self.is(info));
        let (slot, info) = found
            .ok_or_else(|| Problem::Device(format!("the token {shown} is not there; is the card or device in?")))?;
        self.worker.at("C_OpenSession");
        let session = self.context.open_ro_session(slot).map_err(|e| failed(&e))?;
        if !info.login_required() {
            return Ok(Open { session, slot, login: Login::NotNeeded });
        }
        self.worker.at("C_GetSessionInfo");
        // The process is logged in already, so the PIN is not needed, and not checked either.
        if is_logged_in(session.get_session_info().map_err(|e| failed(&e))?.session_state()) {
            return Ok(Open { session, slot, login: Login::Foreign });
        }
        self.worker.at("C_Login");
        let trial = refused::begin(&self.identity, digest, limit.end()).map_err(|forbidden| match forbidden {
            Forbidden::Failed(why) => Problem::Pin(format!(
                "the token {shown} has refused this PIN before ({why}); it is not tried again in this process, since \
                 tokens lock themselves after a few wrong ones"
            )),
            Forbidden::UnderWay => Problem::Late(self.worker.silence(limit.patience())),
        })?;
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
        let error = match login {
            Ok(()) => return Ok(Open { session, slot, login: Login::With(digest) }),
            // Other code has logged in at this very moment.
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                return Ok(Open { session, slot, login: Login::Foreign });
            }
            Err(e) => e,
        };
        let code = match &error {
            Error::Pkcs11(code, _) => Some(*code),
            _ => None,
        };
        let is_refusal = matches!(code, Some(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange));
        // For any other error the token may have counted the PIN as wrong.
        if is_refusal || !words::is_gone(&error) {
            trial.failed(words::of(&error));
        }
        Err(match code {
            _ if is_refusal && pin.is_none() => Problem::Pin(format!(
                "the token {shown} refuses the PIN that was typed at its keypad; tokens lock themselves after a few wrong \
                 ones"
            )),
            _ if is_refusal => Problem::Pin(format!(
                "the token {shown} refuses the PIN; it was tried once, and is not tried again in this process, since \
                 tokens lock themselves after a few wrong ones"
            )),
            Some(RvError::PinLocked) => locked(),
            Some(RvError::PinExpired) => {
                Problem::Pin(format!("the PIN of the token {shown} has expired; it has to be changed"))
            }
            Some(RvError::UserPinNotInitialized) => {
                Problem::Pin(format!("the token {shown} has no PIN yet; its administrator has to set one"))
            }
            _ => failed(&error),
        })
    }
}
