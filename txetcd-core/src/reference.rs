//! [`ReferenceDeclaration`]: a field that holds the key of a row of another table, or of its own.
//!
//! The engine keeps references when a transaction ends ([`keep`]): a row that is put must refer to a
//! row that is there, which is a condition of the commit; and what becomes of the rows that refer to a deleted one,
//! which it finds through the field's index, is declared with the field.

pub(crate) mod keep;

use std::fmt;

use txetcd_client::Result;

use crate::catalogue::declaration::Declaration;
use crate::engine::schema::{Reference, ReferenceMeta};
use crate::index::declaration::schema_of;
use crate::key::{Key as _, KeyError};
use crate::persist::Persist;

/// What becomes of a row when the row that it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The deletion is refused.
    Restrict,
    /// It is deleted, too.
    Cascade,
    /// Its field becomes `None`.
    SetNull,
}

/// The bytes of the key that a field holds, if it holds one.
#[doc(hidden)]
pub type ReferenceKey = Option<Result<Vec<u8>, KeyError>>;

/// A reference of the rows of type `T`, as the struct declares it. Made by generated code.
pub struct ReferenceDeclaration<T> {
    meta: ReferenceMeta,
    key: fn(&T) -> ReferenceKey,
    pub(crate) clear: Option<fn(&mut T)>,
}

impl<T> ReferenceDeclaration<T> {
    /// The reference to a `U` in `field`, which has the index at this place of `T::INDEXES`.
    #[doc(hidden)]
    pub const fn new<U: Persist>(
        field: &'static str,
        index: usize,
        on_delete: OnDelete,
        key: fn(&T) -> ReferenceKey,
        clear: Option<fn(&mut T)>,
    ) -> Self {
        let meta = ReferenceMeta {
            field,
            index,
            on_delete,
            place: U::PLACE,
            target: schema_of::<U>,
            declaration: Declaration::of::<U>,
            value: value::<U>,
            primary: primary::<U>,
        };
        Self { meta, key, clear }
    }

    pub(crate) const fn meta(&self) -> &ReferenceMeta {
        &self.meta
    }
}

/// The bytes of the key that a field holds. For generated code.
#[doc(hidden)]
pub fn reference_key<U: Persist>(key: &U::Key) -> Result<Vec<u8>, KeyError> {
    let mut bytes = Vec::with_capacity(key.size_hint());
    key.encode(&mut bytes)?;
    Ok(bytes)
}

/// A primary key as the indexed value that it is in the field's index.
fn value<U: Persist>(primary: &[u8], unique: bool) -> Result<Vec<u8>, KeyError> {
    if unique {
        return Ok(primary.to_vec());
    }
    let mut value = Vec::with_capacity(primary.len());
    U::Key::decode(primary)?.encode_part(&mut value)?;
    Ok(value)
}

/// The inverse: the primary key that an indexed value is, of which more may follow.
fn primary<U: Persist>(value: &[u8], unique: bool) -> Result<Vec<u8>, KeyError> {
    if unique {
        return Ok(value.to_vec());
    }
    let mut primary = Vec::with_capacity(value.len());
    U::Key::decode_part(&mut &value[..])?.encode(&mut primary)?;
    Ok(primary)
}

/// What a row refers to.
pub(crate) fn references_of<T: Persist>(row: &T) -> Result<Vec<Reference>, KeyError> {
    let mut references = Vec::new();
    for declared in T::REFERENCES {
        if let Some(key) = (declared.key)(row) {
            references.push(Reference { meta: declared.meta, key: key? });
        }
    }
    Ok(references)
}

impl<T> fmt::Debug for ReferenceDeclaration<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReferenceDeclaration({}, {:?})", self.meta.field, self.meta.on_delete)
    }
}
