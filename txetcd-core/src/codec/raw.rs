//! Codecs whose values are their own bytes, as in the Python library: [`Utf8`], [`Binary`], [`OidValue`] and
//! [`UuidValue`].

use uuid::Uuid;

use super::{Codec, CodecError};
use crate::key::{Key, KeyError};
use crate::oid::Oid;

/// A `String` as its UTF-8 bytes (`zlmdb`'s `_StringValuesMixin`).
#[derive(Debug, Clone, Copy)]
pub struct Utf8;

/// A `Vec<u8>` as it is.
#[derive(Debug, Clone, Copy)]
pub struct Binary;

/// An [`Oid`] as 8 bytes big-endian (`zlmdb`'s `_OidValuesMixin`).
#[derive(Debug, Clone, Copy)]
pub struct OidValue;

/// A [`Uuid`] as its 16 bytes in RFC order (`zlmdb`'s `_UuidValuesMixin`). Python's `None` is the nil uuid.
#[derive(Debug, Clone, Copy)]
pub struct UuidValue;

// The whole form of these types as keys is their form as values.
macro_rules! raw_codec {
    ($codec:ty, $value:ty, $name:literal) => {
        impl<M> Codec<$value, M> for $codec {
            const NAME: &'static str = $name;

            fn encode(value: &$value, out: &mut Vec<u8>) -> Result<(), CodecError> {
                value.encode(out).map_err(refused)
            }

            fn decode(bytes: &[u8]) -> Result<$value, CodecError> {
                <$value>::decode(bytes).map_err(refused)
            }
        }
    };
}

raw_codec!(Utf8, String, "utf8");
raw_codec!(Binary, Vec<u8>, "binary");
raw_codec!(OidValue, Oid, "oid");
raw_codec!(UuidValue, Uuid, "uuid");

fn refused(error: KeyError) -> CodecError {
    CodecError::new(error.to_string())
}
