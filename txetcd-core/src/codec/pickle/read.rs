//! A serde deserializer from the objects of a pickle.

use std::cell::Cell;
use std::slice;

use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::error::ReadError;
use super::key;
use super::tree::{Id, Node, Tree};

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// How much more may be read. An object that is shared counts each time it is met, so that a few bytes cannot
/// stand for gigabytes.
pub(super) struct Budget {
    left: Cell<usize>,
}

impl Budget {
    /// For a pickle of `len` bytes: room for 16 times its size, and for a mebibyte in any case.
    pub(super) fn new(len: usize) -> Self {
        Self { left: Cell::new(len.saturating_mul(16).saturating_add(1 << 20)) }
    }

    pub(super) fn spend(&self, size: usize) -> Result<()> {
        let left = self.left.get().checked_sub(size);
        self.left.set(left.ok_or_else(|| ReadError::new("shared objects make the value too large"))?);
        Ok(())
    }
}

/// An object to be read.
#[derive(Clone, Copy)]
pub(super) struct Item<'a, 'de> {
    tree: &'a Tree<'de>,
    budget: &'a Budget,
    id: Id,
}

impl<'a, 'de> Item<'a, 'de> {
    pub(super) fn root(tree: &'a Tree<'de>, budget: &'a Budget) -> Self {
        Self { tree, budget, id: tree.root }
    }

    fn other(self, id: Id) -> Self {
        Self { id, ..self }
    }
}

impl<'de> de::Deserializer<'de> for Item<'_, 'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.budget.spend(1)?;
        match self.tree.node(self.id) {
            Node::None => visitor.visit_unit(),
            Node::Bool(bool) => visitor.visit_bool(*bool),
            Node::Int(int) => match (u64::try_from(*int), i64::try_from(*int)) {
                (Ok(int), _) => visitor.visit_u64(int),
                (_, Ok(int)) => visitor.visit_i64(int),
                _ => visitor.visit_i128(*int),
            },
            Node::Float(float) => visitor.visit_f64(*float),
            Node::Text(text) => {
                self.budget.spend(text.len())?;
                visitor.visit_borrowed_str(text)
            }
            Node::Bytes(bytes) => {
                self.budget.spend(bytes.len())?;
                visitor.visit_borrowed_bytes(bytes)
            }
            Node::List(items) => {
                let mut items = Items { of: self, left: items.iter() };
                let value = visitor.visit_seq(&mut items)?;
                if items.left.len() == 0 {
                    Ok(value)
                } else {
                    Err(ReadError::new("more elements than the type has"))
                }
            }
            Node::Dict(entries) => {
                key::check(self.tree, entries, self.budget)?;
                visitor.visit_map(Entries { of: self, left: entries.iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.tree.node(self.id) {
            Node::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Node::Bytes(bytes) = self.tree.node(self.id) else {
            return self.deserialize_any(visitor);
        };
        self.budget.spend(bytes.len())?;
        let mut items = SeqDeserializer::new(bytes.iter().copied());
        let value = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(value)
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

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.budget.spend(1)?;
        match self.tree.node(self.id) {
            Node::Text(name) => visitor.visit_enum((*name).into_deserializer()),
            Node::Dict(entries) if entries.len() == 1 => {
                let (name, content) = entries[0];
                visitor.visit_enum(Variant { name: self.other(name), content: self.other(content) })
            }
            _ => Err(ReadError::new("expected a variant as its name, or as a dict of one entry")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct map
        struct identifier
    }
}

/// The elements of a list.
struct Items<'a, 'de> {
    of: Item<'a, 'de>,
    left: slice::Iter<'a, Id>,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.left.next().map(|&id| seed.deserialize(self.of.other(id))).transpose()
    }
}

/// The entries of a dict.
struct Entries<'a, 'de> {
    of: Item<'a, 'de>,
    left: slice::Iter<'a, (Id, Id)>,
    value: Option<Id>,
}

impl<'de> de::MapAccess<'de> for Entries<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(&(key, value)) = self.left.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(self.of.other(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let value =
            self.value.take().ok_or_else(|| ReadError::new("the type asks for a value without a key"))?;
        seed.deserialize(self.of.other(value))
    }
}

/// A variant with a content.
struct Variant<'a, 'de> {
    name: Item<'a, 'de>,
    content: Item<'a, 'de>,
}

impl<'a, 'de> de::EnumAccess<'de> for Variant<'a, 'de> {
    type Error = ReadError;
    type Variant = Item<'a, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant)> {
        Ok((seed.deserialize(self.name)?, self.content))
    }
}

impl<'de> de::VariantAccess<'de> for Item<'_, 'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<()> {
        match self.tree.node(self.id) {
            Node::None => Ok(()),
            _ => Err(de::Error::invalid_type(Unexpected::Other("a value"), &"a variant without one")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
