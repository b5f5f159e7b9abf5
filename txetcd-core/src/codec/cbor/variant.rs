//! [`Variant`]: an enum that is being read.

use serde::Deserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Unexpected, Visitor};

use super::error::ReadError;
use super::read::Reader;

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// The name of a variant, alone or as the key of a map whose value is its content.
pub(super) struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    has_content: bool,
}

impl<'a, 'de> Variant<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, has_content: bool) -> Self {
        Self { reader, has_content }
    }

    fn content(self, expected: &dyn de::Expected) -> Result<&'a mut Reader<'de>> {
        if self.has_content {
            Ok(self.reader)
        } else {
            Err(de::Error::invalid_type(Unexpected::UnitVariant, expected))
        }
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.reader)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<()> {
        if self.has_content { Deserialize::deserialize(self.reader) } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.content(&"a variant with a value")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.content(&"a variant with values")?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.content(&"a variant with fields")?.deserialize_struct("", fields, visitor)
    }
}
