//! Reads the login in the configuration file again: a password may have been changed since the client was opened.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::path::PathBuf;

use super::extractor::Extractor;
use super::layers::{Origin, Parameters};
use super::login::Credentials;
use super::value::{Map, Value};
use super::{BroughtAlong, Request, Role, document, find};
use crate::error::Result;
use crate::files;
use crate::terms::Version;

/// The parameters that belong to a login; no others are taken over when the file is read again.
const NAMES: [&str; 2] = ["username_pw", "private_key_file"];
/// Parameters that decide to whom the login goes and who could listen on the way. If one of them has changed in the file, the
/// new login is meant for another broker, or for a better protected way.
const WAY: [&str; 7] = ["brokers", "tls", "tls_insecure", "require_tls", "transport", "ws_options", "proxy"];

/// The file with the login, and what it must still say. It holds no secret.
#[derive(Debug, Clone)]
pub(crate) struct LoginFile {
    request: Request,
    version: Version,
    /// The keys of the digests, so that nobody can recover a secret from them.
    keys: RandomState,
    /// The parameters in `WAY` that the file may set, each with a digest of the value that it had at opening.
    way: Vec<(&'static str, u64)>,
}

impl LoginFile {
    /// Returns `None` if the login is not from this file, or if the file can't be read twice.
    pub(super) fn of(request: &Request, file: PathBuf, service: &str, parameters: &Parameters) -> Option<LoginFile> {
        if request.config_text.is_some() {
            return None;
        }
        files::regular(&file).ok()?;
        parameters.get(NAMES[0]).filter(|entry| parameters.is_from_file(entry))?;
        let keys = RandomState::new();
        // A parameter that the builder has set can't be changed by the file.
        let is_the_files = |name: &&str| parameters.get(name).is_none_or(|entry| parameters.is_from_file(entry));
        let way = WAY.into_iter().filter(is_the_files).map(|name| (name, digest(&keys, parameters, name))).collect();
        let [parameters, fields] = [&request.parameters, &request.fields].map(|all| {
            let kept = all.iter().filter(|(name, _)| *name == NAMES[1]);
            kept.map(|(name, value)| (name, value.clone())).collect::<Map>()
        });
        let request = Request {
            role: request.role,
            user_dir: request.user_dir.clone(),
            user_home: request.user_home.clone(),
            config_file: Some(file),
            config_text: None,
            service: Some(service.to_owned()),
            no_config: false,
            parameters,
            fields,
            brought: BroughtAlong::default(),
        };
        Some(LoginFile { request, version: Version::default(), keys, way })
    }

    /// Sets the MQTT version, whose rules the login must keep.
    pub fn for_version(self, version: Version) -> LoginFile {
        LoginFile { version, ..self }
    }

    /// Reads the file. Returns `None` if it has no login that may be shown to the broker of this client.
    pub fn read(&self) -> Result<Option<Credentials>> {
        let request = &self.request;
        let file = find::find(request.config_file.as_deref(), &request.user_dir, request.user_home.as_deref())?;
        let service = document::service(&file, request.service.as_deref())?;
        let mut parameters = Parameters::default();
        parameters.look_at_configuration(&file, &service.parameters)?;
        parameters.add_layer(Origin::file(file, &service), &service.parameters);
        parameters.add_layer(Origin::Builder, &request.parameters);
        parameters.add_layer(Origin::Builder, &request.fields);
        let way = self.way.iter().map(|(name, _)| *name);
        parameters.keep(&NAMES.into_iter().chain(way).collect::<Vec<_>>());
        parameters.open_secrets(request, service.fingerprint.as_deref());
        parameters.check_support();
        if let Some(error) = parameters.take_error() {
            return Err(error);
        }
        if let Some((name, _)) = self.way.iter().find(|(name, before)| digest(&self.keys, &parameters, name) != *before)
        {
            tracing::warn!(
                "the login is refused, and the one in the configuration file by now is not taken, because '{name}' has changed there, \
                 too, and it may be meant for another broker: open a new client"
            );
            return Ok(None);
        }
        parameters.keep(&NAMES);
        let mut take = Extractor { parameters, role: Role::Writer, user_dir: request.user_dir.clone() };
        let credentials = take.credentials(self.version);
        match take.parameters.take_error() {
            Some(error) => Err(error),
            None => Ok(credentials),
        }
    }
}

/// Returns a digest of a parameter's value, or of its absence.
fn digest(keys: &RandomState, parameters: &Parameters, name: &str) -> u64 {
    let mut hasher = keys.build_hasher();
    feed(parameters.get(name).map_or(&Value::Null, |entry| &entry.value), &mut hasher);
    hasher.finish()
}

fn feed(value: &Value, to: &mut impl Hasher) {
    std::mem::discriminant(value).hash(to);
    match value {
        Value::Null => {}
        Value::Bool(value) => value.hash(to),
        Value::Int(value) => value.hash(to),
        Value::Float(value) => value.to_bits().hash(to),
        Value::Str(text) | Value::Encrypted(text) => text.hash(to),
        Value::Bytes(bytes) => bytes.hash(to),
        Value::List(items) => {
            items.len().hash(to);
            items.iter().for_each(|item| feed(item, to));
        }
        Value::Map(map) => {
            // The order of names has no meaning, and a name without a value counts as absent.
            let mut entries: Vec<_> = map.iter().filter(|(_, value)| **value != Value::Null).collect();
            entries.sort_by_key(|(name, _)| *name);
            entries.len().hash(to);
            for (name, value) in entries {
                name.hash(to);
                feed(value, to);
            }
        }
    }
}
