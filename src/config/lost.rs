//! Values that are not what their writer meant: `password: #secret` is a comment with no value before it, and `${NAME}` stands for
//! a variable of the environment only where other programs read it.

use super::parameters::{is_secret, is_text};
use super::value::{Map, Value};
use super::yaml;

/// So many are looked for; each takes another reading of the file.
const MAX_LOOKED_FOR: usize = 20;
/// In a long file fewer: so much of it is read again for all together.
const MAX_BYTES: usize = 4 << 20;

/// The places in a service (which is at this path of the file) of texts and secrets that have no value before a comment.
pub(super) fn commented(text: &str, path: &[String], service: &Map) -> Vec<Vec<String>> {
    if !text.lines().any(|line| line.split_once('#').is_some_and(|(before, _)| is_open(before))) {
        return Vec::new();
    }
    let mut empty = Vec::new();
    find_empty(service, &mut Vec::new(), &mut empty);
    let most = (MAX_BYTES / text.len().max(1)).clamp(1, MAX_LOOKED_FOR);
    let is_commented = |inside: &Vec<String>| {
        let full: Vec<String> = path.iter().chain(inside).cloned().collect();
        let line = yaml::line_of(text, &full).and_then(|number| text.lines().nth(number - 1));
        line.and_then(|line| line.split_once('#')).is_some_and(|(before, _)| is_open(before))
    };
    empty.into_iter().take(most).filter(is_commented).collect()
}

/// Nothing follows the name.
fn is_open(before: &str) -> bool {
    before.ends_with([' ', '\t']) && before.trim_end().ends_with(':')
}

fn find_empty(map: &Map, path: &mut Vec<String>, to: &mut Vec<Vec<String>>) {
    for (name, value) in map.iter() {
        path.push(name.to_owned());
        match value {
            Value::Null if is_secret(name) || is_text(name) => to.push(path.clone()),
            Value::Map(inner) => find_empty(inner, path, to),
            _ => {}
        }
        path.pop();
    }
}

/// True for `${NAME}`.
pub(super) fn is_variable(text: &str) -> bool {
    let name = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_no_value() {
        let text = "s:\n  topic: # t\n  retain: # true\n  username_pw:\n    username: u # ok\n    \"password\" :\t#secret\n  \
                    client_id: '#1'\n  tls: # on\n    ca_certs:\n    certfile: #c\n";
        let Ok(Value::Map(root)) = yaml::parse(text) else { panic!("YAML") };
        let Some(Value::Map(service)) = root.get("s") else { panic!("a service") };
        let found = commented(text, &["s".into()], service);
        let found: Vec<String> = found.into_iter().map(|path| path.join(".")).collect();
        assert_eq!(found, ["topic", "username_pw.password", "tls.certfile"]);
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
