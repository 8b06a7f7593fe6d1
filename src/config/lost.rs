//! Finds values that are not what their writer meant: in `password: #secret` the value is a comment (`client_id: # none` is
//! intended), and `${NAME}` stands for an environment variable only where other programs read it.

use super::find::SourceFile;
use super::parameters::{is_secret, is_text};
use super::value::{Map, Value};

/// A text or a secret whose place holds only a comment.
#[derive(Debug, PartialEq)]
pub(super) struct Commented {
    /// The path of the parameter in the service.
    pub written: Vec<String>,
    /// True if the comment begins without a blank, as a value would; otherwise it is prose, and only doubtful.
    pub is_value: bool,
}

/// Finds such comments in a service, which is at this path of the file.
pub(super) fn commented(file: &SourceFile, path: &[String], service: &Map) -> Vec<Commented> {
    let text = &file.text;
    if !text.lines().any(|line| comment(line).is_some()) {
        return Vec::new();
    }
    let mut empty = Vec::new();
    find_empty(service, &mut Vec::new(), &mut empty);
    let lines: Vec<&str> = text.lines().collect();
    let found = |written: Vec<String>| {
        let full: Vec<String> = path.iter().chain(&written).cloned().collect();
        let line = file.places().line_of(&full).and_then(|number| lines.get(number - 1))?;
        let comment = comment(line)?;
        let is_value = !comment.is_empty() && !comment.starts_with([' ', '\t', '#']);
        let is_doubtful = !comment.trim().is_empty() && written.last().is_some_and(|name| is_secret(name));
        (is_value || is_doubtful).then_some(Commented { written, is_value })
    };
    empty.into_iter().filter_map(found).collect()
}

/// Returns the comment of a line on which nothing else follows the name, except perhaps the tag `!!str`.
fn comment(line: &str) -> Option<&str> {
    let (before, comment) = line.split_once('#')?;
    let is_open =
        before.ends_with([' ', '\t']) && before.trim_end().trim_end_matches("!!str").trim_end().ends_with(':');
    is_open.then_some(comment)
}

fn find_empty(map: &Map, path: &mut Vec<String>, to: &mut Vec<Vec<String>>) {
    for (name, value) in map.iter() {
        path.push(name.to_owned());
        match value {
            Value::Null if is_secret(name) || is_text(name) => to.push(path.clone()),
            // `!!str` before a comment is an empty text.
            Value::Str(text) if text.is_empty() && (is_secret(name) || is_text(name)) => to.push(path.clone()),
            Value::Map(inner) => find_empty(inner, path, to),
            _ => {}
        }
        path.pop();
    }
}

/// True for a text of the form `${NAME}`.
pub(super) fn is_variable(text: &str) -> bool {
    let name = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn a_comment_is_no_value() {
        let text = "s:\n  topic: #t\n  client_id:   # made\n  protocol: # MQTTv311\n  consistency: ## x\n  retain: #true\n  username_pw:\n    username: u # ok\n    \"password\" :\t#secret\n  \
                    path: '#1'\n  tls: # on\n    ca_certs: # the system's\n    certfile: #c\n    keyfilePassword: # none\n    \
                    keyfile: !!str #k\n    keyfile_data: ''  #\n";
        let Ok(Value::Map(root)) = yaml::parse(text) else { panic!("YAML") };
        let Some(Value::Map(service)) = root.get("s") else { panic!("a service") };
        let found = commented(&SourceFile::new("f".into(), text.to_owned().into(), None), &["s".into()], service);
        let found: Vec<_> = found.into_iter().map(|found| (found.written.join("."), found.is_value)).collect();
        let expected = [
            ("topic", true),
            ("username_pw.password", true),
            ("tls.certfile", true),
            ("tls.keyfilePassword", false),
            ("tls.keyfile", true),
        ];
        assert_eq!(found, expected.map(|(name, is_value)| (name.to_owned(), is_value)));
    }

    #[test]
    fn variables_are_known_by_their_form() {
        for text in ["${A}", " ${MQTT_PASSWORD} ", "${A:-x}", "${env.A}"] {
            assert!(is_variable(text), "{text}");
        }
        for text in ["", "$A", "${}", "${A", "a${A}", "${A}b", "${a b}", "$share/g/t", "${A}${B}"] {
            assert!(!is_variable(text), "{text}");
        }
    }
}
