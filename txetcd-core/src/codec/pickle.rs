//! [`Pickle`]: values as Python pickles, as in the Python library's `MapUuidPickle` and its siblings.
//!
//! Writing is that of `serde-pickle`. Reading is not: its reader takes calls of classes for data, nests without
//! a limit and reserves kilobytes for each mark, so that a small value could exhaust stack or memory.

use serde_pickle::{SerOptions, Serializer};

use super::limited::Limits;
use super::{Codec, CodecError, Marshal};

mod error;
mod key;
mod parse;
mod read;
mod tree;

/// Python's `pickle.dumps(value, protocol=2)` of plain data, by `zlmdb`'s `_PickleValuesMixin`
/// ([the opcodes](https://github.com/python/cpython/blob/main/Lib/pickletools.py)).
///
/// A struct is a `dict` from field names in the order of declaration, a sequence a `list`, a tuple a `tuple`, a
/// unit variant its name, any other variant a `dict` from its name to its content, a [`Uuid`](crate::Uuid) text
/// with hyphens, a `Vec<u8>` a `list` of integers. Protocol 2 has no byte strings, so types that serialize as
/// serde bytes cannot be written. Neither can integers of more than 64 bits.
///
/// Read are `None`, `bool`, `int` of up to 128 bits, `float`, `str`, `bytes`, `list`, `tuple`, `set`, `dict` of the
/// protocols 2 to 5. Whatever would import or call something is refused, and so are bytes after the value, a key
/// twice in a `dict`, [deep nesting](Codec), and shared parts that together are out of proportion to the
/// stored bytes. Needs the feature `pickle`.
#[derive(Debug, Clone, Copy)]
pub struct Pickle;

const FORMAT: &str = "pickle";

impl<T, M: Marshal<T>> Codec<T, M> for Pickle {
    const NAME: &'static str = FORMAT;

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        // PROTO and STOP are not written by the serializer itself.
        out.extend_from_slice(&[parse::PROTO, 2]);
        let mut serializer = Serializer::new(&mut *out, SerOptions::new().proto_v2());
        let limits = Limits::new();
        M::serialize(value, limits.around(&mut serializer)).map_err(|_| {
            let failed =
                || CodecError::new("pickle: the serialization of the type, or of a part of it, failed");
            limits.refusal(FORMAT).unwrap_or_else(failed)
        })?;
        out.push(parse::STOP);
        // What could not be read again is not written.
        parse::parse(&out[start..])?;
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let tree = parse::parse(bytes)?;
        let budget = read::Budget::new(bytes.len());
        let limits = Limits::new();
        M::deserialize(limits.around(read::Item::root(&tree, &budget)))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| error.into()))
    }
}
