//! Texts from outside (of a broker, a web server, a certificate, a token), made safe to show to people.

/// Returns at most `most` characters of a text, without those that would control a terminal or change the order in which
/// characters are shown.
pub(crate) fn harmless(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !changes_order(*c)).take(most).collect()
}

/// Returns whether it is one of the marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9,
/// section 2).
pub(crate) fn changes_order(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal_or_the_order() {
        assert_eq!(harmless("a\u{1b}[2Jb\n\u{202e}c\u{2066}d\u{200f}e\u{61c}\u{e9}", 100), "a[2Jbcde\u{e9}");
        assert_eq!(harmless("abc", 2), "ab");
    }
}
