//! Text for a terminal. Names in a file or in an answer of a configuration server may be anybody's, and so may a message.

use crate::strangers::changes_order;

/// Without what would control a terminal, or show characters in another order than they have.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || changes_order(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal() {
        let text = "a\u{1b}[31m\r\u{9b}2J\n\t\u{202e}b \u{e9}";
        assert_eq!(harmless(text), "a\\u{1b}[31m\\u{d}\\u{9b}2J\n\t\\u{202e}b \u{e9}");
    }
}
