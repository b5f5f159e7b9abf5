//! The [`Writer`]: a serde serializer into CBOR.

use ciborium_ll::{Encoder, Header, simple, tag};
use serde::ser::{self, Serialize};

use super::error::WriteError;
use super::known::{Known, SELF_DESCRIBED_TAG, UUID_TAG};
use super::tagged::{TAGGED, UNTAGGED};
use crate::codec::limit::{MAX_DEPTH, MAX_WRAPPERS};

mod collection;

use collection::Collection;

type Result<T = (), E = WriteError> = std::result::Result<T, E>;

/// Appends one CBOR item to a buffer.
pub(super) struct Writer<'out> {
    out: &'out mut Vec<u8>,
    next: Next,
    depth: usize,
    wrappers: usize,
}

/// What the next call of the serializer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Item,
    /// An item that is not marked if it is a byte string.
    Unmarked,
    /// A sequence of bytes, as a byte string.
    ByteString,
    /// An element of that sequence, as its byte.
    Byte,
    /// The number of a tag, for the types of `ciborium::tag`.
    Tag,
}

impl<'out> Writer<'out> {
    pub(super) fn new(out: &'out mut Vec<u8>) -> Self {
        Self { out, next: Next::Item, depth: 0, wrappers: 0 }
    }

    /// Prepares for a value whose type has a CBOR form of its own; to be called before it is serialized.
    pub(super) fn announce<T: ?Sized>(&mut self, value: &T) -> Result {
        match Known::of(value) {
            Known::Uuid => {
                self.next = Next::Unmarked;
                return self.push(Header::Tag(UUID_TAG));
            }
            Known::Value => self.next = Next::Unmarked,
            Known::ByteString => self.next = Next::ByteString,
            Known::Nothing if self.next == Next::Unmarked => self.next = Next::Item,
            Known::Nothing => {}
        }
        Ok(())
    }

    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.announce(value)?;
        value.serialize(self)
    }

    /// Writes what is in an option or newtype, which have no bytes of their own.
    fn write_wrapped<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        if self.wrappers >= MAX_WRAPPERS {
            return Err(WriteError::TOO_DEEP);
        }
        self.wrappers += 1;
        self.write(value)?;
        self.wrappers -= 1;
        Ok(())
    }

    fn push(&mut self, header: Header) -> Result {
        Encoder::from(&mut *self.out).push(header).map_err(|_| WriteError::OUT_OF_MEMORY)
    }

    fn push_bytes(&mut self, header: Header, bytes: &[u8]) -> Result {
        self.push(header)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn descend(&mut self) -> Result {
        if self.depth >= MAX_DEPTH {
            return Err(WriteError::TOO_DEEP);
        }
        self.depth += 1;
        Ok(())
    }

    /// Begins a map from the name of a variant to its content.
    fn begin_variant(&mut self, variant: &str) -> Result {
        self.descend()?;
        self.push(Header::Map(Some(1)))?;
        self.push_bytes(Header::Text(Some(variant.len())), variant.as_bytes())
    }

    fn sequence(&mut self, len: Option<usize>) -> Result<Collection<'_, 'out>> {
        if self.next == Next::ByteString {
            self.next = Next::Byte;
            return Collection::begin(self, Header::Bytes(len));
        }
        Collection::begin(self, Header::Array(len))
    }

    fn big(&mut self, tag: u64, magnitude: u128) -> Result {
        self.push(Header::Tag(tag))?;
        let bytes = magnitude.to_be_bytes();
        let bytes = &bytes[magnitude.leading_zeros() as usize / 8..];
        self.push_bytes(Header::Bytes(Some(bytes.len())), bytes)
    }
}

macro_rules! as_wider {
    ($($method:ident: $type:ty => $wider:ident;)*) => {$(
        fn $method(self, v: $type) -> Result {
            self.$wider(v.into())
        }
    )*};
}

impl<'a, 'out> ser::Serializer for &'a mut Writer<'out> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Collection<'a, 'out>;
    type SerializeTuple = Collection<'a, 'out>;
    type SerializeTupleStruct = Collection<'a, 'out>;
    type SerializeTupleVariant = Collection<'a, 'out>;
    type SerializeMap = Collection<'a, 'out>;
    type SerializeStruct = Collection<'a, 'out>;
    type SerializeStructVariant = Collection<'a, 'out>;

    as_wider! {
        serialize_i8: i8 => serialize_i64;
        serialize_i16: i16 => serialize_i64;
        serialize_i32: i32 => serialize_i64;
        serialize_u16: u16 => serialize_u64;
        serialize_u32: u32 => serialize_u64;
        serialize_f32: f32 => serialize_f64;
    }

    fn serialize_bool(self, v: bool) -> Result {
        self.push(Header::Simple(if v { simple::TRUE } else { simple::FALSE }))
    }

    fn serialize_u8(self, v: u8) -> Result {
        if self.next == Next::Byte {
            self.out.push(v);
            return Ok(());
        }
        self.serialize_u64(v.into())
    }

    fn serialize_u64(self, v: u64) -> Result {
        if self.next == Next::Tag {
            self.next = Next::Item;
            return self.push(Header::Tag(v));
        }
        self.push(Header::Positive(v))
    }

    fn serialize_i64(self, v: i64) -> Result {
        self.push(if v < 0 { Header::Negative(!v as u64) } else { Header::Positive(v as u64) })
    }

    fn serialize_u128(self, v: u128) -> Result {
        match u64::try_from(v) {
            Ok(v) => self.push(Header::Positive(v)),
            Err(_) => self.big(tag::BIGPOS, v),
        }
    }

    fn serialize_i128(self, v: i128) -> Result {
        if v >= 0 {
            return self.serialize_u128(v as u128);
        }
        match u64::try_from(!v) {
            Ok(v) => self.push(Header::Negative(v)),
            Err(_) => self.big(tag::BIGNEG, !v as u128),
        }
    }

    fn serialize_f64(self, v: f64) -> Result {
        self.push(Header::Float(v))
    }

    fn serialize_char(self, v: char) -> Result {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result {
        self.push_bytes(Header::Text(Some(v.len())), v.as_bytes())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result {
        if self.next != Next::Unmarked {
            self.push(Header::Tag(SELF_DESCRIBED_TAG))?;
        }
        self.push_bytes(Header::Bytes(Some(v.len())), v)
    }

    fn serialize_none(self) -> Result {
        self.push(Header::Simple(simple::NULL))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.write_wrapped(value)
    }

    fn serialize_unit(self) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        self.write_wrapped(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        if (name, variant) == UNTAGGED {
            return self.write(value);
        }
        self.begin_variant(variant)?;
        self.write(value)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        self.sequence(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple> {
        self.sequence(Some(len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct> {
        self.sequence(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        if (name, variant) == TAGGED {
            self.next = Next::Tag;
            return Collection::bare(self);
        }
        self.begin_variant(variant)?;
        Collection::begin(self, Header::Array(Some(len))).map(Collection::in_variant)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap> {
        Collection::begin(self, Header::Map(len))
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Self::SerializeStruct> {
        Collection::begin(self, Header::Map(Some(len)))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant> {
        self.begin_variant(variant)?;
        Collection::begin(self, Header::Map(Some(len))).map(Collection::in_variant)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
