//! [`Attempt`]: what one run of a transaction's closure has left: what it read, and what it wants to write.

use smallvec::SmallVec;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Compare, Error, Hold};

use super::bookkeeping::{catalogue_key, slot_of};
use super::bounds::Bounds;
use super::naming::Tables;
use super::read_set::{Mark, ReadSet};
use super::slot_set::SlotSet;
use super::write_set::{Own, WriteSet};

/// What an attempt leaves when its closure has ended.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The snapshot's revision; `None` if nothing was read.
    pub(crate) revision: Option<i64>,
    /// Where the reads came from.
    pub(crate) source: Source,
    pub(crate) reads: ReadSet,
    pub(crate) writes: WriteSet,
    /// The tables that were touched.
    pub(crate) tables: Tables,
    /// What the catalogue must say of the tables that are written.
    pub(crate) schemas: SchemaGuards,
    /// What must still be held.
    pub(crate) locks: Vec<Hold>,
}

/// Where an attempt's reads came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the store, or nothing was read.
    Store,
    /// From the cache alone.
    Cache,
    /// From both, as of the cache's revision.
    Mixed,
}

/// The revision at which a table's row in the catalogue must stand, 0 if it must not be there: then all indexes
/// that the catalogue has of the table are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SchemaGuard {
    pub(crate) slot: u16,
    pub(crate) mod_revision: i64,
}

/// Those of an attempt, which mostly writes one table or two.
pub(crate) type SchemaGuards = SmallVec<[SchemaGuard; 2]>;

impl SchemaGuard {
    pub(crate) fn compare(&self) -> Compare {
        Compare::mod_revision(catalogue_key(self.slot)).eq(self.mod_revision)
    }
}

/// What an attempt's commit asks of the store at most, without a lane's part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weight {
    /// Operations on a path.
    pub(crate) ops: usize,
    /// About how many bytes.
    pub(crate) bytes: usize,
    /// The tables whose generation keys it puts: those from which a row vanishes, or may vanish with its lease.
    pub(crate) generations: SlotSet,
}

impl Attempt {
    /// One that has read this in the store, and wants to write that.
    #[cfg(test)]
    pub(crate) fn of(reads: ReadSet, writes: WriteSet) -> Self {
        Self {
            revision: None,
            source: Source::Store,
            reads,
            writes,
            tables: Tables::default(),
            schemas: SchemaGuards::new(),
            locks: Vec::new(),
        }
    }

    /// The transactions of this process of which something was read before they were committed.
    pub(crate) fn writers(&self) -> impl Iterator<Item = u64> {
        let rows = self.reads.ranges.iter().flat_map(|range| range.rows.values());
        self.reads.keys.values().chain(rows).filter_map(Mark::writer)
    }

    /// The error if something must be absent that was read as present.
    pub(crate) fn violation(&self) -> Option<Error> {
        let is_present = |key: &[u8]| self.reads.mark(key).is_some_and(|mark| mark.is_present);
        let (key, absence) = self.writes.absent().find(|(key, _)| is_present(key))?;
        Some(absence.violated(key, &self.tables))
    }

    /// Its guards of the catalogue, but for these.
    pub(crate) fn schemas_beside(&self, common: &[SchemaGuard]) -> impl Iterator<Item = &SchemaGuard> {
        self.schemas.iter().filter(|schema| !common.contains(schema))
    }

    /// The keys that must be there, or absent, though they were not read.
    pub(crate) fn required(&self) -> impl Iterator<Item = &[u8]> {
        let absent = self.writes.absent().map(|(key, _)| key);
        absent.chain(self.writes.present().map(|(key, _)| key))
    }

    fn generations(&self) -> SlotSet {
        let vanishing = self.writes.rows().filter(|(key, own)| match own {
            Own::Put(put) => put.lease(self.reads.mark(key)) != 0,
            Own::Deleted => true,
        });
        let cleared = self.writes.cleared().iter().map(|bounds| slot_of(&bounds.start));
        vanishing.map(|(key, _)| slot_of(key)).chain(cleared).collect()
    }

    /// What its commit asks, if a namespace of so many bytes is put in front of its keys.
    pub(crate) fn weight(&self, namespace: usize) -> Weight {
        let generations = self.generations();
        let (ops, bytes) = (self.ops(generations.len()), self.bytes(generations.len(), namespace));
        Weight { ops, bytes, generations }
    }

    fn ops(&self, generations: usize) -> usize {
        let Self { reads, writes, schemas, locks, .. } = self;
        let read = reads.keys.len() + reads.range_guards();
        let guards = read + self.required().count() + schemas.len() + locks.len();
        let cuts = writes.clears().len();
        guards.max(writes.rows().count() + cuts + generations)
    }

    fn bytes(&self, generations: usize, namespace: usize) -> usize {
        /// Tags, lengths and numbers beside the keys and values of an operation.
        const FRAMING: usize = 34;
        /// No key of the catalogue or of a table's generation is longer.
        const BOOKKEEPING: usize = 5;
        let each = FRAMING + 2 * namespace;
        let Self { reads, writes, schemas, locks, .. } = self;
        // Each is guarded, and asked for after a refusal.
        let keys = reads.keys.keys().map(Vec::as_slice).chain(self.required());
        let rows = reads.ranges.iter().flat_map(|range| range.rows.keys().map(Vec::as_slice));
        let locked = locks.iter().map(Hold::key);
        let read: usize = keys.chain(rows).chain(locked).map(|key| 2 * (key.len() + each)).sum();
        let bounds = |bounds: &Bounds| bounds.start.len() + bounds.end.len() + each;
        let ranges: usize = reads.ranges.iter().map(|range| 2 * bounds(&range.bounds)).sum();
        let written = writes.rows().map(|(key, own)| {
            let value = match own {
                Own::Put(put) => put.value.len(),
                Own::Deleted => 0,
            };
            key.len() + value + each
        });
        let written: usize = written.chain(writes.clears().iter().map(bounds)).sum();
        let bookkeeping = (2 * schemas.len() + generations) * (BOOKKEEPING + each);
        read + ranges + written + bookkeeping
    }

    /// Whether there is nothing to be done about it: what was read from the store is a snapshot.
    pub(crate) fn is_settled(&self) -> bool {
        let validated =
            self.source == Source::Store || self.reads.is_empty() || planted(Bug::EmptyUnvalidated);
        self.writes.is_empty() && self.locks.is_empty() && validated
    }
}
