//! A value like `&secret` is an anchor with nothing behind it, and `&se:cret` one with `:cret` behind it: what was meant as a
//! value would be lost without a word.

use zeroize::Zeroizing;

use super::value::Value;

use std::collections::HashSet;

/// Stands for the anchor that is looked at; no configuration has it.
const MARK: &str = "sinetstream anchor mark";
/// Each anchor takes two more readings of the text, so in a long text fewer are looked at.
const MAX_ANCHORS: usize = 100;
/// So much is read again for all anchors together.
const MAX_BYTES: usize = 4 << 20;
/// So many values are made again for all anchors together: aliases make many of a short text.
const MAX_VALUES: usize = 200_000;

/// The line (from 1) of a value that is, or begins with, what is taken for an anchor, and its name.
pub(super) fn lost_value(text: &str, root: &Value, parse: impl Fn(&str) -> Option<Value>) -> Option<(usize, String)> {
    let aliases = names(text, '*').map(|(_, name)| name).collect::<HashSet<_>>();
    let unused = anchors(text).filter(|(_, name)| !aliases.contains(name));
    let has_null = has_null(root);
    unused.take(most(text, root)).find_map(|(start, name)| {
        let (before, after) = (&text[..start], &text[start + 1 + name.len()..]);
        let parse = |between: &str| parse(&Zeroizing::new([before, between, after].concat()));
        let found = if after.starts_with(|c: char| !c.is_whitespace() && !matches!(c, ',' | ']' | '}')) {
            // Without it the text means the same, so it is an anchor; with something in its place it begins a value.
            let is_anchor = parse("")? == *root;
            is_anchor.then(|| parse(MARK))
        } else {
            // Whatever an anchor stands before can't follow a string, so with one in its place the text is YAML only if
            // there is nothing.
            has_null.then(|| parse(&format!("\"{MARK}\"")))
        };
        Some((1 + before.matches('\n').count(), name_of_mark(&found??, "")?.to_owned()))
    })
}

/// How many anchors of the text are looked at.
fn most(text: &str, root: &Value) -> usize {
    let by_text = MAX_BYTES / (2 * text.len()).max(1);
    let by_values = MAX_VALUES / (2 * values(root));
    by_text.min(by_values).clamp(1, MAX_ANCHORS)
}

/// How many values there are, this one included.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Map(map) => map.iter().map(|(_, value)| values(value)).sum(),
        Value::List(items) => items.iter().map(values).sum(),
        _ => 0,
    }
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Where anchors may be, and their names.
fn anchors(text: &str) -> impl Iterator<Item = (usize, &str)> {
    names(text, '&').filter(|(start, _)| {
        text[..*start].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '[' | '{' | ','))
    })
}

/// Where the sign of an anchor or an alias stands before a name, and the name.
fn names(text: &str, sign: char) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(sign).filter_map(move |(start, _)| {
        let rest = &text[start + 1..];
        let length = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
        (length > 0).then(|| (start, &rest[..length]))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_long_text_is_read_again_a_few_times_only() {
        for (anchors, padding, values, most) in
            [(500, 0, 1, 2 * MAX_ANCHORS), (500, 1 << 20, 1, 4), (500, 4 << 20, 1, 2), (500, 0, 50_000, 4)]
        {
            let text: String = (0..anchors).map(|i| format!("- &a{i}\n")).collect::<String>() + &" ".repeat(padding);
            let read = Cell::new(0);
            let parse = |_: &str| {
                read.set(read.get() + 1);
                Some(Value::Null)
            };
            assert_eq!(
                lost_value(&text, &Value::List(vec![Value::Null; values - 1 + usize::from(values == 1)]), parse),
                None
            );
            assert!((1..=most).contains(&read.get()), "{} readings", read.get());
        }
    }
}
