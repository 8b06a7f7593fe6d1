//! The parameters of the transport: plain MQTT, or MQTT inside a WebSocket.

use std::fmt;

use tungstenite::http::uri::PathAndQuery;
use zeroize::Zeroize;

use super::extractor::Extractor;
use super::query::shown;
use super::value::Value;

/// SINETStream's documentation expects brokers to answer at this path.
const DEFAULT_PATH: &str = "/mqtt";
/// Header fields that the handshake sets itself, and those that announce a body, which the request does not have.
const TAKEN: [&str; 4] = ["upgrade", "connection", "content-length", "transfer-encoding"];
const TAKEN_PREFIX: &str = "sec-websocket-";
/// Header fields that are never secret. All others may be, because gateways have names of their own for secret ones.
const PLAIN: [&str; 3] = ["host", "origin", "user-agent"];

/// The HTTP request of the WebSocket. `Debug` hides what may be a secret.
#[derive(Clone, PartialEq)]
pub(crate) struct WebSocketSettings {
    /// The path, with its query if it has one.
    pub path: String,
    /// Further header fields, in the order in which they were written.
    pub headers: Vec<(String, String)>,
}

impl WebSocketSettings {
    /// Returns the path for people, with its query hidden.
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }

    /// Whether a header field that may be secret, such as Authorization, is given.
    pub fn may_hold_secrets(&self) -> bool {
        self.headers.iter().any(|(name, _)| !PLAIN.iter().any(|plain| name.eq_ignore_ascii_case(plain)))
    }

    /// Returns the value of a header field that the user has given.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Wipes the path and the header fields: either may hold a token.
impl Drop for WebSocketSettings {
    fn drop(&mut self) {
        self.path.zeroize();
        self.headers.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl fmt::Debug for WebSocketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("WebSocketSettings").field("path", &self.shown_path()).field("headers", &names).finish()
    }
}

impl Extractor {
    /// Reads the WebSocket's settings; `None` means MQTT directly over TCP or TLS.
    pub fn web_socket(&mut self) -> Option<WebSocketSettings> {
        let on = match self.text("transport", &[]) {
            None => false,
            Some(name) if name.eq_ignore_ascii_case("tcp") => false,
            Some(name) if name.eq_ignore_ascii_case("websockets") => true,
            Some(_) => {
                self.parameters.problem("transport", &[], "expected tcp or websockets");
                // It is unknown which of the two is meant, so the options get no further message.
                return None;
            }
        };
        match self.value("ws_options", &[]) {
            None => {}
            Some(_) if !on => self.no_effect("ws_options", "'transport' is not websockets"),
            Some(Value::Map(_)) => {}
            Some(other) => self.wrong("ws_options", &[], "a map with 'path' and 'headers'", &other),
        }
        on.then(|| WebSocketSettings { path: self.path(), headers: self.headers() })
    }

    fn path(&mut self) -> String {
        let inside = ["path"];
        let Some(mut path) = self.text("ws_options", &inside) else { return DEFAULT_PATH.into() };
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        if path.contains("://") {
            let message = "expected a path such as /mqtt, not a URL; 'brokers' has the host";
            self.parameters.problem("ws_options", &inside, message);
        } else if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.parameters.problem(
                "ws_options",
                &inside,
                "contains a space or a control character; write %20 and such",
            );
        } else if !path.is_ascii() || path.contains('#') {
            let message = "contains '#' or a character outside ASCII; write it with '%' and its bytes in hexadecimal";
            self.parameters.problem("ws_options", &inside, message);
        } else if path.parse::<PathAndQuery>().is_err() {
            let message = "is not a path of HTTP; write special characters with '%' and their bytes in hexadecimal";
            self.parameters.problem("ws_options", &inside, message);
        }
        path
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        let names: Vec<String> = match self.value("ws_options", &["headers"]) {
            None => vec![],
            Some(Value::Map(map)) => map.iter().map(|(name, _)| name.to_owned()).collect(),
            Some(other) => {
                self.wrong("ws_options", &["headers"], "a map of names and values", &other);
                vec![]
            }
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            if name.is_empty() || !name.bytes().all(is_token) {
                // The entry is not quoted: somebody may have written name and value together.
                let message = format!("the name of entry {} is not the name of an HTTP header field", index + 1);
                self.parameters.problem("ws_options", &["headers"], &message);
                continue;
            }
            let inside = ["headers", name.as_str()];
            let lower = name.to_lowercase();
            if TAKEN.contains(&lower.as_str()) || lower.starts_with(TAKEN_PREFIX) {
                self.parameters.problem("ws_options", &inside, "is set by the WebSocket handshake itself; remove it");
            } else if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                self.parameters.problem("ws_options", &inside, "is given twice, with different capitals");
            } else if let Some(value) = self.text("ws_options", &inside) {
                match value.contains(|c: char| c.is_control() && c != '\t') {
                    true => self.parameters.problem("ws_options", &inside, "contains a control character"),
                    false => headers.push((name, value)),
                }
            }
        }
        headers
    }
}

/// Whether the name of a header field may have this byte (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
