//! The configuration server: it supplies a service's parameters, files and secrets in place of a configuration file.
//!
//! `auth.json` says where the server is and who asks. With it the client fetches a token, then the configuration, then each
//! secret, which is encrypted for this user's private key.

use std::fs::Metadata;
use std::path::Path;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::Request;
use super::budget;
use super::clear;
use super::document::{self, Service};
use super::http::{Document, Http};
use super::path;
use super::rights::{self, Use};
use super::secret::{self, PrivateKey};
use super::settings::DEFAULT_CONNECTION_TIMEOUT_S;
use super::value::{Map, Value};
use crate::error::{Error, Result};
use crate::files;

/// The default path below the home folder.
const DEFAULT_AUTH: &str = ".config/sinetstream/auth.json";
/// No configuration has deeper JSON than this.
const MAX_DEPTH: usize = 32;
const MAX_SECRETS: usize = 1000;

/// The `auth.json` of a user. It has no `Debug`, because it holds a secret.
struct Auth {
    address: String,
    user: String,
    secret_key: Zeroizing<String>,
}

/// The service that was found, with its warnings.
pub(super) struct Found {
    pub service: Service,
    /// The origin of the configuration, for people.
    pub place: String,
    pub warnings: Vec<String>,
}

/// Fetches the configuration of this name and chooses the service in it. Blocks on the network.
pub(super) fn fetch(name: &str, request: &Request, given: impl Fn(&str) -> Option<Value>) -> Result<Found> {
    let home = |file: &str| request.user_home.as_ref().map(|home| home.join(file));
    let named =
        |parameter: &str| given(parameter).as_ref().and_then(path::of_value).map(|file| request.user_dir.join(file));
    let file = |parameter: &str, default: &str| {
        named(parameter).or_else(|| home(default)).ok_or_else(|| {
            Error::NoConfig(format!("there is no home folder to look for '{default}' in; '{parameter}' names the file"))
        })
    };
    let auth_file = file("auth_file", DEFAULT_AUTH)?;
    let (auth, metadata) = read_auth(&auth_file)?;
    let mut warnings = Vec::new();
    let ca_certs = named("config_ca_certs");
    let looked_at = [(Some(&auth_file), Some(&metadata), Use::Secret), (ca_certs.as_ref(), None, Use::Trusted)];
    for (file, metadata, use_) in looked_at {
        for finding in file.map(|file| rights::look_at(file, metadata, use_)).unwrap_or_default() {
            match finding.is_error {
                true => return Err(Error::InvalidConfiguration(finding.message)),
                false => warnings.push(finding.message),
            }
        }
    }
    clear::check_server(&auth.address, given("require_tls"))
        .map_err(|what| Error::InvalidConfiguration(format!("{}: {what}", auth_file.display())))?;
    let http = Http::new(&auth.address, ca_certs.as_deref(), timeout(request))?;
    if http.address().starts_with("http://") {
        warnings.push(format!("the configuration server {} is asked without TLS", http.address()));
    }
    let server = Server { token: authenticate(&http, &auth, &auth_file)?, http };
    let place = format!("configuration '{name}' of {}", server.http.address());
    let document = server.configuration(name, &place)?;
    let mut service = choose(&document, request.service.as_deref(), &place)?;
    attach(&document, &mut service, &place)?;
    let key_file = file("private_key_file", secret::DEFAULT_FILE);
    let mut fingerprint = None;
    add_secrets(&document, &mut service, &place, &mut |id, target| {
        let fingerprint = match &fingerprint {
            Some(known) => known,
            None => fingerprint.insert(server.own_fingerprint(&key_file.clone()?)?),
        };
        server.secret(id, target, fingerprint, &place)
    })?;
    Ok(Found { service, place, warnings })
}

/// Returns the time-out, which is the same as for a broker: the builder's, or the default.
fn timeout(request: &Request) -> Duration {
    let given = match request.parameters.get("connect") {
        Some(Value::Map(connect)) => connect.get("connection_timeout"),
        _ => request.parameters.get("connection_timeout"),
    };
    let seconds = match given {
        Some(Value::Int(seconds)) => *seconds as f64,
        Some(Value::Float(seconds)) if !seconds.is_nan() => *seconds,
        _ => DEFAULT_CONNECTION_TIMEOUT_S,
    };
    Duration::from_secs_f64(seconds.clamp(0.001, 3600.0))
}

fn read_auth(file: &Path) -> Result<(Auth, Metadata)> {
    let name = file.display();
    let (bytes, metadata) = match files::open(file, files::MAX_BYTES) {
        Ok(opened) => opened,
        Err(e) => {
            return Err(Error::NoConfig(format!(
                "the file with the login of the configuration server, {name}, can't be read: {e}"
            )));
        }
    };
    let json = Document::parse(&bytes)
        .map_err(|e| Error::InvalidConfiguration(format!("{name}:{}: not JSON (column {})", e.line(), e.column())))?;
    let part = |part: &str| {
        let found = json.get("config-server").and_then(|server| server.get(part)).and_then(Json::as_str);
        found.map(str::to_owned).ok_or_else(|| {
            Error::InvalidConfiguration(format!("{name}: 'config-server.{part}' is missing; expected a string"))
        })
    };
    let address = part("address")?;
    if address.contains('@') {
        let what = "has a user name before '@'; 'user' and 'secret-key' are the login";
        return Err(Error::InvalidConfiguration(format!("{name}: 'config-server.address' {what}")));
    }
    Ok((Auth { address, user: part("user")?, secret_key: part("secret-key")?.into() }, metadata))
}

fn authenticate(http: &Http, auth: &Auth, file: &Path) -> Result<Zeroizing<String>> {
    let login = json!({"strategy": "api-access", "user": auth.user, "secret-key": auth.secret_key.as_str()});
    let answer = http.post("/api/v1/authentication", &login.into())?;
    let what = answer.what().to_owned();
    match answer.status {
        200 | 201 => {
            let json = answer.json()?;
            let token = json
                .get("accessToken")
                .and_then(Json::as_str)
                .filter(|token| token.bytes().all(|b| b.is_ascii_graphic()));
            token
                .map(|token| token.to_owned().into())
                .ok_or_else(|| Error::InvalidConfiguration(format!("{what}: the answer has no 'accessToken'")))
        }
        401 | 403 => Err(Error::Authentication {
            message: format!("{what}: the login of user '{}' in {} is refused", auth.user, file.display()),
            code: 0,
            delivery: None,
        }),
        status => Err(unexpected(&what, status)),
    }
}

fn unexpected(what: &str, status: u16) -> Error {
    Error::connection(format!("{what}: unexpected status {status}"))
}

struct Server {
    http: Http,
    token: Zeroizing<String>,
}

impl Server {
    fn get(&self, path: &str, headers: &[(&str, &str)], missing: &str) -> Result<Document> {
        let answer = self.http.get(path, &self.token, headers)?;
        match answer.status {
            200 => answer.json(),
            401 | 403 => {
                let message = format!("{}: this user may not read it, or the token has expired", answer.what());
                Err(Error::Authentication { message, code: 0, delivery: None })
            }
            404 => Err(Error::NoConfig(format!("{}: {missing}", answer.what()))),
            status => Err(unexpected(answer.what(), status)),
        }
    }

    fn configuration(&self, name: &str, place: &str) -> Result<Document> {
        let document =
            self.get(&format!("/api/v1/configs/{}", escaped(name)), &[], "there is no such configuration")?;
        match document.get("name").and_then(Json::as_str) {
            Some(found) if found == name => Ok(document),
            _ => Err(Error::InvalidConfiguration(format!("{place}: the answer is about another configuration"))),
        }
    }

    fn own_fingerprint(&self, file: &Path) -> Result<String> {
        let key = PrivateKey::read(file, secret::passphrase().as_ref().map(|text| text.as_slice()));
        key.map(|key| key.fingerprint()).map_err(Error::InvalidConfiguration)
    }

    fn secret(&self, id: &str, target: &str, fingerprint: &str, place: &str) -> Result<Value> {
        let headers = [("SINETStream-config-publickey", fingerprint)];
        let secret = self.get(&format!("/api/v1/secrets/{}", escaped(id)), &headers, "there is no such secret")?;
        let wrong =
            |what: &str| Err(Error::InvalidConfiguration(format!("{place}: the secret for '{target}': {what}")));
        if string(&secret, "id", place)? != id || string(&secret, "target", place)? != target {
            return wrong("the answer is about another secret");
        }
        if string(&secret, "fingerprint", place)?.trim_start_matches("SHA256:") != fingerprint {
            return wrong("it is encrypted for another private key");
        }
        Ok(Value::Encrypted(string(&secret, "value", place)?.to_owned()))
    }
}

fn choose(document: &Json, wanted: Option<&str>, place: &str) -> Result<Service> {
    let config = document
        .get("config")
        .ok_or_else(|| Error::InvalidConfiguration(format!("{place}: the answer has no 'config'")))?;
    let root = value(config, 0).map_err(|what| Error::InvalidConfiguration(format!("{place}: {what}")))?;
    document::service_of(root, wanted, place, |_, message| Error::InvalidConfiguration(format!("{place}: {message}")))
}

/// Puts the files of the service at their targets, as bytes.
fn attach(document: &Json, service: &mut Service, place: &str) -> Result<()> {
    for attachment in list(document, "attachments", place)? {
        let target = string(attachment, "target", place)?;
        let Some(path) = inside(target, &service.name, place)? else { continue };
        let compact: String = string(attachment, "value", place)?.split_ascii_whitespace().collect();
        let bytes = Base64::decode_vec(&compact).map_err(|_| {
            Error::InvalidConfiguration(format!("{place}: the attachment for '{target}' is not Base64"))
        })?;
        put(&mut service.parameters, &path, Value::Bytes(bytes), target, place)?;
    }
    Ok(())
}

/// Puts the secrets of the service at their targets, still encrypted. `secret` fetches the one with an id and a target.
fn add_secrets(
    document: &Json,
    service: &mut Service,
    place: &str,
    secret: &mut dyn FnMut(&str, &str) -> Result<Value>,
) -> Result<()> {
    let mut count = 0;
    for listed in list(document, "secrets", place)? {
        let target = string(listed, "target", place)?;
        let Some(path) = inside(target, &service.name, place)? else { continue };
        let ids = ids(listed, target, place)?;
        let is_key = path == ["crypto", "key"] && listed.get("ids").is_some();
        let wanted = if is_key { &ids[..] } else { &ids[ids.len() - 1..] };
        let mut keys = Map::new();
        for (version, id) in wanted {
            count += 1;
            if count > MAX_SECRETS {
                return Err(Error::InvalidConfiguration(format!("{place}: more than {MAX_SECRETS} secrets")));
            }
            let value = secret(id, target)?;
            if is_key {
                keys.insert(version.to_string(), value);
            } else {
                put(&mut service.parameters, &path, value, target, place)?;
            }
        }
        if is_key {
            put(&mut service.parameters, &["crypto", "_keys"], Value::Map(keys), target, place)?;
        }
    }
    Ok(())
}

/// Parses a server's answer, and builds its services as far as that is possible without another request.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn fuzz_answer(answer: &[u8]) {
    let Ok(document) = Document::parse(answer) else { return };
    for wanted in [None, Some("service")] {
        let Ok(mut service) = choose(&document, wanted, "configuration") else { continue };
        let _ = attach(&document, &mut service, "configuration").and_then(|()| {
            add_secrets(&document, &mut service, "configuration", &mut |_, _| Ok(Value::Encrypted("AAEBAQ==".into())))
        });
        super::fuzz_layer(
            super::Origin::Server { place: "configuration".into(), service: service.name },
            &service.parameters,
        );
    }
}

fn list<'a>(json: &'a Json, name: &str, place: &str) -> Result<&'a [Json]> {
    match json.get(name) {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(Error::InvalidConfiguration(format!("{place}: '{name}' is not a list"))),
    }
}

fn string<'a>(json: &'a Json, name: &str, place: &str) -> Result<&'a str> {
    let found = json.get(name).and_then(Json::as_str);
    found.ok_or_else(|| Error::InvalidConfiguration(format!("{place}: '{name}' is missing; expected a string")))
}

/// Returns the target's path inside the service; `None` if it belongs to another service.
fn inside<'a>(target: &'a str, service: &str, place: &str) -> Result<Option<Vec<&'a str>>> {
    let mut parts = target.split('.');
    let first = parts.next().unwrap_or_default();
    let path: Vec<&str> = parts.collect();
    if path.is_empty() || path.iter().any(|part| part.is_empty()) || path.len() > MAX_DEPTH {
        let message = format!("{place}: the target '{target}' is not a service and a parameter");
        return Err(Error::InvalidConfiguration(message));
    }
    Ok((first == "*" || first == service).then_some(path))
}

/// Returns the versions and ids of a secret, the newest last.
fn ids<'a>(secret: &'a Json, target: &str, place: &str) -> Result<Vec<(i64, &'a str)>> {
    let mut ids = Vec::new();
    if secret.get("ids").is_some() {
        for one in list(secret, "ids", place)? {
            let version = one.get("version").and_then(Json::as_i64);
            let version = version.ok_or_else(|| {
                Error::InvalidConfiguration(format!("{place}: '{target}' has an id without a version"))
            })?;
            ids.push((version, string(one, "id", place)?));
        }
    } else {
        ids.push((1, string(secret, "id", place)?));
    }
    if ids.is_empty() {
        return Err(Error::InvalidConfiguration(format!("{place}: the secret for '{target}' has no id")));
    }
    ids.sort_by_key(|(version, _)| *version);
    Ok(ids)
}

/// Puts a value at a path; missing maps on the way are created.
fn put(map: &mut Map, path: &[&str], value: Value, target: &str, place: &str) -> Result<()> {
    match path {
        [] => Ok(()),
        [name] => {
            map.insert(*name, value);
            Ok(())
        }
        [first, rest @ ..] => {
            if matches!(map.get(first), None | Some(Value::Null)) {
                map.insert(*first, Map::new());
            }
            match map.get_mut(first) {
                Some(Value::Map(inner)) => put(inner, rest, value, target, place),
                _ => Err(Error::InvalidConfiguration(format!(
                    "{place}: on the way to '{target}', '{first}' is not a map"
                ))),
            }
        }
    }
}

/// Converts JSON to the same tree that YAML gives.
fn value(json: &Json, depth: usize) -> std::result::Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err("nested too deeply".into());
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => Value::Str(number.to_string()),
        },
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(items) => {
            Value::List(items.iter().map(|item| value(item, depth + 1)).collect::<std::result::Result<_, _>>()?)
        }
        Json::Object(map) => {
            let mut tree = Map::new();
            for (name, item) in map {
                budget::check_names(tree.len())?;
                tree.insert(name.as_str(), value(item, depth + 1)?);
            }
            Value::Map(tree)
        }
    })
}

/// Escapes a name as one segment of a path (RFC 3986, section 2.3).
fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte as char),
            b'.' if name.bytes().any(|other| other != b'.') => path.push('.'),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
        path
    })
}
