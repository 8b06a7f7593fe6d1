//! DNS. Whoever asks for a name that is being looked up gets the same answer: a thousand clients that come back to their broker
//! are one question, and one thread that waits for the system's resolver.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::sync::OnceCell;

use crate::kept::{Inputs, Kept};

/// An error in a form that can be given to several.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

static UNDER_WAY: Kept<OnceCell<Answer>> = Kept::new();

/// The addresses of a host, in the order in which the resolver prefers them. When whoever has begun a question gives it up,
/// one of the others asks again.
pub(super) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut name = Inputs::default();
    name.add(host.as_bytes());
    name.add(&port.to_be_bytes());
    let Ok(question) = UNDER_WAY.get(name.digest(), || Ok::<_, Infallible>(OnceCell::new()));
    let answer = question.get_or_init(|| ask(host, port)).await;
    answer.clone().map_err(|(kind, what)| io::Error::new(kind, what))
}

async fn ask(host: &str, port: u16) -> Answer {
    match lookup_host((host, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(e) => Err((e.kind(), e.to_string())),
    }
}
