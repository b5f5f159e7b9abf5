//! Text in front of eight bytes, with no mark between them: the text is all but the last eight.
//!
//! A longer text sorts by what follows it in a shorter one. In front of something else, where Python has no form,
//! the keys have the form of the ordinary tuple.

use super::AnyTimestamp;
use crate::key::{Key, KeyError};
use crate::oid::Oid;

macro_rules! suffixed {
    ($(#[$doc:meta])* $name:ident, $suffix:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub String, pub $suffix);

        impl Key for $name {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.size_hint());
                self.0.encode(out)?;
                self.1.encode(out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
                let (text, suffix) = bytes.split_last_chunk::<8>().ok_or(KeyError::expected("text and 8 bytes"))?;
                Ok(Self(String::decode(text)?, <$suffix>::decode(suffix)?))
            }

            fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
                out.reserve(self.size_hint());
                self.0.encode_part(out)?;
                self.1.encode_part(out)
            }

            fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError> {
                Ok(Self(String::decode_part(bytes)?, <$suffix>::decode_part(bytes)?))
            }

            fn size_hint(&self) -> usize {
                self.0.size_hint() + self.1.size_hint()
            }
        }
    };
}

suffixed! {
    /// Text and an [`Oid`], 8 bytes big-endian (`_StringOidKeysMixin`). Python can read back only those whose text has
    /// eight bytes.
    StringOid, Oid
}

suffixed! {
    /// Text and a timestamp as `i64` nanoseconds since 1970, big-endian (`_StringTimestampKeysMixin`).
    StringTimestamp, AnyTimestamp
}
