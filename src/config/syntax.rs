//! Explains errors in a YAML text in words that say what to do: the parser's own messages are about its internals.

/// Rewords the parser's message. `line` is the line of the error.
pub(super) fn explain(message: &str, line: Option<&str>) -> String {
    let quotes = || match line.and_then(first_of_value) {
        Some(first) => format!("a value that begins with '{first}' needs quotes"),
        None => "a value needs quotes".into(),
    };
    match message {
        "found character that cannot start any token" if line.is_some_and(is_indented_by_tab) => {
            "there is a tab before the first word; indent with spaces".into()
        }
        "found character that cannot start any token"
        | "did not find expected alphabetic or numeric character"
        | "did not find expected node content"
        | "block sequence entries are not allowed in this context" => quotes(),
        "unknown anchor" => format!("{}; or it is an alias without its anchor (&name)", quotes()),
        "mapping values are not allowed in this context" => {
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
        "deserializing from YAML containing more than one document is not supported" => {
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

fn is_indented_by_tab(line: &str) -> bool {
    line.chars().take_while(|c| c.is_whitespace() || *c == '-').any(|c| c == '\t')
}
