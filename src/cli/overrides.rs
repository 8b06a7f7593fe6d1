//! `KEY=VALUE` arguments: parameters on the command line, which win over those of the file.

use std::io::Read;

use zeroize::{Zeroize, Zeroizing};

use super::failure::{Exit, Failure, Result};
use crate::config::{Map, Value, survey};
use crate::wiped;

/// A file with a value is not read beyond this size.
const MAX_VALUE: usize = 1024 * 1024;

/// No parameter is nested more deeply than this.
const MAX_DEPTH: usize = 32;

/// A parameter, or a part of one, from the command line.
pub(super) struct Override {
    /// The path of the parameter.
    path: Vec<String>,
    value: Value,
}

impl Drop for Override {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// Parses the arguments. Errors quote none of them: an argument may hold a password.
pub(super) fn parse(arguments: &[String]) -> Result<Vec<Override>> {
    let numbered = arguments.iter().enumerate();
    numbered.map(|(index, argument)| parse_one(index + 1, argument)).collect()
}

fn parse_one(number: usize, argument: &str) -> Result<Override> {
    let Some((key, text)) = argument.split_once('=') else {
        return Err(Failure::usage(format!("parameter {number} is not KEY=VALUE")));
    };
    let mut path: Vec<String> = key.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) {
        return Err(Failure::usage(format!("parameter {number}: the names before '=' can't be empty")));
    }
    if path.len() > MAX_DEPTH {
        return Err(Failure::usage(format!("parameter {number}: more than {MAX_DEPTH} names before '='")));
    }
    // Both levels mean the same, and the command line wins over either.
    if path.len() > 1 && path[0] == "type_spec" {
        path.remove(0);
    }
    let value = match text.strip_prefix('@') {
        Some(file) => Value::Str(first_line(key, file)?),
        None => value(key, text)?,
    };
    Ok(Override { path, value })
}

fn first_line(key: &str, file: &str) -> Result<String> {
    let failed = |what: String| {
        // The name is not shown, because a password may begin with '@', too.
        let file = if is_password(key) { "the file that '@' names" } else { file };
        let message = format!("command line: parameter '{key}': {file}: {what}");
        Failure { message, exit: Exit::Configuration }
    };
    let mut opened = std::fs::File::open(file).map_err(|e| failed(e.to_string()))?;
    // The file is read without a buffer, which would not be wiped, and only up to the end of the first line, since it may be a
    // pipe that stays open.
    let mut line = Zeroizing::new(Vec::new());
    let mut byte = [0];
    while line.len() < MAX_VALUE && opened.read(&mut byte).map_err(|e| failed(e.to_string()))? == 1 && byte != *b"\n" {
        wiped::append(&mut line, &byte);
    }
    let line = std::str::from_utf8(&line).map_err(|_| failed("it is not UTF-8".into()))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Parses a value as YAML, unless that would drop a part of what was typed: `#` begins no comment here.
fn value(key: &str, text: &str) -> Result<Value> {
    let plain = !text.trim_start().starts_with(['"', '\'', '[', '{', '!', '&', '*', '|', '>']);
    let verbatim = || Value::Str(text.to_owned());
    match survey::parse_value(text) {
        Some(Value::Str(_)) if plain => Ok(verbatim()),
        Some(Value::Null) if plain && !matches!(text.trim(), "" | "~" | "null" | "Null" | "NULL") => Ok(verbatim()),
        // A password of digits stays a text, and so does 'null'.
        Some(Value::Int(_) | Value::Float(_) | Value::Bool(_)) if plain && is_password(key) => Ok(verbatim()),
        Some(Value::Null) if is_password(key) && !text.is_empty() => Ok(verbatim()),
        Some(value) => Ok(value),
        None if plain => Ok(verbatim()),
        None => {
            let message = format!("command line: parameter '{key}': the value is not YAML; a string may need quotes");
            Err(Failure { message, exit: Exit::Configuration })
        }
    }
}

fn is_password(key: &str) -> bool {
    key.rsplit('.').next().unwrap_or_default().to_lowercase().contains("password")
}

/// Returns the parameters of the command line. If only parts of a map are given, its other parts come from the file, since a
/// parameter replaces the file's as a whole.
pub(super) fn join(overrides: &[Override], file: &Map) -> Map {
    let mut joined = Map::new();
    for Override { path, value } in overrides {
        let [first, inside @ ..] = path.as_slice() else { continue };
        let mut whole = match (joined.get(first), inside) {
            (_, []) | (Some(Value::Map(_)), _) => joined.get(first).cloned(),
            _ => survey::map_of(file, first).map(Value::Map),
        }
        .unwrap_or(Value::Null);
        set(&mut whole, inside, value.clone());
        joined.insert(first.as_str(), whole);
    }
    joined
}

/// True if only a part of a map is given, so that [`join`] needs the file.
pub(super) fn need_file(overrides: &[Override]) -> bool {
    overrides.iter().any(|one| one.path.len() > 1)
}

/// True if this parameter is given.
pub(super) fn has(overrides: &[Override], name: &str) -> bool {
    overrides.iter().any(|one| one.path[0] == name)
}

fn set(into: &mut Value, path: &[String], value: Value) {
    let [first, rest @ ..] = path else {
        *into = value;
        return;
    };
    let mut map = match std::mem::replace(into, Value::Null) {
        Value::Map(map) => map,
        _ => Map::new(),
    };
    let mut inner = map.get(first).cloned().unwrap_or(Value::Null);
    set(&mut inner, rest, value);
    map.insert(first.as_str(), inner);
    *into = Value::Map(map);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(arguments: &[&str], file: &str) -> Map {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
        let file = match survey::parse_value(file) {
            Some(Value::Map(map)) => map,
            _ => Map::new(),
        };
        join(&parse(&arguments).map_err(|failure| failure.message).unwrap(), &file)
    }

    fn one(argument: &str) -> Value {
        map(&[argument], "").get("k").cloned().unwrap()
    }

    #[test]
    fn values_are_yaml_and_nothing_is_dropped() {
        for (text, expected) in [
            ("k=1", Value::Int(1)),
            ("k=true", Value::Bool(true)),
            ("k=1.5", Value::Float(1.5)),
            ("k=text", "text".into()),
            ("k='1'", "1".into()),
            ("k=\"1\"", "1".into()),
            ("k=", Value::Null),
            ("k=~", Value::Null),
            ("k=#", "#".into()),
            ("k=a #b", "a #b".into()),
            ("k=a=b", "a=b".into()),
            ("k=%x", "%x".into()),
            ("k=`x", "`x".into()),
            ("k.password=null", [("password", "null")].into()),
            ("k=[a, 1]", Value::List(vec!["a".into(), 1.into()])),
            ("k={a: 1}", [("a", 1)].into()),
        ] {
            assert!(one(text) == expected, "{text}: {:?}", one(text));
        }
        assert!(map(&["a.password=0123"], "").get("a") == Some(&[("password", "0123")].into()));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        let deep = format!("{}a=secret", "a.".repeat(60_000));
        let wrong = [
            "secret",
            "=secret",
            "a..b=secret",
            "k=[secret",
            "k=&secret",
            "k={a: &secret}",
            "password=@secret",
            "k=@/no/such/file",
            &deep,
        ];
        for argument in wrong {
            let failure = parse(&[argument.to_owned()]).err().unwrap();
            assert!(!failure.message.contains("secret"), "{}", failure.message);
        }
    }

    #[test]
    fn dots_change_a_part_of_the_files_map() {
        let file =
            "{username_pw_set: {username: a, password: b}, type_spec: {tls: {ca_certs: x, check_hostname: false}}}";
        let joined = map(&["username_pw.password=c", "type_spec.tls.ca_certs=y", "will.user.deep=1"], file);
        assert!(joined.get("username_pw") == Some(&[("username", "a"), ("password", "c")].into()));
        let tls = [("ca_certs", Value::from("y")), ("check_hostname", false.into())];
        assert!(joined.get("tls") == Some(&tls.into()));
        assert!(joined.get("will") == Some(&[("user", Value::from([("deep", 1)]))].into()));
        // The map is given as a whole, and then a part of it.
        let joined = map(&["tls=true", "tls.ca_certs=z", "username_pw={username: n}"], file);
        let tls = [("ca_certs", Value::from("z")), ("check_hostname", false.into())];
        assert!(joined.get("tls") == Some(&tls.into()));
        assert!(joined.get("username_pw") == Some(&[("username", "n")].into()));
    }

    #[test]
    fn a_value_comes_from_the_first_line_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "123 #x \r\nsecond\n").unwrap();
        assert!(one(&format!("k=@{}", file.display())) == "123 #x ".into());
    }
}
