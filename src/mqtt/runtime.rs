//! The runtime of all clients of the process.

use std::sync::{Arc, Mutex, Weak};

use once_cell::sync::Lazy;
use tokio::runtime::{Builder, Handle};

use crate::error::{Error, Result};
use crate::lock::lock;

/// Alive as long as a client is.
pub(crate) struct Runtime {
    handle: Handle,
    /// `None` in the simulation, whose runtime is not ours to end.
    owned: Option<tokio::runtime::Runtime>,
}

static CURRENT: Lazy<Mutex<Weak<Runtime>>> = Lazy::new(Mutex::default);

impl Runtime {
    /// The running one, or a new one.
    pub fn get() -> Result<Arc<Runtime>> {
        let mut current = lock(&CURRENT);
        if let Some(runtime) = current.upgrade() {
            return Ok(runtime);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sinetstream")
            .enable_all()
            .build()
            .map_err(|e| Error::Internal(format!("the runtime can't be started: {e}")))?;
        let runtime = Arc::new(Runtime { handle: runtime.handle().clone(), owned: Some(runtime) });
        *current = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The one that this runs on.
    #[cfg(test)]
    pub fn current() -> Arc<Runtime> {
        Arc::new(Runtime { handle: Handle::current(), owned: None })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Dropping a tokio runtime waits, and panics inside an asynchronous context; this does neither.
        if let Some(runtime) = self.owned.take() {
            runtime.shutdown_background();
        }
    }
}
