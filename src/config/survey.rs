//! Reads a configuration file as a whole, for the command, which looks at more than one service at a time.

use std::path::PathBuf;

use super::document;
use super::find;
use super::parameters::canonical;
use super::value::{Map, Value};
use super::{Request, yaml};
use crate::error::Result;

/// The file that was found, and its services in their order.
pub(crate) struct Survey {
    pub path: PathBuf,
    pub services: Vec<(String, Value)>,
}

/// Finds and parses the file that `request` leads to.
pub(crate) fn survey(request: &Request) -> Result<Survey> {
    let file = find::find(request.config_file.as_deref(), &request.user_dir, request.user_home.as_deref())?;
    let services = document::services(&file)?.services;
    let services = services.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    Ok(Survey { path: file.path, services })
}

/// Returns the parameters of the service that `request` selects, as they stand in the file.
pub(crate) fn parameters(request: &Request) -> Result<Map> {
    let file = find::find(request.config_file.as_deref(), &request.user_dir, request.user_home.as_deref())?;
    Ok(document::service(&file, request.service.as_deref())?.parameters)
}

/// Returns the map that a service has under this name, or under another spelling of it; `type_spec` and `_set` win.
pub(crate) fn map_of(service: &Map, name: &str) -> Option<Map> {
    let inner = match service.get("type_spec") {
        Some(Value::Map(inner)) => Some(inner),
        _ => None,
    };
    inner.into_iter().chain([service]).find_map(|level| {
        let mut found: Vec<(&str, &Map)> = level
            .iter()
            .filter(|(written, _)| canonical(written) == canonical(name))
            .filter_map(|(written, value)| match value {
                Value::Map(map) => Some((written, map)),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(written, _)| written.contains("_set"));
        let joined = found.iter().flat_map(|(_, map)| map.iter()).map(|(name, value)| (name, value.clone()));
        (!found.is_empty()).then(|| joined.collect())
    })
}

/// True if the service has a value under this name, at either level.
pub(crate) fn has(service: &Map, name: &str) -> bool {
    let given = |level: &Map| level.get(name).is_some_and(|value| *value != Value::Null);
    given(service) || matches!(service.get("type_spec"), Some(Value::Map(inner)) if given(inner))
}

/// Parses a single value as YAML; returns `None` if it is not valid.
pub(crate) fn parse_value(text: &str) -> Option<Value> {
    yaml::parse(text).ok()
}
