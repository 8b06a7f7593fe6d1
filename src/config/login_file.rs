//! The login in the configuration file, as it stands there now: a password may have been changed since the client was opened.

use std::path::PathBuf;

use super::extractor::Extractor;
use super::layers::{Origin, Parameters};
use super::login::Credentials;
use super::value::Map;
use super::{BroughtAlong, Request, Role, document, find};
use crate::error::Result;
use crate::files;
use crate::terms::Version;

/// Everything that has to do with a login; nothing else is read again.
const NAMES: [&str; 2] = ["username_pw", "private_key_file"];

/// See the module. It holds no secret.
#[derive(Debug, Clone)]
pub(crate) struct LoginFile {
    request: Request,
    version: Version,
}

impl LoginFile {
    /// `None`: the login is not from this file, or nobody can read that twice.
    pub(super) fn of(request: &Request, file: PathBuf, service: &str, parameters: &Parameters) -> Option<LoginFile> {
        if request.config_text.is_some() {
            return None;
        }
        files::regular(&file).ok()?;
        parameters.get(NAMES[0]).filter(|entry| parameters.is_from_file(entry))?;
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
        Some(LoginFile { request, version: Version::default() })
    }

    /// Which rules a login has to keep.
    pub fn for_version(self, version: Version) -> LoginFile {
        LoginFile { version, ..self }
    }

    /// Reads the file.
    pub fn read(&self) -> Result<Option<Credentials>> {
        let request = &self.request;
        let file = find::find(request.config_file.as_deref(), &request.user_dir, request.user_home.as_deref())?;
        let service = document::service(&file, request.service.as_deref())?;
        let mut parameters = Parameters::default();
        parameters.look_at_configuration(&file, &service.parameters)?;
        let origin = Origin::File { file, service: service.name.clone(), path: service.path.clone() };
        parameters.add_layer(origin, &service.parameters);
        parameters.add_layer(Origin::Builder, &request.parameters);
        parameters.add_layer(Origin::Builder, &request.fields);
        parameters.keep(&NAMES);
        parameters.open_secrets(request, service.fingerprint.as_deref());
        let mut take = Extractor { parameters, role: Role::Writer, user_dir: request.user_dir.clone() };
        let credentials = take.credentials(self.version);
        match take.parameters.take_error() {
            Some(error) => Err(error),
            None => Ok(credentials),
        }
    }
}
