//! What the engine asks Java for before an attempt to connect: logins of the program, and key stores that have changed. The
//! question is a signal, and Java's answer comes as a call of its own. So no thread of the engine runs Java code.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};

use zeroize::Zeroizing;

use super::tree::Answer;
use super::{login, signals, stores};
use crate::config::{Login, LoginSource};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::material::KeyMaterial;

/// Where one client's questions are asked and answered.
pub(super) struct Desks {
    logins: Arc<Desk<Login>>,
    stores: Arc<Desk<KeyMaterial>>,
}

impl Default for Desks {
    fn default() -> Desks {
        Desks { logins: Desk::of(signals::LOGIN), stores: Desk::of(signals::STORES) }
    }
}

impl Desks {
    /// What Java will know the client by.
    pub fn named(&self, handle: i64) {
        let _ = self.logins.handle.set(handle);
        let _ = self.stores.handle.set(handle);
    }

    /// What gives the program's logins.
    pub fn logins(&self) -> LoginSource {
        let desk = self.logins.clone();
        LoginSource::new(move || desk.ask(Zeroizing::default()).map_err(Into::into))
    }

    /// Opens the stores that a question of [`stores`] names.
    pub fn stores(&self) -> impl Fn(Zeroizing<Vec<u8>>) -> Answer<KeyMaterial> + Send + Sync + use<> {
        let desk = self.stores.clone();
        move |question| desk.ask(question)
    }

    /// What the signal is about. It may hold passwords, and is given away once.
    pub fn question(&self, what: i64) -> Result<Zeroizing<Vec<u8>>> {
        match what {
            signals::LOGIN => Ok(self.logins.question()),
            signals::STORES => Ok(self.stores.question()),
            _ => Err(unknown()),
        }
    }

    /// Java answers; if nobody waits for that any more, it was in vain.
    pub fn answer(&self, what: i64, answer: &[u8]) -> Result<()> {
        match what {
            signals::LOGIN => self.logins.answer(login::decode(answer)?),
            signals::STORES => self.stores.answer(stores::decode_answer(answer)?),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Nobody will answer.
    pub fn close(&self) {
        self.logins.close();
        self.stores.close();
    }
}

fn unknown() -> Error {
    Error::Internal("the engine asks no such question".into())
}

/// The desk for one kind of questions.
struct Desk<T> {
    /// The signal.
    what: i64,
    handle: OnceLock<i64>,
    state: Mutex<State<T>>,
}

struct State<T> {
    asked: Option<Asked<T>>,
    is_closed: bool,
}

struct Asked<T> {
    question: Zeroizing<Vec<u8>>,
    /// Who waits for the answer.
    answer: Sender<Answer<T>>,
}

impl<T> Desk<T> {
    fn of(what: i64) -> Arc<Desk<T>> {
        let state = Mutex::new(State { asked: None, is_closed: false });
        Arc::new(Desk { what, handle: OnceLock::new(), state })
    }

    /// Waits until Java answers, is asked again, or the client is gone.
    fn ask(&self, question: Zeroizing<Vec<u8>>) -> Answer<T> {
        let (answer, answered) = mpsc::channel();
        let gone = || Err("the client is gone".to_owned());
        let Some(handle) = self.handle.get() else { return gone() };
        {
            let mut state = lock(&self.state);
            if state.is_closed {
                return gone();
            }
            state.asked = Some(Asked { question, answer });
        }
        signals::waker(*handle, self.what).wake();
        answered.recv().unwrap_or_else(|_| gone())
    }

    fn question(&self) -> Zeroizing<Vec<u8>> {
        lock(&self.state).asked.as_mut().map(|asked| std::mem::take(&mut asked.question)).unwrap_or_default()
    }

    fn answer(&self, answer: Answer<T>) {
        if let Some(asked) = lock(&self.state).asked.take() {
            let _ = asked.answer.send(answer);
        }
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.asked = None;
    }
}
