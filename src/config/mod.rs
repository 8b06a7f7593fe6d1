//! Configuration: turns what the user wrote into typed settings; nothing else in the crate looks at YAML.
//!
//! `find` chooses the file, `yaml` parses it into a [`Value`] (or `server` fetches it), `document` picks the service, `layers`
//! joins it with the builder's parameters, `settings` checks every value.

mod acknowledge;
pub(crate) mod alone;
mod broker;
mod brought;
mod budget;
mod clear;
mod crypto;
mod document;
mod environment;
mod extractor;
mod find;
mod http;
mod layers;
mod login;
mod login_file;
mod login_source;
mod lost;
mod message;
mod mqtt;
mod named_files;
mod outbox;
mod parameters;
pub(crate) mod path;
mod places;
mod proxy;
mod quantity;
mod query;
mod rights;
#[cfg(feature = "cli")]
pub(crate) mod seal;
mod secret;
mod server;
mod settings;
mod stand_ins;
#[cfg(feature = "cli")]
pub(crate) mod survey;
mod syntax;
mod tls;
mod under;
mod value;
#[cfg(unix)]
mod way;
mod websocket;
mod will;
mod yaml;

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

pub(crate) use broker::Broker;
pub(crate) use brought::BroughtAlong;
pub(crate) use crypto::{CryptoSettings, Encryption, Keys, Mode, Padding, Prf};
pub(crate) use login::Credentials;
pub(crate) use login_file::LoginFile;
pub use login_source::Login;
pub(crate) use login_source::LoginSource;
pub(crate) use message::{Algorithm, CompressionSettings, MessageFormat, MessageSettings};
pub(crate) use mqtt::ConnectProperties;
pub(crate) use outbox::{AcceptedBy, OutboxSettings, Overflow, SyncRule};
pub(crate) use proxy::ProxySettings;
pub(crate) use rights::{check_secret, warnings_of_directory};
pub(crate) use settings::Settings;
pub(crate) use tls::Store;
pub(crate) use tls::{ClientCertificate, Content, Password, Pin, Source, TlsSettings, TokenKey, Trust};
pub use value::{Map, Value};
pub(crate) use websocket::WebSocketSettings;
pub(crate) use will::WillSerializer;

use zeroize::Zeroizing;

use crate::error::{Error, Result};
pub use crate::terms::Consistency;
pub(crate) use crate::terms::Version;
pub(crate) use layers::known;
use layers::{Origin, Parameters};
#[cfg(test)]
pub(crate) use parameters::TLS as TLS_PARAMETERS;

/// These parameters say where the configuration is, so only a builder can have them.
const BUILDER_ONLY: &[&str] = &["no_config", "config_name", "auth_file", "config_ca_certs"];

/// Whether a client writes or reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

/// The input of a builder.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub role: Role,
    /// Relative paths are resolved against this folder.
    pub user_dir: PathBuf,
    pub user_home: Option<PathBuf>,
    pub config_file: Option<PathBuf>,
    /// A configuration text that takes the place of a file.
    pub config_text: Option<ConfigText>,
    pub service: Option<String>,
    pub no_config: bool,
    /// Parameters by name.
    pub parameters: Map,
    /// The builder's own fields, under their configuration names; they win over `parameters`.
    pub fields: Map,
    pub brought: BroughtAlong,
}

/// A configuration that the program has brought along. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct ConfigText {
    /// A name of the configuration for people.
    pub name: String,
    pub text: Zeroizing<String>,
}

impl ConfigText {
    pub fn new(name: &str, text: String) -> ConfigText {
        ConfigText { name: name.into(), text: text.into() }
    }

    pub fn read(name: &str, stream: impl Read) -> Result<ConfigText> {
        let unreadable = |e: io::Error| Error::NoConfig(format!("{name}: it can't be read: {e}"));
        // With this capacity the string never grows, so it leaves no unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(find::MAX_BYTES as usize + 1));
        stream.take(find::MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        Ok(ConfigText { name: name.into(), text })
    }

    fn into_file(self) -> Result<find::SourceFile> {
        match self.text.len() as u64 > find::MAX_BYTES {
            true => {
                Err(Error::InvalidConfiguration(format!("{}: it has more than {} bytes", self.name, find::MAX_BYTES)))
            }
            false => Ok(find::SourceFile::new(self.name.into(), self.text, None)),
        }
    }
}

impl fmt::Debug for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigText").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads a configuration as far as possible without looking at other files: every service, each with its warnings and problems,
/// which name their lines.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz_yaml(text: &str) {
    let file = || find::SourceFile::new("file.yml".into(), text.to_owned().into(), None);
    let Ok(services) = document::services(&file()) else { return };
    for (name, _) in services.services.iter() {
        if let Ok(service) = document::service(&file(), Some(name)) {
            fuzz_layer(Origin::file(file(), &service), &service.parameters);
        }
    }
}

#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz_server(answer: &[u8]) {
    server::fuzz_answer(answer);
}

#[cfg(any(test, feature = "fuzz"))]
fn fuzz_layer(origin: Origin, map: &Map) {
    let mut parameters = Parameters::default();
    parameters.add_layer(origin, map);
    parameters.check_support();
    let _ = parameters.visible();
    let _ = parameters.take_error();
}

#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn fuzz_secret(key: &str, value: &str) {
    static KEY: std::sync::OnceLock<secret::PrivateKey> = std::sync::OnceLock::new();
    let parsed = || secret::PrivateKey::parse(key.as_bytes(), "key", None).expect("a private key");
    let _ = KEY.get_or_init(parsed).open(value);
}

/// Checks the parameters that are needed before the configuration is read.
fn check_builder_only(request: &Request) -> Result<()> {
    for name in BUILDER_ONLY {
        let given = request.fields.get(name).or_else(|| request.parameters.get(name));
        let expected = match (*name, given) {
            (_, None | Some(Value::Null)) => continue,
            ("no_config", Some(Value::Bool(_))) => continue,
            ("no_config", Some(_)) => "true or false",
            (_, Some(Value::Str(_))) => continue,
            ("auth_file" | "config_ca_certs", Some(value)) if path::of_value(value).is_some() => continue,
            (_, Some(_)) => "a string",
        };
        let found = given.map_or("nothing", Value::kind);
        return Err(Error::InvalidConfiguration(format!(
            "builder: parameter '{name}': expected {expected}, found {found}"
        )));
    }
    Ok(())
}

/// Returns the name of a setting that names a configuration although the text of one is given.
fn other_than_text(request: &Request, no_config: bool, config_name: bool) -> Option<&'static str> {
    request.config_text.as_ref()?;
    match (no_config, config_name, &request.config_file) {
        (true, ..) => Some("no_config"),
        (_, true, _) => Some("config_name"),
        (.., Some(_)) => Some("config_file"),
        _ => None,
    }
}

/// Finds, reads and checks the configuration. Reads files, and asks the configuration server over the network if there is one.
pub(crate) fn load(request: &Request) -> Result<Settings> {
    check_builder_only(request)?;
    let mut parameters = Parameters::default();
    let mut service = request.service.clone();
    let mut fingerprint = None;
    let no_config = match request.parameters.get("no_config") {
        Some(Value::Bool(no_config)) => *no_config || request.no_config,
        _ => request.no_config,
    };
    let given = |name: &str| request.fields.get(name).or_else(|| request.parameters.get(name)).cloned();
    let found = match given("config_name") {
        _ if let Some(other) = other_than_text(request, no_config, given("config_name").is_some()) => {
            return Err(Error::InvalidConfiguration(format!(
                "builder: the configuration is given as a text or a stream, and '{other}' names another one; only one of them \
                 is possible"
            )));
        }
        Some(Value::Str(_)) if no_config || request.config_file.is_some() => {
            return Err(Error::InvalidConfiguration(format!(
                "builder: parameter 'config_name' asks for a configuration server, {}; only one of them is possible",
                if no_config { "'no_config' for no configuration" } else { "'config_file' for a file" }
            )));
        }
        _ if no_config => None,
        Some(Value::Str(name)) => {
            let server::Found { service, place, warnings } = server::fetch(&name, request, given)?;
            parameters.warnings = warnings;
            let origin = Origin::Server { place, service: service.name.clone() };
            Some((service, origin))
        }
        _ if let Some(text) = &request.config_text => {
            let file = text.clone().into_file()?;
            let service = document::service(&file, request.service.as_deref())?;
            let origin = Origin::file(file, &service);
            Some((service, origin))
        }
        _ => {
            let file = find::find(request.config_file.as_deref(), &request.user_dir, request.user_home.as_deref())?;
            let service = document::service(&file, request.service.as_deref())?;
            parameters.look_at_configuration(&file, &service.parameters)?;
            let origin = Origin::file(file, &service);
            Some((service, origin))
        }
    };
    if let Some((found, origin)) = found {
        for name in BUILDER_ONLY.iter().filter(|name| found.parameters.get(name).is_some()) {
            let warning = format!("service '{}': '{name}' has no effect here; it belongs to the builder", found.name);
            parameters.warnings.push(warning);
        }
        parameters.add_layer(origin, &found.parameters);
        service = Some(found.name);
        fingerprint = found.fingerprint;
    }
    parameters.add_layer(Origin::Builder, &request.parameters);
    parameters.add_layer(Origin::Builder, &request.fields);
    parameters.open_secrets(request, fingerprint.as_deref());
    if let Some(error) = parameters.take_error() {
        return Err(error);
    }
    let login_file = match (parameters.file(), &service) {
        (Some(file), Some(service)) => LoginFile::of(request, file, service, &parameters),
        _ => None,
    };
    let mut settings = settings::extract(parameters, service, request)?;
    settings.login_file =
        login_file.filter(|_| settings.login_source.is_none()).map(|file| file.for_version(settings.version));
    Ok(settings)
}
