//! [`Pickle`]: values as Python pickles, as in the Python library's `MapUuidPickle` and its siblings.
//!
//! Writing is that of `serde-pickle`. Reading is not: its reader takes calls of classes for data, nests without
//! a limit and reserves kilobytes for each mark, so that a small value could exhaust stack or memory.

use serde_pickle::{SerOptions, Serializer};

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
/// twice in a `dict`, nesting beyond 128 levels, and shared parts that together are out of proportion to the
/// stored bytes. Needs the feature `pickle`.
#[derive(Debug, Clone, Copy)]
pub struct Pickle;

/// How deeply lists, tuples, sets and dicts may be nested, in writing as in reading.
const MAX_DEPTH: usize = 128;

impl<T, M: Marshal<T>> Codec<T, M> for Pickle {
    const NAME: &'static str = "pickle";

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        // PROTO and STOP are not written by the serializer itself.
        out.extend_from_slice(&[parse::PROTO, 2]);
        let mut serializer = Serializer::new(&mut *out, SerOptions::new().proto_v2());
        M::serialize(value, &mut serializer).map_err(|_| {
            CodecError::new("pickle: the serialization of the type, or of a part of it, failed")
        })?;
        out.push(parse::STOP);
        // What could not be read again is not written.
        let tree = parse::parse(&out[start..])?;
        tree.check_depth(MAX_DEPTH)?;
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let tree = parse::parse(bytes)?;
        let budget = read::Budget::new(bytes.len());
        Ok(M::deserialize(read::Item::root(&tree, &budget))?)
    }
}
