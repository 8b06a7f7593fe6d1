//! The HTTP request that opens a WebSocket, and its answer (RFC 6455, section 4).

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::error::{CapacityError, Error as WebError};
use tungstenite::handshake::client::{Request, Response, generate_key, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http;
use zeroize::Zeroizing;

use super::super::socket::{Socket, Written};
use super::super::{explain, failed};
use super::Stream;
use crate::config::{Broker, WebSocketSettings};
use crate::error::{Obstacle, Result};
use crate::strangers::harmless;

/// The subprotocol of MQTT-6.0.0-3, which brokers accept for every version of MQTT.
const SUBPROTOCOL: &str = "mqtt";
/// The longest answer that is accepted; gateways add many header fields.
const MAX_ANSWER: usize = 32 * 1024;

/// Opens a WebSocket on an open socket. The caller sets the deadline.
///
/// The pieces are tungstenite's, but its `ClientHandshake` is not used: it refuses `Connection: keep-alive, Upgrade`, which
/// some servers and gateways answer, and does not tell which subprotocol a server has chosen instead of MQTT.
pub(in super::super) async fn open(
    broker: &Broker,
    settings: &WebSocketSettings,
    socket: &Arc<Socket>,
) -> Result<Stream> {
    let step = |cause: String| failed(broker, "WebSocket", Obstacle::Other, cause);
    let hint = match socket.tls.is_some() {
        true => "is this a WebSocket port?",
        false => "is this a WebSocket port? If it is one with TLS, set 'tls'",
    };
    let lost = |e: io::Error| step(format!("{}; {hint}", explain(&e)));

    // The error is not shown, since it may quote a header field.
    let (request, key) = request(broker, settings, socket.tls.is_some())
        .and_then(generate_request)
        .map_err(|_| step("HTTP does not allow such a request; check 'ws_options'".into()))?;
    let mut chunks = [Bytes::from_owner(Zeroizing::new(request))].into();
    while socket.try_write(&mut chunks).map_err(lost)? != Written::All {
        socket.ready(false, true).await.map_err(lost)?;
    }
    let mut input = BytesMut::new();
    loop {
        input.reserve(4 * 1024);
        match socket.try_read(&mut input) {
            Ok(0) => return Err(step(format!("the peer closed the connection without an HTTP answer; {hint}"))),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                socket.ready(true, false).await.map_err(lost)?;
                continue;
            }
            Err(e) => return Err(lost(e)),
        }
        if let Some(length) = answered(&input, settings, &key, hint).map_err(step)? {
            input.advance(length);
            return Ok(Stream::new(socket.clone(), &input));
        }
    }
}

/// Returns the length of the peer's answer if it is complete and opens the WebSocket, and `None` while it is not complete.
/// `hint` is for a peer that does not speak HTTP.
fn answered(
    input: &[u8],
    settings: &WebSocketSettings,
    key: &str,
    hint: &str,
) -> std::result::Result<Option<usize>, String> {
    match Response::try_parse(input) {
        Ok(None) if input.len() <= MAX_ANSWER => Ok(None),
        Ok(None) | Err(WebError::Capacity(CapacityError::TooManyHeaders)) => Err("the HTTP answer is too long".into()),
        Ok(Some((length, answer))) => check(&answer, settings, key).map(|()| Some(length)),
        Err(_) if input.starts_with(&super::super::TLS_ALERT) => Err("this looks like a TLS port: set 'tls'".into()),
        Err(e) => Err(format!("the peer does not speak HTTP ({e}); {hint}")),
    }
}

/// Checks an answer of a server to the key of the example in RFC 6455, section 1.3. The error that describes it must be short
/// and without control characters.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz_answer(input: &[u8]) {
    let settings = WebSocketSettings { path: "/mqtt".into(), headers: Vec::new() };
    match answered(input, &settings, "dGhlIHNhbXBsZSBub25jZQ==", "") {
        Ok(Some(length)) => assert!(length <= input.len(), "an answer is longer than what has come"),
        Ok(None) => assert!(input.len() <= MAX_ANSWER, "an answer without an end is waited for"),
        Err(why) => assert!(why.chars().count() < 1000 && !why.contains(char::is_control), "{why:?}"),
    }
}

fn request(broker: &Broker, settings: &WebSocketSettings, tls: bool) -> tungstenite::Result<Request> {
    let default_port = if tls { 443 } else { 80 };
    let address = match broker.socket() {
        Some(_) => "localhost".into(),
        None => Broker { host: broker.name().to_owned(), port: broker.port }.to_string(),
    };
    let host = match broker.port == default_port && broker.socket().is_none() {
        true => address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host),
        false => &address,
    };
    let request = Request::builder()
        .uri(&settings.path)
        .header("Host", settings.header("Host").unwrap_or(host).as_bytes())
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Protocol", SUBPROTOCOL);
    let others = settings.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Host"));
    Ok(others.fold(request, |request, (name, value)| request.header(name, value.as_bytes())).body(())?)
}

/// Checks whether the peer has accepted the upgrade to a WebSocket with MQTT.
fn check(answer: &Response, settings: &WebSocketSettings, key: &str) -> std::result::Result<(), String> {
    if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer, settings));
    }
    if !has_word(answer, "Upgrade", "websocket") || !has_word(answer, "Connection", "upgrade") {
        return Err("the HTTP answer does not switch to WebSocket".into());
    }
    if field(answer, "Sec-WebSocket-Accept") != Some(derive_accept_key(key.as_bytes())) {
        return Err("the HTTP answer is not one to our request ('Sec-WebSocket-Accept' differs)".into());
    }
    match field(answer, "Sec-WebSocket-Protocol") {
        Some(chosen) if chosen == SUBPROTOCOL => {}
        None => {
            return Err(format!(
                "the server did not choose the subprotocol '{SUBPROTOCOL}', so it is no MQTT broker; \
                 check 'ws_options.path'"
            ));
        }
        Some(other) => return Err(format!("the server chose the subprotocol '{other}' instead of '{SUBPROTOCOL}'")),
    }
    match field(answer, "Sec-WebSocket-Extensions") {
        Some(extensions) if !extensions.is_empty() => {
            Err(format!("the server uses an extension that was not asked for: '{extensions}'"))
        }
        _ => Ok(()),
    }
}

/// Returns the error for a status that does not open a WebSocket, with advice.
fn refusal(answer: &Response, settings: &WebSocketSettings) -> String {
    let status = answer.status();
    let advice = match status.as_u16() {
        200..=299 => "a web server answers there, but not with a WebSocket; check 'ws_options.path'".into(),
        300..=399 => {
            let location = answer.headers().get("Location").map(|location| shown_location(location.as_bytes()));
            let target = location.unwrap_or_else(|| "elsewhere".into());
            format!(
                "it points to {target}, and redirects are not followed; check 'brokers', 'tls' and 'ws_options.path'"
            )
        }
        401 | 403 => {
            "the server wants other credentials than 'ws_options.headers' gives, or nobody may use the path".into()
        }
        404 | 405 | 410 => "check 'ws_options.path'".into(),
        407 => {
            "a proxy in between asks for a login: name it in 'proxy', with 'proxy_username' and 'proxy_password'".into()
        }
        500..=599 => "the server, or a gateway before it, can't serve at the moment".into(),
        _ => "check 'ws_options', and whether this is a WebSocket port".into(),
    };
    let reason = status.canonical_reason().map_or(String::new(), |reason| format!(" {reason}"));
    format!("HTTP {}{reason} for path '{}'; {advice}", status.as_u16(), settings.shown_path())
}

/// Returns a header field's value, cut to what a message can show; several fields of one name count as one.
fn field(answer: &Response, name: &str) -> Option<String> {
    let values: Vec<&[u8]> = answer.headers().get_all(name).iter().map(|value| value.as_bytes()).collect();
    (!values.is_empty()).then(|| shown(&values.join(&b", "[..])))
}

/// Returns whether a word is in a header field's list of values.
fn has_word(answer: &Response, name: &str, word: &str) -> bool {
    let mut items = answer.headers().get_all(name).iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    items.any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Makes the peer's text fit for an error message.
fn shown(text: &[u8]) -> String {
    harmless(String::from_utf8_lossy(text).trim(), 200)
}

/// Returns a location without user, query and fragment, which may contain secrets, and without anything behind the first one.
fn shown_location(location: &[u8]) -> String {
    let location = shown(location);
    let plain = location.split(['?', '#', ',', ' ']).next().unwrap_or_default();
    match plain.split_once("//") {
        None => format!("'{plain}'"),
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("'{scheme}//{host}{path}'")
        }
    }
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
