//! A client key in a token (`tls.pkcs11`).

use super::source::{ClientCertificate, Content, Source, TokenKey, TokenPlaces};
use super::{Request, TLS, Value};
use crate::config::extractor::Extractor;
use crate::keys::private::from_hex;
use crate::keys::token::Wanted;
use crate::keys::token::pin::has_control;

const MAP: &str = "pkcs11";

impl Extractor {
    /// Refuses such a URI (RFC 7512), which OpenSSL and others accept as a key file. Here it would be taken for a path.
    pub(super) fn refuse_uris(&mut self) {
        for name in ["keyfile", "certfile"] {
            if matches!(self.value(TLS, &[name]), Some(Value::Str(text)) if text.starts_with("pkcs11:")) {
                let message = "expected a path, found a URI of PKCS #11; a key in a token is named by the map 'pkcs11' \
                               beside it, with 'module', 'token', 'label' and 'pin'";
                self.parameters.problem(TLS, &[name], message);
            }
        }
    }

    /// Reads the map `pkcs11`, which is known to be given.
    pub(super) fn token_key(&mut self, certificate: Option<Source>, request: &Request) -> Option<ClientCertificate> {
        match self.value(TLS, &[MAP]) {
            Some(Value::Map(_)) => {}
            Some(other) => {
                self.wrong(TLS, &[MAP], "a map with 'module', and if need be 'token', 'label' and 'pin'", &other);
                return None;
            }
            None => return None,
        }
        if self.parameters.get(TLS).is_some_and(|entry| self.parameters.is_from_server(entry)) {
            let message = "a configuration server may not name a library, whose code would run in this program; give 'tls' \
                           in the builder";
            self.parameters.problem(TLS, &[MAP], message);
            return None;
        }
        for name in ["keyfile", "keyfile_data"] {
            if self.value(TLS, &[name]).is_some() {
                self.parameters.problem(TLS, &[name], "is given beside 'pkcs11'; a client has one key only");
            }
        }
        self.has_no_effect("keyStore", "'pkcs11' is given too, and is used");
        let module = self.filled("module");
        let token = self.filled("token");
        let serial = self.filled("serial");
        let label = self.filled("label");
        let id = self.filled("id").and_then(|text| {
            let id = id(&text);
            if id.is_none() {
                self.parameters.problem(TLS, &[MAP, "id"], "expected the key's CKA_ID in hex digits, such as 01");
            }
            id
        });
        let pin = self.pin(request);
        let module = match module {
            Some(module) if std::path::Path::new(&module).is_absolute() => module.into(),
            Some(_) => {
                let message = "expected an absolute path: what is found must not depend on the current folder";
                self.parameters.problem(TLS, &[MAP, "module"], message);
                return None;
            }
            None if self.value(TLS, &[MAP, "module"]).is_none() => {
                let message = "has no 'module', the path of the library for the token";
                self.parameters.problem(TLS, &[MAP], message);
                return None;
            }
            None => return None,
        };
        let places = TokenPlaces {
            module: self.place(&[MAP, "module"]),
            token: self.place_of_first(&["token", "serial"]),
            key: self.place_of_first(&["label", "id"]),
            pin: self.place_of_first(&["pin", "pin_file"]),
            all: self.place(&[MAP]),
        };
        let wanted = Wanted { module, token, serial, label, id };
        Some(ClientCertificate::Token(Box::new(TokenKey { wanted, pin, certificate, places })))
    }

    fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(TLS, &[MAP, name])?;
        if text.is_empty() {
            self.parameters.problem(TLS, &[MAP, name], "is empty; fill it in, or leave it out");
            return None;
        }
        Some(text)
    }

    fn pin(&mut self, request: &Request) -> Option<Source> {
        let pin = self.secret(TLS, &[MAP, "pin"]);
        let file = self.filled("pin_file");
        if pin.as_ref().is_some_and(|pin| pin.bytes().is_empty()) {
            // Some tokens take an empty PIN for a request to ask at their keypad, others for a wrong PIN.
            self.parameters.problem(TLS, &[MAP, "pin"], "is empty; fill it in, or leave it out");
        }
        if pin.as_ref().is_some_and(|pin| has_control(pin.bytes())) {
            let message = "holds a line break or another control character; expected nothing but the PIN";
            self.parameters.problem(TLS, &[MAP, "pin"], message);
        }
        match (pin, file) {
            (Some(pin), file) => {
                if file.is_some() {
                    let place = self.place(&[MAP, "pin_file"]);
                    self.parameters.warnings.push(format!("{place} has no effect: 'pin' is given too, and is used"));
                }
                Some(Source { content: Content::Data(pin), place: self.place(&[MAP, "pin"]) })
            }
            (None, Some(file)) => Some(Source {
                content: Content::File(request.user_dir.join(file)),
                place: self.place(&[MAP, "pin_file"]),
            }),
            (None, None) => None,
        }
    }

    /// Returns the place of the first of these names that is given, or of the map.
    fn place_of_first(&self, names: &[&str]) -> String {
        match names.iter().find(|name| self.value(TLS, &[MAP, name]).is_some()) {
            Some(name) => self.place(&[MAP, name]),
            None => self.place(&[MAP]),
        }
    }
}

/// Parses pairs of hex digits, with or without colons.
fn id(text: &str) -> Option<Vec<u8>> {
    from_hex(&text.replace(':', "")).filter(|id| !id.is_empty())
}
