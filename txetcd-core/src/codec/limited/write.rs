//! Writing within [`Limits`](super::Limits): the serializer, its collections, and the values that they are given.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Limited, Limits};

/// A value, whose parts are to be written with the same limits.
impl<T: Serialize + ?Sized> Serialize for Limited<'_, &T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(self.limits.around(serializer))
    }
}

/// An array or map, with the levels that end with it: two for the content of a variant.
pub(in crate::codec) struct Collection<'a, C> {
    inner: C,
    limits: &'a Limits,
    levels: usize,
}

impl<'a, S: Serializer> Limited<'a, S> {
    fn begin<C>(
        self,
        levels: usize,
        begin: impl FnOnce(S) -> Result<C, S::Error>,
    ) -> Result<Collection<'a, C>, S::Error> {
        self.limits.enter(levels).map_err(S::Error::custom)?;
        Ok(Collection { inner: begin(self.inner)?, limits: self.limits, levels })
    }
}

macro_rules! leaves {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method(self, $($argument: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($argument),*)
        }
    )*};
}

impl<'a, S: Serializer> Serializer for Limited<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Collection<'a, S::SerializeSeq>;
    type SerializeTuple = Collection<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Collection<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Collection<'a, S::SerializeTupleVariant>;
    type SerializeMap = Collection<'a, S::SerializeMap>;
    type SerializeStruct = Collection<'a, S::SerializeStruct>;
    type SerializeStructVariant = Collection<'a, S::SerializeStructVariant>;

    leaves! {
        serialize_bool(v: bool); serialize_i8(v: i8); serialize_i16(v: i16); serialize_i32(v: i32);
        serialize_i64(v: i64); serialize_i128(v: i128); serialize_u8(v: u8); serialize_u16(v: u16);
        serialize_u32(v: u32); serialize_u64(v: u64); serialize_u128(v: u128); serialize_f32(v: f32);
        serialize_f64(v: f64); serialize_char(v: char); serialize_str(v: &str); serialize_none();
        serialize_unit(); serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    /// An array in some formats.
    fn serialize_bytes(self, v: &[u8]) -> Result<S::Ok, S::Error> {
        self.limits.enter(1).map_err(S::Error::custom)?;
        self.limits.leave(1);
        self.inner.serialize_bytes(v)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.limits.wrap().map_err(S::Error::custom)?;
        let done = self.inner.serialize_some(&self.limits.around(value));
        self.limits.unwrap();
        done
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.limits.wrap().map_err(S::Error::custom)?;
        let done = self.inner.serialize_newtype_struct(name, &self.limits.around(value));
        self.limits.unwrap();
        done
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.limits.enter(1).map_err(S::Error::custom)?;
        let done = self.inner.serialize_newtype_variant(name, index, variant, &self.limits.around(value));
        self.limits.leave(1);
        done
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.begin(1, |inner| inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.begin(1, |inner| inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.begin(1, |inner| inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.begin(2, |inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.begin(1, |inner| inner.serialize_map(len))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.begin(1, |inner| inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.begin(2, |inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! collections {
    ($($trait:ident: $($method:ident($($key:ident)?)),*;)*) => {$(
        impl<C: $trait> $trait for Collection<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), C::Error> {
                self.inner.$method($($key,)? &self.limits.around(value))
            })*

            fn end(self) -> Result<C::Ok, C::Error> {
                self.limits.leave(self.levels);
                self.inner.end()
            }
        }
    )*};
}

collections! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(key);
    SerializeStructVariant: serialize_field(key);
}
