//! The likely cause of a failure, and its remedy. It is found by the words of this crate's own errors; tests keep the two in
//! step.

use crate::config::{Broker, Settings, Trust};
use crate::error::{Error, Obstacle};
use crate::mqtt::steps::Step;

/// A likely cause and a remedy, for people.
#[derive(Debug, PartialEq)]
pub(super) struct Advice {
    pub cause: String,
    pub remedy: String,
}

impl Advice {
    pub fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Advice {
        Advice { cause: cause.into(), remedy: remedy.into() }
    }
}

/// Returns advice for an error before there is a connection, about the certificates and keys of TLS.
pub(super) fn on_files(error: &Error) -> Advice {
    let text = error.to_string();
    if !text.contains(".pkcs11") {
        return Advice::new(
            "a file that 'tls' names is missing, is not readable, or does not hold what the error says is expected",
            "check the file that the error names; relative paths start in the current folder",
        );
    }
    if text.contains("PIN") {
        return Advice::new(
            "the PIN in 'tls.pkcs11' is missing, wrong or locked",
            "try it with the token's own tool, with care: tokens lock themselves after a few wrong ones",
        );
    }
    Advice::new(
        "the token is not there, or does not hold what 'tls.pkcs11' says",
        "compare with what 'pkcs11-tool --module MODULE --list-token-slots' and, with '--login', '--list-objects' tell",
    )
}

/// Returns advice for a step of opening a connection.
pub(super) fn on_opening(step: Step, error: &Error, settings: &Settings) -> Advice {
    let text = error.to_string().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let timed_out = has(&["did not answer within", "timed out", "time-out"]);
    match step {
        Step::Dns => Advice::new(
            "the name in 'brokers' is misspelt, or this machine's name service does not know it",
            "compare 'brokers' with what the broker's operator says; a name of an internal network needs its VPN",
        ),
        Step::Tcp if has(&["refused"]) => Advice::new(
            "nothing listens on this port: the broker is not running, or listens on another port",
            "compare the port; usual ones are 1883, with TLS 8883, and for WebSocket 80 and 443",
        ),
        Step::Tcp if has(&["unreachable", "no route"]) => Advice::new(
            "this machine has no way to that network",
            "check the network connection, the VPN, and for IPv6 addresses whether IPv6 works here",
        ),
        Step::Tcp => Advice::new(
            "a firewall drops the packets without a word, or the machine is switched off",
            "ask whether this port is open from this network, and for the right port",
        ),
        Step::Socket => Advice::new(
            "the broker is not running, listens on another socket, or does not let this user open it",
            "compare the path in 'brokers' with the broker's configuration (Mosquitto: 'listener 0 PATH'), and look at the socket's \
             owner and mode",
        ),
        Step::Proxy => Advice::new(
            "the proxy does not let this client through to the broker",
            "check 'proxy', and ask the proxy's operator whether it may connect to the broker's host and port",
        ),
        Step::Tls => on_tls(&text, timed_out, settings),
        Step::WebSocket => on_web_socket(&text),
        Step::Login => on_login(error, &text, timed_out, settings),
    }
}

fn on_tls(text: &str, timed_out: bool, settings: &Settings) -> Advice {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let own_authority = settings.tls.as_ref().is_some_and(|tls| !matches!(tls.trust, Trust::Default));
    if has(&["not signed by a trusted", "unknownissuer", "unknown issuer"]) {
        return match own_authority {
            true => Advice::new(
                "'tls.ca_certs' lacks the authority that signed the broker's certificate, or the broker does not send the \
                 certificates of the authorities in between",
                format!(
                    "see what it sends with 'openssl s_client -connect {} -showcerts': where the last certificate's issuer ('i:') is \
                     an authority in between, the operator appends that one's certificate to the broker's own (Mosquitto: 'certfile'); \
                     otherwise get the certificate of that issuer (PEM) and name it in 'tls.ca_certs'",
                    settings.brokers.first().map(ToString::to_string).unwrap_or_default()
                ),
            ),
            false => Advice::new(
                "an authority that this system does not know has signed the broker's certificate",
                "get the authority's certificate (PEM) from the broker's operator and name it in 'tls.ca_certs'",
            ),
        };
    }
    if has(&["client certificate", "the client's certificate"]) {
        return Advice::new(
            "the broker wants a client certificate, or does not accept the one it gets",
            "ask the broker's operator for a client certificate ('tls.certfile', 'tls.keyfile'), or what is wrong with yours",
        );
    }
    if has(&["certificate is not for '", "not valid for name", "not know the host name"]) {
        return Advice::new(
            "the broker's certificate is for another name than the one in 'brokers'",
            format!(
                "use in 'brokers' a name that the certificate has; 'tls.check_hostname: false' leaves out this check and \
                 with it a part of the protection; {}",
                new_certificate(settings)
            ),
        );
    }
    if has(&["pin_sha256"]) {
        return Advice::new(
            "the broker has a new key, or this is not the broker",
            "ask the broker's operator; only a key that the operator has confirmed belongs into 'tls.pin_sha256'",
        );
    }
    if has(&["crl_file"]) {
        return Advice::new(
            "the broker's certificate is revoked, or the list that would say so is of another authority or out of date",
            "get the authority's newest list for 'tls.crl_file'; for a revoked certificate ask the broker's operator",
        );
    }
    if has(&["expired", "not valid yet"]) {
        return Advice::new(
            "the broker's certificate is out of date, or this machine's clock is wrong",
            "check the clock; the broker's operator renews the certificate",
        );
    }
    if has(&["cipher suite", "versions of tls", "protocolversion"]) {
        return Advice::new(
            "the broker and this client have no version or cipher suite of TLS in common",
            "'tls.tls_version' and 'tls.ciphers' narrow the choice: leave them out; the broker must offer TLS 1.2 or 1.3",
        );
    }
    if has(&["certificate is refused", "certificate, or one in its chain"]) {
        return Advice::new(
            "the broker's certificate was not made as a server's should be",
            format!(
                "its operator needs one with a subjectAltName, for servers, signed by the authority of 'tls.ca_certs'; {}",
                new_certificate(settings)
            ),
        );
    }
    if has(&["does not speak tls", "closed the connection during", "is this a tls port"]) || timed_out {
        return Advice::new(
            "this is a port without TLS, or not one of an MQTT broker",
            "use the broker's TLS port (often 8883), or leave out 'tls' for this one",
        );
    }
    Advice::new(
        "the broker and this client can't agree on TLS",
        "the broker must offer TLS 1.2 or 1.3 with a certificate that 'tls.ca_certs' covers",
    )
}

/// Describes how to make a certificate for a broker of one's own.
fn new_certificate(settings: &Settings) -> String {
    let host = settings.brokers.first().map_or("localhost", Broker::name);
    let kind = if host.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!(
        "one for a broker of your own, which 'tls.ca_certs' then names itself: openssl req -x509 -newkey rsa:2048 -nodes \
         -days 365 -subj /CN={host} -addext subjectAltName={kind}:{host} -keyout server.key -out server.crt"
    )
}

fn on_web_socket(text: &str) -> Advice {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["http 401", "http 403", "http 407"]) {
        return Advice::new(
            "the web server, or a proxy before the broker, does not let this client in",
            "ask the broker's operator which header fields it wants ('ws_options.headers')",
        );
    }
    if has(&["http 5"]) {
        return Advice::new(
            "the web server before the broker is up, but the broker behind it is not",
            "try again later, or ask the broker's operator",
        );
    }
    if has(&["http ", "subprotocol"]) {
        return Advice::new(
            "a web server answers, but has no MQTT broker under this path",
            "compare 'ws_options.path' (the default is /mqtt) and the port with what the broker's operator says",
        );
    }
    Advice::new(
        "this port does not speak WebSocket, or speaks it with TLS where 'tls' is not set",
        "compare the port with what the broker's operator says; for MQTT without WebSocket leave out 'transport'",
    )
}

fn on_login(error: &Error, text: &str, timed_out: bool, settings: &Settings) -> Advice {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if let Error::Authentication { .. } = error {
        return match settings.credentials {
            Some(_) => Advice::new(
                "user name or password is wrong, or the broker does not let this user in",
                "check 'username_pw' letter by letter, and with the broker's operator that the user exists",
            ),
            None => Advice::new(
                "the broker lets nobody in without a user name",
                "give 'username_pw' with 'username' and 'password'",
            ),
        };
    }
    if has(&["can't do what is asked"]) {
        return Advice::new(
            "the broker lacks, or has switched off, something that the service uses",
            "change the parameter that the error names",
        );
    }
    // The broker has answered, so the port is right.
    if let Some(Obstacle::Refused(code)) = error.obstacle() {
        return on_refusal(code);
    }
    if has(&["version", "protocol level"]) {
        return Advice::new(
            "the broker does not speak this version of MQTT",
            "choose another 'protocol', which the broker speaks",
        );
    }
    if settings.web_socket.is_some() {
        return Advice::new(
            "the web server has opened a WebSocket, but no broker answers behind it",
            "look into the broker's log, or ask its operator",
        );
    }
    if settings.tls.is_some() && !timed_out {
        return Advice::new(
            "the broker wants a client certificate, or this TLS port is not one of MQTT",
            "ask the broker's operator which port is for MQTT with TLS, and whether it needs a client certificate",
        );
    }
    if settings.tls.is_some() {
        return Advice::new(
            "this TLS port is not one of MQTT, or the broker is overloaded",
            "ask the broker's operator which port is for MQTT with TLS",
        );
    }
    Advice::new(
        "this is a port for TLS or for WebSocket, or not one of MQTT at all",
        "for TLS set 'tls', for WebSocket 'transport: websockets'; or use the broker's plain port (often 1883)",
    )
}

/// Explains a refusal of the login that is not about the user.
fn on_refusal(code: u8) -> Advice {
    match code {
        1 | 0x84 => Advice::new(
            "the broker does not speak this version of MQTT",
            "choose another 'protocol', which the broker speaks",
        ),
        2 => Advice::new(
            "the broker does not accept the client id, or the keep-alive (Mosquitto with 'max_keepalive' answers so to a longer one, \
             and to none)",
            "give a 'client_id' as the broker wants it, or a shorter 'connect.keepalive'",
        ),
        0x85 => Advice::new("the broker does not accept the client id", "give a 'client_id' as the broker wants it"),
        0x9C | 0x9D => Advice::new(
            "the broker sends its clients to another one",
            "name that one in 'brokers'; if the error does not say which it is, ask the broker's operator",
        ),
        3 | 0x88 | 0x89 | 0x8B | 0x97 | 0x9F => {
            Advice::new("the broker is up, but does not serve at the moment", "try again later")
        }
        _ => Advice::new(
            "the broker speaks MQTT and refuses this client, for the reason that the error has",
            "look into the broker's log, or ask its operator",
        ),
    }
}

pub(super) fn on_subscribing(error: &Error) -> Advice {
    match error {
        Error::Authorization { .. } => Advice::new(
            "the broker does not let this user read the topic",
            "ask the broker's operator to allow it (its access control list), or check 'topic'",
        ),
        _ => again(),
    }
}

pub(super) fn on_publishing(error: &Error) -> Advice {
    match error {
        Error::Authorization { .. } => Advice::new(
            "the broker does not let this user write to the topic",
            "ask the broker's operator to allow it (its access control list), or check 'topic'",
        ),
        _ => again(),
    }
}

fn again() -> Advice {
    Advice::new(
        "the broker ended the connection or fell silent; some do that where they deny something",
        "look into the broker's log, and ask its operator what this user may do on this topic",
    )
}

/// Returns advice for a message that did not come back.
pub(super) fn on_silence() -> Advice {
    Advice::new(
        "the broker took the message and did not give it back: perhaps this user may only write to the topic, or only \
         read it; many brokers do not say so",
        "if the user should do both, ask the broker's operator to look at the access control list",
    )
}
