//! [`IndexDeclaration`]: what a struct says of one of its indexes, and the entries that follow for a row.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use txetcd_client::{Error, Result, error::Kind};

use crate::catalogue::declaration::Declaration;
use crate::engine::bookkeeping::slot_of;
use crate::engine::naming::{describe_row, index_name};
use crate::engine::schema::{Entry, IndexMeta, Reference, ReferenceMeta, TableSchema, Unindexed};
use crate::engine::write_set::NewRow;
use crate::evolution::decode_row;
use crate::key::{Key, KeyError, KeyLike};
use crate::persist::Persist;
use crate::reference;
use crate::table::rows::Rows;

/// An index of the rows of type `T`, as the struct declares it. Made by generated code.
pub struct IndexDeclaration<T> {
    meta: IndexMeta,
    keys: fn(&T, &mut IndexKeys),
}

impl<T> IndexDeclaration<T> {
    /// The index `name` in `slot`, of values of type `K` that `keys` takes from a row; `of` says from what.
    #[doc(hidden)]
    pub const fn new<K: Key>(
        name: &'static str,
        slot: u16,
        unique: bool,
        of: &'static [&'static str],
        keys: fn(&T, &mut IndexKeys),
    ) -> Self {
        let key = std::any::type_name::<K>;
        let is_whole = |bytes: &[u8]| K::decode(bytes).is_ok();
        Self { meta: IndexMeta { name, slot, unique, key, of, length: length::<K>, is_whole }, keys }
    }

    pub(crate) const fn meta(&self) -> &IndexMeta {
        &self.meta
    }

    /// The entries of a row with this primary key. No entry is there twice.
    fn entries(&self, row: &T, primary: &[u8]) -> Result<Vec<Entry>, KeyError> {
        let IndexMeta { slot, unique, .. } = self.meta;
        let mut keys = IndexKeys { slot, unique, keys: Vec::new(), error: None };
        (self.keys)(row, &mut keys);
        if let Some(error) = keys.error {
            return Err(error);
        }
        keys.keys.sort_unstable();
        keys.keys.dedup();
        let entry = |mut key: Vec<u8>| {
            if unique {
                return Entry { key, value: primary.to_vec(), unique };
            }
            key.extend_from_slice(primary);
            Entry { key, value: Vec::new(), unique }
        };
        Ok(keys.keys.into_iter().map(entry).collect())
    }
}

fn length<K: Key>(bytes: &[u8]) -> Result<usize, KeyError> {
    let mut rest = bytes;
    K::decode_part(&mut rest)?;
    Ok(bytes.len() - rest.len())
}

impl<T> fmt::Debug for IndexDeclaration<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexDeclaration({}, slot {})", self.meta.name, self.meta.slot)
    }
}

/// The values under which a row is found, as bytes. For generated code.
#[doc(hidden)]
#[derive(Debug)]
pub struct IndexKeys {
    slot: u16,
    unique: bool,
    keys: Vec<Vec<u8>>,
    error: Option<KeyError>,
}

impl IndexKeys {
    /// Adds a value.
    pub fn add<K: Key, Q: KeyLike<K> + ?Sized>(&mut self, value: &Q) {
        let mut key = self.slot.to_be_bytes().to_vec();
        let encoded = if self.unique { value.encode_key(&mut key) } else { value.encode_key_part(&mut key) };
        match encoded {
            Ok(()) => self.keys.push(key),
            Err(error) => self.error = Some(error),
        }
    }

    /// Adds what a function returned.
    pub fn add_computed<K: Key, V: IndexValue<K>>(&mut self, value: V) {
        value.add_to(self);
    }
}

/// What a function named by `index(with = ...)` returns: a `K`, a reference to one, or an `Option` of these, of which
/// `None` is not indexed.
#[diagnostic::on_unimplemented(
    message = "the index is of `{K}`, but its function returns `{Self}`",
    label = "expected `{K}` or `Option<{K}>`, or a reference to a `{K}`"
)]
pub trait IndexValue<K: Key> {
    /// Adds the value, if there is one.
    #[doc(hidden)]
    fn add_to(&self, keys: &mut IndexKeys);
}

macro_rules! index_values {
    ($($({$($generic:tt)*})? $key:ty: $value:ty;)*) => {$(
        impl $(<$($generic)*>)? IndexValue<$key> for $value {
            fn add_to(&self, keys: &mut IndexKeys) {
                keys.add::<$key, _>(self);
            }
        }

        impl $(<$($generic)*>)? IndexValue<$key> for Option<$value> {
            fn add_to(&self, keys: &mut IndexKeys) {
                if let Some(value) = self {
                    keys.add::<$key, _>(value);
                }
            }
        }
    )*};
}

index_values! {
    {K: Key} K: K;
    {K: Key} K: &K;
    String: &str;
    Vec<u8>: &[u8];
}

/// The entries of a row in all indexes of its table.
pub(crate) fn entries_of<T: Persist>(row: &T, key: &[u8]) -> Result<Vec<Entry>> {
    let primary = key.get(2..).unwrap_or_default();
    let mut entries = Vec::new();
    for index in T::INDEXES {
        entries.extend(index.entries(row, primary).map_err(|error| {
            let row = describe_row(key, schema_of::<T>());
            let index = index_name(schema_of::<T>(), &index.meta);
            Error::new(
                Kind::InvalidArgument,
                format!("{row}: the value for the index {index} has no encoded form: {error}"),
            )
            .with_source(error)
        })?);
    }
    Ok(entries)
}

/// What a row refers to.
pub(crate) fn references_of<T: Persist>(row: &T, key: &[u8]) -> Result<Vec<Reference>> {
    reference::references_of(row).map_err(|error| {
        let row = describe_row(key, schema_of::<T>());
        Error::new(
            Kind::InvalidArgument,
            format!("{row}: a key that it refers to has no encoded form: {error}"),
        )
        .with_source(error)
    })
}

/// What the engine has to know of the table of `T`.
pub(crate) fn schema_of<T: Persist>() -> &'static dyn TableSchema {
    if T::INDEXES.is_empty() && T::REFERENCES.is_empty() {
        const { &Unindexed { name: T::NAME, cached: T::CACHED } }
    } else {
        const { &SchemaOf::<T>(PhantomData) }
    }
}

struct SchemaOf<T>(PhantomData<fn() -> T>);

impl<T: Persist> TableSchema for SchemaOf<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn id(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn is_cached(&self) -> bool {
        T::CACHED
    }

    fn indexes(&self) -> Vec<IndexMeta> {
        T::INDEXES.iter().map(|index| index.meta).collect()
    }

    fn declaration(&self) -> Option<Declaration> {
        Some(Declaration::of::<T>())
    }

    fn entries(&self, key: &[u8], value: &[u8]) -> Result<Vec<Entry>> {
        entries_of(&self.decode(key, value)?, key)
    }

    fn references(&self) -> Vec<ReferenceMeta> {
        T::REFERENCES.iter().map(|reference| *reference.meta()).collect()
    }

    fn references_of(&self, key: &[u8], value: &[u8]) -> Result<Vec<Reference>> {
        references_of(&self.decode(key, value)?, key)
    }

    fn without_reference(&self, at: usize, key: &[u8], value: &[u8]) -> Result<NewRow> {
        let mut row = self.decode(key, value)?;
        if let Some(clear) = T::REFERENCES.get(at).and_then(|reference| reference.clear) {
            clear(&mut row);
        }
        Rows::<T::Key, T>::of(slot_of(key)).new_row(key, &row, Some(value))
    }
}

impl<T: Persist> SchemaOf<T> {
    fn decode(&self, key: &[u8], value: &[u8]) -> Result<T> {
        decode_row::<T>(value).map_err(|error| {
            let described = describe_row(key, self);
            Error::new(
                Kind::Decode,
                format!(
                    "{described}: the stored value is not a {} as it is declared, so that its index entries and \
                     references are not known: {error}",
                    T::NAME
                ),
            )
            .with_source(error)
        })
    }
}
