//! Logins that the program gives in Java: the engine asks, which is a signal, and Java's answer comes as a call of its own. So no
//! thread of the engine runs Java code.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};

use super::signals;
use crate::config::{Login, LoginSource};
use crate::lock::lock;

/// What the program has said.
pub(super) type Answer = std::result::Result<Login, String>;

/// Where one client's logins are asked for and given.
#[derive(Default)]
pub(super) struct LoginDesk {
    handle: OnceLock<i64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits for the answer.
    asked: Option<Sender<Answer>>,
    is_closed: bool,
}

impl LoginDesk {
    /// What Java will know the client by.
    pub fn named(&self, handle: i64) {
        let _ = self.handle.set(handle);
    }

    /// What the engine asks.
    pub fn source(self: &Arc<LoginDesk>) -> LoginSource {
        let desk = self.clone();
        LoginSource::new(move || desk.ask().map_err(Into::into))
    }

    /// Waits until the program answers, is asked again, or its client is gone.
    fn ask(&self) -> Answer {
        let (answer, answered) = mpsc::channel();
        let gone = || Err("the client is gone".to_owned());
        let Some(handle) = self.handle.get() else { return gone() };
        {
            let mut state = lock(&self.state);
            if state.is_closed {
                return gone();
            }
            state.asked = Some(answer);
        }
        signals::waker(*handle, signals::LOGIN).wake();
        answered.recv().unwrap_or_else(|_| gone())
    }

    /// The program answers; if nobody waits for that any more, it was in vain.
    pub fn answer(&self, answer: Answer) {
        if let Some(asked) = lock(&self.state).asked.take() {
            let _ = asked.send(answer);
        }
    }

    /// Nobody will answer.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.asked = None;
    }
}
