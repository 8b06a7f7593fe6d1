//! Merges the parameters of the file and of the builder into one value per parameter.

use std::path::PathBuf;

use zeroize::Zeroize;

use super::document::Service;
use super::find::SourceFile;
use super::lost::{self, Commented};
use super::parameters::{self, PARAMETERS, Support};
use super::path;
use super::rights::{self, Finding, Use};
use super::secret::{self, PrivateKey};
use super::value::{Map, Value};
use super::{Request, query};
use crate::error::{Error, Result};

/// The place where a set of parameters was written.
pub(crate) enum Origin {
    /// A service of a file; the path leads from the root to the service.
    File { file: SourceFile, service: String, path: Vec<String> },
    /// A service of a configuration server; the text names server and configuration.
    Server { place: String, service: String },
    /// The builder of a writer or reader.
    Builder,
    /// A map that the program hands over by itself.
    Alone,
}

impl Origin {
    /// Makes the origin of a service of this file.
    pub fn file(file: SourceFile, service: &Service) -> Origin {
        Origin::File { file, service: service.name.clone(), path: service.path.clone() }
    }
}

/// A parameter's value with the place where it was written.
pub(crate) struct Entry {
    /// The parameter's name inside the crate.
    pub name: String,
    /// The path of the parameter in its layer, with the names as written.
    written: Vec<String>,
    layer: usize,
    pub value: Value,
    /// The value with its encrypted parts still encrypted, if there were some.
    encrypted: Option<Value>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.value.zeroize();
        self.encrypted.zeroize();
    }
}

/// All parameters after layering, with the problems and doubts that were found on the way.
#[derive(Default)]
pub(crate) struct Parameters {
    origins: Vec<Origin>,
    entries: Vec<Entry>,
    /// The names that have no value: the layer, the crate's name of the parameter, the names that lead to it.
    empty: Vec<(usize, String, Vec<String>)>,
    pub warnings: Vec<String>,
    /// The warnings of unknown names, which may explain a problem: a misspelt name is missing elsewhere.
    unknown: Vec<String>,
    /// The number of unknown names beyond those in `unknown`.
    more_unknown: usize,
    problems: Vec<String>,
    /// Comments in place of values, which count unless a higher layer has a value: the layer, the parameter's name inside the
    /// crate, and the comment's place.
    commented: Vec<(usize, String, Commented)>,
}

/// At most this many unknown names are reported one by one.
const MAX_UNKNOWN: usize = 20;
/// At most this many values are decrypted: each takes milliseconds of computing with the private key, and aliases can make many
/// of a few.
const MAX_ENCRYPTED: usize = 1000;
/// At most this many problems are reported.
const MAX_PROBLEMS: usize = 100;

impl Parameters {
    /// Checks who else may write the configuration file with this service. The findings concern the file as a whole, so an
    /// error comes before errors about its values.
    pub fn look_at_configuration(&mut self, file: &SourceFile, service: &Map) -> Result<()> {
        let use_ = match (service.names_code(), service.holds_encrypted()) {
            (true, _) => Use::NamesCode,
            (false, true) => Use::HoldsEncrypted,
            (false, false) => Use::Trusted,
        };
        self.sort_out(rights::look_at(&file.path, file.metadata.as_deref(), use_)).map_err(Error::InvalidConfiguration)
    }

    /// Keeps the findings that are only worth a warning; the error has the others.
    fn sort_out(&mut self, findings: Vec<Finding>) -> std::result::Result<(), String> {
        rights::sort_out(findings, |warning| self.warnings.push(warning))
    }

    /// Adds a layer above the earlier ones: its parameters replace theirs, each as a whole.
    pub fn add_layer(&mut self, origin: Origin, map: &Map) {
        let layer = self.origins.len();
        self.origins.push(origin);
        let commented = match &self.origins[layer] {
            Origin::File { file, path, .. } => lost::commented(file, path, map),
            _ => Vec::new(),
        };
        for found in commented {
            let name = match found.written.iter().position(|part| part != "type_spec") {
                Some(first) if found.written[first] == "connect" => found.written[first..].join("."),
                Some(first) => parameters::canonical(&found.written[first]).to_owned(),
                None => continue,
            };
            self.commented.push((layer, name, found));
        }
        let mut written = Vec::new();
        for (name, value) in map.iter() {
            match (name, value) {
                ("type_spec", Value::Null) => {}
                ("type_spec", Value::Map(inner)) => {
                    for (inner_name, value) in inner.iter() {
                        self.split_connect(layer, vec!["type_spec".into(), inner_name.into()], value, &mut written);
                    }
                }
                ("type_spec", other) => {
                    let message = format!("expected a map, found {}", other.kind());
                    self.problem_at(layer, &["type_spec".into()], &message);
                }
                _ => self.split_connect(layer, vec![name.into()], value, &mut written),
            }
        }
        for entry in self.resolve(written) {
            self.entries.retain(|lower| lower.name != entry.name);
            self.commented.retain(|(lower, name, _)| *lower == layer || *name != entry.name);
            self.entries.push(entry);
        }
    }

    /// Reports comments in place of values, once all layers are there.
    fn tell_commented(&mut self) {
        for (layer, _, found) in std::mem::take(&mut self.commented) {
            let what =
                "has no value, because '#' begins a comment there; put the value in quotes, or leave the name out";
            match found.is_value {
                true => self.problem_at(layer, &found.written, what),
                false => self.warnings.push(format!("{} {what}", self.place(layer, &found.written))),
            }
        }
    }

    /// Splits `connect`, which only groups parameters, so that each of them is layered by itself.
    fn split_connect(&mut self, layer: usize, written: Vec<String>, value: &Value, to: &mut Vec<Entry>) {
        let Some(last) = written.last() else { return };
        if last != "connect" {
            let name = parameters::canonical(last).to_owned();
            self.add_entry(layer, name, written, value, to);
            return;
        }
        match value {
            Value::Map(inner) => {
                for (name, value) in inner.iter() {
                    let written = [written.as_slice(), &[name.to_owned()]].concat();
                    self.add_entry(layer, format!("connect.{name}"), written, value, to);
                }
            }
            Value::Null => {}
            other => self.problem_at(layer, &written, &format!("expected a map, found {}", other.kind())),
        }
    }

    /// Adds an entry. A name without a value sets nothing, and is kept for [`Self::check_support`] alone.
    fn add_entry(&mut self, layer: usize, name: String, written: Vec<String>, value: &Value, to: &mut Vec<Entry>) {
        match value {
            Value::Null => self.empty.push((layer, name, written)),
            value => to.push(Entry { name, written, layer, value: value.clone(), encrypted: None }),
        }
    }

    /// Reduces a layer to one entry per parameter. `type_spec` wins over the service's own level, and a name with `_set` over
    /// the one without.
    fn resolve(&mut self, written: Vec<Entry>) -> Vec<Entry> {
        let mut resolved: Vec<Entry> = Vec::new();
        for mut entry in written {
            let Some(earlier) = resolved.iter_mut().find(|earlier| earlier.name == entry.name) else {
                resolved.push(entry);
                continue;
            };
            if earlier.value == entry.value {
                continue;
            }
            // If `tls` and `tls_set` are both given at one level, they are two halves of one map.
            if let ("tls", Value::Map(_), Value::Map(_), true) =
                (entry.name.as_str(), &earlier.value, &entry.value, earlier.written.len() == entry.written.len())
            {
                let wins = rank(&entry) > rank(earlier);
                let [of_entry, of_earlier] =
                    [&mut entry.value, &mut earlier.value].map(|value| std::mem::replace(value, Value::Null));
                let (mut low, high) = if wins { (of_earlier, of_entry) } else { (of_entry, of_earlier) };
                if let (Value::Map(low), Value::Map(high)) = (&mut low, high) {
                    high.iter().for_each(|(name, value)| low.insert(name, value.clone()));
                }
                earlier.value = low;
                continue;
            }
            let wins = rank(&entry) > rank(earlier);
            let (winner, loser) = if wins { (&entry, &*earlier) } else { (&*earlier, &entry) };
            let warning = format!(
                "{} is given twice with different values; '{}' is used",
                self.place(loser.layer, &loser.written),
                shown(&winner.written)
            );
            self.warnings.push(warning);
            if wins {
                *earlier = entry;
            }
        }
        resolved
    }

    /// Returns all parameters as they were written, including secrets, and keeps only the common ones.
    pub fn hand_over(&mut self) -> Map {
        let mut map = Map::new();
        for entry in &self.entries {
            insert_at(&mut map, &entry.written, entry.value.clone());
        }
        self.keep(parameters::COMMON);
        map
    }

    /// Checks the name of every parameter once: an unknown one gets a warning, one that is not built is refused.
    pub fn check_support(&mut self) {
        let mut variables = 0;
        for entry in std::mem::take(&mut self.entries) {
            self.check_name(PARAMETERS, &entry.name, &entry.value, entry.layer, &entry.written);
            self.check_inside(&entry.name, &entry.value, entry.layer, &entry.written);
            if entry.encrypted.is_none() {
                self.look_for_variables(&entry.value, entry.layer, &mut entry.written.clone(), &mut variables);
            }
            self.entries.push(entry);
        }
        for (layer, name, written) in std::mem::take(&mut self.empty) {
            self.check_name(PARAMETERS, &name, &Value::Null, layer, &written);
        }
        if self.more_unknown > 0 {
            self.warnings.push(format!("{} more names are not known and are ignored", self.more_unknown));
        }
    }

    /// Warns of values of the form `${NAME}`: their writer expects a program to substitute the variable. The value may be a
    /// secret all the same.
    fn look_for_variables(&mut self, value: &Value, layer: usize, written: &mut Vec<String>, found: &mut usize) {
        match value {
            Value::Str(text) if lost::is_variable(text) && *found < MAX_UNKNOWN => {
                *found += 1;
                let warning = format!(
                    "{} is of the form ${{NAME}} and is used as it stands, because variables of the environment are not put in; the \
                     program can give the value to the builder, or 'envsubst' can write the file",
                    self.place(layer, written)
                );
                self.warnings.push(warning);
            }
            Value::Map(map) => map.iter().for_each(|(name, value)| {
                written.push(name.to_owned());
                self.look_for_variables(value, layer, written, found);
                written.pop();
            }),
            Value::List(items) => items.iter().enumerate().for_each(|(index, value)| {
                written.push(index.to_string());
                self.look_for_variables(value, layer, written, found);
                written.pop();
            }),
            _ => {}
        }
    }

    fn check_inside(&mut self, name: &str, value: &Value, layer: usize, written: &[String]) {
        let table = inside(name);
        if let (false, Value::Map(map)) = (table.is_empty(), value) {
            for (name, value) in map.iter() {
                let written = [written, &[name.to_owned()]].concat();
                self.check_name(table, name, value, layer, &written);
                self.check_inside(name, value, layer, &written);
            }
        }
    }

    fn check_name(&mut self, table: &[(&str, Support)], name: &str, value: &Value, layer: usize, written: &[String]) {
        match parameters::support(table, name) {
            Some(Support::Built) => {}
            Some(_) if *value == Value::Null => {}
            Some(Support::NotBuilt(what)) => {
                self.problem_at(layer, written, &format!("not supported yet by this version: {what}"));
            }
            Some(Support::NoEffect(why)) => {
                let place = self.place(layer, written);
                self.warnings.push(format!("{place} has no effect: {why}"));
            }
            None if parameters::lacks_blank(table, name) => {
                self.problem_at(layer, written, parameters::BLANK_IS_MISSING);
            }
            None if self.unknown.len() == MAX_UNKNOWN => self.more_unknown += 1,
            None => {
                let hint = match parameters::nearest(table, parameters::before_colon(name)) {
                    Some(known) => format!("; did you mean '{known}'?"),
                    None => String::new(),
                };
                let warning = format!("{} is not known and is ignored{hint}", self.place(layer, written));
                self.unknown.push(warning.clone());
                self.warnings.push(warning);
            }
        }
    }

    /// Decrypts the values that are used. The private key is read only if there is such a value.
    pub fn open_secrets(&mut self, request: &Request, fingerprint: Option<&str>) {
        self.tell_commented();
        let mut key = None;
        let mut count = 0;
        let mut problems = Vec::new();
        let mut entries = std::mem::take(&mut self.entries);
        let file = self.private_key_file(&entries, request);
        if let Some(entry) = entries.iter().find(|e| e.name == "private_key_file" && path::of_value(&e.value).is_none())
        {
            let message = format!("expected a string, found {}", entry.value.kind());
            problems.push((entry.layer, entry.written.clone(), message));
        }
        for entry in &mut entries {
            let before = entry.value.clone();
            let mut written = entry.written.clone();
            let opened = open_inside(&mut entry.value, &mut written, &mut |base64, written| {
                count += 1;
                if count > MAX_ENCRYPTED {
                    return None;
                }
                let key = key.get_or_insert_with(|| self.private_key(&file, fingerprint));
                match key.as_ref().map_err(String::clone).and_then(|key| key.open(base64).map_err(str::to_owned)) {
                    Ok(value) => Some(value),
                    Err(what) => {
                        problems.push((
                            entry.layer,
                            written.to_vec(),
                            format!("the encrypted value can't be used: {what}"),
                        ));
                        None
                    }
                }
            });
            entry.encrypted = opened.then_some(before);
        }
        for entry in &entries {
            find_quoted(&entry.value, &mut entry.written.clone(), &mut |written| {
                problems.push((entry.layer, written.to_vec(), QUOTED.to_owned()));
            });
        }
        self.entries = entries;
        if count > MAX_ENCRYPTED {
            self.add_problem(format!("the configuration has more than {MAX_ENCRYPTED} encrypted values"));
        }
        for (layer, written, message) in problems {
            self.problem_at(layer, &written, &message);
        }
    }

    fn private_key_file(&self, entries: &[Entry], request: &Request) -> Option<PathBuf> {
        let given = entries.iter().find(|entry| entry.name == "private_key_file");
        match given.and_then(|entry| path::of_value(&entry.value)) {
            Some(file) => Some(request.user_dir.join(file)),
            None => request.user_home.as_ref().map(|home| home.join(secret::DEFAULT_FILE)),
        }
    }

    fn private_key(
        &mut self,
        file: &Option<PathBuf>,
        fingerprint: Option<&str>,
    ) -> std::result::Result<PrivateKey, String> {
        let file = file
            .as_ref()
            .ok_or("there is no home folder to look for the private key in; 'private_key_file' names it")?;
        let key = PrivateKey::read(file, secret::passphrase().as_ref().map(|text| text.as_slice()))?;
        self.sort_out(rights::look_at(file, None, Use::Secret)).map_err(|what| format!("the private key {what}"))?;
        let bare = |text: &str| text.trim_start_matches("SHA256:").trim_end_matches('=').to_owned();
        match fingerprint.map(bare) {
            Some(wanted) if wanted != key.fingerprint() => Err(format!(
                "'header.fingerprint' is SHA256:{wanted}, but the private key {} is SHA256:{}",
                file.display(),
                key.fingerprint()
            )),
            _ => Ok(key),
        }
    }

    /// True if a value in this parameter was encrypted.
    pub fn was_encrypted(&self, name: &str) -> bool {
        self.get(name).is_some_and(|entry| entry.encrypted.is_some())
    }

    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// True if `upper` was not written in a lower layer than `lower`. The builder's parts count as one layer.
    pub(crate) fn is_at_least_as_high(&self, upper: &Entry, lower: &Entry) -> bool {
        let api = |entry: &Entry| matches!(self.origins[entry.layer], Origin::Builder);
        api(upper) >= api(lower)
    }

    /// Returns the path of the configuration file.
    pub fn file(&self) -> Option<PathBuf> {
        self.origins.iter().find_map(|origin| match origin {
            Origin::File { file, .. } => Some(file.path.clone()),
            _ => None,
        })
    }

    /// Drops all parameters but these.
    pub fn keep(&mut self, names: &[&str]) {
        self.entries.retain(|entry| names.contains(&entry.name.as_str()));
        self.commented.retain(|(_, name, _)| names.contains(&name.as_str()));
        self.empty.retain(|(_, name, _)| names.contains(&parameters::before_colon(name)));
    }

    /// True if the configuration file has set the parameter.
    pub fn is_from_file(&self, entry: &Entry) -> bool {
        matches!(self.origins[entry.layer], Origin::File { .. })
    }

    /// True if a configuration server has set the parameter.
    pub fn is_from_server(&self, entry: &Entry) -> bool {
        matches!(self.origins[entry.layer], Origin::Server { .. })
    }

    /// Describes the parameter's place for people: file, line, service and name.
    pub fn place_of(&self, entry: &Entry, inside: &[&str]) -> String {
        let mut written = entry.written.clone();
        written.extend(inside.iter().map(|part| part.to_string()));
        self.place(entry.layer, &written)
    }

    fn place(&self, layer: usize, written: &[String]) -> String {
        let name = shown(written);
        match &self.origins[layer] {
            Origin::Builder => format!("builder: parameter '{name}'"),
            Origin::Alone => format!("parameter '{name}'"),
            Origin::Server { place, service } => format!("{place}: service '{service}': parameter '{name}'"),
            Origin::File { file, service, path } => {
                let full: Vec<String> = path.iter().chain(written).cloned().collect();
                let line = self.line(file, &full);
                format!("{}{line}: service '{service}': parameter '{name}'", file.path.display())
            }
        }
    }

    /// Returns `:` and the line, or nothing.
    fn line(&self, file: &SourceFile, path: &[String]) -> String {
        file.places().line_of(path).map_or(String::new(), |line| format!(":{line}"))
    }

    /// Notes that a parameter is wrong, as a whole or at a name inside it.
    pub fn problem(&mut self, name: &str, inside: &[&str], message: &str) {
        let place = match self.get(name) {
            Some(entry) => self.place_of(entry, inside),
            None => self.missing_place(name),
        };
        self.problems.push(format!("{place}: {message}"));
    }

    /// Notes a problem whose message has its place already.
    pub fn add_problem(&mut self, message: String) {
        self.problems.push(message);
    }

    /// Describes the place where a missing parameter should have been.
    fn missing_place(&self, name: &str) -> String {
        match self.origins.first() {
            Some(Origin::File { file, service, path }) => {
                let line = self.line(file, path);
                format!("{}{line}: service '{service}': parameter '{name}'", file.path.display())
            }
            Some(Origin::Server { place, service }) => format!("{place}: service '{service}': parameter '{name}'"),
            _ => format!("builder: parameter '{name}'"),
        }
    }

    fn problem_at(&mut self, layer: usize, written: &[String], message: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            // Only the number of those beyond is told, and to look for a line takes time that grows with the file.
            self.problems.push(String::new());
            return;
        }
        let place = self.place(layer, written);
        self.problems.push(format!("{place}: {message}"));
    }

    /// Returns all problems that were found, as one error.
    pub fn take_error(&mut self) -> Option<Error> {
        let mut problems = std::mem::take(&mut self.problems);
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        if more > 0 {
            problems.truncate(MAX_PROBLEMS);
            problems.push(format!("{more} more problems"));
        }
        (!problems.is_empty()).then(|| {
            problems.append(&mut self.unknown);
            Error::InvalidConfiguration(problems.join("\n"))
        })
    }

    /// Shows this value from now on, in place of what was written: for instance the number that a string was read as.
    pub fn understood(&mut self, name: &str, inside: &[&str], value: Value) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) else { return };
        let mut place = &mut entry.value;
        for part in inside {
            match place {
                Value::Map(map) => match map.get_mut(part) {
                    Some(next) => place = next,
                    None => return,
                },
                _ => return,
            }
        }
        *place = value;
    }

    /// Returns all parameters under the names and at the levels where they were written, with secrets hidden.
    pub fn visible(&self) -> Map {
        let mut map = Map::new();
        for entry in &self.entries {
            // A misspelt name may stand for a secret.
            let unknown = parameters::support(PARAMETERS, &entry.name).is_none();
            let secret = unknown || entry.written.iter().any(|part| parameters::is_secret(part));
            let value = match (entry.name.as_str(), entry.encrypted.as_ref().unwrap_or(&entry.value)) {
                ("username_pw", Value::Map(login)) => only_known(login),
                ("ws_options", value @ Value::Map(_)) => query::without_query(hide(value, &entry.name, secret)),
                (name, value) => hide(value, name, secret),
            };
            let part = |part: &String| if unknown { parameters::before_colon(part).to_owned() } else { part.clone() };
            insert_at(&mut map, &entry.written.iter().map(part).collect::<Vec<_>>(), value);
        }
        map
    }
}

/// Returns the names that lead to a parameter, as people see them.
fn shown(written: &[String]) -> String {
    // Indexes of list items are positions, not names.
    let is_name = |(index, part): &(usize, &String)| *index == 0 || part.parse::<usize>().is_err();
    let names = written.iter().enumerate().filter(is_name).map(|(_, part)| parameters::before_colon(part));
    names.collect::<Vec<_>>().join(".")
}

/// Returns every known parameter with a note, in the order of the tables; parameters inside another one are `name.inside`.
pub(crate) fn known() -> Map {
    let mut known = Map::new();
    add_known(&mut known, "", PARAMETERS);
    known
}

fn add_known(known: &mut Map, before: &str, table: &[(&str, Support)]) {
    for (name, support) in table {
        let full = format!("{before}{name}");
        known.insert(
            full.as_str(),
            match support {
                Support::Built => String::new(),
                Support::NotBuilt(what) => format!("not supported: {what}"),
                Support::NoEffect(why) => format!("no effect: {why}"),
            },
        );
        add_known(known, &format!("{full}."), inside(name));
    }
}

/// Returns the names that are known inside a parameter; none if the inside is not checked.
fn inside(name: &str) -> &'static [(&'static str, Support)] {
    match name {
        "tls" => parameters::TLS,
        "pkcs11" => parameters::PKCS11,
        "username_pw" => parameters::USERNAME_PW,
        "tls_insecure" => parameters::TLS_INSECURE,
        "max_inflight_messages" => parameters::MAX_INFLIGHT_MESSAGES,
        "max_queued_messages" => parameters::MAX_QUEUED_MESSAGES,
        "outbox" => parameters::OUTBOX,
        "reconnect_delay" => parameters::RECONNECT_DELAY,
        "will" => parameters::WILL,
        "message_properties" => parameters::MESSAGE_PROPERTIES,
        "ws_options" => parameters::WS_OPTIONS,
        "proxy" => parameters::PROXY,
        "compression" => parameters::COMPRESSION,
        "crypto" => parameters::CRYPTO,
        "key_derivation" => parameters::KEY_DERIVATION,
        _ => &[],
    }
}

/// Decrypts a value that stands at this place.
type Open<'a> = dyn FnMut(&str, &[String]) -> Option<Vec<u8>> + 'a;

/// Replaces the encrypted values inside `value`, at any depth. Returns whether there were any.
fn open_inside(value: &mut Value, written: &mut Vec<String>, open: &mut Open<'_>) -> bool {
    match value {
        Value::Encrypted(base64) => {
            *value = open(base64, written).map_or(Value::Null, Value::Bytes);
            true
        }
        Value::Map(map) => map.iter_mut().fold(false, |any, (name, value)| {
            written.push(name.to_owned());
            let opened = open_inside(value, written, open);
            written.pop();
            opened || any
        }),
        Value::List(items) => items.iter_mut().enumerate().fold(false, |any, (index, value)| {
            written.push(index.to_string());
            let opened = open_inside(value, written, open);
            written.pop();
            opened || any
        }),
        _ => false,
    }
}

/// About an encrypted value that has become a string, which a broker would get in place of the secret.
const QUOTED: &str = "a string that begins with '!sinetstream/encrypted' is not decrypted; leave out the quotes around the encrypted \
     value, and write it into the configuration file";

/// Finds the strings inside `value`, at any depth, that are encrypted values in quotes.
fn find_quoted(value: &Value, written: &mut Vec<String>, found: &mut dyn FnMut(&[String])) {
    match value {
        Value::Str(text) if text.trim_start().starts_with("!sinetstream/encrypted") => found(written),
        Value::Map(map) => map.iter().for_each(|(name, value)| {
            written.push(name.to_owned());
            find_quoted(value, written, found);
            written.pop();
        }),
        Value::List(items) => items.iter().enumerate().for_each(|(index, value)| {
            written.push(index.to_string());
            find_quoted(value, written, found);
            written.pop();
        }),
        _ => {}
    }
}

fn rank(entry: &Entry) -> (usize, bool) {
    let in_type_spec = entry.written.first().is_some_and(|first| first == "type_spec");
    // `connect.keepalive` is the documented place; `keepalive` is another spelling.
    let preferred = entry.written.last().is_some_and(|last| last.contains("_set"))
        || entry.written.iter().any(|part| part == "connect");
    (usize::from(in_type_spec), preferred)
}

/// Returns the known parameters of a login, hidden where they are secret; an unknown name may itself be a secret.
fn only_known(login: &Map) -> Value {
    let known = login.iter().filter(|(name, _)| parameters::support(parameters::USERNAME_PW, name).is_some());
    Value::Map(known.map(|(name, value)| (name, hide(value, name, name != "username"))).collect())
}

fn insert_at(map: &mut Map, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => map.insert(name.as_str(), value),
        [first, rest @ ..] => {
            if map.get(first).is_none() {
                map.insert(first.as_str(), Map::new());
            }
            if let Some(Value::Map(inner)) = map.get_mut(first) {
                insert_at(inner, rest, value);
            }
        }
    }
}

/// Returns the value of a parameter with its secrets hidden. A misspelt name inside may stand for a secret, too.
fn hide(value: &Value, of: &str, secret: bool) -> Value {
    let table = if is_for_a_plugin(value) { &[] } else { inside(of) };
    let is_secret = |name: &str| {
        let unknown = !table.is_empty() && parameters::support(table, name).is_none();
        // The token of `pkcs11` is the label of a hardware token, not a token that logs somebody in.
        unknown || parameters::is_secret(name) && (of, name) != ("pkcs11", "token")
    };
    match value {
        Value::Map(map) => {
            let name_of = |name| if table.is_empty() { name } else { parameters::before_colon(name) };
            let hidden = |(name, value)| (name_of(name), hide(value, name, secret || is_secret(name)));
            Value::Map(map.iter().map(hidden).collect())
        }
        Value::List(items) => Value::List(items.iter().map(|item| hide(item, of, secret)).collect()),
        Value::Encrypted(_) => Value::Str(HIDDEN.into()),
        Value::Null => Value::Null,
        _ if secret => Value::Str(HIDDEN.into()),
        other => other.clone(),
    }
}

/// True for a cipher or a compression that is not built in, whose parameters have names of its own.
fn is_for_a_plugin(value: &Value) -> bool {
    let algorithm = match value {
        Value::Map(map) => map.get("algorithm"),
        _ => None,
    };
    matches!(algorithm, Some(Value::Str(name)) if !matches!(name.as_str(), "AES" | "gzip" | "zstd" | "lz4" | "pbkdf2"))
}

/// The text that is shown in place of a secret.
const HIDDEN: &str = "********";

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn service_of(text: String) -> Parameters {
        let root = yaml::parse(&text).map_err(|e| e.message).expect("YAML");
        let Value::Map(map) = root else { panic!("not a map") };
        let Some(Value::Map(service)) = map.get("s") else { panic!("no service") };
        let file = SourceFile::new("file.yml".into(), text.into(), None);
        let mut parameters = Parameters::default();
        parameters.add_layer(Origin::File { file, service: "s".into(), path: vec!["s".into()] }, service);
        parameters
    }

    #[test]
    fn a_comment_counts_only_where_no_higher_layer_has_a_value() {
        let text =
            "s:\n  topic: #t\n  client_id: # made\n  type_spec:\n    username_pw_set:\n      password: #secret\n";
        let told = |names: &[&str]| {
            let mut parameters = service_of(text.to_owned());
            let map = names.iter().map(|name| (*name, Value::from("x"))).collect::<Map>();
            parameters.add_layer(Origin::Builder, &map);
            parameters.tell_commented();
            parameters.take_error().map_or(0, |error| error.to_string().matches("has no value").count())
        };
        assert_eq!(
            [told(&[]), told(&["topic"]), told(&["username_pw"]), told(&["topic", "username_pw"])],
            [2, 1, 1, 0]
        );
    }

    /// In a name that has run into its value, that may be a secret.
    #[test]
    fn nothing_behind_the_colon_of_a_name_is_visible() {
        let text = "s:\n  'passwort:s3cr3t': x\n  tls: {'keyword:s3cr3t': x}\n  user_property: {'a:b': x}\n";
        let mut parameters = service_of(text.to_owned());
        parameters.check_support();
        let visible = format!("{:?}", parameters.visible());
        let expected = r#"{"passwort": a string, "tls": {"keyword": a string}, "user_property": {"a:b": a string}}"#;
        assert_eq!(visible, expected);
        assert!(parameters.warnings.iter().all(|warning| !warning.contains("s3cr3t")), "{:?}", parameters.warnings);
    }

    /// However many names lack their blank.
    #[test]
    fn only_so_many_problems_have_lines() {
        let names: String = (0..4000).map(|i| format!("qos:{i}, ")).collect();
        let mut parameters = service_of(format!("s: {{{names}}}\n"));
        parameters.check_support();
        let Some(Error::InvalidConfiguration(message)) = parameters.take_error() else { panic!("no error") };
        assert!(message.starts_with("file.yml:1: service 's': parameter 'qos': a blank is missing after ':'\n"));
        assert!(message.ends_with("\n3900 more problems"), "{message}");
    }

    #[test]
    fn what_many_unknown_names_take_does_not_grow_with_their_number() {
        let names: String = (0..2000).map(|i| format!("  topik{i}: 1\n  username_pw{i}: 1\n")).collect();
        let mut parameters = service_of(format!("s:\n{names}"));
        parameters.check_support();
        assert_eq!(parameters.warnings.len(), MAX_UNKNOWN + 1);
        assert!(parameters.warnings[0].starts_with("file.yml:2: service 's': parameter 'topik0'"));
        assert_eq!(parameters.warnings[MAX_UNKNOWN], "3980 more names are not known and are ignored");
        for name in 0..1000 {
            parameters.problem(&format!("topik{name}"), &[], "wrong");
        }
        let Some(Error::InvalidConfiguration(message)) = parameters.take_error() else { panic!("no error") };
        assert_eq!(message.lines().count(), MAX_PROBLEMS + 1 + MAX_UNKNOWN);
        assert!(message.contains("\n900 more problems\n"), "{message}");
    }
}
