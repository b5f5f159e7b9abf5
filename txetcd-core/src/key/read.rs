//! Reading pieces off the front of a key, and the macro for key types whose bytes always have the same length.

use super::KeyError;

/// Takes the next `N` bytes.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8], expected: &'static str) -> Result<[u8; N], KeyError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(KeyError::expected(expected))?;
    *bytes = rest;
    Ok(*head)
}

/// Reads a whole key with a reader of parts: nothing may be left over.
pub(crate) fn whole<K>(
    mut bytes: &[u8],
    read: impl FnOnce(&mut &[u8]) -> Result<K, KeyError>,
) -> Result<K, KeyError> {
    let key = read(&mut bytes)?;
    if bytes.is_empty() { Ok(key) } else { Err(KeyError::expected("the end of the key")) }
}

/// Implements [`Key`](super::Key) for a type whose bytes always have the same length, so that both forms are
/// the same. `$encode` takes `&$type` and gives `Result<[u8; N], KeyError>`; `$decode` is its inverse.
macro_rules! fixed_size_key {
    ($type:ty, $expected:literal, $encode:expr, $decode:expr) => {
        impl $crate::key::Key for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::key::KeyError> {
                out.extend_from_slice(&$encode(self)?);
                Ok(())
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::key::KeyError> {
                $crate::key::read::whole(bytes, Self::decode_part)
            }

            fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), $crate::key::KeyError> {
                self.encode(out)
            }

            fn decode_part(bytes: &mut &[u8]) -> Result<Self, $crate::key::KeyError> {
                $decode($crate::key::read::take(bytes, $expected)?)
            }

            fn size_hint(&self) -> usize {
                size_of::<Self>()
            }
        }
    };
}

pub(crate) use fixed_size_key;
