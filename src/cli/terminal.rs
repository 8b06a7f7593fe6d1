//! Makes text harmless for a terminal. An attacker may have chosen a name in a file, an answer of a configuration server, or a
//! message.

use crate::strangers::changes_order;

/// Returns the text without characters that would control a terminal, or show others in a different order.
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
