//! The outbox as the keeper of the client's session: it passes the client's requests on to the keeper thread.

use std::future::Future;
use std::pin::Pin;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::handshakes::Beginning;
use super::shared::{Life, Shared};
use crate::error::Result;
use crate::mqtt::{KeptSession, closed_error};

impl KeptSession for Shared {
    fn is_of(&self, client_id: &str, broker: &str) -> bool {
        self.with(|state| state.handshakes.session) == Some(digest(client_id, broker))
    }

    fn begin(&self, client_id: &str, broker: &str) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        let (told, begun) = oneshot::channel();
        let session = digest(client_id, broker);
        self.with(|state| {
            if state.life != Life::Ended {
                state.handshakes.session = None;
                state.handshakes.beginning = Some(Beginning { session, told });
            }
        });
        self.work.notify_one();
        Box::pin(async move { begun.await.unwrap_or_else(|_| Err(closed_error())) })
    }

    fn received(&self) {
        let is_news = self.with(|state| !std::mem::replace(&mut state.handshakes.has_received, true));
        if is_news {
            self.work.notify_one();
        }
    }
}

/// Returns a digest of the session's name. It need not resist attacks: nobody chooses brokers and client ids to make them
/// collide.
fn digest(client_id: &str, broker: &str) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update((client_id.len() as u64).to_le_bytes());
    hasher.update(client_id);
    hasher.update(broker);
    hasher.finalize()[..8].iter().fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}
