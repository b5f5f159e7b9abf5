//! [`Collection`]: an array, map or byte string that is being written.

use ciborium_ll::Header;
use serde::ser::{self, Serialize};

use super::{Next, Result, Writer};
use crate::codec::cbor::error::WriteError;

/// An array, map or byte string whose header is written and whose elements follow.
pub(in crate::codec::cbor) struct Collection<'a, 'out> {
    writer: &'a mut Writer<'out>,
    /// How many levels of nesting end with it: two for the content of a variant.
    levels: usize,
    /// Whether the end has to be marked, since the header does not say the length.
    open: bool,
}

impl<'a, 'out> Collection<'a, 'out> {
    pub(super) fn begin(writer: &'a mut Writer<'out>, header: Header) -> Result<Self> {
        let mut collection = Self::bare(writer)?;
        collection.open = matches!(header, Header::Array(None) | Header::Map(None) | Header::Bytes(None));
        collection.writer.push(header)?;
        Ok(collection)
    }

    /// A tag and its content, which have no header in common.
    pub(super) fn bare(writer: &'a mut Writer<'out>) -> Result<Self> {
        writer.descend()?;
        Ok(Self { writer, levels: 1, open: false })
    }

    pub(super) fn in_variant(mut self) -> Self {
        self.levels += 1;
        self
    }

    fn finish(self) -> Result {
        self.writer.next = Next::Item;
        self.writer.depth -= self.levels;
        if self.open { self.writer.push(Header::Break) } else { Ok(()) }
    }
}

macro_rules! elements {
    ($($trait:ident, $method:ident;)*) => {$(
        impl ser::$trait for Collection<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                self.writer.write(value)
            }

            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

macro_rules! fields {
    ($($trait:ident;)*) => {$(
        impl ser::$trait for Collection<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
                self.writer.write(key)?;
                self.writer.write(value)
            }

            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for Collection<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.writer.write(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.writer.write(value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}
