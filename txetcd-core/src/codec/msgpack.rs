//! [`MsgPack`]: values as MessagePack.

use rmp_serde::Serializer;
use rmp_serde::decode::{Deserializer, Error};

use super::limited::Limits;
use super::serde_message::{REFUSED, expectation};
use super::{Codec, CodecError, Marshal};

mod scan;

/// [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md), of which a struct is a map keyed by
/// field name in the order of declaration.
///
/// A unit variant is its name, any other variant a map from its name to its content. A [`Uuid`](crate::Uuid) is a
/// `bin` of 16 bytes, a `Vec<u8>` an array of integers. Refused are bytes after the value, a key twice in a map,
/// lengths beyond the end, and [deep nesting](Codec). The Python library has no map type of this codec. Needs
/// the feature `msgpack`.
#[derive(Debug, Clone, Copy)]
pub struct MsgPack;

const FORMAT: &str = "msgpack";

impl<T, M: Marshal<T>> Codec<T, M> for MsgPack {
    const NAME: &'static str = FORMAT;

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        let mut serializer = Serializer::new(&mut *out).with_struct_map();
        let limits = Limits::new();
        M::serialize(value, limits.around(&mut serializer)).map_err(|_| {
            let failed =
                || CodecError::new("msgpack: the serialization of the type, or of a part of it, failed");
            limits.refusal(FORMAT).unwrap_or_else(failed)
        })?;
        // What could not be read again is not written.
        scan::check(&out[start..])
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        scan::check(bytes)?;
        let mut deserializer = Deserializer::from_read_ref(bytes);
        let limits = Limits::new();
        M::deserialize(limits.around(&mut deserializer))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| refused(&error)))
    }
}

fn refused(error: &Error) -> CodecError {
    let reason = match error {
        Error::Uncategorized(message) | Error::Syntax(message) => expectation(message).unwrap_or(REFUSED),
        Error::TypeMismatch(_) => "a value of another type was expected",
        Error::OutOfRange => "a number is out of the range of its type",
        Error::LengthMismatch(_) => "another number of elements was expected",
        Error::Utf8Error(_) => "expected UTF-8 text",
        Error::DepthLimitExceeded => "nested too deeply",
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => "the bytes end before the value does",
    };
    CodecError::new(format!("msgpack: {reason}"))
}
