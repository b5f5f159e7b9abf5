//! Arrays and maps that are being read: [`Items`] and [`Entries`].

use ciborium_ll::Header;
use serde::de::{self, DeserializeSeed};

use super::error::{ReadError, Step};
use super::map_key::MapKey;
use super::read::Reader;

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// So many keys are compared each with each.
const FEW_KEYS: usize = 8;

/// How many elements are left; `None` until the break of an indefinite length.
struct Left(Option<usize>);

impl Left {
    fn new(reader: &Reader<'_>, len: Option<usize>, items_an_element: usize) -> Result<Self> {
        if let Some(len) = len {
            reader.input.check_count(len.saturating_mul(items_an_element))?;
        }
        Ok(Self(len))
    }

    /// Whether there is a next element, which is then taken for read.
    fn next(&mut self, reader: &mut Reader<'_>) -> Result<bool> {
        match &mut self.0 {
            Some(0) => return Ok(false),
            Some(left) => *left -= 1,
            None if reader.input.skip_if(|header| header == Header::Break)? => {
                self.0 = Some(0);
                return Ok(false);
            }
            None => {}
        }
        Ok(true)
    }

    /// Refuses elements that the type did not ask for.
    fn finish(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        if self.next(reader)? { Err(reader.input.refused("more elements than the type has")) } else { Ok(()) }
    }
}

/// Reads the next item; an error says where it was, and by which step it is reached.
fn read<'de, S: DeserializeSeed<'de>>(
    reader: &mut Reader<'de>,
    seed: S,
    step: impl FnOnce(&Reader<'de>) -> Step,
) -> Result<S::Value> {
    let start = reader.input.offset();
    seed.deserialize(&mut *reader).map_err(|error| error.at(start).inside(step(reader)))
}

/// The elements of an array.
pub(super) struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Left,
    index: usize,
}

impl<'a, 'de> Items<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, len: Option<usize>) -> Result<Self> {
        let left = Left::new(reader, len, 1)?;
        Ok(Self { reader, left, index: 0 })
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.left.finish(self.reader)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.left.next(self.reader)? {
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        read(self.reader, seed, |_| Step::Index(index)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left.0
    }
}

/// The entries of a map.
pub(super) struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Left,
    /// Of a struct: its fields.
    fields: &'static [&'static str],
    /// Where the keys of this map begin in [`Reader::keys`].
    first_key: usize,
}

impl<'a, 'de> Entries<'a, 'de> {
    pub(super) fn new(
        reader: &'a mut Reader<'de>,
        len: Option<usize>,
        fields: &'static [&'static str],
    ) -> Result<Self> {
        let left = Left::new(reader, len, 2)?;
        let first_key = reader.keys.len();
        Ok(Self { reader, left, fields, first_key })
    }

    /// Refuses a key that came twice. Sorting them here needs no more memory than the keys' places; a few are compared with
    /// each other, which is sooner done.
    pub(super) fn finish(mut self) -> Result<()> {
        self.left.finish(self.reader)?;
        let keys = &mut self.reader.keys[self.first_key..];
        let is_twice = if keys.len() <= FEW_KEYS {
            (1..keys.len()).any(|at| keys[..at].contains(&keys[at]))
        } else {
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair[0] == pair[1])
        };
        if is_twice {
            return Err(self.reader.input.refused("a map has a key twice"));
        }
        self.reader.keys.truncate(self.first_key);
        Ok(())
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.left.next(self.reader)? {
            return Ok(None);
        }
        let index = self.reader.keys.len() - self.first_key;
        let start = self.reader.input.offset();
        let tags_around = std::mem::take(&mut self.reader.tags_count);
        let key = read(self.reader, seed, |_| Step::Index(index))?;
        self.reader.keys.push(MapKey::of(self.reader.input.since(start), self.reader.tags_count)?);
        self.reader.tags_count |= tags_around;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let (fields, last) = (self.fields, self.reader.keys.len().saturating_sub(1));
        let index = last.saturating_sub(self.first_key);
        read(self.reader, seed, |reader| match reader.keys.get(last) {
            // The field's name is the type's own; a key that is not a field is data.
            Some(MapKey::Text(text)) => fields
                .iter()
                .find(|field| **text == *field.as_bytes())
                .map_or(Step::Index(index), |field| Step::Field(field)),
            _ => Step::Index(index),
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.left.0
    }
}
