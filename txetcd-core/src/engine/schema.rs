//! [`TableSchema`]: what the engine has to know of a table to keep its indexes right.
//!
//! An index is a slot of its own. Its entries are rows of etcd like any other, made from the table's rows:
//!
//! ```text
//!  unique       index slot | indexed value         ->  primary key
//!  not unique   index slot | indexed value | primary key  ->  nothing
//! ```

use std::any::TypeId;
use std::fmt;

use txetcd_client::Result;

use crate::catalogue::declaration::Declaration;
use crate::key::KeyError;
use crate::persist::Place;
use crate::reference::OnDelete;

use super::write_set::NewRow;

/// An index of a table, as far as bytes go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexMeta {
    /// What programs call it, and what the catalogue has it as.
    pub(crate) name: &'static str,
    pub(crate) slot: u16,
    pub(crate) unique: bool,
    /// The type of the indexed value, with the paths in it.
    pub(crate) key: fn() -> &'static str,
    /// What the value is made of: names of fields, or a function.
    pub(crate) of: &'static [&'static str],
    /// How many bytes the indexed value at the front has, in its self-delimiting form.
    pub(crate) length: fn(&[u8]) -> Result<usize, KeyError>,
    /// Whether all bytes are an indexed value.
    pub(crate) is_whole: fn(&[u8]) -> bool,
}

impl IndexMeta {
    /// The primary key that an entry is for.
    pub(crate) fn primary_key<'e>(&self, key: &'e [u8], value: &'e [u8]) -> Result<&'e [u8], KeyError> {
        if self.unique {
            return Ok(value);
        }
        let rest = key.get(2..).unwrap_or_default();
        let length = (self.length)(rest)?;
        Ok(rest.get(length..).unwrap_or_default())
    }

    /// Whether this can be an entry of the index, as far as the indexed value goes.
    pub(crate) fn may_have(&self, key: &[u8], value: &[u8]) -> bool {
        let rest = key.get(2..).unwrap_or_default();
        if self.unique { (self.is_whole)(rest) } else { (self.length)(rest).is_ok() && value.is_empty() }
    }
}

/// An entry of an index, which is to be there as long as its row is. `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) unique: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A field that refers to rows of a table, as far as bytes go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReferenceMeta {
    pub(crate) field: &'static str,
    /// The place of the field's index among those of its table.
    pub(crate) index: usize,
    pub(crate) on_delete: OnDelete,
    /// The table that is referred to.
    pub(crate) place: Place,
    pub(crate) target: fn() -> &'static dyn TableSchema,
    pub(crate) declaration: fn() -> Declaration,
    /// A primary key of that table as the field's index has it.
    pub(crate) value: fn(&[u8], bool) -> Result<Vec<u8>, KeyError>,
    /// The inverse; more may follow the value.
    pub(crate) primary: fn(&[u8], bool) -> Result<Vec<u8>, KeyError>,
}

/// What a row refers to: the primary key of another one.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) meta: ReferenceMeta,
    pub(crate) key: Vec<u8>,
}

/// What the engine has to know of a table.
pub(crate) trait TableSchema: Send + Sync {
    /// The table's name, for messages.
    fn name(&self) -> &'static str;

    /// Tells declarations of one slot apart; all that declare no index are the same.
    fn id(&self) -> TypeId;

    fn indexes(&self) -> Vec<IndexMeta>;

    /// Whether the table is to be cached.
    fn is_cached(&self) -> bool;

    /// What the catalogue should say; `None` where there is nothing to say.
    fn declaration(&self) -> Option<Declaration>;

    /// The entries of a stored row, in all indexes.
    ///
    /// # Errors
    /// If the row cannot be decoded, naming it.
    fn entries(&self, key: &[u8], value: &[u8]) -> Result<Vec<Entry>>;

    fn references(&self) -> Vec<ReferenceMeta>;

    /// What a stored row refers to.
    ///
    /// # Errors
    /// If the row cannot be decoded, naming it.
    fn references_of(&self, key: &[u8], value: &[u8]) -> Result<Vec<Reference>>;

    /// A stored row whose reference at this place refers to nothing any more.
    ///
    /// # Errors
    /// If the row cannot be decoded, naming it.
    fn without_reference(&self, at: usize, key: &[u8], value: &[u8]) -> Result<NewRow>;
}

/// A table that has no indexes, as far as its user says.
#[derive(Debug)]
pub(crate) struct Unindexed {
    pub(crate) name: &'static str,
    pub(crate) cached: bool,
}

impl TableSchema for Unindexed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_cached(&self) -> bool {
        self.cached
    }

    fn id(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    fn indexes(&self) -> Vec<IndexMeta> {
        Vec::new()
    }

    fn declaration(&self) -> Option<Declaration> {
        None
    }

    fn entries(&self, _key: &[u8], _value: &[u8]) -> Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn references(&self) -> Vec<ReferenceMeta> {
        Vec::new()
    }

    fn references_of(&self, _key: &[u8], _value: &[u8]) -> Result<Vec<Reference>> {
        Ok(Vec::new())
    }

    fn without_reference(&self, _at: usize, _key: &[u8], value: &[u8]) -> Result<NewRow> {
        Ok(NewRow::unindexed(value.to_vec()))
    }
}
