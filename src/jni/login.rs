//! Logins that the program provides in Java. The engine asks by a signal, and Java answers by a call of its own, so that no
//! thread of the engine runs Java code.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};

use super::signals;
use crate::config::{Login, LoginSource};
use crate::lock::lock;

/// The program's answer.
pub(super) type Answer = std::result::Result<Login, String>;

/// The exchange of login requests and answers of one client.
#[derive(Default)]
pub(super) struct LoginDesk {
    handle: OnceLock<i64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The task that waits for the answer.
    asked: Option<Sender<Answer>>,
    is_closed: bool,
}

impl LoginDesk {
    /// Sets the handle by which Java will know the client.
    pub fn named(&self, handle: i64) {
        let _ = self.handle.set(handle);
    }

    /// Returns the source of logins for the engine.
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

    /// Passes the program's answer on; it is dropped if nobody waits for it any more.
    pub fn answer(&self, answer: Answer) {
        if let Some(asked) = lock(&self.state).asked.take() {
            let _ = asked.send(answer);
        }
    }

    /// Ends the wait, because nobody will answer.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.asked = None;
    }
}
