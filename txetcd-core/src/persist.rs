//! What `#[derive(Persist)]` says about a struct: its slot, its key, its codec.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize, Serializer};

use uuid::Uuid;

use crate::codec::{Codec, CodecError, Compression, Marshal};
use crate::index::IndexDeclaration;
use crate::key::Key;
use crate::reference::ReferenceDeclaration;

/// A struct that is a row of a typed table. Implemented by `#[derive(Persist)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row of a table",
    note = "add `#[derive(Persist)]` and `#[pmap(slot = ..., key = ...)]` to it"
)]
pub trait Persist: Sized + Send + Sync + 'static {
    /// The primary key.
    type Key: Key;
    /// How the struct becomes serde data: a [`Marshal`] for the codecs that ask for one.
    type Marshal: 'static;
    /// The format of the stored value.
    type Codec: Codec<Self, Self::Marshal>;
    /// Where the table is.
    const PLACE: Place;
    /// The table's name, in messages and in the catalogue: the struct's, unless `#[pmap(name = "...")]` says
    /// otherwise.
    const NAME: &'static str;
    /// The stored fields, in order; empty for an enum or a tuple struct.
    const FIELDS: &'static [Field];
    /// The indexes of the table.
    const INDEXES: &'static [IndexDeclaration<Self>] = &[];
    /// Their slots.
    #[doc(hidden)]
    const INDEX_SLOTS: &'static [u16] = &[];
    /// The fields that refer to rows of tables.
    const REFERENCES: &'static [ReferenceDeclaration<Self>] = &[];
    /// How values are compressed after encoding.
    const COMPRESSION: Compression;
    /// The version of the declaration, which the catalogue remembers.
    const VERSION: u32 = 1;
    /// Whether fields that the declaration does not have survive a read-modify-write.
    const KEEPS_UNKNOWN: bool = false;
    /// Whether each process that uses the table keeps a copy of it; see
    /// [`DatabaseBuilder::cached`](crate::DatabaseBuilder::cached).
    const CACHED: bool = false;

    /// Reads a stored value that an older version of the struct has written; `None` if there is none.
    #[doc(hidden)]
    fn decode_older(_stored: &[u8]) -> Option<Result<Self, CodecError>> {
        None
    }

    /// The encoded `value` with the fields of `before` that the declaration does not have, if they are kept.
    ///
    /// # Errors
    /// If the codec cannot add them.
    #[doc(hidden)]
    fn add_unknown(value: Vec<u8>, _before: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(value)
    }
}

/// Where a table is: the slot whose number stands at the front of its etcd keys, as two bytes, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this slot, `1..=65534`.
    Slot(u16),
    /// In the slot that the catalogue has for this id; [`Database::attach`](crate::Database::attach) looks it up, or
    /// allocates one.
    Catalogue(Uuid),
}

impl Place {
    const fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Slot(slot), Self::Slot(other)) => slot == other,
            (Self::Catalogue(oid), Self::Catalogue(other)) => oid.as_u128() == other.as_u128(),
            _ => false,
        }
    }
}

/// A stored field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name under which it is written.
    pub name: &'static str,
    /// Further names under which it is read.
    pub aliases: &'static [&'static str],
    /// Whether a row can be read that does not have it.
    pub optional: bool,
}

/// Stops the compiler if two tables are in one place, or one is where an index is. For `schema!`.
#[doc(hidden)]
pub const fn assert_distinct(tables: &[(Place, &[u16])]) {
    let mut at = 0;
    while at < tables.len() {
        let mut other = at + 1;
        while other < tables.len() {
            assert!(
                !tables[at].0.is_same(tables[other].0),
                "two tables of this schema have the same slot or oid"
            );
            assert!(
                !meet(tables[at], tables[other]),
                "an index of this schema has the slot of another index or of a table"
            );
            other += 1;
        }
        at += 1;
    }
}

/// Whether an index of one table is in a slot of the other one.
const fn meet(one: (Place, &[u16]), other: (Place, &[u16])) -> bool {
    let mut at = 0;
    while at < one.1.len() {
        if has(other.1, Place::Slot(one.1[at])) {
            return true;
        }
        at += 1;
    }
    has(one.1, other.0) || has(other.1, one.0)
}

const fn has(slots: &[u16], place: Place) -> bool {
    let mut at = 0;
    while at < slots.len() {
        if place.is_same(Place::Slot(slots[at])) {
            return true;
        }
        at += 1;
    }
    false
}

/// A row that holds its own key in the field marked `#[pmap(key)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `#[pmap(key)]` field",
    note = "its key lives outside the struct: use `put_at(&txn, &key, &value)` or `insert_at`"
)]
pub trait Keyed: Persist {
    /// The row's primary key.
    fn key(&self) -> &Self::Key;
}

/// What serde can carry: the type of a stored field.
///
/// The derive asks this of every field, so that the answer names the field's type.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be stored",
    label = "serde cannot carry this type",
    note = "derive or implement serde's `Serialize` and `Deserialize` for it (without a borrowed lifetime)",
    note = "or name a module that can carry it with `#[pmap(with = module)]`, or leave the field out with `#[pmap(skip)]`"
)]
pub trait FieldValue: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> FieldValue for T {}

/// What an absent field can become: the type of a field with `#[pmap(default)]` or `#[pmap(skip)]`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` has no default value",
    label = "not a `Default`",
    note = "derive or implement `Default` for it, or name a function that makes the value with `#[pmap(default = path)]`"
)]
pub trait FieldDefault: Default {}

#[diagnostic::do_not_recommend]
impl<T: Default> FieldDefault for T {}

/// The type of the `#[pmap(key)]` field: the key type `K` itself.
#[diagnostic::on_unimplemented(
    message = "the key field is a `{Self}`, but the key type of the struct is `{K}`",
    label = "expected `{K}`, as `key = ...` on the struct says",
    note = "give both the same type, or leave `key = ...` out"
)]
pub trait KeyField<K> {
    /// The field as the key that it is.
    fn as_key(&self) -> &K;
}

impl<K> KeyField<K> for K {
    fn as_key(&self) -> &K {
        self
    }
}

/// What the derive writes to marshal a `T`, implemented for the shadow of `T`. For generated code.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be stored",
    label = "serde cannot carry all of its fields",
    note = "another message points at each field that is meant"
)]
pub trait Shadow<T>: 'static {
    /// As [`Marshal::serialize`].
    fn serialize<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;

    /// As [`Marshal::deserialize`].
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Marshalling by a [`Shadow`]. For generated code.
#[doc(hidden)]
#[derive(Debug)]
pub struct Derived<S>(PhantomData<S>);

impl<T, S: Shadow<T>> Marshal<T> for Derived<S> {
    fn serialize<R: Serializer>(value: &T, serializer: R) -> Result<R::Ok, R::Error> {
        S::serialize(value, serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        S::deserialize(deserializer)
    }
}

/// Serde as generated code sees it, whatever the user's program depends on.
#[doc(hidden)]
pub use serde;

/// Compiles if serde can carry `T`. For generated code.
#[doc(hidden)]
pub const fn check_field<T: FieldValue>() {}

/// The value of an absent field. For generated code.
#[doc(hidden)]
#[must_use]
pub fn default_value<T: FieldDefault>() -> T {
    T::default()
}

/// The key field as the key that it is. For generated code.
#[doc(hidden)]
pub fn key_field<F: KeyField<K>, K>(field: &F) -> &K {
    field.as_key()
}
