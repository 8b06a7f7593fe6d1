//! The way through a proxy (HTTP's CONNECT).

use std::io;

use base64ct::{Base64, Encoding};
use bytes::BytesMut;
use tokio::io::Interest;
use zeroize::Zeroizing;

use super::failed;
use super::transport::Transport;
use crate::config::{Broker, ProxySettings};
use crate::error::{Error, Obstacle, Result};
use crate::strangers::harmless;
use crate::wiped::Secret;

/// The longest answer that is accepted.
const MAX_ANSWER: usize = 16 * 1024;

/// Asks the proxy at the other end of this connection to connect to the broker. The caller sets the deadline.
pub(super) async fn open(broker: &Broker, proxy: &ProxySettings, transport: &Transport) -> Result<()> {
    let at = &proxy.address;
    let failed = |why: String| failed(broker, "proxy", Obstacle::Other, format!("{at}: {why}"));
    let lost = |e: io::Error| failed(e.to_string());
    let request = request(broker, proxy);
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        match transport.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                transport.ready(Interest::WRITABLE).await.map_err(lost)?
            }
            Err(e) => return Err(lost(e)),
        }
    }
    let mut answer = BytesMut::new();
    loop {
        answer.reserve(1024);
        match transport.try_read_buf(&mut answer) {
            Ok(0) => return Err(failed("it closed the connection without an answer; is this an HTTP proxy?".into())),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                transport.ready(Interest::READABLE).await.map_err(lost)?;
                continue;
            }
            Err(e) => return Err(lost(e)),
        }
        if let Some(answered) = answered(&answer, proxy.login.as_ref()) {
            return answered.map_err(|refusal| match refusal {
                // A refused login is final, since repeated attempts could lock the account.
                Refusal::Login(why) => {
                    Error::Authentication { message: failed(why).to_string(), code: 0, delivery: None }
                }
                Refusal::Other(why) => failed(why),
            });
        }
    }
}

fn request(broker: &Broker, proxy: &ProxySettings) -> Zeroizing<String> {
    let mut request = Zeroizing::new(format!("CONNECT {broker} HTTP/1.1\r\nHost: {broker}\r\n"));
    if let Some((username, password)) = &proxy.login {
        let login = basic(username, password);
        request = Zeroizing::new([&request, "Proxy-Authorization: Basic ", &login, "\r\n"].concat());
    }
    Zeroizing::new([&request, "\r\n"].concat())
}

/// Returns a login as HTTP sends it (RFC 7617).
fn basic(username: &str, password: &Secret) -> Zeroizing<String> {
    let login = Zeroizing::new([username.as_bytes(), b":", password.bytes()].concat());
    Zeroizing::new(Base64::encode_string(&login))
}

/// The number of bytes in a row that, when the login has them, too, are taken for a part of it.
const REPEATED: usize = 4;

/// Returns whether the proxy repeats a part of the login that was sent to it, in upper or lower case.
fn repeats(text: &str, (username, password): &(String, Secret)) -> bool {
    let sent = basic(username, password);
    [sent.as_bytes(), username.as_bytes(), password.bytes()].into_iter().filter(|part| !part.is_empty()).any(|part| {
        let mut pieces = part.windows(part.len().min(REPEATED));
        pieces.any(|piece| text.as_bytes().windows(piece.len()).any(|found| found.eq_ignore_ascii_case(piece)))
    })
}

/// The fault in the proxy's answer.
#[derive(Debug, PartialEq)]
enum Refusal {
    /// The proxy wants a login, or another one.
    Login(String),
    Other(String),
}

/// Returns what the proxy answers, once the answer is complete. Bytes behind it would be the broker's, which is silent until it
/// gets a packet.
fn answered(answer: &[u8], login: Option<&(String, Secret)>) -> Option<std::result::Result<(), Refusal>> {
    let other = |why: &str| Err(Refusal::Other(why.to_owned()));
    let not_http = || Some(other("it does not speak HTTP; is this an HTTP proxy?"));
    let beginning = b"HTTP/1.";
    if !answer.iter().zip(beginning).all(|(found, expected)| found == expected) {
        return not_http();
    }
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return (answer.len() > MAX_ANSWER).then(|| other("its answer is too long"));
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.lines().next().and_then(|line| line.split_once(' ')).map_or("", |(_, status)| status);
    let code = status.split(' ').next().and_then(|code| code.parse::<u16>().ok());
    // Proxies that do not understand a request often repeat it.
    let shown = match (code, login) {
        (Some(code), Some(login)) if repeats(status, login) => code.to_string(),
        _ => harmless(status, 100),
    };
    Some(match code {
        Some(200..=299) if answer.len() > end + 4 => other("it sends what nobody has asked for"),
        Some(200..=299) => Ok(()),
        Some(407) => Err(Refusal::Login(match login {
            Some(_) => format!("it refuses the login (HTTP {shown}): check 'proxy_username' and 'proxy_password'"),
            None => format!("it wants a login (HTTP {shown}): give 'proxy_username' and 'proxy_password'"),
        })),
        Some(403 | 405) => other(&format!(
            "it lets nobody through to this host and port (HTTP {shown}): many proxies allow port 443 only; ask its operator"
        )),
        Some(502..=504) => other(&format!("it does not reach the broker (HTTP {shown}): compare 'brokers'")),
        Some(_) => other(&format!("it refuses (HTTP {shown})")),
        None => return not_http(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login() -> (String, Secret) {
        ("somebody".into(), Secret::new(b"pass-word".to_vec()))
    }

    #[test]
    fn the_login_is_not_repeated() {
        let sent = basic("somebody", &login().1);
        for repeated in [&*sent, &sent[5..12], "SOMEBODY", "user some, password x-word"] {
            let answer = format!("HTTP/1.1 400 Proxy-Authorization: Basic {repeated}\r\n\r\n");
            let why = answered(answer.as_bytes(), Some(&login())).expect("an answer").expect_err("a refusal");
            assert_eq!(why, Refusal::Other("it refuses (HTTP 400)".into()));
        }
        let why =
            answered(b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(&login())).expect("an answer").expect_err("a refusal");
        assert_eq!(why, Refusal::Other("it refuses (HTTP 400 Bad Request)".into()));
    }

    #[test]
    fn an_answer_counts_when_it_is_whole() {
        assert_eq!(answered(b"HTTP/1.", None), None);
        assert_eq!(answered(b"HTTP/1.1 200 Connection established\r\n", None), None);
        assert_eq!(answered(b"HTTP/1.0 200 OK\r\nVia: x\r\n\r\n", None), Some(Ok(())));
        for (answer, words) in [
            ("HTTP/1.1 407 Who are you\r\n\r\n", "wants a login"),
            ("HTTP/1.1 403 No\r\n\r\n", "443 only"),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "does not reach"),
            ("HTTP/1.1 400 \u{1b}[2J\r\n\r\n", "refuses (HTTP 400 "),
            ("SSH-2.0", "does not speak HTTP"),
            ("HTTP/1.1\r\n\r\n", "does not speak HTTP"),
            ("HTTP/1.1 200 OK\r\n\r\nx", "nobody has asked for"),
        ] {
            let (Refusal::Login(why) | Refusal::Other(why)) =
                answered(answer.as_bytes(), None).expect("an answer").expect_err("a refusal");
            assert!(why.contains(words) && !why.contains(char::is_control), "{why:?}");
        }
        let refused = answered(b"HTTP/1.1 407 No\r\n\r\n", Some(&login())).expect("an answer").expect_err("no");
        assert!(matches!(&refused, Refusal::Login(why) if why.contains("refuses the login")), "{refused:?}");
        assert!(
            answered(format!("HTTP/1.1 {}", "x".repeat(MAX_ANSWER)).as_bytes(), Some(&login()))
                .is_some_and(|answer| answer.is_err())
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_one(answer: Vec<u8>, code: u16) {
            let _ = answered(&answer, Some(&login()));
            let _ = answered(&[format!("HTTP/1.1 {code} ").as_bytes(), &answer, b"\r\n\r\n"].concat(), None);
        }
    }
}
