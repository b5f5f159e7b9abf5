//! [`Batch`]: the state being written by one storage transaction, in which many requests follow each
//! other, each at a revision of its own and each seeing what those before it did.

use redb::{ReadableTable, Table, WriteTransaction};
use tokio::sync::oneshot;

use super::count;
use super::error::{StorageError, damaged};
use super::meta;
use super::record::{Change, Kind, Record, encode_ended};
use super::tables::{COUNTS, HISTORY, LEASE_KEYS, LEASES, LIVE, LOG, META, Tables};
use crate::lease::apply::Effect;

/// The tables of a storage transaction, open for writing.
pub(crate) struct Batch<'txn> {
    live: Table<'txn, &'static [u8], &'static [u8]>,
    history: Table<'txn, (&'static [u8], i64), &'static [u8]>,
    log: Table<'txn, (i64, u32), &'static [u8]>,
    counts: Table<'txn, &'static [u8], u64>,
    leases: Table<'txn, i64, (i64, i64)>,
    lease_keys: Table<'txn, (i64, &'static [u8]), ()>,
    meta: Table<'txn, &'static str, i64>,
    /// The newest revision before the request that is being applied.
    base: i64,
    /// Changes that this request has made so far, each with its own sub-revision.
    changes: u32,
    /// Changes of all requests so far.
    written: usize,
    compacted: i64,
    dirty: bool,
    effects: Vec<Effect>,
    defragment: Vec<Defragmented>,
}

/// Who is to be told how it went when the store was rebuilt.
pub(crate) type Defragmented = oneshot::Sender<Result<(), StorageError>>;

/// What a batch came to.
pub(crate) struct Finished {
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
    /// Whether there is anything to commit.
    pub(crate) dirty: bool,
    pub(crate) effects: Vec<Effect>,
    /// Who asked for the store to be rebuilt without holes.
    pub(crate) defragment: Vec<Defragmented>,
}

/// What a put stores.
pub(crate) enum Put<'a> {
    Given(&'a [u8]),
    /// What the key holds already.
    Kept,
}

impl<'txn> Batch<'txn> {
    pub(crate) fn open(
        transaction: &'txn WriteTransaction,
        revision: i64,
        compacted: i64,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            live: transaction.open_table(LIVE)?,
            history: transaction.open_table(HISTORY)?,
            log: transaction.open_table(LOG)?,
            counts: transaction.open_table(COUNTS)?,
            leases: transaction.open_table(LEASES)?,
            lease_keys: transaction.open_table(LEASE_KEYS)?,
            meta: transaction.open_table(META)?,
            base: revision,
            changes: 0,
            written: 0,
            compacted,
            dirty: false,
            effects: Vec::new(),
            defragment: Vec::new(),
        })
    }

    /// Gives `key` a new version and answers with the encoded one that it ended, if there was one.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        value: Put<'_>,
        lease: Option<i64>,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let revision = self.next_revision();
        let ended = self.live.get(key)?.map(|version| version.value().to_vec());
        let old = ended.as_deref().map(Record::decode).transpose()?;
        let record = Record {
            create: old.map_or(revision, |old| old.create),
            modified: revision,
            version: old.map_or(0, |old| old.version) + 1,
            lease: lease.unwrap_or_else(|| old.map_or(0, |old| old.lease)),
            value: match value {
                Put::Given(value) => value,
                Put::Kept => old.map_or(&[], |old| old.value),
            },
        };
        self.live.insert(key, record.encode().as_slice())?;
        match (old, &ended) {
            (Some(old), Some(bytes)) => {
                self.history.insert((key, old.modified), encode_ended(revision, bytes).as_slice())?;
            }
            _ => count::add(&mut self.counts, &self.live, key)?,
        }
        self.log_change(revision, Change { kind: Kind::Put, ended: old.map(|old| old.modified), key })?;
        let old_lease = old.map_or(0, |old| old.lease);
        if old_lease != record.lease {
            self.detach(old_lease, key)?;
            if record.lease != 0 {
                self.lease_keys.insert((record.lease, key), ())?;
            }
        }
        Ok(ended)
    }

    /// Deletes `key`, which must exist, and answers with its encoded last version.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<Vec<u8>, StorageError> {
        let revision = self.next_revision();
        let ended = self.live.remove(key)?.map(|version| version.value().to_vec());
        let ended = ended.ok_or_else(|| damaged("a key to delete is not stored"))?;
        let old = Record::decode(&ended)?;
        count::remove(&mut self.counts, key)?;
        self.history.insert((key, old.modified), encode_ended(revision, &ended).as_slice())?;
        self.log_change(revision, Change { kind: Kind::Delete, ended: Some(old.modified), key })?;
        self.detach(old.lease, key)?;
        Ok(ended)
    }

    /// Stores a lease, or what is left of it.
    pub(crate) fn write_lease(&mut self, id: i64, ttl: i64, left_ms: i64) -> Result<(), StorageError> {
        self.dirty = true;
        self.leases.insert(id, (ttl, left_ms))?;
        Ok(())
    }

    /// Forgets a lease, whose keys are already deleted.
    pub(crate) fn remove_lease(&mut self, id: i64) -> Result<(), StorageError> {
        self.dirty = true;
        self.leases.remove(id)?;
        Ok(())
    }

    /// Notes what becomes of a lease when the batch is committed.
    pub(crate) fn note(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Makes revisions before `revision` unreadable. [`Batch::sweep`] then removes what was theirs alone.
    pub(crate) fn compact(&mut self, revision: i64) {
        self.dirty = true;
        self.compacted = revision;
    }

    /// Removes versions that ended and changes that were made before the compacted revision, but no more
    /// than `limit` changes. Answers whether that was all.
    ///
    /// A watch may start exactly at the compacted revision, so the changes of that revision stay; the
    /// versions that they ended go, in the last round.
    pub(crate) fn sweep(&mut self, limit: usize) -> Result<bool, StorageError> {
        let due = (i64::MIN, 0)..=(self.compacted, u32::MAX);
        let mut swept = Vec::new();
        let mut all = true;
        for entry in self.log.range(due)? {
            let (at, bytes) = entry?;
            if at.value().0 < self.compacted && swept.len() == limit {
                all = false;
                break;
            }
            let change = Change::decode(bytes.value())?;
            swept.push((at.value(), change.ended.map(|modified| (change.key.to_vec(), modified))));
        }
        for (at, ended) in swept {
            if let Some((key, modified)) = ended {
                self.dirty |= self.history.remove((key.as_slice(), modified))?.is_some();
            }
            if at.0 < self.compacted {
                self.dirty = true;
                self.log.remove(at)?;
            }
        }
        Ok(all)
    }

    /// Notes that the store is to be rebuilt without holes when the batch is committed.
    pub(crate) fn defragment(&mut self, reply: Defragmented) {
        self.defragment.push(reply);
    }

    /// How many changes were made so far.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Ends one request: the next one gets the next revision if this one changed anything.
    pub(crate) fn seal(&mut self) {
        self.base = self.revision();
        self.changes = 0;
    }

    /// Writes the revisions that the batch reached, and answers with what is to be known of it once it is
    /// committed.
    pub(crate) fn finish(mut self) -> Result<Finished, StorageError> {
        if self.dirty {
            meta::write_revisions(&mut self.meta, self.base, self.compacted)?;
        }
        let Self { base: revision, compacted, dirty, effects, defragment, .. } = self;
        Ok(Finished { revision, compacted, dirty, effects, defragment })
    }

    fn next_revision(&self) -> i64 {
        self.base + 1
    }

    fn log_change(&mut self, revision: i64, change: Change<'_>) -> Result<(), StorageError> {
        self.log.insert((revision, self.changes), change.encode().as_slice())?;
        self.changes += 1;
        self.written += 1;
        self.dirty = true;
        Ok(())
    }

    fn detach(&mut self, lease: i64, key: &[u8]) -> Result<(), StorageError> {
        if lease != 0 {
            self.lease_keys.remove((lease, key))?;
        }
        Ok(())
    }
}

impl Tables for Batch<'_> {
    fn live(&self) -> &impl ReadableTable<&'static [u8], &'static [u8]> {
        &self.live
    }

    fn history(&self) -> &impl ReadableTable<(&'static [u8], i64), &'static [u8]> {
        &self.history
    }

    fn log(&self) -> &impl ReadableTable<(i64, u32), &'static [u8]> {
        &self.log
    }

    fn counts(&self) -> &impl ReadableTable<&'static [u8], u64> {
        &self.counts
    }

    fn leases(&self) -> &impl ReadableTable<i64, (i64, i64)> {
        &self.leases
    }

    fn lease_keys(&self) -> &impl ReadableTable<(i64, &'static [u8]), ()> {
        &self.lease_keys
    }

    fn revision(&self) -> i64 {
        self.base + i64::from(self.changes > 0)
    }

    fn compacted(&self) -> i64 {
        self.compacted
    }
}
