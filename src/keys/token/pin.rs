//! The rules for a PIN. A token counts each wrong one, so a PIN that can't be right is found before it is shown to a token.

use crate::wiped::Secret;

/// Returns the PIN in a file, without the line end that editors append.
pub(crate) fn in_file(text: &[u8]) -> Result<Secret, &'static str> {
    let line = text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line));
    if line.is_empty() {
        return Err("the file is empty");
    }
    if [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| line.starts_with(mark)) {
        return Err(
            "the file begins with a byte order mark; a file with nothing but the PIN, as ASCII or UTF-8, is expected",
        );
    }
    if line.contains(&b'\n') || line.contains(&b'\r') {
        return Err(
            "the file has more than one line, or more than one line's end; one line with nothing but the PIN is expected",
        );
    }
    if [line.first(), line.last()].into_iter().flatten().any(|byte| matches!(byte, b' ' | b'\t')) {
        return Err("the file begins or ends with a blank; a PIN that does so can be given as 'pin', in quotes");
    }
    match has_control(line) {
        true => Err("the file holds a control character; one line with nothing but the PIN is expected"),
        false => Ok(Secret::new(line.to_vec())),
    }
}

/// Returns whether the PIN has a control character, which nobody types into a token.
pub(crate) fn has_control(pin: &[u8]) -> bool {
    pin.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_more_than_a_pin_is_refused_with_what_it_has() {
        for text in ["12 34", "12 34\n", "12 34\r\n"] {
            assert_eq!(in_file(text.as_bytes()).expect("a PIN").bytes(), b"12 34");
        }
        for (text, words) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"\r\n", "empty"),
            (b"\xef\xbb\xbf1234\n", "byte order mark"),
            (b"\xff\xfe1\x002\x00", "byte order mark"),
            (b"1234\n\n", "more than one line"),
            (b"1234\r\n\r\n", "more than one line"),
            (b"1234\r\r\n", "more than one line"),
            (b"1234\r", "more than one line"),
            (b"1234\n5678\n", "more than one line"),
            (b"1234 \n", "blank"),
            (b"\t1234", "blank"),
            (b"12\x0034", "control character"),
        ] {
            assert!(in_file(text).expect_err("no PIN").contains(words), "{text:?}");
        }
    }
}
