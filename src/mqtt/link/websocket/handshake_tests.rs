use super::*;

fn settings(path: &str, headers: &[(&str, &str)]) -> WebSocketSettings {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    WebSocketSettings { path: path.into(), headers }
}

fn host_line(host: &str, port: u16, tls: bool, headers: &[(&str, &str)]) -> String {
    let broker = Broker { host: host.into(), port };
    let request = request(&broker, &settings("/mqtt", headers), tls).and_then(generate_request).expect("a request").0;
    let request = String::from_utf8(request).expect("ASCII");
    let hosts: Vec<&str> = request.lines().filter(|line| line.to_lowercase().starts_with("host:")).collect();
    assert_eq!(hosts.len(), 1, "{request}");
    hosts[0].to_owned()
}

#[test]
fn the_host_is_named_as_http_wants_it() {
    assert_eq!(host_line("h", 80, false, &[]), "Host: h");
    assert_eq!(host_line("h", 443, true, &[]), "Host: h");
    assert_eq!(host_line("h", 443, false, &[]), "Host: h:443");
    assert_eq!(host_line("h", 80, true, &[]), "Host: h:80");
    assert_eq!(host_line("::1", 80, false, &[]), "Host: [::1]");
    assert_eq!(host_line("::1", 8080, false, &[]), "Host: [::1]:8080");
    assert_eq!(host_line("10.0.0.1", 80, false, &[("host", "broker.example.org")]), "Host: broker.example.org");
}

/// Returns the outcome of an answer with these lines, where KEY stands for the right 'Sec-WebSocket-Accept'.
fn outcome(lines: &str, path: &str) -> std::result::Result<(), String> {
    // The key and its answer are the example of RFC 6455, section 1.3.
    let (key, accept) = ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let text = lines.replace("KEY", accept).replace('\n', "\r\n") + "\r\n\r\n";
    let (_, answer) = Response::try_parse(text.as_bytes()).expect("HTTP").expect("all of it");
    check(&answer, &settings(path, &[]), key)
}

const GOOD: &str = "HTTP/1.1 101 Switching Protocols\nUpgrade: WebSocket\nConnection: keep-alive, upgrade\n\
                    sec-websocket-accept: KEY\nSec-WebSocket-Protocol: mqtt";

#[test]
fn an_answer_must_fit_the_request() {
    assert_eq!(outcome(GOOD, "/"), Ok(()));
    assert_eq!(outcome(&GOOD.replace("keep-alive, upgrade", "x\nconnection: Upgrade"), "/"), Ok(()));
    for (from, to, word) in [
        ("Upgrade: WebSocket", "Upgrade: h2c", "switch"),
        ("keep-alive, upgrade", "keep-alive", "switch"),
        ("KEY", "KEX", "Sec-WebSocket-Accept"),
        ("sec-websocket-accept: KEY\n", "", "Sec-WebSocket-Accept"),
        ("Protocol: mqtt", "Protocol: chat", "'chat'"),
        ("Protocol: mqtt", "Protocol: mqtt, chat", "'mqtt, chat'"),
        ("\nSec-WebSocket-Protocol: mqtt", "", "subprotocol 'mqtt'"),
        ("Protocol: mqtt", "Protocol: mqtt\nSec-WebSocket-Extensions: permessage-deflate", "permessage-deflate"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let message = outcome(&GOOD.replace(from, to), "/").expect_err(to);
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_refusal_is_explained() {
    for (lines, expected) in [
        ("HTTP/1.1 404 Not Found", "HTTP 404 Not Found for path '/mqtt'; check 'ws_options.path'"),
        ("HTTP/1.1 599", "HTTP 599 for path '/mqtt'; the server"),
        ("HTTP/1.1 401 Unauthorized", "ws_options.headers"),
        ("HTTP/1.1 403 Forbidden", "ws_options.headers"),
        ("HTTP/1.1 200 OK", "HTTP 200 OK for path '/mqtt'; a web server"),
        ("HTTP/1.1 503 Down", "can't serve"),
        ("HTTP/1.1 302 Found", "elsewhere"),
        ("HTTP/1.1 302 Found\nLocation: https://user:hidden@h:1/login?token=hidden#hidden", "'https://h:1/login'"),
        ("HTTP/1.1 301 Moved\nLocation: /new?token=hidden", "'/new'"),
        ("HTTP/1.1 301 Moved\nLocation: //user:hidden@h", "'//h'"),
        ("HTTP/1.1 301 Moved\nLocation: http://a/\nLocation: http://user:hidden@b/", "'http://a/'"),
        ("HTTP/1.1 301 Moved\nLocation: http://a, http://user:hidden@b/", "'http://a'"),
    ] {
        let message = outcome(lines, "/mqtt").expect_err(lines);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("hidden"), "{message}");
    }
    let message = outcome("HTTP/1.1 404 Not Found", "/mqtt?token=hidden").expect_err("404");
    assert!(message.contains("'/mqtt?…'") && !message.contains("hidden"), "{message}");
}

/// A peer may send a field many times; an error shows no more of many than of one.
#[test]
fn what_is_told_of_an_answer_is_short() {
    for name in ["Sec-WebSocket-Protocol", "Location"] {
        let status = if name == "Location" { "HTTP/1.1 302 Found" } else { GOOD };
        let many = (0..60).map(|_| format!("\n{name}: {}", "x".repeat(150))).collect::<String>();
        let message = outcome(&(status.to_owned() + &many), "/").expect_err(name);
        assert!(message.len() < 500, "{message}");
    }
}
