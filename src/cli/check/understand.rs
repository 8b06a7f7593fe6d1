//! Finds out what a service's configuration means.

use std::path::PathBuf;

use tracing::subscriber::NoSubscriber;

use crate::cli::args::Common;
use crate::cli::failure::{Exit, Failure, Result, exit_of, reworded};
use crate::cli::overrides::{self, Override};
use crate::cli::service;
use crate::config::{
    self, Algorithm, ClientCertificate, Content, Encryption, Keys, Map, MessageFormat, Mode, Role, Settings, Source,
    Trust, Value, survey,
};
use crate::error::Error;

/// The configuration file.
pub(super) struct Found {
    pub path: PathBuf,
    /// The reason why this file was chosen.
    pub why: &'static str,
    pub services: Vec<(String, Value)>,
}

impl Found {
    pub fn names(&self) -> Vec<&str> {
        self.services.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn has_no_service(&self, wanted: &str) -> String {
        format!("{} has no service '{wanted}'; it has: {}", self.path.display(), self.names().join(", "))
    }
}

/// Finds the file; returns `None` if none is to be read.
pub(super) fn find(common: &Common, overrides: &[Override]) -> Result<Option<Found>> {
    if overrides::has(overrides, "config_name") {
        return Err(Failure::usage("check looks at a file, not at the configurations of a server ('config_name')"));
    }
    if common.no_config {
        return Ok(None);
    }
    service::check_seekable(common)?;
    let request = service::request(common, Role::Reader);
    let survey = survey::survey(&request).map_err(Failure::from)?;
    let why = match common.config {
        Some(_) => "named by -c",
        None if survey.path.parent() == Some(&request.user_dir) => "in the current folder",
        None => "in the home folder; the current folder has no .sinetstream_config.yml",
    };
    Ok(Some(Found { path: survey.path, why, services: survey.services }))
}

/// A service with its problems and doubts.
pub(super) struct Service {
    pub name: Option<String>,
    pub settings: std::result::Result<Settings, Problem>,
    /// The reason why the service can't be written to, although it can be read from: it has several topics, for instance, or
    /// none.
    pub not_writable: Option<String>,
    pub not_readable: Option<String>,
    pub warnings: Vec<String>,
}

pub(super) struct Problem {
    pub message: String,
    pub exit: Exit,
    /// Whether the service's type is that of another messaging system.
    pub foreign: bool,
}

/// The reason for a service that leaves the topic to the program.
const NO_TOPIC: &str = "no topic";

/// Loads the configuration as a reader and as a writer would.
pub(super) fn understand(
    common: &Common,
    in_file: Option<&Value>,
    name: Option<String>,
    overrides: &[Override],
) -> Service {
    let nothing = Map::new();
    let in_file = match in_file {
        Some(Value::Map(map)) => map,
        _ => &nothing,
    };
    let load = |role: Role, topic: Option<&str>| {
        let mut request = service::request(common, role);
        request.service = name.clone();
        request.parameters = overrides::join(overrides, in_file);
        if let Some(topic) = topic {
            request.fields.insert("topic", topic);
        }
        // The settings contain the warnings, so they are not logged as well.
        tracing::subscriber::with_default(NoSubscriber::new(), || config::load(&request))
    };
    let has_topic = survey::has(in_file, "topic") || overrides::has(overrides, "topic");
    let topic = if has_topic { None } else { Some(NO_TOPIC) };
    let (reader, writer) = (load(Role::Reader, topic), load(Role::Writer, topic));
    let no_topic = || (!has_topic).then(|| "the service has no topic; programs may give one".to_owned());
    let refused = |settings: &crate::Result<Settings>| settings.as_ref().err().map(reworded);
    Service {
        name: name.clone(),
        not_readable: no_topic().or_else(|| refused(&reader)),
        not_writable: no_topic().or_else(|| refused(&writer)),
        warnings: match reader.as_ref().or(writer.as_ref()) {
            Ok(settings) => settings.warnings.iter().map(reworded).collect(),
            Err(_) => Vec::new(),
        },
        settings: reader.or(writer).map_err(|error| Problem {
            message: reworded(&error),
            exit: exit_of(&error),
            foreign: matches!(error, Error::UnsupportedServiceType(_)),
        }),
    }
}

/// Returns the settings that matter for connecting, as names and values for people.
pub(super) fn facts(service: &Service, settings: &Settings) -> Vec<(&'static str, String)> {
    let brokers: Vec<String> = settings.brokers.iter().map(ToString::to_string).collect();
    let topic = match has_topic(service) {
        true => settings.topics.join(", "),
        false => "none; programs may give one".into(),
    };
    let format = match settings.message.format {
        _ if settings.message.user_data_only => "none; the value alone".to_owned(),
        MessageFormat::V2 => "2".to_owned(),
        MessageFormat::V3 => "3".to_owned(),
    };
    vec![
        ("brokers", brokers.join(", ")),
        ("protocol", protocol(settings)),
        ("TLS", tls(settings)),
        ("login", login(settings)),
        ("topic", topic),
        ("QoS", format!("{} ({})", settings.consistency.qos(), settings.consistency)),
        ("message format", format),
        ("compression", compression(settings)),
        ("encryption", encryption(settings)),
        ("value type", settings.value_type.clone()),
        ("will", will(settings)),
    ]
}

/// Describes the form in which the will is sent.
fn will(settings: &Settings) -> String {
    let Some(will) = &settings.will else { return "none".into() };
    let form = match (&will.message.format, will.message.user_data_only) {
        (_, true) => "its payload alone".to_owned(),
        (MessageFormat::V2, false) => "in SINETStream's format 2".to_owned(),
        (MessageFormat::V3, false) => "in SINETStream's format 3".to_owned(),
    };
    let stages = [
        (will.message.compression.is_some(), ", compressed"),
        (will.message.encryption.is_some(), ", encrypted"),
        (will.retain, ", retained"),
    ];
    let stages: String = stages.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
    format!("on {}, QoS {}, {form}{stages}", will.topic, will.qos.qos())
}

pub(super) fn has_topic(service: &Service) -> bool {
    !matches!(&service.settings, Ok(settings) if settings.topics == [NO_TOPIC])
}

fn protocol(settings: &Settings) -> String {
    let version = settings.version.name();
    match &settings.web_socket {
        Some(web_socket) => format!("{version} over WebSocket, path {}", web_socket.shown_path()),
        None => format!("{version} over TCP"),
    }
}

/// Returns the text of a parameter as it was given.
pub(super) fn given(settings: &Settings, name: &str) -> Option<String> {
    let inner = match settings.visible.get("type_spec") {
        Some(Value::Map(inner)) => inner.get(name),
        _ => None,
    };
    match inner.or_else(|| settings.visible.get(name)) {
        Some(Value::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

fn tls(settings: &Settings) -> String {
    let Some(tls) = &settings.tls else { return "off".into() };
    let roots = match &tls.trust {
        Trust::Pem(Source { content: Content::File(path), .. }) => format!("the authorities in {}", path.display()),
        Trust::Pem(_) => "the authorities in 'ca_certs_data'".into(),
        // The command opens no key stores, so a service with one is a problem and does not get here.
        Trust::Default | Trust::Store(_) => "the system's authorities".into(),
    };
    let name = if tls.check_hostname { "checked" } else { "not checked" };
    let own = match &tls.client_certificate {
        None => "",
        Some(ClientCertificate::Token(_)) => "; shows a certificate of its own, whose key is in a token",
        Some(_) => "; shows a certificate of its own",
    };
    format!("on; trusts {roots}; the broker's name is {name}{own}")
}

fn compression(settings: &Settings) -> String {
    let Some(compression) = &settings.message.compression else { return "off".into() };
    let name = match compression.algorithm {
        Algorithm::Gzip => "gzip",
        Algorithm::Zstd => "zstd",
        Algorithm::Lz4 => "lz4",
        Algorithm::Plugin => "a plugin's",
    };
    match compression.level {
        Some(level) => format!("{name}, level {level}"),
        None => name.into(),
    }
}

fn encryption(settings: &Settings) -> String {
    let aes = match &settings.message.encryption {
        None => return "off".into(),
        Some(Encryption::Plugin(_)) => return "a plugin's".into(),
        Some(Encryption::Aes(aes)) => aes,
    };
    let mode = match aes.mode {
        Mode::Cbc => "CBC",
        Mode::Cfb => "CFB",
        Mode::Cfb8 => "CFB8",
        Mode::Ofb => "OFB",
        Mode::Ctr => "CTR",
        Mode::Eax => "EAX",
        Mode::Gcm => "GCM",
    };
    let key = match &aes.keys {
        Keys::Password { iterations, .. } => format!("the key from a password by {iterations} iterations of PBKDF2"),
        Keys::Direct(keys) => {
            let versions: Vec<String> = keys.keys().map(u16::to_string).collect();
            format!("with a key, version {}", versions.join(", "))
        }
    };
    let changes = match aes.mode.has_tag() {
        true => "",
        false => "; changes on the way are not noticed, as they are with GCM",
    };
    let bound = if aes.bind_topic { ", bound to the topic" } else { "" };
    format!("AES-{}-{mode}, {key}{bound}{changes}", aes.key_length * 8)
}

fn login(settings: &Settings) -> String {
    match &settings.credentials {
        None => "none".into(),
        Some(login) => {
            let user = login.username.as_ref().map_or("no user".into(), |name| format!("user '{name}'"));
            let password = if login.password.is_some() { "with" } else { "without" };
            format!("{user}, {password} a password")
        }
    }
}
