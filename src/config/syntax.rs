//! Explains errors in a YAML text in words that say what to do: the parser's own messages are about its internals.

/// The parser's message about a second document, which has no place.
pub(super) const MORE_DOCUMENTS: &str = "deserializing from YAML containing more than one document is not supported";

/// Its message about a name without a ':'.
pub(super) const NO_COLON: &str = "could not find expected ':'";

/// Its message about a name where none can stand.
pub(super) const NO_MAP_HERE: &str = "mapping values are not allowed in this context";

/// Returns the line that the parser's whole message gives for the name of a value.
pub(super) fn line_of_name(whole: &str) -> Option<usize> {
    let (_, place) = whole.split_once("while scanning a simple key at line ")?;
    place.split(' ').next()?.parse().ok()
}

/// Rewords the parser's message. `line` is the line of the error.
pub(super) fn explain(message: &str, line: Option<&str>) -> String {
    // Which characters such a message can be about: where none of them begins the line's value, it is about another value.
    let quotes = |about: &[char]| match line.and_then(first_of_value) {
        Some(first) if about.contains(&first) => format!("a value that begins with '{first}' needs quotes"),
        _ => "a value needs quotes".into(),
    };
    match message {
        "found character that cannot start any token" if line.is_some_and(is_indented_by_tab) => {
            "there is a tab before the first word; indent with spaces".into()
        }
        "found character that cannot start any token" => quotes(&['@', '`', '%', '\t']),
        "did not find expected alphabetic or numeric character" => quotes(&['*', '&']),
        "did not find expected node content" => quotes(&[',', ']', '}', '?', ':']),
        "block sequence entries are not allowed in this context" => quotes(&['-']),
        "unknown anchor" => format!("{}; or it is an alias without its anchor (&name)", quotes(&['*'])),
        NO_COLON => "a name without a value, or a blank is missing after ':'".into(),
        "found unexpected ':'" => {
            "a name without a value, or a blank is missing after ':'; a value with ':' in it needs quotes".into()
        }
        NO_MAP_HERE => {
            "a name with a colon can't stand here; a value with ': ' in it needs quotes, and names of one map need the same \
             indentation"
                .into()
        }
        "found unexpected end of stream" => "a quote is not closed".into(),
        "found unknown escape character" => {
            "an unknown escape after '\\' between double quotes; between single quotes '\\' is a character like others".into()
        }
        "did not find expected ',' or ']'" => "a list in [ ] lacks a comma, or its end".into(),
        "did not find expected ',' or '}'" => "a map in { } lacks a comma, or its end".into(),
        "did not find expected key" | "did not find expected '-' indicator" => {
            "the indentation does not fit the lines before it".into()
        }
        MORE_DOCUMENTS => {
            "there is more than one document (a second line '---'); one is expected".into()
        }
        "repetition limit exceeded" => "aliases (*name) repeat more than is allowed; write the values out".into(),
        other => other.into(),
    }
}

/// Returns the first character of the value on this line.
fn first_of_value(line: &str) -> Option<char> {
    let value = match line.split_once(": ") {
        Some((_, value)) => value,
        None => line.trim_start().strip_prefix("- ")?,
    };
    value.trim_start().chars().next()
}

/// True for `name:value` above `other: value`, which has the same indentation.
pub(super) fn lacks_blank(line: Option<&str>, next: Option<&str>) -> bool {
    let (Some(line), Some(next)) = (line, next) else { return false };
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let names = line
        .trim()
        .split_once(':')
        .filter(|(name, value)| is_word(name) && !value.starts_with([' ', '\t']) && !value.starts_with("//"));
    names.is_some_and(|(_, value)| !value.is_empty()) && indentation(line) == indentation(next)
}

fn is_indented_by_tab(line: &str) -> bool {
    line.chars().take_while(|c| c.is_whitespace() || *c == '-').any(|c| c == '\t')
}
