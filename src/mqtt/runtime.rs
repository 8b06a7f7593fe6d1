//! The engine's threads, which all clients of the process share.
//!
//! Each thread is a runtime of its own with one worker, and a client stays on the thread where it began: its task runs on no
//! other thread, and a process with one client has one thread. A client begins on a new thread as long as there are fewer than
//! the machine can run at once, otherwise on the thread with the fewest clients.

use std::num::NonZero;
use std::sync::{Arc, Mutex, Weak};
use std::thread::available_parallelism;

use once_cell::sync::Lazy;
use tokio::runtime::{Builder, Handle};

use crate::error::{Error, Result};
use crate::lock::lock;

/// The default maximum. More threads help only where many clients have much to do at once; such a program can ask for more.
const MOST_BY_DEFAULT: usize = 4;
/// The environment variable that sets the maximum number of threads.
const VARIABLE: &str = "SINETSTREAM_ENGINE_THREADS";
/// The largest number that is accepted; a larger one must be a mistake.
const MOST: usize = 256;

/// One engine thread, which lives as long as a client is on it.
pub(crate) struct Runtime {
    handle: Handle,
    /// `None` in the simulation, whose runtime is not ours to end.
    owned: Option<tokio::runtime::Runtime>,
}

static CURRENT: Lazy<Mutex<Vec<Weak<Runtime>>>> = Lazy::new(Mutex::default);

impl Runtime {
    /// Returns the runtime for another client.
    ///
    /// # Errors
    ///
    /// The environment variable is not a valid number of threads, or the system provides no thread.
    pub fn get() -> Result<Arc<Runtime>> {
        let most = most(std::env::var(VARIABLE).ok().as_deref())?;
        let mut current = lock(&CURRENT);
        current.retain(|runtime| runtime.strong_count() > 0);
        let running: Vec<Arc<Runtime>> = current.iter().filter_map(Weak::upgrade).collect();
        if running.len() >= most
            && let Some(idlest) = running.into_iter().min_by_key(Arc::strong_count)
        {
            return Ok(idlest);
        }
        let started = Arc::new(Runtime::start()?);
        current.push(Arc::downgrade(&started));
        Ok(started)
    }

    fn start() -> Result<Runtime> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sinetstream")
            .enable_all()
            .build()
            .map_err(|e| Error::Internal(format!("the runtime can't be started: {e}")))?;
        Ok(Runtime { handle: runtime.handle().clone(), owned: Some(runtime) })
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Returns the runtime on which the caller runs.
    #[cfg(test)]
    pub fn current() -> Arc<Runtime> {
        Arc::new(Runtime { handle: Handle::current(), owned: None })
    }
}

/// Returns the maximum number of threads, as the environment sets it.
fn most(configured: Option<&str>) -> Result<usize> {
    let Some(text) = configured.filter(|text| !text.is_empty()) else {
        return Ok(available_parallelism().map_or(1, NonZero::get).min(MOST_BY_DEFAULT));
    };
    match text.parse() {
        Ok(number @ 1..=MOST) => Ok(number),
        _ => Err(Error::InvalidConfiguration(format!(
            "{VARIABLE}: '{text}' is not a number of threads from 1 to {MOST}"
        ))),
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Dropping a tokio runtime waits, and panics inside an asynchronous context; this call does neither.
        if let Some(runtime) = self.owned.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_may_say_how_many_threads_there_are() {
        assert_eq!(most(Some("1")), Ok(1));
        assert_eq!(most(Some("256")), Ok(256));
        assert_eq!(most(Some("")), most(None));
        assert!((1..=MOST_BY_DEFAULT).contains(&most(None).unwrap()));
        for wrong in ["0", "257", "two", "-1", "1.5"] {
            let error = most(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains(VARIABLE) && error.contains(wrong) && error.contains("1 to 256"), "{error}");
        }
    }
}
