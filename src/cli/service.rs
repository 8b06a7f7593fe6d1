//! Loads a service's settings: the file, with the command line over it.

use super::args::Common;
use super::failure::{Exit, Failure, Result};
use super::overrides;
use crate::builder;
use crate::config::{self, Map, Request, Role, Settings, Value, survey};

/// Returns the field for values that are text.
pub(super) fn text(wanted: bool) -> Vec<(&'static str, Value)> {
    if wanted { vec![("value_type", "text".into())] } else { Vec::new() }
}

/// Makes the request for the configuration from the options.
pub(super) fn request(common: &Common, role: Role) -> Request {
    let mut request = builder::request(role);
    request.service = common.service.clone();
    request.config_file = common.config.clone();
    request.no_config = common.no_config;
    request
}

/// Refuses a pipe as the configuration, if it would be read more than once.
pub(super) fn check_seekable(common: &Common) -> Result<()> {
    match &common.config {
        Some(path) if std::fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir()) => {
            let message = format!("configuration file {}: a pipe can be read only once; use a file", path.display());
            Err(Failure { message, exit: Exit::Configuration })
        }
        _ => Ok(()),
    }
}

/// Finds, reads and checks the configuration. `fields` win over everything else.
pub(super) fn settings(common: &Common, role: Role, fields: &[(&str, Value)]) -> Result<Settings> {
    let mut request = request(common, role);
    let overrides = overrides::parse(&common.parameters)?;
    let file = match overrides::need_file(&overrides) && !request.no_config {
        true if overrides::has(&overrides, "config_name") => {
            let message = "with 'config_name' a map is given as a whole, 'tls={…}', and not as 'tls.…='";
            return Err(Failure::usage(message));
        }
        true => {
            check_seekable(common)?;
            survey::parameters(&request)?
        }
        false => Map::new(),
    };
    request.parameters = overrides::join(&overrides, &file);
    for (name, value) in fields {
        request.fields.insert(*name, value.clone());
    }
    config::load(&request).map_err(Failure::before_connecting)
}
