//! What is seen in one handshake: the verifier and the identifier, which see it, are shared by many clients.

use std::cell::RefCell;
use std::future::Future;

use rustls::pki_types::UnixTime;

use super::certificate::Facts;
use super::identify::Asked;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of the broker's certificate; `None` where a session is taken up again.
    pub facts: Option<Facts>,
    /// When the first of the certificates that the broker has shown expires.
    pub not_after: Option<UnixTime>,
    /// What is accepted, but should be changed.
    pub warning: Option<String>,
    /// Of the client's certificate.
    pub asked: Asked,
    /// Which of several it got, where nothing spoke for that one.
    pub choice: Option<String>,
}

tokio::task_local! {
    static PRESENT: RefCell<Seen>;
}

/// Does a handshake, and tells what [`note`] was told in it.
pub(super) async fn watched<H: Future>(handshake: H) -> (H::Output, Seen) {
    let watched = async {
        let output = handshake.await;
        (output, PRESENT.with(RefCell::take))
    };
    PRESENT.scope(RefCell::default(), watched).await
}

/// Of the handshake that is going on. Nothing is noted outside one.
pub(super) fn note(change: impl FnOnce(&mut Seen)) {
    let _ = PRESENT.try_with(|seen| change(&mut seen.borrow_mut()));
}
