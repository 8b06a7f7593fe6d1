//! The observations of one handshake. The verifier and the identifier, which make them, are shared by many clients.

use std::cell::RefCell;
use std::future::Future;

use rustls::pki_types::UnixTime;

use super::certificate::Facts;
use super::identify::Asked;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The facts about the broker's certificate; `None` when a session is resumed.
    pub facts: Option<Facts>,
    /// The moment at which the first of the broker's certificates expires.
    pub not_after: Option<UnixTime>,
    /// A warning about what is accepted, but should be changed.
    pub warning: Option<String>,
    /// The outcome of the broker's request for a client certificate.
    pub asked: Asked,
    /// The choice among several client certificates, if nothing spoke for the chosen one.
    pub choice: Option<String>,
}

tokio::task_local! {
    static PRESENT: RefCell<Seen>;
}

/// Runs a handshake, and returns its output with the observations that [`note`] recorded during it.
pub(super) async fn watched<H: Future>(handshake: H) -> (H::Output, Seen) {
    let watched = async {
        let output = handshake.await;
        (output, PRESENT.with(RefCell::take))
    };
    PRESENT.scope(RefCell::default(), watched).await
}

/// Records an observation of the current handshake. Outside a handshake nothing is recorded.
pub(super) fn note(change: impl FnOnce(&mut Seen)) {
    let _ = PRESENT.try_with(|seen| change(&mut seen.borrow_mut()));
}
