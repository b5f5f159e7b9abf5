//! Codecs for sets, as in the Python library: [`UuidSet`], [`OidSet`] and [`StringSet`].

use std::collections::BTreeSet;

use uuid::Uuid;

use super::raw::refused;
use super::{Codec, CodecError};
use crate::key::Key;
use crate::oid::Oid;

/// A `BTreeSet<Uuid>` as the 16 bytes of each, in ascending order (`zlmdb`'s `_UuidSetValuesMixin`).
///
/// Python writes any order, which is read as well. It reads back no more than the first sixteenth of the elements,
/// one at least, whoever wrote them: a bug of `zlmdb` up to 26.10.
#[derive(Debug, Clone, Copy)]
pub struct UuidSet;

/// A `BTreeSet<Oid>` as the 8 bytes of each, big-endian, in ascending order (`zlmdb`'s `_OidSetValuesMixin`).
///
/// Python writes any order, which is read as well. It reads back no more than the first eighth of the elements,
/// one at least, whoever wrote them: a bug of `zlmdb` up to 26.10.
#[derive(Debug, Clone, Copy)]
pub struct OidSet;

/// A `BTreeSet<String>` as the UTF-8 of each in ascending order, joined by `00` (`zlmdb`'s `_StringSetValuesMixin`).
///
/// Strings with a `00` are refused, and so is the set of nothing but the empty string, whose bytes are those of the
/// empty set. Python writes any order, which is read as well, but can read none of it: its reader fails
/// on every value. None of its map types uses it.
#[derive(Debug, Clone, Copy)]
pub struct StringSet;

macro_rules! fixed_size_set {
    ($codec:ty, $value:ty, $size:literal, $name:literal) => {
        impl<M> Codec<BTreeSet<$value>, M> for $codec {
            const NAME: &'static str = $name;

            fn encode(set: &BTreeSet<$value>, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.reserve(set.len() * $size);
                set.iter().try_for_each(|element| element.encode(out)).map_err(refused)
            }

            fn decode(bytes: &[u8]) -> Result<BTreeSet<$value>, CodecError> {
                let (elements, []) = bytes.as_chunks::<$size>() else {
                    return Err(CodecError::new(concat!("expected a multiple of ", $size, " bytes")));
                };
                distinct(elements.iter().map(|element| <$value>::decode(element).map_err(refused)))
            }
        }
    };
}

fixed_size_set!(UuidSet, Uuid, 16, "uuid_set");
fixed_size_set!(OidSet, Oid, 8, "oid_set");

impl<M> Codec<BTreeSet<String>, M> for StringSet {
    const NAME: &'static str = "string_set";

    fn encode(set: &BTreeSet<String>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if set.iter().any(|text| text.contains('\0')) {
            return Err(CodecError::new("a string with a 00 cannot be in a string set"));
        }
        if set.len() == 1 && set.contains("") {
            return Err(CodecError::new("the set of the empty string would be read as the empty set"));
        }
        for (index, text) in set.iter().enumerate() {
            if index > 0 {
                out.push(0);
            }
            out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<BTreeSet<String>, CodecError> {
        if bytes.is_empty() {
            return Ok(BTreeSet::new());
        }
        let text = |bytes: &[u8]| String::decode(bytes).map_err(refused);
        distinct(bytes.split(|&byte| byte == 0).map(text))
    }
}

fn distinct<T: Ord>(
    elements: impl Iterator<Item = Result<T, CodecError>>,
) -> Result<BTreeSet<T>, CodecError> {
    let mut set = BTreeSet::new();
    for element in elements {
        if !set.insert(element?) {
            return Err(CodecError::new("a set has an element twice"));
        }
    }
    Ok(set)
}
