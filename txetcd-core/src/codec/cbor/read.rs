//! The [`Reader`]: a serde deserializer from CBOR.

use ciborium_ll::{Header, simple};
use serde::de::{self, Visitor};
use smallvec::SmallVec;

use super::collection::{Entries, Items};
use super::error::ReadError;
use super::input::Input;
use super::known::is_value;
use super::map_key::MapKey;
use super::strings::{ByteString, visit_bytes, visit_text};
use super::tagged::{self, TaggedItem};
use super::variant::Variant;
use crate::codec::limit::{MAX_DEPTH, MAX_WRAPPERS, TOO_DEEP};

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// Reads one CBOR item.
///
/// A visitor is shown what is there, whatever it asked for: it refuses what does not fit, and takes what does (a
/// float takes an integer). Only byte strings are shown as asked for.
pub(super) struct Reader<'de> {
    pub(super) input: Input<'de>,
    /// The keys so far of the maps that are being read, the innermost map's last.
    pub(super) keys: SmallVec<[MapKey<'de>; 6]>,
    /// Whether a tag was shown, or passed over for nobody to see what it stands before: keys that differ only by tags
    /// are two then. Else they are one to the type.
    pub(super) tags_count: bool,
    depth: usize,
    wrappers: usize,
}

const ONE_VARIANT: &str = "expected a variant as a map of one entry";

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { input: Input::new(bytes), keys: SmallVec::new(), tags_count: false, depth: 0, wrappers: 0 }
    }

    /// Refuses bytes after the item.
    pub(super) fn end(&self) -> Result<()> {
        if self.input.remaining() == 0 { Ok(()) } else { Err(self.input.refused("bytes follow the value")) }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.input.refused(TOO_DEEP));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Reads what is in an option or newtype, which need no bytes of their own.
    fn wrapped<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.wrappers >= MAX_WRAPPERS {
            return Err(self.input.refused(TOO_DEEP));
        }
        self.wrappers += 1;
        let value = read(self)?;
        self.wrappers -= 1;
        Ok(value)
    }

    fn visit<V: Visitor<'de>>(&mut self, visitor: V, byte_string: ByteString) -> Result<V::Value> {
        self.visit_struct(&[], visitor, byte_string)
    }

    /// Visits an item which, if a map, has these fields.
    fn visit_struct<V: Visitor<'de>>(
        &mut self,
        fields: &'static [&'static str],
        visitor: V,
        byte_string: ByteString,
    ) -> Result<V::Value> {
        let mut tag = None;
        let header = loop {
            match self.input.header()? {
                Header::Tag(number) if is_value::<V::Value>() => {
                    return self.visit_tagged(Some(number), visitor);
                }
                Header::Tag(number) => tag = Some(number),
                header => break header,
            }
        };
        match header {
            Header::Positive(number) => visitor.visit_u64(number),
            Header::Negative(number) => match i64::try_from(number) {
                Ok(number) => visitor.visit_i64(!number),
                Err(_) => visitor.visit_i128(!i128::from(number)),
            },
            Header::Float(number) => visitor.visit_f64(number),
            Header::Simple(simple::FALSE) => visitor.visit_bool(false),
            Header::Simple(simple::TRUE) => visitor.visit_bool(true),
            Header::Simple(simple::NULL | simple::UNDEFINED) => visitor.visit_unit(),
            Header::Bytes(len) => visit_bytes(self.input.byte_string(len)?, tag, visitor, byte_string),
            Header::Text(len) => visit_text(self.input.text(len)?, visitor),
            Header::Array(len) => self.nested(|reader| {
                let mut items = Items::new(reader, len)?;
                let value = visitor.visit_seq(&mut items)?;
                items.finish()?;
                Ok(value)
            }),
            Header::Map(len) => self.nested(|reader| {
                let mut entries = Entries::new(reader, len, fields)?;
                let value = visitor.visit_map(&mut entries)?;
                entries.finish()?;
                Ok(value)
            }),
            Header::Simple(_) | Header::Tag(_) | Header::Break => Err(ReadError::new("expected a value")),
        }
    }

    fn visit_tagged<V: Visitor<'de>>(&mut self, tag: Option<u64>, visitor: V) -> Result<V::Value> {
        if tag.is_none() {
            return visitor.visit_enum(TaggedItem::new(self, tag));
        }
        self.tags_count = true;
        self.nested(|reader| visitor.visit_enum(TaggedItem::new(reader, tag)))
    }
}

macro_rules! visit {
    ($($byte_string:ident: $($method:ident)*;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.visit(visitor, ByteString::$byte_string)
        }
    )*)*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = ReadError;

    visit! {
        Bytes: deserialize_bytes deserialize_byte_buf;
        Sequence: deserialize_seq;
        Unknown: deserialize_any;
        Refused: deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
            deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_unit deserialize_map;
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_ignored_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.tags_count = true;
        self.visit(visitor, ByteString::Bytes)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let is_none = |header| matches!(header, Header::Simple(simple::NULL | simple::UNDEFINED));
        if self.input.skip_if(is_none)? {
            return visitor.visit_none();
        }
        self.wrapped(|reader| visitor.visit_some(reader))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.wrapped(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.visit_struct(fields, visitor, ByteString::Refused)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if name == tagged::ENUM {
            let tag = self.input.tag()?;
            return self.visit_tagged(tag, visitor);
        }
        while self.input.tag()?.is_some() {}
        match self.input.peek()? {
            Header::Map(len @ (None | Some(1))) => self.nested(|reader| {
                reader.input.header()?;
                let value = visitor.visit_enum(Variant::new(reader, true))?;
                if len.is_none() && reader.input.header()? != Header::Break {
                    return Err(reader.input.refused(ONE_VARIANT));
                }
                Ok(value)
            }),
            Header::Map(_) => Err(ReadError::new(ONE_VARIANT)),
            _ => visitor.visit_enum(Variant::new(self, false)),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
