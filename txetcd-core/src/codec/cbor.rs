//! [`Cbor`]: values as CBOR, as in the Python library's `MapUuidCbor` and its siblings.
//!
//! Writing and reading are serde implementations of this crate over the item headers of `ciborium-ll`, because
//! four things that rows need are out of reach from outside of `ciborium`: a [`Uuid`] written as tag 37 and byte
//! strings as such without attributes on the fields; tags skipped where serde buffers (`flatten`, internally
//! tagged enums); repeated map keys and leftover elements refused; errors that say where and what was expected
//! and hold no stored value. `ciborium`'s `Value` and its `tag` types work as they do with `ciborium`.

use super::{Codec, CodecError, Marshal};

mod collection;
mod error;
mod input;
mod known;
mod map_key;
mod read;
mod strings;
mod tagged;
mod variant;
mod write;

#[cfg(doc)]
use uuid::Uuid;

/// CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)), of which a struct is a map keyed by field name in
/// the order of declaration.
///
/// | Rust | CBOR |
/// | --- | --- |
/// | struct, map | map |
/// | sequence, tuple | array |
/// | `Vec<u8>`, `[u8]`, `Box<[u8]>`, `[u8; 1..=32]` | byte string |
/// | [`Uuid`] | tag 37 and 16 bytes |
/// | integer | integer, beyond 64 bits tag 2 or 3 |
/// | float | the shortest of 16, 32 and 64 bits that holds it exactly |
/// | `None`, `()` | null |
/// | unit variant, any other variant | its name, a map from its name to its content |
///
/// These are the types that Python's `cbor2` reads as equal objects, with one exception. A `Uuid` that another
/// type serializes as its own (`#[serde(transparent)]`, `#[serde(untagged)]`) is written as a byte string with the
/// tag 55799, which stands for nothing, and Python reads it as `bytes`.
///
/// Reading skips tags, so the tagged forms of Python are read as their contents: a set (258) as any collection,
/// a datetime (0) or date (1004) as text or [`Timestamp`](crate::Timestamp), a `Decimal` (4) as its exponent and
/// mantissa. A `Uuid` is read from text too. Indefinite lengths are accepted. Refused are bytes after the value,
/// a key twice in a map, more elements than the type has, [deep nesting](Codec), lengths beyond the end.
#[derive(Debug, Clone, Copy)]
pub struct Cbor;

impl<T, M: Marshal<T>> Codec<T, M> for Cbor {
    const NAME: &'static str = "cbor";

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let mut writer = write::Writer::new(out);
        writer.announce(value).and_then(|()| M::serialize(value, &mut writer)).map_err(CodecError::from)
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let mut reader = read::Reader::new(bytes);
        let value = M::deserialize(&mut reader).map_err(|error| CodecError::from(error.at(0)))?;
        reader.end()?;
        Ok(value)
    }
}
