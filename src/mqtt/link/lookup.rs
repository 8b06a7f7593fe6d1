//! DNS. All who ask for a name that is being looked up get the same answer, so that a thousand clients that reconnect to their
//! broker cause one question, and one thread that waits for the system's resolver.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::sync::OnceCell;

use crate::kept::{Inputs, Kept};

/// The answer of the resolver, with an error in a form that can be given to several callers.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

static UNDER_WAY: Kept<OnceCell<Answer>> = Kept::new();

/// Returns the addresses of a host, in the order in which the resolver prefers them. When the caller that has begun a question
/// gives it up, one of the others asks again.
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
