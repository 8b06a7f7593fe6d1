//! A value like `&secret` is an anchor with nothing behind it, and `&se:cret` one with `:cret` behind it: what was meant as a
//! value would be lost without a word.

use zeroize::Zeroizing;

use super::value::Value;

/// Stands for the anchor that is looked at; no configuration has it.
const MARK: &str = "sinetstream anchor mark";
/// Each takes another reading of the text.
const MAX_ANCHORS: usize = 100;

/// The line (from 1) of a value that is, or begins with, what is taken for an anchor, and its name.
pub(super) fn lost_value(text: &str, root: &Value, parse: impl Fn(&str) -> Option<Value>) -> Option<(usize, String)> {
    let unused = anchors(text).filter(|(_, name)| !has_alias(text, name));
    unused.take(MAX_ANCHORS).find_map(|(start, name)| {
        let (before, after) = (&text[..start], &text[start + 1 + name.len()..]);
        let parse = |between: &str| parse(&Zeroizing::new([before, between, after].concat()));
        let found = if after.starts_with(|c: char| !c.is_whitespace() && !matches!(c, ',' | ']' | '}')) {
            // Without it the text means the same, so it is an anchor; with something in its place it begins a value.
            let is_anchor = parse("")? == *root;
            is_anchor.then(|| parse(MARK))
        } else {
            // Whatever an anchor stands before can't follow a string, so with one in its place the text is YAML only if
            // there is nothing.
            has_null(root).then(|| parse(&format!("\"{MARK}\"")))
        };
        Some((1 + before.matches('\n').count(), name_of_mark(&found??, "")?.to_owned()))
    })
}

/// Whether the anchor is referred to.
fn has_alias(text: &str, name: &str) -> bool {
    text.match_indices(&format!("*{name}")).any(|(start, alias)| !text[start + alias.len()..].starts_with(is_in_name))
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Where anchors may be, and their names.
fn anchors(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('&').filter_map(move |(start, _)| {
        let begins =
            text[..start].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '[' | '{' | ','));
        let rest = &text[start + 1..];
        let length = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
        (begins && length > 0).then(|| (start, &rest[..length]))
    })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Map(map) => map.iter().any(|(_, value)| has_null(value)),
        Value::List(items) => items.iter().any(has_null),
        _ => false,
    }
}

/// The name of the value that is the mark. Items of a list have the list's.
fn name_of_mark<'a>(value: &'a Value, name: &'a str) -> Option<&'a str> {
    match value {
        Value::Str(text) => text.starts_with(MARK).then_some(name),
        Value::Map(map) => map.iter().find_map(|(name, value)| name_of_mark(value, name)),
        Value::List(items) => items.iter().find_map(|item| name_of_mark(item, name)),
        _ => None,
    }
}
