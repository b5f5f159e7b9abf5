//! [`IndexInfo`]: an index in the catalogue; and what becomes of a table's indexes when it is attached.

use serde::{Deserialize, Serialize};
use txetcd_client::{Error, Result, error::Kind};

use super::declaration::{Declaration, short_name};
use super::entry::TableInfo;
use crate::engine::schema::IndexMeta;

/// What the catalogue has of an index: a CBOR map in this order, in the table's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexInfo {
    /// Its name, as in `by_email`.
    pub name: String,
    /// Its slot.
    pub slot: u16,
    /// The type of the indexed values, as in `String`.
    pub key: String,
    /// Whether a value has one row at most.
    pub unique: bool,
    /// What the values are made of: names of fields, or a function.
    pub of: Vec<String>,
    /// Whether it can be read.
    pub state: IndexState,
}

/// Whether an index can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum IndexState {
    /// It is kept by all who write, but has not all entries of older rows:
    /// [`Table::rebuild_indexes`](crate::Table::rebuild_indexes) adds them.
    Building,
    /// It has an entry for every row.
    Ready,
}

impl IndexInfo {
    fn new(index: &IndexMeta, state: IndexState) -> Self {
        Self {
            name: index.name.to_owned(),
            slot: index.slot,
            key: short_name((index.key)()),
            unique: index.unique,
            of: index.of.iter().map(|&part| part.to_owned()).collect(),
            state,
        }
    }

    /// Whether the entries are those of a declared index; its name does not matter.
    pub(crate) fn has_entries_of(&self, index: &IndexMeta) -> bool {
        let declared = Self::new(index, self.state);
        Self { name: declared.name.clone(), ..self.clone() } == declared
    }

    /// The error of a program that writes to a table and does not declare this index of it.
    pub(super) fn undeclared(&self, table: &str) -> Error {
        Error::new(
            Kind::SchemaMismatch,
            format!(
                "{table}: the catalogue has an index that this program does not declare, and so would not keep: {} (slot \
                 {}). Nothing was written: declare the index, or remove it with `db.attach` of the table without it",
                self.described(),
                self.slot
            ),
        )
    }

    /// What it is, for messages.
    pub(super) fn described(&self) -> String {
        let unique = if self.unique { "unique" } else { "not unique" };
        format!("{} of {} as `{}`, {unique}", self.name, self.of.join(", "), self.key)
    }
}

/// What becomes of the indexes of a table when it is attached.
#[derive(Debug)]
pub(super) struct Reconciled {
    pub(super) indexes: Vec<IndexInfo>,
    /// Slots of indexes that are in the catalogue and not declared any more.
    pub(super) removed: Vec<u16>,
}

impl Declaration {
    /// Compares the indexes that are declared with those that the catalogue has for the table; `others` are the other
    /// tables in it. New ones are in this state.
    pub(super) fn reconcile<'o>(
        &self,
        entry: &TableInfo,
        others: impl Iterator<Item = &'o TableInfo> + Clone,
        state: IndexState,
    ) -> Result<Reconciled> {
        let mut new = Vec::new();
        for index in &self.indexes {
            // Python has a row of its own for an index, which says nothing of keys.
            let mut taken = others.clone().filter(|other| other.key.is_some() || other.slot != index.slot);
            if let Some(other) = taken.find(|other| other.slots().any(|slot| slot == index.slot)) {
                return Err(self.mismatch(
                    entry.slot,
                    format!(
                        "the index {} is declared in slot {}, which the catalogue has for {} (slot {}): use another slot",
                        index.name, index.slot, other.name, other.slot
                    ),
                ));
            }
            let stored = entry.indexes.iter().find(|stored| stored.slot == index.slot);
            if let Some(stored) = stored.filter(|stored| !stored.has_entries_of(index)) {
                return Err(self.mismatch(
                    entry.slot,
                    format!(
                        "the index in slot {} is declared as {}, but the catalogue has {}: declare it so, or give \
                         the new index another slot",
                        index.slot,
                        IndexInfo::new(index, state).described(),
                        stored.described()
                    ),
                ));
            }
            if stored.is_none() {
                new.push(IndexInfo::new(index, state));
            }
        }
        // In the order of the catalogue, whatever the order of their declarations.
        let is_declared = |stored: &IndexInfo| self.indexes.iter().any(|index| index.slot == stored.slot);
        let (mut indexes, removed): (Vec<_>, Vec<_>) = entry.indexes.iter().cloned().partition(is_declared);
        indexes.extend(new);
        Ok(Reconciled { indexes, removed: removed.into_iter().map(|stored| stored.slot).collect() })
    }

    /// Gives indexes the names that are declared.
    pub(super) fn rename(&self, indexes: &mut [IndexInfo]) {
        for stored in indexes {
            let declared = self.indexes.iter().find(|declared| declared.slot == stored.slot);
            if let Some(declared) = declared {
                declared.name.clone_into(&mut stored.name);
            }
        }
    }
}
