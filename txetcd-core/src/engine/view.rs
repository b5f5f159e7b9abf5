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
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use smallvec::SmallVec;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Client, Error, GetRequest, GetResponse, Hold, KeyValue, Lease, Result, error::Kind};

use crate::catalogue::slots::Slots;

use super::Engine;
use super::attempt::{Attempt, SchemaGuards, Source};
use super::batch::Batch;
use super::bounds::{Bounds, after};
use super::cache::{CacheSnapshot, CachedPage};
use super::known::Known;
use super::leases::Leases;
use super::lock::lock;
use super::naming::Tables;
use super::read_set::{Mark, ReadSet};
use super::schema::{Entry, TableSchema};
use super::sequencer::Sequencer;
use super::snapshot::Snapshot;
use super::write_set::{AlreadyPut, NewRow, Own, WriteSet};

/// What one attempt sees and does. Shared by reference among the futures of the closure.
#[derive(Debug)]
pub(crate) struct View {
    engine: Arc<Engine>,
    /// Where the store is read. What is read from the cache alone needs none.
    store: OnceLock<(Snapshot, Batch)>,
    /// Whether reads are recorded; a transaction that only reads needs no validation.
    records: bool,
    state: Mutex<State>,
}

/// What a view begins with.
#[derive(Debug)]
pub(crate) enum Start {
    /// The store as of the first read.
    Store,
    /// The cache, if the first read is of a cached table, or else the store.
    Cache,
    /// The store as of a revision, of which this is known already.
    At(i64, Known),
    /// The cache as it was at some moment.
    Cached(CacheSnapshot),
}

/// Where a view reads.
#[derive(Debug, Default)]
enum Origin {
    #[default]
    Store,
    /// Not decided before the first read.
    Open,
    /// In the cache, and what it does not have in the store as of its revision.
    Cache(CacheSnapshot),
}

#[derive(Debug, Default)]
struct State {
    /// The revision to be read, if it is not that of the first read.
    revision: Option<i64>,
    origin: Origin,
    /// Whether the first read was of a cached table that could not be read there.
    wants_cache: bool,
    known: Known,
    reads: ReadSet,
    writes: WriteSet,
    tables: Tables,
    locks: Vec<Hold>,
    leases: Leases,
    /// Why what was read is of no use.
    unfit: Option<Error>,
}

/// Tables that are written, each with its slot.
pub(crate) type Written = SmallVec<[(u16, &'static dyn TableSchema); 2]>;

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

impl View {
    pub(crate) fn new(engine: &Arc<Engine>, start: Start, records: bool) -> Self {
        let (revision, origin, known) = match start {
            Start::Store => (None, Origin::Store, Known::default()),
            Start::Cache => (None, Origin::Open, Known::default()),
            Start::At(revision, known) => (Some(revision), Origin::Store, known),
            Start::Cached(cached) => (Some(cached.revision()), Origin::Cache(cached), Known::default()),
        };
        let state = State { revision, origin, known, ..State::default() };
        Self { engine: engine.clone(), store: OnceLock::new(), records, state: Mutex::new(state) }
    }

    /// The slots of attached tables.
    pub(crate) fn slots(&self) -> &Slots {
        &self.engine.slots
    }

    /// What the attempt has left.
    pub(crate) fn finish(self, schemas: SchemaGuards) -> (Arc<Attempt>, Leases) {
        let (attempt, leases) = self.into_attempt(schemas);
        (Arc::new(attempt), leases)
    }

    fn into_attempt(self, schemas: SchemaGuards) -> (Attempt, Leases) {
        let read = self.store.get().and_then(|(snapshot, _)| snapshot.revision());
        let asked = self.requests() > 0;
        let State { revision, origin, reads, writes, tables, locks, leases, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let source = match origin {
            Origin::Store | Origin::Open => Source::Store,
            Origin::Cache(_) if asked => Source::Mixed,
            Origin::Cache(_) => Source::Cache,
        };
        let revision = read.or(revision);
        (Attempt { revision, source, reads, writes, tables, schemas, locks }, leases)
    }

    /// The tables that were touched.
    pub(crate) fn tables(&self) -> Tables {
        self.state().tables.clone()
    }

    /// How many requests were made to read, those that others share included.
    pub(crate) fn requests(&self) -> u32 {
        self.store.get().map_or(0, |(_, batch)| batch.count())
    }

    /// Whether the first read was of a cached table.
    pub(crate) fn wants_cache(&self) -> bool {
        let state = self.state();
        state.wants_cache || matches!(state.origin, Origin::Cache(_))
    }

    /// What was read, if that may be out of date: it has to be validated before anything follows from it.
    pub(crate) fn into_doubtful(self) -> Option<Arc<Attempt>> {
        let is_doubtful = matches!(self.state().origin, Origin::Cache(_)) && !self.state().reads.is_empty();
        (is_doubtful && !planted(Bug::ErrorUnvalidated)).then(|| {
            Arc::new(Attempt { writes: WriteSet::default(), ..self.into_attempt(SchemaGuards::new()).0 })
        })
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
        let (granted, ids) = Box::pin(Leases::grant(client, ttls)).await?;
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
        let is_new = self.state().tables.enlist(slot, schema);
        if is_new {
            self.engine.cached_tables.want(&self.engine, slot, schema);
        }
    }

    /// The tables that are written, with their slots.
    pub(crate) fn written(&self) -> Written {
        let state = self.state();
        state.tables.iter().filter(|(slot, _)| state.writes.touches(*slot)).collect()
    }

    /// Takes a key out of what must be unchanged at the commit: something else guards it.
    pub(crate) fn forget_read(&self, key: &[u8]) {
        self.state().reads.keys.remove(key);
    }

    /// Why what was read is of no use, if it is not: the snapshot was compacted meanwhile, or parts of it do not belong
    /// together. Whatever the closure returned, it runs again.
    pub(crate) fn unfit(&self) -> Option<Error> {
        self.state().unfit.clone()
    }

    /// Reads a key.
    pub(crate) async fn get(&self, key: Vec<u8>) -> Result<Option<Row>> {
        let at_hand = self.at_hand(&mut self.state(), key);
        match at_hand {
            Ok(row) => Ok(row),
            Err(key) => Ok(self.stored(vec![key]).await?.pop().flatten().map(Row::Stored)),
        }
    }

    /// Reads keys, all in one request at most.
    pub(crate) async fn get_many(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Row>>> {
        let mut missing = Vec::new();
        let rows: Vec<_> = {
            let mut state = self.state();
            let at_hand = keys.into_iter().map(|key| self.at_hand(&mut state, key));
            at_hand.map(|row| row.map_err(|key| missing.push(key))).collect()
        };
        let mut found = self.stored(missing).await?.into_iter();
        let mut asked = || found.next().flatten().map(Row::Stored);
        Ok(rows.into_iter().map(|row| row.unwrap_or_else(|()| asked())).collect())
    }

    /// A row without asking the store. Returns the key if it has to be asked.
    fn at_hand(&self, state: &mut State, key: Vec<u8>) -> Result<Option<Row>, Vec<u8>> {
        self.decide(state, &key);
        state.row(key, self.records)
    }

    /// Asks the store for keys, whatever the transaction wrote.
    async fn stored(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Arc<KeyValue>>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.fetch(keys.iter().map(|key| GetRequest::new(key.as_slice())).collect()).await?;
        self.refuse_mixture(|sequencer, revision| sequencer.has_replaced(&keys, revision))?;
        let mut state = self.state();
        let rows = keys.into_iter().zip(found).map(|(key, answer)| {
            let kv = answer.into_kvs().into_iter().next().map(Arc::new);
            if self.records {
                state.reads.add_key(key.clone(), Mark::of(kv.as_deref(), true));
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
        let known = {
            let mut state = self.state();
            self.decide(&mut state, &bounds.start);
            if let Origin::Cache(cached) = &state.origin
                && cached.covers_all(bounds)
            {
                let CachedPage { covered, rows, marks } =
                    cached.page(bounds, options.reverse, options.limit as usize);
                if self.records {
                    state.reads.add_range(covered.clone(), marks);
                }
                return Ok((covered, rows));
            }
            state.known.page(bounds, options.reverse)
        };
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
        if !self.records && !self.is_cached(&bounds) {
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
            // What is known but not read is not guarded.
            Some(Own::Put(_)) | None => state.reads.mark(key).and_then(|_| state.known(key)).flatten(),
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
        self.refuse_mixture(|sequencer, revision| sequencer.has_replaced_within(&covered, revision))?;
        if options.reverse {
            rows.reverse();
        }
        Ok((covered, rows.into_iter().map(Arc::new).collect()))
    }

    /// Whether a range is read from the cache.
    fn is_cached(&self, bounds: &Bounds) -> bool {
        matches!(&self.state().origin, Origin::Cache(cached) if cached.covers_all(bounds))
    }

    /// At the first read, decides where the view reads.
    fn decide(&self, state: &mut State, key: &[u8]) {
        if let Origin::Open = state.origin {
            state.origin = match self.engine.sequencer.cached().filter(|cached| cached.covers(key)) {
                Some(cached) => {
                    state.revision = Some(cached.revision());
                    Origin::Cache(cached)
                }
                None => {
                    state.wants_cache = self.engine.sequencer.caches(key);
                    Origin::Store
                }
            };
        }
    }

    /// Asks the store, together with whoever asks at the same moment, and notes what an error means for the
    /// attempt.
    async fn fetch(&self, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let revision = self.state().revision;
        let (snapshot, batch) = self.store.get_or_init(|| (self.engine.snapshot(revision), Batch::default()));
        batch.get(snapshot, requests).await.map_err(|error| {
            if !error.is_compacted() {
                return error;
            }
            let compacted = Error::new(
                Kind::Compacted,
                "the revision that this transaction reads was compacted meanwhile: read a newer one, or keep \
                 more history",
            );
            self.state().unfit.insert(compacted.with_source(error)).clone()
        })
    }

    /// Ends the attempt if this process has replaced what the store has told as of the cache's revision: versions over the
    /// cached rows may have come after that.
    fn refuse_mixture(&self, has_replaced: impl FnOnce(&Sequencer, i64) -> bool) -> Result<()> {
        let mut state = self.state();
        let Origin::Cache(cached) = &state.origin else { return Ok(()) };
        if !cached.has_versions()
            || !has_replaced(&self.engine.sequencer, cached.revision())
            || planted(Bug::StoreBesideVersions)
        {
            return Ok(());
        }
        let message =
            "another transaction of this process has changed what this one reads: it has to run again";
        Err(state.unfit.insert(Error::new(Kind::Conflict, message)).clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Reads a key that must be absent, if it is known to be there: then the commit need not ask.
    fn read_if_present(&mut self, key: &[u8]) {
        if let Some((Some(_), mark)) = self.look_up(key) {
            self.reads.add_key(key.to_vec(), mark);
        }
    }

    /// What is known of a stored row without asking.
    fn known(&self, key: &[u8]) -> Option<Option<Arc<KeyValue>>> {
        self.look_up(key).map(|(row, _)| row)
    }

    fn look_up(&self, key: &[u8]) -> Option<(Option<Arc<KeyValue>>, Mark)> {
        if let Origin::Cache(cached) = &self.origin
            && cached.covers(key)
        {
            return Some(cached.get(key));
        }
        let known = self.known.key(key)?;
        let mark = Mark::of(known.as_deref(), true);
        Some((known, mark))
    }

    /// A row without asking the store. Returns the key if it has to be asked.
    fn row(&mut self, key: Vec<u8>, records: bool) -> Result<Option<Row>, Vec<u8>> {
        match self.writes.own(&key) {
            Some(Own::Put(put)) => return Ok(Some(Row::Own(key, put.value))),
            Some(Own::Deleted) => return Ok(None),
            None => {}
        }
        let Some((known, mark)) = self.look_up(&key) else { return Err(key) };
        if records {
            self.reads.add_key(key, mark);
        }
        Ok(known.map(Row::Stored))
    }
}
