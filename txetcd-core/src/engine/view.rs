//! [`View`]: what one attempt of a transaction sees and does.
//!
//! Its own writes lie over one snapshot. This is the one place through which reads pass: in a transaction that
//! can write, all that was taken from the snapshot is recorded in the read set, whichever way it came (a
//! request, an earlier read, or the rows that came with a conflict).
//!
//! Entries of indexes are not written before the end: until then they follow from the rows that were put
//! ([`entries`]), and at the end [`maintenance`] turns them into writes.

pub(crate) mod entries;
mod maintenance;
mod references;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use txetcd_client::{Client, Error, GetRequest, GetResponse, Hold, KeyValue, Lease, Result, error::Kind};

use crate::catalogue::slots::Slots;

use super::batch::Batch;
use super::bounds::{Bounds, after};
use super::known::Known;
use super::leases::Leases;
use super::lock::lock;
use super::naming::Tables;
use super::read_set::{Mark, ReadSet};
use super::schema::{Entry, TableSchema};
use super::snapshot::Snapshot;
use super::write_set::{AlreadyPut, NewRow, Own, WriteSet};

/// What one attempt sees and does. Shared by reference among the futures of the closure.
#[derive(Debug)]
pub(crate) struct View {
    snapshot: Snapshot,
    batch: Batch,
    slots: Arc<Slots>,
    /// Whether reads are recorded; a transaction that only reads needs no validation.
    records: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Known,
    reads: ReadSet,
    writes: WriteSet,
    tables: Tables,
    locks: Vec<Hold>,
    leases: Leases,
    compacted: bool,
}

/// One page of a range: rows in the order asked for, and what is left of the range.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) rest: Option<Bounds>,
}

/// A row as the transaction sees it. `Debug` does not show the value.
#[derive(Clone)]
pub(crate) enum Row {
    /// From the snapshot.
    Stored(Arc<KeyValue>),
    /// Put by the transaction itself.
    Own(Vec<u8>, Arc<[u8]>),
}

impl Row {
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Stored(kv) => kv.key(),
            Self::Own(key, _) => key,
        }
    }

    pub(crate) fn value(&self) -> &[u8] {
        match self {
            Self::Stored(kv) => kv.value(),
            Self::Own(_, value) => value,
        }
    }

    /// The lease of the row; 0 if it has none, or is not stored yet.
    pub(crate) fn lease(&self) -> i64 {
        match self {
            Self::Stored(kv) => kv.lease(),
            Self::Own(..) => 0,
        }
    }

    /// The revision of the row; 0 if it is not stored yet.
    pub(crate) fn mod_revision(&self) -> i64 {
        match self {
            Self::Stored(kv) => kv.mod_revision(),
            Self::Own(..) => 0,
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({} bytes)", self.value().len())
    }
}

/// How to read a range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeOptions {
    pub(crate) reverse: bool,
    pub(crate) keys_only: bool,
    /// Whether the rows are wanted again when they are replaced.
    pub(crate) remember: bool,
    /// At most about so many rows of the snapshot in this page.
    pub(crate) limit: u32,
}

/// The revision at which a table's row in the catalogue must stand, 0 if it must not be there: then all indexes
/// that the catalogue has of the table are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaGuard {
    pub(crate) slot: u16,
    pub(crate) mod_revision: i64,
}

/// What an attempt leaves when its closure has ended.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The snapshot's revision; `None` if nothing was read.
    pub(crate) revision: Option<i64>,
    pub(crate) reads: ReadSet,
    pub(crate) writes: WriteSet,
    /// The tables that were touched.
    pub(crate) tables: Tables,
    /// What the catalogue must say of the tables that are written.
    pub(crate) schemas: Vec<SchemaGuard>,
    /// What must still be held.
    pub(crate) locks: Vec<Hold>,
    /// Under which rows are put.
    pub(crate) leases: Leases,
}

impl View {
    /// A view whose reads are recorded, with what is known of the snapshot.
    pub(crate) fn recording(snapshot: Snapshot, slots: Arc<Slots>, known: Known) -> Self {
        let state = State { known, ..State::default() };
        Self { snapshot, batch: Batch::default(), slots, records: true, state: Mutex::new(state) }
    }

    /// A view for reading only.
    pub(crate) fn reading(snapshot: Snapshot, slots: Arc<Slots>) -> Self {
        Self { snapshot, batch: Batch::default(), slots, records: false, state: Mutex::default() }
    }

    /// The slots of attached tables.
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(crate) fn finish(self, schemas: Vec<SchemaGuard>) -> Attempt {
        let revision = self.snapshot.revision();
        let State { reads, writes, tables, locks, leases, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Attempt { revision, reads, writes, tables, schemas, locks, leases }
    }

    /// Notes a lease under which a row is put.
    pub(crate) fn give(&self, lease: &Lease) {
        self.state().leases.give(lease);
    }

    /// Grants leases for the rows with a time to live.
    pub(crate) async fn grant_leases(&self, client: &Client) -> Result<()> {
        let ttls = self.state().writes.ttls();
        if ttls.is_empty() {
            return Ok(());
        }
        let (granted, ids) = Leases::grant(client, ttls).await?;
        let mut state = self.state();
        state.leases.add(granted);
        state.writes.set_leases(&ids);
        Ok(())
    }

    /// Makes the commit depend on what is held.
    pub(crate) fn guard(&self, lock: Hold) {
        self.state().locks.push(lock);
    }

    /// Remembers a table that the transaction touches.
    pub(crate) fn enlist(&self, slot: u16, schema: &'static dyn TableSchema) {
        self.state().tables.enlist(slot, schema);
    }

    /// The tables that are written, with their slots.
    pub(crate) fn written(&self) -> Vec<(u16, &'static dyn TableSchema)> {
        let state = self.state();
        let is_written = |(slot, _): &(u16, _)| state.writes.touches(&Bounds::slot(*slot));
        state.tables.iter().filter(is_written).collect()
    }

    /// Takes a key out of what must be unchanged at the commit: something else guards it.
    pub(crate) fn forget_read(&self, key: &[u8]) {
        self.state().reads.keys.remove(key);
    }

    /// Whether the snapshot was compacted while it was read: whatever the closure returned, it runs again.
    pub(crate) fn is_compacted(&self) -> bool {
        self.state().compacted
    }

    /// Reads keys, all in one request at most.
    pub(crate) async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Row>>> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        {
            let mut state = self.state();
            for key in &keys {
                let row = state.row(key, self.records);
                if row.is_none() {
                    missing.push(key.clone());
                }
                rows.push(row);
            }
        }
        let mut found = self.stored(missing).await?.into_iter();
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap_or_else(|| found.next().flatten().map(Row::Stored)))
            .collect())
    }

    /// Asks the store for keys, whatever the transaction wrote.
    async fn stored(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Arc<KeyValue>>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.fetch(keys.iter().map(|key| GetRequest::new(key.as_slice())).collect()).await?;
        let mut state = self.state();
        let rows = keys.into_iter().zip(found).map(|(key, answer)| {
            let kv = answer.into_kvs().into_iter().next().map(Arc::new);
            if self.records {
                state.reads.add_key(&key, Mark::of(kv.as_deref(), true));
                state.known.add_key(key, kv.clone());
            }
            kv
        });
        Ok(rows.collect())
    }

    /// Reads the beginning (or, in reverse, the end) of a range.
    pub(crate) async fn page(&self, bounds: Bounds, options: RangeOptions) -> Result<Page> {
        if bounds.is_empty() {
            return Ok(Page { rows: Vec::new(), rest: None });
        }
        let (covered, mut stored) = self.stored_page(&bounds, options).await?;
        let state = self.state();
        stored.retain(|kv| state.writes.own(kv.key()).is_none());
        let mut rows: Vec<Row> = stored.into_iter().map(Row::Stored).collect();
        let stored_count = rows.len();
        rows.extend(
            state.writes.puts_in(&covered).map(|(key, put)| Row::Own(key.to_vec(), put.value.clone())),
        );
        if rows.len() > stored_count {
            rows.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        }
        if options.reverse {
            rows.reverse();
        }
        Ok(Page { rows, rest: bounds.without(covered, options.reverse) })
    }

    /// The rows at the beginning (or, in reverse, the end) of a range, in ascending order, whatever the transaction
    /// wrote, and how far they reach.
    async fn stored_page(
        &self,
        bounds: &Bounds,
        options: RangeOptions,
    ) -> Result<(Bounds, Vec<Arc<KeyValue>>)> {
        let known = self.state().known.page(bounds, options.reverse);
        let (covered, stored) = match known {
            Some(known) => known,
            None => self.fetch_page(bounds, options).await?,
        };
        if self.records {
            let mut state = self.state();
            let marks =
                stored.iter().map(|kv| (kv.key().to_vec(), Mark::of(Some(kv), !options.keys_only))).collect();
            state.reads.add_range(covered.clone(), marks);
            if options.remember && !options.keys_only {
                stored.iter().for_each(|kv| state.known.add_key(kv.key().to_vec(), Some(kv.clone())));
            }
        }
        Ok((covered, stored))
    }

    /// How many rows a range has.
    pub(crate) async fn count(&self, bounds: Bounds) -> Result<u64> {
        if !self.records {
            let request = GetRequest::new(bounds.key_set()).count_only();
            let answer = self.fetch(vec![request]).await?;
            return Ok(answer.first().map_or(0, GetResponse::count));
        }
        // The keys themselves are needed, to tell a deletion of one from the insertion of another.
        let options = RangeOptions { reverse: false, keys_only: true, remember: false, limit: 5_000 };
        let mut count = 0;
        let mut rest = Some(bounds);
        while let Some(bounds) = rest {
            let page = self.page(bounds, options).await?;
            count += page.rows.len() as u64;
            rest = page.rest;
        }
        Ok(count)
    }

    /// The row that a put would replace, as far as it was read and is still there.
    pub(crate) fn replaced(&self, key: &[u8]) -> Option<Arc<KeyValue>> {
        let state = self.state();
        match state.writes.own(key) {
            Some(Own::Deleted) => None,
            Some(Own::Put(put)) if put.replaces_deleted => None,
            Some(Own::Put(_)) | None => state.known.key(key).flatten(),
        }
    }

    pub(crate) fn put(&self, key: Vec<u8>, row: NewRow) {
        self.state().writes.put(key, row);
    }

    /// Puts a row that must not be there yet. Whether it is there is found out at commit, unless the snapshot
    /// is known to have it.
    pub(crate) fn insert(&self, key: Vec<u8>, row: NewRow) -> Result<(), AlreadyPut> {
        let mut state = self.state();
        state.read_if_present(&key);
        state.writes.insert(key, row)
    }

    pub(crate) fn delete(&self, key: Vec<u8>) {
        self.state().writes.delete(key);
    }

    pub(crate) fn clear(&self, bounds: Bounds) {
        self.state().writes.clear(bounds);
    }

    /// Asks the store for the beginning of a range. Returns, in ascending order, what it has, and how far that
    /// reaches.
    async fn fetch_page(
        &self,
        bounds: &Bounds,
        options: RangeOptions,
    ) -> Result<(Bounds, Vec<Arc<KeyValue>>)> {
        let mut request = GetRequest::new(bounds.key_set()).limit(options.limit);
        if options.reverse {
            request = request.reverse();
        }
        if options.keys_only {
            request = request.keys_only();
        }
        let answer = self.fetch(vec![request]).await?;
        let answer = answer.into_iter().next().ok_or_else(super::snapshot::unexpected_answer)?;
        let more = answer.more();
        let mut rows = answer.into_kvs();
        let mut covered = bounds.clone();
        if more && let Some(last) = rows.last() {
            if options.reverse {
                covered.start = last.key().to_vec();
            } else {
                covered.end = after(last.key());
            }
        }
        if options.reverse {
            rows.reverse();
        }
        Ok((covered, rows.into_iter().map(Arc::new).collect()))
    }

    /// Asks the store, together with whoever asks at the same moment, and notes what an error means for the
    /// attempt.
    async fn fetch(&self, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        self.batch.get(&self.snapshot, requests).await.map_err(|error| {
            if !error.is_compacted() {
                return error;
            }
            self.state().compacted = true;
            Error::new(
                Kind::Compacted,
                "the revision that this transaction reads was compacted meanwhile: read a newer one, or keep \
                 more history",
            )
            .with_source(error)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Reads a key that must be absent, if it is known to be there: then the commit need not ask.
    fn read_if_present(&mut self, key: &[u8]) {
        if let Some(Some(kv)) = self.known.key(key) {
            self.reads.add_key(key, Mark::of(Some(&kv), true));
        }
    }

    /// A row without asking the store: `None` if it has to be asked.
    fn row(&mut self, key: &[u8], records: bool) -> Option<Option<Row>> {
        match self.writes.own(key) {
            Some(Own::Put(put)) => return Some(Some(Row::Own(key.to_vec(), put.value))),
            Some(Own::Deleted) => return Some(None),
            None => {}
        }
        let known = self.known.key(key)?;
        if records {
            self.reads.add_key(key, Mark::of(known.as_deref(), true));
        }
        Some(known.map(Row::Stored))
    }
}
