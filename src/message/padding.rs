//! Padding: bytes after a text that fill its last block.

use crate::config::Padding;

/// The length of an AES block.
pub(super) const BLOCK: usize = 16;
/// The first byte of ISO/IEC 7816-4's padding.
const ONE: u8 = 0x80;

/// Pads the bytes of `buffer` from `start` on.
pub(super) fn pad(padding: Padding, buffer: &mut Vec<u8>, start: usize) {
    let length = buffer.len();
    let rest = BLOCK - (length - start) % BLOCK;
    let (first, filler, last) = match padding {
        Padding::None => return,
        Padding::Pkcs7 => (rest as u8, rest as u8, rest as u8),
        Padding::Iso7816 if rest == 1 => (ONE, 0, ONE),
        Padding::Iso7816 => (ONE, 0, 0),
        Padding::X923 if rest == 1 => (1, 0, 1),
        Padding::X923 => (0, 0, rest as u8),
    };
    buffer.resize(length + rest, filler);
    buffer[length] = first;
    buffer[length + rest - 1] = last;
}

/// Returns the length of a text without its padding; `None` if it has none.
pub(super) fn unpadded(padding: Padding, text: &[u8]) -> Option<usize> {
    let by_last = || {
        let last = *text.last()?;
        text.len().checked_sub(usize::from(last)).filter(|_| (1..=BLOCK as u8).contains(&last))
    };
    match padding {
        Padding::None => Some(text.len()),
        Padding::Pkcs7 => {
            let length = by_last()?;
            text[length..].iter().all(|byte| *byte == text[text.len() - 1]).then_some(length)
        }
        Padding::Iso7816 => {
            let length = text.iter().rposition(|byte| *byte != 0)?;
            (text[length] == ONE && text.len() - length <= BLOCK).then_some(length)
        }
        // The bytes before the length may be anything: some writers use random ones.
        Padding::X923 => by_last(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Padding; 4] = [Padding::None, Padding::Pkcs7, Padding::Iso7816, Padding::X923];

    #[test]
    fn what_was_padded_has_whole_blocks_and_its_length_again() {
        for padding in ALL {
            for length in 0..3 * BLOCK {
                let mut text = vec![0x80; 5];
                text.extend((0..length).map(|i| [0, 1, 0x80, 0x10][i % 4]));
                pad(padding, &mut text, 5);
                if padding != Padding::None {
                    assert_eq!((text.len() - 5) % BLOCK, 0, "{padding:?}, {length}");
                }
                assert_eq!(unpadded(padding, &text[5..]), Some(length), "{padding:?}, {length}");
            }
        }
    }

    #[test]
    fn each_padding_has_its_bytes() {
        let padded = |padding, length: usize| {
            let mut text = vec![7; length];
            pad(padding, &mut text, 0);
            text.split_off(length)
        };
        assert_eq!(padded(Padding::Pkcs7, 13), [3, 3, 3]);
        assert_eq!(padded(Padding::Iso7816, 13), [0x80, 0, 0]);
        assert_eq!(padded(Padding::X923, 13), [0, 0, 3]);
        assert_eq!(padded(Padding::Pkcs7, 15), [1]);
        assert_eq!(padded(Padding::Iso7816, 15), [0x80]);
        assert_eq!(padded(Padding::X923, 15), [1]);
        // ISO 10126 has random bytes before the length, and so have some writers of X9.23.
        assert_eq!(unpadded(Padding::X923, &[7, 7, 9, 1, 3]), Some(2));
    }

    #[test]
    fn what_is_no_padding_is_told() {
        for text in [&[][..], &[0], &[17; 16], &[7, 7, 2, 3]] {
            assert_eq!(unpadded(Padding::Pkcs7, text), None, "{text:?}");
        }
        for text in [&[][..], &[0; 16], &[1, 2, 3], &[[0x80].as_slice(), &[0; 16]].concat()] {
            assert_eq!(unpadded(Padding::Iso7816, text), None, "{text:?}");
        }
        for text in [&[][..], &[0], &[17; 17], &[2]] {
            assert_eq!(unpadded(Padding::X923, text), None, "{text:?}");
        }
    }
}
