//! Reading indexes: the stored entries, without those of rows that the transaction itself has written, and with
//! the entries that these have now.

use txetcd_client::{Error, Result, error::Kind};

use super::{RangeOptions, Row, View};
use crate::engine::bounds::Bounds;
use crate::engine::naming::{index_name, shown};
use crate::engine::schema::{IndexMeta, TableSchema};
use crate::key::{Key, KeyError};

/// An index of a table that is in this slot.
#[derive(Clone, Copy)]
pub(crate) struct IndexOf {
    pub(crate) slot: u16,
    pub(crate) schema: &'static dyn TableSchema,
    pub(crate) index: IndexMeta,
}

/// An entry of an index: its own key, and that of the row that it is for.
#[derive(Debug)]
pub(crate) struct EntryOf {
    pub(crate) entry: Vec<u8>,
    pub(crate) row: Vec<u8>,
}

impl IndexOf {
    /// An entry as people know it.
    pub(crate) fn describe(&self, entry: &[u8]) -> String {
        format!("{}, key {}", index_name(self.schema, &self.index), shown(entry))
    }

    /// The key of the row that a stored entry is for.
    pub(crate) fn row_key(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        let primary = self.index.primary_key(key, value).map_err(|error| self.foreign(error))?;
        Ok([&self.slot.to_be_bytes(), primary].concat())
    }

    /// The primary key in the key of the row that a stored entry is for. The error does not show it: in a unique index it
    /// is a stored value.
    pub(crate) fn decode_primary<K: Key>(&self, row: &[u8]) -> Result<K> {
        K::decode(row.get(2..).unwrap_or_default()).map_err(|error| self.foreign(error))
    }

    fn foreign(&self, error: KeyError) -> Error {
        let index = index_name(self.schema, &self.index);
        Error::new(Kind::Decode, format!("{index}: the stored entry is not one of this index: {error}"))
            .with_source(error)
    }
}

impl View {
    /// Reads the entries at the beginning (or, in reverse, the end) of a range of an index; and what is left.
    pub(crate) async fn entries(
        &self,
        of: &IndexOf,
        bounds: Bounds,
        options: RangeOptions,
    ) -> Result<(Vec<EntryOf>, Option<Bounds>)> {
        if bounds.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (covered, stored) = self.stored_page(&bounds, options).await?;
        let state = self.state();
        let mut entries = Vec::with_capacity(stored.len());
        for kv in stored {
            let row = of.row_key(kv.key(), kv.value())?;
            if state.writes.own(&row).is_none() {
                entries.push(EntryOf { entry: kv.key().to_vec(), row });
            }
        }
        let stored_count = entries.len();
        for (row, put) in state.writes.puts_in(&Bounds::slot(of.slot)) {
            let own = put.entries().iter().filter(|entry| covered.contains(&entry.key));
            entries.extend(own.map(|own| EntryOf { entry: own.key.clone(), row: row.to_vec() }));
        }
        if entries.len() > stored_count {
            entries.sort_unstable_by(|a, b| (&a.entry, &a.row).cmp(&(&b.entry, &b.row)));
        }
        if options.reverse {
            entries.reverse();
        }
        Ok((entries, bounds.without(covered, options.reverse)))
    }

    /// How many entries an index has.
    pub(crate) async fn count_entries(&self, of: &IndexOf) -> Result<u64> {
        let mut rest = Some(Bounds::slot(of.index.slot));
        if !self.records {
            return self.count(Bounds::slot(of.index.slot)).await;
        }
        let options =
            RangeOptions { reverse: false, keys_only: !of.index.unique, remember: false, limit: 5_000 };
        let mut count = 0;
        while let Some(bounds) = rest {
            let (entries, left) = self.entries(of, bounds, options).await?;
            count += entries.len() as u64;
            rest = left;
        }
        Ok(count)
    }

    /// The key of the row that has this entry in a unique index.
    pub(crate) async fn owner(&self, of: &IndexOf, entry: Vec<u8>) -> Result<Option<Vec<u8>>> {
        {
            let state = self.state();
            let mut puts = state.writes.puts_in(&Bounds::slot(of.slot));
            if let Some((row, _)) = puts.find(|(_, put)| put.entries().iter().any(|own| own.key == entry)) {
                return Ok(Some(row.to_vec()));
            }
        }
        let Some(Row::Stored(kv)) = self.get(entry).await? else { return Ok(None) };
        let row = of.row_key(kv.key(), kv.value())?;
        Ok(self.state().writes.own(&row).is_none().then_some(row))
    }

    /// Whether the store has no row of a slot, whatever the transaction wrote.
    pub(crate) async fn is_stored_empty(&self, slot: u16) -> Result<bool> {
        let first = RangeOptions { reverse: false, keys_only: true, remember: false, limit: 1 };
        Ok(self.stored_page(&Bounds::slot(slot), first).await?.1.is_empty())
    }
}
