//! From rows that were written to index entries, when the closure has ended.
//!
//! A row that is replaced or deleted takes its old entries with it, so its stored form must be known: what was not
//! read before is read here, all in one request. Reading it guards it, and with it its entries, which change only
//! together with their row. So only a new entry of a unique index needs a guard of its own, unless this transaction
//! takes it from another row.

use std::collections::{BTreeMap, BTreeSet};

use txetcd_client::Result;
use txetcd_client::teeth::{Bug, planted};

use super::{Entry, Start, State, View, Written};
use crate::engine::attempt::SchemaGuards;
use crate::engine::bookkeeping::slot_of;
use crate::engine::bounds::Bounds;
use crate::engine::naming::Absence;
use crate::engine::read_set::{Mark, ReadSet};
use crate::engine::schema::TableSchema;
use crate::engine::write_set::{NewRow, Own, PutLease, WriteSet};

/// The entries that the written rows had, and those that they will have.
#[derive(Default)]
struct Changes {
    old: BTreeSet<Entry>,
    new: BTreeMap<Vec<u8>, New>,
}

struct New {
    entry: Entry,
    row: Vec<u8>,
    lease: i64,
    /// It is there already, under the same lease.
    unchanged: bool,
}

impl View {
    /// Turns what was written to tables with indexes into writes to these.
    ///
    /// An index that is being built may lack the entry of an older row, and have one of another row in its place. So who
    /// has an entry there is looked up before it is taken away.
    pub(crate) async fn maintain_indexes(
        &self,
        written: &[(u16, &'static dyn TableSchema)],
        building: &[u16],
    ) -> Result<()> {
        let indexed = written.iter().copied().filter(|(_, schema)| !schema.indexes().is_empty());
        let tables: Written = indexed.collect();
        if tables.is_empty() {
            return Ok(());
        }
        let unknown = {
            let mut state = self.state();
            tables.iter().for_each(|(slot, _)| self.decide(&mut state, &slot.to_be_bytes()));
            let rows = tables.iter().flat_map(|(slot, _)| state.replaced(*slot));
            rows.filter(|key| state.known(key).is_none()).map(<[u8]>::to_vec).collect()
        };
        self.stored(unknown).await?;
        let mut changes = Changes::default();
        let unknown = {
            let mut state = self.state();
            for (slot, schema) in tables {
                state.collect(slot, schema, &mut changes)?;
            }
            let doubtful = changes.old.iter().filter(|entry| is_doubtful(entry, building));
            doubtful
                .filter(|entry| state.known(&entry.key).is_none())
                .map(|entry| entry.key.clone())
                .collect()
        };
        self.stored(unknown).await?;
        changes.old.retain(|entry| !is_doubtful(entry, building) || self.state().has(entry));
        if planted(Bug::IndexApart) {
            return self.commit_apart(changes).await;
        }
        changes.write(&mut self.state());
        Ok(())
    }

    /// [`Bug::IndexApart`]
    async fn commit_apart(&self, changes: Changes) -> Result<()> {
        let apart = Self::new(&self.engine, Start::Store, true);
        changes.write(&mut apart.state());
        let (attempt, leases) = apart.finish(SchemaGuards::new());
        self.engine.commit(attempt, leases, self.engine.policy.start().deadline()).await.map(drop)
    }
}

impl State {
    /// The written rows that may be in the store.
    fn replaced(&self, slot: u16) -> impl Iterator<Item = &[u8]> {
        let rows = self.writes.rows_in(&Bounds::slot(slot)).map(|(key, _)| key).collect::<Vec<_>>();
        rows.into_iter().filter(|key| replaces(&self.writes, key))
    }

    /// Whether an entry is stored as it should be, which is known. Guards it.
    fn has(&mut self, entry: &Entry) -> bool {
        let (stored, mark) = self.look_up(&entry.key).unwrap_or((None, Mark::ABSENT));
        self.reads.add_key(entry.key.clone(), mark);
        stored.is_some_and(|stored| stored.value() == entry.value)
    }

    fn collect(&mut self, slot: u16, schema: &'static dyn TableSchema, changes: &mut Changes) -> Result<()> {
        let replaced: BTreeMap<Vec<u8>, _> = self
            .replaced(slot)
            .map(|key| (key.to_vec(), self.look_up(key).unwrap_or((None, Mark::ABSENT))))
            .collect();
        let Self { reads, writes, tables, .. } = self;
        for (key, own) in writes.rows_in(&Bounds::slot(slot)) {
            let before = replaced.get(key).and_then(|(before, mark)| {
                reads.add_key(key.to_vec(), *mark);
                before.clone()
            });
            let old = match &before {
                Some(kv) => schema.entries(key, kv.value())?,
                None => Vec::new(),
            };
            for entry in new_entries(own, key, &old, before.map_or(0, |kv| kv.lease()), reads) {
                if let Some(other) = changes.new.get(&entry.entry.key)
                    && other.row != key
                {
                    return Err(Absence::OfEntry.violated(&entry.entry.key, tables));
                }
                changes.new.insert(entry.entry.key.clone(), entry);
            }
            changes.old.extend(old);
        }
        Ok(())
    }
}

/// Whether an old entry may be that of another row.
fn is_doubtful(entry: &Entry, building: &[u16]) -> bool {
    entry.unique && building.contains(&slot_of(&entry.key))
}

/// Whether a written row may be in the store. An inserted one is not, and a cleared one has no entries any more.
fn replaces(writes: &WriteSet, key: &[u8]) -> bool {
    !writes.requires_absence(key) && !writes.is_cleared(key)
}

fn new_entries(own: &Own, key: &[u8], old: &[Entry], old_lease: i64, reads: &ReadSet) -> Vec<New> {
    let Own::Put(put) = own else { return Vec::new() };
    let lease = put.lease(reads.mark(key));
    let entries = put.entries().iter().map(|entry| New {
        entry: entry.clone(),
        row: key.to_vec(),
        lease,
        unchanged: lease == old_lease && old.contains(entry),
    });
    entries.collect()
}

impl Changes {
    fn write(self, state: &mut State) {
        let Self { old, new } = self;
        let old: BTreeSet<Vec<u8>> = old.into_iter().map(|entry| entry.key).collect();
        for key in old.iter().filter(|key| !new.contains_key(*key)) {
            state.writes.delete(key.clone());
        }
        for (key, New { entry, lease, .. }) in new.into_iter().filter(|(_, new)| !new.unchanged) {
            if entry.unique && !old.contains(&key) && !state.writes.is_cleared(&key) {
                state.read_if_present(&key);
                state.writes.require_absent(key.clone(), Absence::OfEntry);
            }
            let row = NewRow { lease: PutLease::Set(lease), ..NewRow::unindexed(entry.value) };
            state.writes.put(key, row);
        }
    }
}
