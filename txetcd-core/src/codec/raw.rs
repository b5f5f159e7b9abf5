//! Codecs whose values are their own bytes, as in the Python library: [`Utf8`], [`Binary`], [`OidValue`],
//! [`UuidValue`] and [`TimestampValue`].

use uuid::Uuid;

use super::{Codec, CodecError};
use crate::key::{Key, KeyError};
use crate::oid::Oid;
use crate::timestamp::Timestamp;

/// A `String` as its UTF-8 bytes (`zlmdb`'s `_StringValuesMixin`).
#[derive(Debug, Clone, Copy)]
pub struct Utf8;

/// A `Vec<u8>` or `[u8; N]` as it is (`zlmdb`'s `_Bytes16ValuesMixin`, `_Bytes20ValuesMixin`, `_Bytes32ValuesMixin`).
/// Python's `None` is zeros.
#[derive(Debug, Clone, Copy)]
pub struct Binary;

/// An [`Oid`] as 8 bytes big-endian (`zlmdb`'s `_OidValuesMixin`).
#[derive(Debug, Clone, Copy)]
pub struct OidValue;

/// A [`Uuid`] as its 16 bytes in RFC order (`zlmdb`'s `_UuidValuesMixin`). Python's `None` is the nil uuid.
#[derive(Debug, Clone, Copy)]
pub struct UuidValue;

/// A [`Timestamp`] as its nanoseconds since 1970, an `i64` big-endian (`zlmdb`'s `_TimestampValuesMixin`). Unlike a
/// key it can be before 1970. Python's `None` is 0, and Python's 1970-01-01T00:00:00 is `None` when read there.
#[derive(Debug, Clone, Copy)]
pub struct TimestampValue;

impl<M> Codec<Timestamp, M> for TimestampValue {
    const NAME: &'static str = "timestamp";

    fn encode(value: &Timestamp, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&value.as_nanos().to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Timestamp, CodecError> {
        let nanos = bytes.try_into().map_err(|_| CodecError::new("expected 8 bytes of a timestamp"))?;
        Ok(Timestamp::from_nanos(i64::from_be_bytes(nanos)))
    }
}

impl<M, const N: usize> Codec<[u8; N], M> for Binary {
    const NAME: &'static str = "binary";

    fn encode(value: &[u8; N], out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<[u8; N], CodecError> {
        bytes.try_into().map_err(|_| CodecError::new(format!("expected {N} bytes")))
    }
}

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

/// The errors of keys hold no part of them.
pub(super) fn refused(error: KeyError) -> CodecError {
    CodecError::new(error.to_string())
}
