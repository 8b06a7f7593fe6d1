//! A server of JSON over HTTP, with or without TLS, whose answers a test chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Certificate;

/// A request: method, path, headers with names in lower case, body.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The answer to a request.
pub enum Response {
    Json(u16, String),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// No answer, until the client gives up.
    Silence,
}

type Answer = dyn Fn(&Request) -> Response + Send + Sync;

/// The server, which runs until the test program ends.
pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(
        certificate: Option<&Certificate>,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let tls = certificate.map(|certificate| {
            let chain = CertificateDer::pem_slice_iter(certificate.pem.as_bytes())
                .map(|der| der.expect("a certificate"))
                .collect();
            let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("a key");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder =
                ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
            Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).expect("a configuration"))
        });
        let requests = Arc::new(Mutex::new(Vec::new()));
        let server = Server { port, requests: requests.clone() };
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, answer, requests) = (tls.clone(), answer.clone(), requests.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*answer, &requests),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &*answer, &requests);
                    }
                });
            }
        });
        server
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("requests").clone()
    }
}

fn serve(stream: impl Read + Write, answer: &Answer, requests: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        requests.lock().expect("requests").push(request.clone());
        let bytes = match answer(&request) {
            Response::Json(status, body) => format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
            Response::Raw(bytes) => {
                let _ = reader.get_mut().write_all(&bytes);
                return;
            }
            Response::Silence => {
                let _ = reader.read(&mut [0]);
                return;
            }
        };
        if reader.get_mut().write_all(&bytes).is_err() || reader.get_mut().flush().is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(':') {
            None => break,
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
        }
    }
    let mut request = Request { line: line.trim_end().to_owned(), headers, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// Returns a port on which nobody listens.
pub fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}
