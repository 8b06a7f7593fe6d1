//! What the YAML library gets to see in place of words. Its buffers and its tree are wiped by nobody when they go, so no password
//! may come into them: each word of the text is replaced by one character that stands for it, and what the library makes of the
//! text gets the words back. What has a meaning of its own in YAML stays: numbers, `true`, tags, anchors, escapes.

use zeroize::Zeroizing;

/// The characters of planes 15 and 16, which nobody has given a meaning.
const FIRST: u32 = 0xF_0000;
const LAST: u32 = 0x10_FFFD;

/// Which word each character stands for, in order.
pub(super) struct StandIns<'a>(Vec<&'a str>);

impl<'a> StandIns<'a> {
    #[cfg(test)]
    pub fn none() -> StandIns<'a> {
        StandIns(Vec::new())
    }

    /// The text with stand-ins. It has its lines where they were.
    pub fn put(text: &'a str) -> (Zeroizing<String>, StandIns<'a>) {
        // A text with these characters is no configuration that anybody has; it stays as it is.
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

    /// How many bytes a part has with its words.
    pub fn length(&self, text: &str) -> usize {
        text.chars().map(|c| self.word(c).map_or(c.len_utf8(), str::len)).sum()
    }

    /// A part of what was made of the text, with its words. It has its place in memory at once: a string that grows leaves its
    /// former places behind.
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

/// How many bytes at the beginning of `rest` stay, whatever they are: of a tag, an anchor, an alias, a directive or an escape.
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
            // Between other quotes, or without any, it may be a line's end that follows.
            rest[1..escape].find('\n').map_or(escape, |end| 1 + end)
        }
        _ => 0,
    }
}

/// Whether a plain scalar with this word in it may be something else than a string.
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

/// Whether the word stands alone between quotes: then it is a string, or a part of one.
fn is_quoted(text: &str, word: &str) -> bool {
    let start = word.as_ptr() as usize - text.as_ptr() as usize;
    let (before, after) = (text[..start].chars().next_back(), text[start + word.len()..].chars().next());
    before == after && matches!(before, Some('\'' | '"'))
}
