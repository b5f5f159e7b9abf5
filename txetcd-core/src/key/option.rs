//! `Option`: `00` for `None`, which sorts first, or `01` and the key.

use super::read::take;
use super::{Key, KeyError};

const NONE: u8 = 0;
const SOME: u8 = 1;

impl<K: Key> Key for Option<K> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.reserve(self.size_hint());
        match self {
            None => out.push(NONE),
            Some(key) => {
                out.push(SOME);
                key.encode(out)?;
            }
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes {
            [NONE] => Ok(None),
            [SOME, key @ ..] => K::decode(key).map(Some),
            _ => Err(EXPECTED),
        }
    }

    fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.reserve(self.size_hint());
        match self {
            None => out.push(NONE),
            Some(key) => {
                out.push(SOME);
                key.encode_part(out)?;
            }
        }
        Ok(())
    }

    fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        match take(bytes, "the first byte of an option")? {
            [NONE] => Ok(None),
            [SOME] => K::decode_part(bytes).map(Some),
            _ => Err(EXPECTED),
        }
    }

    fn size_hint(&self) -> usize {
        1 + self.as_ref().map_or(0, K::size_hint)
    }
}

const EXPECTED: KeyError = KeyError::expected("an option as 00, or 01 and a key");
