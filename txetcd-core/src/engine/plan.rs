//! [`Plan`]: from what an attempt read and wrote to one etcd transaction, within etcd's limits.
//!
//! Every row that was read is guarded by its own `mod_revision`, every range by `mod_revision <= snapshot` over
//! the range (which sees inserts and changes) plus the guards of its rows (which see deletions). Where that
//! needs more compares than etcd takes, the largest *units* are guarded coarsely instead: a unit is a range,
//! or all single keys of a table, as the range that spans them. A coarse guard is `mod_revision <= snapshot`
//! over the range, plus the table's generation key, which every commit that deletes rows of the table puts.
//! Leased rows can vanish without a commit, so they keep their own guards. If even that is too much, all units of a
//! table become one. Coarse guards can only cause a needless retry.

use std::collections::{BTreeMap, BTreeSet};

use txetcd_client::{Compare, Error, GetRequest, Hold, Op, PutRequest, Result, Txn, error::Kind};

use super::Limits;
use super::bookkeeping::{catalogue_key, generation_key, slot_of};
use super::bounds::{Bounds, after};
use super::read_set::{Mark, RangeRead, ReadSet};
use super::view::Attempt;

/// What the rows that are fetched for the next attempt may weigh, as they were when they were read.
const PREFETCH_BYTES: usize = 512 * 1024;
/// A range with more rows than this is not fetched for the next attempt.
const PREFETCH_ROWS: usize = 64;

/// One compare, one put and one get are left for the lane; about how many bytes they have.
const LANE_OPS: usize = 1;
const LANE_BYTES: usize = 256;

/// One etcd transaction, but for the lane's part.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The guards, what is written, and, if a guard does not hold, what is read for the next attempt.
    pub(crate) request: Txn,
    /// The reads of the else branch, in its order, after those of the locks.
    pub(crate) prefetch: Vec<Prefetch>,
    /// What was read and written, for messages and for telling what changed.
    pub(crate) attempt: Attempt,
}

/// A read for the next attempt.
#[derive(Debug, Clone)]
pub(crate) enum Prefetch {
    /// The catalogue's row of the table in this slot, without its value.
    Schema(u16),
    Key(Vec<u8>),
    /// The range of the read set that stands at this place, up to so many rows.
    Range {
        read: usize,
        limit: u32,
    },
}

impl Prefetch {
    fn request(&self, reads: &ReadSet) -> GetRequest {
        match self {
            Self::Schema(slot) => GetRequest::new(catalogue_key(*slot)).keys_only(),
            Self::Key(key) => GetRequest::new(key.clone()),
            Self::Range { read, limit } => {
                GetRequest::new(reads.ranges[*read].bounds.key_set()).limit(*limit)
            }
        }
    }
}

impl Plan {
    /// Plans the commit of an attempt. What etcd would refuse is refused here, before anything is sent.
    pub(crate) fn of(attempt: Attempt, limits: Limits) -> Result<Self> {
        let budget = limits.ops.saturating_sub(LANE_OPS);
        let locks = attempt.locks.len();
        if locks > budget {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "the transaction is guarded by {locks} locks, but the server takes {} conditions in one \
                     transaction: hold fewer at once",
                    limits.ops
                ),
            ));
        }
        let mut guards = guards(&attempt, budget - locks)?;
        guards.extend(attempt.locks.iter().map(Hold::compare));
        let ops = ops(&attempt);
        if ops.len() > budget {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "the transaction writes {} rows, index entries and ranges, but the server takes {} operations in \
                     one transaction, of which txetcd needs {LANE_OPS}: split it, or raise the server's --max-txn-ops and \
                     tell `builder().max_txn_ops(...)`",
                    ops.len(),
                    limits.ops,
                ),
            ));
        }
        let prefetch = prefetch(&attempt, budget - locks);
        let locks = attempt.locks.iter().map(|lock| GetRequest::new(lock.key()).keys_only().into());
        let reads = locks.chain(prefetch.iter().map(|read| read.request(&attempt.reads).into()));
        let request = Txn::when(guards).then(ops).or_else(reads);
        let size = request.request_size(limits.namespace) + LANE_BYTES;
        if size > limits.bytes {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "the transaction has {size} bytes, but the server takes {} in one request: write less at once, \
                     compress the table's values, or raise the server's --max-request-bytes and tell \
                     `builder().max_request_bytes(...)`",
                    limits.bytes
                ),
            ));
        }
        Ok(Self { request, prefetch, attempt })
    }
}

/// What was read together and is guarded together.
struct Unit {
    /// The range that was read, or that spans the single keys.
    bounds: Bounds,
    rows: BTreeMap<Vec<u8>, Mark>,
    /// Whether everything between the rows was read, too, so that the range guards what was absent.
    is_range: bool,
    coarse: bool,
}

impl Unit {
    fn guarded_as_range(&self) -> bool {
        self.is_range || self.coarse
    }

    /// The rows that need guards of their own.
    fn guarded_rows(&self) -> impl Iterator<Item = (&Vec<u8>, &Mark)> {
        self.rows.iter().filter(|(_, mark)| !self.coarse || mark.lease != 0)
    }

    fn cost(&self) -> usize {
        usize::from(self.guarded_as_range()) + self.guarded_rows().count()
    }
}

fn guards(attempt: &Attempt, budget: usize) -> Result<Vec<Compare>> {
    let mut units = units(&attempt.reads);
    loop {
        let generations: BTreeSet<u16> =
            units.iter().filter(|unit| unit.coarse).map(|unit| slot_of(&unit.bounds.start)).collect();
        let absent: Vec<&[u8]> = attempt
            .writes
            .absent()
            .map(|(key, _)| key)
            .filter(|key| !attempt.reads.keys.contains_key(*key))
            .filter(|key| !units.iter().any(|unit| unit.is_range && unit.bounds.contains(key)))
            .collect();
        let schemas = &attempt.schemas;
        let present: Vec<&[u8]> = unread(attempt, attempt.writes.present().map(|(key, _)| key)).collect();
        let cost = schemas.len()
            + generations.len()
            + absent.len()
            + present.len()
            + units.iter().map(Unit::cost).sum::<usize>();
        if cost <= budget {
            let unchanged = attempt.revision.map_or(1, |revision| revision + 1);
            let mut guards: Vec<Compare> = Vec::with_capacity(cost);
            for unit in &units {
                if unit.guarded_as_range() {
                    guards.push(Compare::mod_revision(unit.bounds.key_set()).lt(unchanged));
                }
                guards.extend(
                    unit.guarded_rows()
                        .map(|(key, mark)| Compare::mod_revision(key.clone()).eq(mark.mod_revision)),
                );
            }
            guards.extend(
                schemas
                    .iter()
                    .map(|schema| Compare::mod_revision(catalogue_key(schema.slot)).eq(schema.mod_revision)),
            );
            guards.extend(absent.into_iter().map(|key| Compare::mod_revision(key).eq(0)));
            guards.extend(present.into_iter().map(|key| Compare::mod_revision(key).gt(0)));
            guards.extend(
                generations.into_iter().map(|slot| Compare::mod_revision(generation_key(slot)).lt(unchanged)),
            );
            return Ok(guards);
        }
        let divisible = (0..units.len()).filter(|at| !units[*at].coarse && units[*at].cost() > 1);
        match divisible.max_by_key(|at| units[*at].cost()) {
            Some(largest) => units[largest].coarse = true,
            None if merge(&mut units) => {}
            None => {
                return Err(Error::new(
                    Kind::TooLarge,
                    format!(
                        "what the transaction read and inserted needs {cost} conditions, but the server takes {} in \
                         one transaction: insert fewer rows at once, read fewer rows that have leases, or raise \
                         the server's --max-txn-ops and tell `builder().max_txn_ops(...)`",
                        budget + 1,
                    ),
                ));
            }
        }
    }
}

/// Makes one coarse unit of all units of a table that has several. Whether there was one.
fn merge(units: &mut Vec<Unit>) -> bool {
    let slots: Vec<u16> = units.iter().map(|unit| slot_of(&unit.bounds.start)).collect();
    let Some(slot) = slots.iter().find(|slot| slots.iter().filter(|other| other == slot).count() > 1) else {
        return false;
    };
    let (together, rest): (Vec<_>, Vec<_>) =
        std::mem::take(units).into_iter().partition(|unit| slot_of(&unit.bounds.start) == *slot);
    *units = rest;
    units.extend(together.into_iter().reduce(|mut all, unit| {
        all.bounds.start = all.bounds.start.min(unit.bounds.start);
        all.bounds.end = all.bounds.end.max(unit.bounds.end);
        all.rows.extend(unit.rows);
        Unit { is_range: false, coarse: true, ..all }
    }));
    true
}

/// The ranges, without overlaps, and the single keys of each slot that are in none of them.
fn units(reads: &ReadSet) -> Vec<Unit> {
    let mut ranges: Vec<RangeRead> = reads.ranges.clone();
    ranges.sort_by(|a, b| a.bounds.start.cmp(&b.bounds.start));
    let mut units: Vec<Unit> = Vec::new();
    for range in ranges {
        match units.last_mut() {
            Some(last) if range.bounds.start < last.bounds.end => {
                let end = last.bounds.end.clone().max(range.bounds.end);
                last.bounds.end = end;
                last.rows.extend(range.rows);
            }
            _ => units.push(Unit { bounds: range.bounds, rows: range.rows, is_range: true, coarse: false }),
        }
    }
    let mut singles: BTreeMap<u16, BTreeMap<Vec<u8>, Mark>> = BTreeMap::new();
    for (key, mark) in &reads.keys {
        if !units.iter().any(|unit| unit.bounds.contains(key)) {
            singles.entry(slot_of(key)).or_default().insert(key.clone(), *mark);
        }
    }
    units.extend(singles.into_values().filter_map(|rows| {
        let bounds = Bounds::new(rows.first_key_value()?.0.clone(), after(rows.last_key_value()?.0));
        Some(Unit { bounds, rows, is_range: false, coarse: false })
    }));
    units
}

fn ops(attempt: &Attempt) -> Vec<Op> {
    let Attempt { reads, writes, .. } = attempt;
    // Tables from which a row vanishes now, or may vanish with its lease.
    let mut generations: BTreeSet<u16> = BTreeSet::new();
    let mut ops: Vec<Op> = Vec::new();
    for bounds in writes.clears() {
        generations.insert(slot_of(&bounds.start));
        ops.push(Op::delete(bounds.key_set()));
    }
    // What was read as absent is guarded to be absent still.
    for key in writes.deletes().filter(|key| reads.mark(key) != Some(Mark::ABSENT)) {
        generations.insert(slot_of(key));
        ops.push(Op::delete(key));
    }
    for (key, put) in writes.puts() {
        let lease = put.lease(reads.mark(key));
        if lease != 0 {
            generations.insert(slot_of(key));
        }
        ops.push(PutRequest::new(key, &*put.value).lease_id(lease).into());
    }
    ops.extend(generations.into_iter().map(|slot| Op::put(generation_key(slot), [])));
    ops
}

/// The keys that were not read one by one, and so have no guard of their own yet.
fn unread<'a>(attempt: &'a Attempt, keys: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    keys.filter(|key| !attempt.reads.keys.contains_key(*key))
}

fn prefetch(attempt: &Attempt, budget: usize) -> Vec<Prefetch> {
    let reads = &attempt.reads;
    let mut bytes = PREFETCH_BYTES;
    let mut fits = |size: usize| {
        let rest = bytes.checked_sub(size);
        bytes = rest.unwrap_or(bytes);
        rest.is_some()
    };
    // First what ends the transaction: a schema that changed, and what was inserted and is there.
    let schemas = attempt.schemas.iter().map(|schema| Prefetch::Schema(schema.slot));
    let absent = attempt.writes.absent().map(|(key, _)| key);
    let required = unread(attempt, absent.chain(attempt.writes.present().map(|(key, _)| key)));
    let mut prefetch: Vec<Prefetch> =
        schemas.chain(required.map(|key| Prefetch::Key(key.to_vec()))).collect();
    let keys = reads.keys.iter().filter(|(_, mark)| fits(mark.size));
    prefetch.extend(keys.map(|(key, _)| Prefetch::Key(key.clone())));
    for (read, range) in reads.ranges.iter().enumerate() {
        let rows = range.rows.len();
        if rows <= PREFETCH_ROWS && fits(range.rows.values().map(|mark| mark.size).sum()) {
            let limit = u32::try_from(rows * 2 + 16).unwrap_or(u32::MAX);
            prefetch.push(Prefetch::Range { read, limit });
        }
    }
    prefetch.truncate(budget);
    prefetch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::leases::Leases;
    use crate::engine::naming::Tables;
    use crate::engine::write_set::{NewRow, WriteSet};

    const LIMITS: Limits = Limits { ops: 128, bytes: 1 << 20, namespace: 0 };
    const BUDGET: usize = 127;

    fn key(slot: u16, n: u32) -> Vec<u8> {
        [slot.to_be_bytes().as_slice(), &n.to_be_bytes()].concat()
    }

    fn mark(mod_revision: i64) -> Mark {
        Mark { mod_revision, lease: 0, size: 10 }
    }

    fn attempt(reads: ReadSet, writes: WriteSet) -> Attempt {
        Attempt {
            revision: Some(50),
            reads,
            writes,
            tables: Tables::default(),
            schemas: Vec::new(),
            locks: Vec::new(),
            leases: Leases::default(),
        }
    }

    fn scan(slot: u16, rows: u32, lease: i64) -> ReadSet {
        let mut reads = ReadSet::default();
        let rows = (0..rows).map(|n| (key(slot, n), Mark { lease, ..mark(7) })).collect();
        reads.add_range(Bounds::new(key(slot, 0), key(slot + 1, 0)), rows);
        reads
    }

    #[test]
    fn a_small_scan_is_guarded_row_by_row() {
        let guards = guards(&attempt(scan(1, 100, 0), WriteSet::default()), BUDGET).unwrap();
        assert_eq!(guards.len(), 101);
    }

    #[test]
    fn a_large_scan_is_guarded_by_its_range_and_the_generation() {
        let guards = guards(&attempt(scan(1, 1000, 0), WriteSet::default()), BUDGET).unwrap();
        assert_eq!(guards.len(), 2);
        assert!(format!("{guards:?}").contains(&format!("{:?}", generation_key(1))));
    }

    #[test]
    fn leased_rows_keep_their_own_guards() {
        let mut reads = scan(1, 1000, 0);
        reads.ranges[0].rows.values_mut().take(20).for_each(|mark| mark.lease = 9);
        assert_eq!(guards(&attempt(reads, WriteSet::default()), BUDGET).unwrap().len(), 22);
        let error = Plan::of(attempt(scan(1, 1000, 9), WriteSet::default()), LIMITS).unwrap_err();
        assert!(error.is_too_large(), "{error}");
    }

    #[test]
    fn many_single_reads_become_a_span() {
        let mut reads = ReadSet::default();
        (0..500)
            .for_each(|n| reads.add_key(&key(3, n * 10), if n % 2 == 0 { mark(5) } else { Mark::ABSENT }));
        let mut writes = WriteSet::default();
        // Between rows that were read, but not read itself.
        writes.insert(key(3, 15), NewRow::unindexed(vec![])).unwrap();
        writes.insert(key(4, 15), NewRow::unindexed(vec![])).unwrap();
        let attempt = attempt(reads, writes);
        assert_eq!(guards(&attempt, BUDGET).unwrap().len(), 4);
        assert_eq!(ops(&attempt).len(), 2);
    }

    #[test]
    fn many_small_scans_become_one() {
        let mut reads = ReadSet::default();
        for n in 0..200 {
            let rows = [(key(3, n * 10), mark(5))].into();
            reads.add_range(Bounds::new(key(3, n * 10), key(3, n * 10 + 5)), rows);
        }
        let mut writes = WriteSet::default();
        writes.insert(key(3, 13), NewRow::unindexed(vec![])).unwrap();
        assert_eq!(guards(&attempt(reads, writes), BUDGET).unwrap().len(), 3);
    }

    #[test]
    fn too_many_writes_are_refused_with_the_numbers() {
        let mut writes = WriteSet::default();
        (0..127).for_each(|n| writes.put(key(1, n), NewRow::unindexed(vec![])));
        assert_eq!(Plan::of(attempt(ReadSet::default(), writes), LIMITS).unwrap().request.op_count(), 127);
        let mut writes = WriteSet::default();
        (0..200).for_each(|n| writes.put(key(1, n), NewRow::unindexed(vec![])));
        let error = Plan::of(attempt(ReadSet::default(), writes), LIMITS).unwrap_err();
        assert!(error.is_too_large());
        for part in ["200", "128", "--max-txn-ops"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn every_deletion_puts_the_generation() {
        let mut writes = WriteSet::default();
        writes.delete(key(1, 1));
        writes.delete(key(1, 2));
        writes.clear(Bounds::new(key(2, 0), key(3, 0)));
        writes.put(key(3, 1), NewRow::unindexed(vec![]));
        assert_eq!(ops(&attempt(ReadSet::default(), writes)).len(), 2 + 1 + 1 + 2);
    }

    #[test]
    fn overlapping_scans_are_guarded_once() {
        let mut reads = scan(1, 10, 0);
        reads.add_range(Bounds::new(key(1, 3), key(1, 6)), (3..6).map(|n| (key(1, n), mark(7))).collect());
        reads.add_key(&key(1, 4), mark(7));
        assert_eq!(guards(&attempt(reads, WriteSet::default()), BUDGET).unwrap().len(), 11);
    }
}
