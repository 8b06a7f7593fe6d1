//! Limits on the size of one configuration. By aliases, a file of some kilobytes can repeat itself until memory runs out.

use std::cell::Cell;

/// The limit of names and values together. A service has some dozens.
pub(super) const MAX_VALUES: usize = 100_000;
/// The limit of names in one map.
const MAX_NAMES: usize = 5_000;
/// The limit of text in names and values, counting what aliases repeat: twice the size that a file may have.
const MAX_TEXT: usize = 8 << 20;

/// The part of the limits that one document has not used yet.
pub(super) struct Budget {
    values: Cell<usize>,
    text: Cell<usize>,
}

impl Budget {
    pub fn new() -> Budget {
        Budget { values: Cell::new(MAX_VALUES), text: Cell::new(MAX_TEXT) }
    }

    /// Counts a name or a value. The error says which limit is reached.
    pub fn take_one(&self) -> Result<(), String> {
        let left = self.values.get().checked_sub(1);
        self.values.set(left.ok_or_else(|| format!("more than {MAX_VALUES} names and values, {REPEATED}"))?);
        Ok(())
    }

    /// Counts the text of a name or a value.
    pub fn take_text(&self, length: usize) -> Result<(), String> {
        let left = self.text.get().checked_sub(length);
        self.text.set(left.ok_or_else(|| format!("more than {MAX_TEXT} bytes of text, {REPEATED}"))?);
        Ok(())
    }
}

/// Refuses another name in a map that has reached its limit.
pub(super) fn check_names(names: usize) -> Result<(), String> {
    match names < MAX_NAMES {
        true => Ok(()),
        false => Err(format!("a map has more than {MAX_NAMES} names")),
    }
}

const REPEATED: &str = "those counted that aliases (*name) repeat; write the values out, or into several files";

/// Refuses a JSON text with too many names and values, before it is parsed.
pub(super) fn check_json(text: &[u8]) -> Result<(), String> {
    match values_in(text) > MAX_VALUES {
        true => Err(format!("it has more than {MAX_VALUES} names and values")),
        false => Ok(()),
    }
}

/// Counts names and values: each of them but the first follows one of these characters.
fn values_in(json: &[u8]) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b':' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_json_are_counted_without_parsing_it() {
        assert_eq!(values_in(b"{\"a\": [1, \"x,\\\",[{:\", {}], \"b\": null}"), 9);
        assert_eq!(values_in(b""), 1);
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(check_json(many.as_bytes()).is_err_and(|what| what.contains("100000 names and values")));
        let long = format!("[\"{}\"]", ",".repeat(2 * MAX_VALUES));
        assert_eq!(check_json(long.as_bytes()), Ok(()));
    }
}
