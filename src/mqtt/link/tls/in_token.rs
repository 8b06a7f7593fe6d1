//! A client's key that is in a token, which answers when it likes: whoever waits for it can be told to wait no longer.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::task::JoinSet;

use crate::config::TokenKey;
use crate::error::{Error, Result};
use crate::keys::token::Key;
use crate::material;

pub(super) struct InToken {
    configured: TokenKey,
    /// Once it is found.
    key: OnceLock<Arc<Key>>,
}

impl InToken {
    pub fn new(configured: &TokenKey) -> InToken {
        InToken { configured: configured.clone(), key: OnceLock::new() }
    }

    pub fn key(&self) -> Option<&Key> {
        self.key.get().map(|key| &**key)
    }

    /// Whoever gives this up leaves a thread behind that waits for the token no longer than `patience`.
    pub async fn find(&self, patience: Duration) -> Result<Arc<CertifiedKey>> {
        let configured = self.configured.clone();
        let found = tokio::task::spawn_blocking(move || material::token_identity(&configured, patience)).await;
        let (certified, key) =
            found.map_err(|e| Error::Internal(format!("looking for the key in the token: {e}")))??;
        // A second one would be the same.
        let _ = self.key.set(key);
        Ok(certified)
    }
}

/// A handshake in a task of its own: rustls waits for a signature without giving way to anything else in its task, time-outs
/// and a close among it. Dropping this gives the task up.
pub(super) async fn beside<T: Send + 'static>(handshake: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    let mut task = JoinSet::new();
    task.spawn(handshake);
    match task.join_next().await {
        Some(Ok(output)) => Ok(output),
        Some(Err(e)) => Err(io::Error::other(format!("the handshake ended: {e}"))),
        None => Err(io::Error::other("the handshake ended")),
    }
}
