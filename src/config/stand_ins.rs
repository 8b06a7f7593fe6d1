//! The text that the YAML library gets to see. The library does not wipe its buffers and its tree, so no password may reach
//! them: each word of the text is replaced by one stand-in character, and the words are restored in the library's results.
//! Parts that have a meaning of their own in YAML stay: numbers, `true`, tags, anchors, escapes.

use zeroize::Zeroizing;

/// The private-use characters of planes 15 and 16, to which no standard gives a meaning.
const FIRST: u32 = 0xF_0000;
const LAST: u32 = 0x10_FFFD;

/// The words in the order of the characters that stand for them.
pub(super) struct StandIns<'a>(Vec<&'a str>);

impl<'a> StandIns<'a> {
    #[cfg(test)]
    pub fn none() -> StandIns<'a> {
        StandIns(Vec::new())
    }

    /// Replaces the words of the text by stand-ins. The lines stay the same.
    pub fn put(text: &'a str) -> (Zeroizing<String>, StandIns<'a>) {
        // No real configuration has these characters; such a text stays as it is.
        if text.chars().any(is_stand_in) {
            return (text.to_owned().into(), StandIns(Vec::new()));
        }
        let mut words = Vec::new();
        let mut replaced = String::new();
        let mut rest = text;
        let mut before = '\n';
        while let Some(first) = rest.chars().next() {
            let stays = kept(rest, before);
            let word =
                rest[stays..].find(|c: char| !c.is_alphanumeric()).map_or(&rest[stays..], |end| &rest[stays..][..end]);
            replaced.push_str(&rest[..stays]);
            match char::from_u32(FIRST + words.len() as u32).filter(|c| is_stand_in(*c)) {
                Some(_) if word.is_empty() => {}
                Some(_) if has_a_meaning(word) && !is_quoted(text, word) => replaced.push_str(word),
                Some(stand_in) => {
                    replaced.push(stand_in);
                    words.push(word);
                }
                None => replaced.push_str(word),
            }
            let mut length = stays + word.len();
            if length == 0 {
                replaced.push(first);
                length = first.len_utf8();
            }
            before = rest[..length].chars().next_back().unwrap_or(before);
            rest = &rest[length..];
        }
        (replaced.into(), StandIns(words))
    }

    fn word(&self, c: char) -> Option<&str> {
        is_stand_in(c).then(|| self.0.get((c as u32 - FIRST) as usize).copied()).flatten()
    }

    /// Returns the length in bytes of a part after its words are restored.
    pub fn length(&self, text: &str) -> usize {
        text.chars().map(|c| self.word(c).map_or(c.len_utf8(), str::len)).sum()
    }

    /// Restores the words in a part of the library's result. The string is allocated at its full size at once: one that grows
    /// leaves unwiped copies behind.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(self.length(text));
        for c in text.chars() {
            match self.word(c) {
                Some(word) => restored.push_str(word),
                None => restored.push(c),
            }
        }
        restored
    }
}

fn is_stand_in(c: char) -> bool {
    (FIRST..=LAST).contains(&(c as u32))
}

/// Returns how many bytes at the beginning of `rest` stay unchanged because they belong to a tag, an anchor, an alias, a
/// directive or an escape.
fn kept(rest: &str, before: char) -> usize {
    let begins = before.is_whitespace() || matches!(before, '[' | '{' | ',');
    let until = |end: fn(char) -> bool| 1 + rest[1..].find(end).unwrap_or(rest.len() - 1);
    match rest.as_bytes()[0] {
        b'%' if before == '\n' => until(|c| c == '\n'),
        b'!' if begins => until(char::is_whitespace),
        b'&' | b'*' if begins => until(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')),
        b'\\' => {
            let digits = match rest.as_bytes().get(1) {
                Some(b'x') => 2,
                Some(b'u') => 4,
                Some(b'U') => 8,
                _ => 0,
            };
            let escape = rest.char_indices().nth(2 + digits).map_or(rest.len(), |(end, _)| end);
            // Outside double quotes a backslash is no escape, so a line may end right behind it.
            rest[1..escape].find('\n').map_or(escape, |end| 1 + end)
        }
        _ => 0,
    }
}

/// Whether a plain scalar with this word in it may be something other than a string.
fn has_a_meaning(word: &str) -> bool {
    let is_word = ["true", "false", "null", "inf", "nan"].iter().any(|known| known.eq_ignore_ascii_case(word));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let has_base =
        word.get(..2).is_some_and(|base| ["0x", "0o", "0b"].iter().any(|known| known.eq_ignore_ascii_case(base)));
    let is_scientific = || match word.split_once(['e', 'E']) {
        Some((number, exponent)) => (number.is_empty() || digits(number)) && (exponent.is_empty() || digits(exponent)),
        None => false,
    };
    is_word || digits(word) || (has_base && word[2..].bytes().all(|b| b.is_ascii_hexdigit())) || is_scientific()
}

/// Whether the word stands alone between quotes, so that it is a string or a part of one.
fn is_quoted(text: &str, word: &str) -> bool {
    let start = word.as_ptr() as usize - text.as_ptr() as usize;
    let (before, after) = (text[..start].chars().next_back(), text[start + word.len()..].chars().next());
    before == after && matches!(before, Some('\'' | '"'))
}
