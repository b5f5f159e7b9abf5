//! `[u8; N]`: its bytes as they are.

use super::read::{take, whole};
use super::{Key, KeyError};

impl<const N: usize> Key for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        whole(bytes, Self::decode_part)
    }

    fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode(out)
    }

    fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
        take(bytes, "as many bytes as the array has")
    }

    fn size_hint(&self) -> usize {
        N
    }
}
