//! `String` and `Vec<u8>`: as they are at the end of a key, escaped and terminated in front of something else.
//!
//! In the self-delimiting form `00` becomes `00 FF` and the end is `00 01`. The end sorts before whatever may
//! follow an equal beginning (`00 FF`, or a byte from `01` up), so `"a" < "a\0" < "ab"` in both forms.

use super::{Key, KeyError};

const ESCAPED_NUL: [u8; 2] = [0x00, 0xFF];
const END: [u8; 2] = [0x00, 0x01];

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(std::str::from_utf8(bytes).map_err(|_| INVALID_UTF8)?.to_owned())
    }

    fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        encode_escaped(self.as_bytes(), out);
        Ok(())
    }

    fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        String::from_utf8(decode_escaped(bytes)?).map_err(|_| INVALID_UTF8)
    }

    fn size_hint(&self) -> usize {
        escaped_len(self.as_bytes())
    }
}

impl Key for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(bytes.to_vec())
    }

    fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        encode_escaped(self, out);
        Ok(())
    }

    fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        decode_escaped(bytes)
    }

    fn size_hint(&self) -> usize {
        escaped_len(self)
    }
}

const INVALID_UTF8: KeyError = KeyError::expected("UTF-8 text");

/// Appends the self-delimiting form of a byte string.
pub(super) fn encode_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(escaped_len(bytes));
    encode_unended(bytes, out);
    out.extend_from_slice(&END);
}

/// The escaped bytes without the end, as longer ones begin, too.
pub(super) fn encode_unended(bytes: &[u8], out: &mut Vec<u8>) {
    let mut runs = bytes.split(|&byte| byte == 0);
    out.extend_from_slice(runs.next().unwrap_or_default());
    for run in runs {
        out.extend_from_slice(&ESCAPED_NUL);
        out.extend_from_slice(run);
    }
}

/// How many bytes the self-delimiting form of a byte string has.
pub(super) fn escaped_len(bytes: &[u8]) -> usize {
    bytes.len() + bytes.iter().filter(|&&byte| byte == 0).count() + END.len()
}

fn decode_escaped(bytes: &mut &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut decoded = Vec::new();
    loop {
        let nul = bytes.iter().position(|&byte| byte == 0).ok_or(KeyError::expected("the end mark 00 01"))?;
        let (run, rest) = bytes.split_at(nul);
        decoded.extend_from_slice(run);
        let (mark, rest) = rest.split_first_chunk::<2>().ok_or(KeyError::expected("the end mark 00 01"))?;
        *bytes = rest;
        match *mark {
            ESCAPED_NUL => decoded.push(0),
            END => return Ok(decoded),
            _ => return Err(KeyError::expected("00 FF or 00 01 after the text")),
        }
    }
}
