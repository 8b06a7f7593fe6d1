//! The layout of a configuration file: the header's versions and the choice of the service.

use super::find::SourceFile;
use super::parameters::{BLANK_IS_MISSING, before_colon};
use super::value::{Map, Value};
use super::yaml;
use crate::error::{Error, Result};

/// One service of a file, with the details that an error message needs to point at it.
pub(crate) struct Service {
    pub name: String,
    pub parameters: Map,
    /// The path of the service's parameters in the file, from its root.
    pub path: Vec<String>,
    /// The fingerprint of the key for which the file's secrets are encrypted.
    pub fingerprint: Option<String>,
}

/// Makes an error that names the place in the file to which `parts` lead.
fn error_at(file: &SourceFile, parts: &[&str], message: String) -> Error {
    let path = file.path.display();
    let parts: Vec<String> = parts.iter().map(|part| part.to_string()).collect();
    match file.places().line_of(&parts) {
        Some(line) => Error::InvalidConfiguration(format!("{path}:{line}: {message}")),
        None => Error::InvalidConfiguration(format!("{path}: {message}")),
    }
}

/// The services of a file.
pub(super) struct Services {
    pub services: Map,
    /// The path of the services from the file's root.
    prefix: &'static [&'static str],
    fingerprint: Option<String>,
}

/// Parses the file.
pub(super) fn services(file: &SourceFile) -> Result<Services> {
    let path = file.path.display();
    let at = |parts: &[&str], message: String| error_at(file, parts, message);
    let root = yaml::parse(&file.text).map_err(|e| {
        let line = e.line.map_or(String::new(), |line| format!("{line}:"));
        Error::InvalidConfiguration(format!("{path}:{line} {}", e.message))
    })?;
    split(root, at)
}

/// Separates the header from the services. `at` makes an error for a path in the file.
fn split(root: Value, at: impl Fn(&[&str], String) -> Error) -> Result<Services> {
    let root = match root {
        Value::Map(root) if root.is_empty() => return Err(at(&[], "the file is empty".into())),
        Value::Map(root) => root,
        Value::Null => return Err(at(&[], "the file is empty".into())),
        other => return Err(at(&[], format!("expected a map of services, found {}", other.kind()))),
    };

    // Version 1 has no header: the services are the root itself.
    match root.get("header") {
        None => Ok(Services { services: root, prefix: &[], fingerprint: None }),
        Some(header) => {
            let fingerprint = check_header(header, &at)?;
            match root.get("config") {
                Some(Value::Map(services)) if !services.is_empty() => {
                    Ok(Services { services: services.clone(), prefix: &["config"], fingerprint })
                }
                Some(Value::Map(_) | Value::Null) => Err(at(&["config"], "'config' has no service".into())),
                Some(other) => {
                    let message = format!("'config' must be a map of services, found {}", other.kind());
                    Err(at(&["config"], message))
                }
                None => Err(at(&["header"], "'header' is given, but 'config' with the services is missing".into())),
            }
        }
    }
}

/// Parses the file and chooses the service with the wanted name, or the only one.
pub(crate) fn service(file: &SourceFile, wanted: Option<&str>) -> Result<Service> {
    let path = file.path.display().to_string();
    choose(services(file)?, wanted, &path, |parts, message| error_at(file, parts, message))
}

/// Chooses the service in a document that is not a file; `path` names the document.
pub(super) fn service_of(
    root: Value,
    wanted: Option<&str>,
    path: &str,
    at: impl Fn(&[&str], String) -> Error,
) -> Result<Service> {
    choose(split(root, &at)?, wanted, path, at)
}

fn choose(
    services: Services,
    wanted: Option<&str>,
    path: &str,
    at: impl Fn(&[&str], String) -> Error,
) -> Result<Service> {
    let Services { services, prefix, fingerprint } = services;
    let names: Vec<&str> = services.iter().map(|(name, _)| name).collect();
    // What is no service may be a parameter that stands at the wrong level, whose value has run into its name.
    let shown = services.iter().map(|(name, value)| match value {
        Value::Map(_) => name,
        _ => before_colon(name),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let name = match wanted {
        Some(name) if names.contains(&name) => name.to_owned(),
        Some(name) => {
            return Err(Error::NoService(format!("{path} has no service '{name}'; it has: {shown}")));
        }
        None if names.len() == 1 => names[0].to_owned(),
        None => {
            return Err(Error::NoService(format!("{path} has several services and none was named; it has: {shown}")));
        }
    };
    let parts: Vec<&str> = prefix.iter().copied().chain([name.as_str()]).collect();
    match services.get(&name) {
        Some(Value::Map(parameters)) => Ok(Service {
            parameters: parameters.clone(),
            path: parts.iter().map(|part| part.to_string()).collect(),
            name: name.clone(),
            fingerprint,
        }),
        Some(_) if before_colon(&name) != name => {
            Err(at(&parts, format!("service '{}': {BLANK_IS_MISSING}", before_colon(&name))))
        }
        Some(other) => Err(at(&parts, format!("service '{name}' must be a map of parameters, found {}", other.kind()))),
        None => Err(Error::Internal("the chosen service is gone".into())),
    }
}

/// Checks the header, and returns the fingerprint of the key for the file's secrets if the header has it.
fn check_header(header: &Value, at: impl Fn(&[&str], String) -> Error) -> Result<Option<String>> {
    let Value::Map(header) = header else {
        return Err(at(&["header"], format!("'header' must be a map with 'version', found {}", header.kind())));
    };
    for (name, _) in header.iter() {
        let known = before_colon(name);
        if known != name && matches!(known, "version" | "fingerprint") {
            return Err(at(&["header", name], format!("'header.{known}': {BLANK_IS_MISSING}")));
        }
    }
    let fingerprint = match header.get("fingerprint") {
        None | Some(Value::Null) => None,
        Some(Value::Str(fingerprint)) => Some(fingerprint.clone()),
        Some(other) => {
            let message = format!("'header.fingerprint' must be a string, found {}", other.kind());
            return Err(at(&["header", "fingerprint"], message));
        }
    };
    match header.get("version") {
        Some(Value::Int(2 | 3)) => Ok(fingerprint),
        Some(Value::Int(other)) => {
            Err(at(&["header", "version"], format!("'header.version' must be 2 or 3, found {other}")))
        }
        Some(other) => Err(at(
            &["header", "version"],
            format!("'header.version' must be the integer 2 or 3, found {}", other.kind()),
        )),
        None => Err(at(&["header"], "'header' has no 'version'; expected 2 or 3".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str, wanted: Option<&str>) -> Result<(String, Vec<String>)> {
        let file = SourceFile::new("file.yml".into(), text.to_owned().into(), None);
        service(&file, wanted).map(|service| (service.name, service.path))
    }

    #[test]
    fn services_are_found_with_and_without_a_header() {
        let plain = "a: {type: x}\nb: {}\n";
        let with_header = "header: {version: 3}\nconfig:\n  a: {type: x}\n  b: {}\n";
        assert_eq!(choose(plain, Some("b")), Ok(("b".into(), vec!["b".into()])));
        assert_eq!(choose(with_header, Some("b")), Ok(("b".into(), vec!["config".into(), "b".into()])));
        assert_eq!(choose("only: {}\n", None), Ok(("only".into(), vec!["only".into()])));
        for text in [plain, with_header] {
            for wanted in [None, Some("c"), Some("config"), Some("header")] {
                assert!(matches!(choose(text, wanted), Err(Error::NoService(_))), "{text}: {wanted:?}");
            }
        }
    }

    #[test]
    fn without_a_header_config_is_an_ordinary_name() {
        assert_eq!(choose("config: {type: x}\n", None), Ok(("config".into(), vec!["config".into()])));
    }
}
