//! The protocol by which the types of `ciborium::tag` and `ciborium::Value` speak of tags in serde's data model.
//!
//! A tagged item is a tuple variant of the tag's number and the content, an untagged one a newtype variant; the
//! names of the enum and of its variants are reserved for this.

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::error::ReadError;
use super::read::Reader;

/// The name of the enum.
pub(super) const ENUM: &str = "@@TAG@@";
/// The enum and variant of an item with a tag.
pub(super) const TAGGED: (&str, &str) = (ENUM, "@@TAGGED@@");
/// The enum and variant of an item without one.
pub(super) const UNTAGGED: (&str, &str) = (ENUM, "@@UNTAGGED@@");

/// An item, as that enum. Its tag, if any, has been read; its content has not.
pub(super) struct TaggedItem<'a, 'de> {
    reader: &'a mut Reader<'de>,
    tag: Option<u64>,
}

impl<'a, 'de> TaggedItem<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, tag: Option<u64>) -> Self {
        Self { reader, tag }
    }
}

impl<'de> de::EnumAccess<'de> for TaggedItem<'_, 'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let (_, variant) = if self.tag.is_some() { TAGGED } else { UNTAGGED };
        let variant: StrDeserializer<'_, ReadError> = variant.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for TaggedItem<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(unexpected())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ReadError> {
        let tag = self.tag.ok_or_else(unexpected)?;
        visitor.visit_seq(TagAndContent { reader: self.reader, tag: Some(tag), content: true })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, ReadError> {
        Err(unexpected())
    }
}

fn unexpected() -> ReadError {
    ReadError::new("the type uses a reserved name of `ciborium::tag`")
}

struct TagAndContent<'a, 'de> {
    reader: &'a mut Reader<'de>,
    tag: Option<u64>,
    content: bool,
}

impl<'de> de::SeqAccess<'de> for TagAndContent<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        if let Some(tag) = self.tag.take() {
            let tag: U64Deserializer<ReadError> = tag.into_deserializer();
            return seed.deserialize(tag).map(Some);
        }
        if std::mem::take(&mut self.content) {
            return seed.deserialize(&mut *self.reader).map(Some);
        }
        Ok(None)
    }
}
