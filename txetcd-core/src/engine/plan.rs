//! [`Plan`]: from what an attempt read and wrote to one etcd transaction, within etcd's limits.
//!
//! Every row that was read is guarded by its own `mod_revision`, every range by `mod_revision <= snapshot` over
//! the range (which sees inserts and changes) plus the guards of its rows (which see deletions). Where that
//! needs more compares than etcd takes, the largest *units* are guarded coarsely instead: a unit is a range,
//! or all single keys of a table, as the range that spans them. A coarse guard is `mod_revision <= snapshot`
//! over the range, plus the table's generation key, which every commit that deletes rows of the table puts.
//! Leased rows can vanish without a commit, so they keep their own guards. If even that is too much, all units of a
//! table become one. Coarse guards can only cause a needless retry.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Compare, Error, GetRequest, Hold, Op, PutRequest, Result, Txn, error::Kind};

use super::Limits;
use super::attempt::{Attempt, SchemaGuard};
use super::bookkeeping::{catalogue_key, generation_key, slot_of};
use super::bounds::{Bounds, after};
use super::read_set::{Mark, RangeRead, ReadSet};
use super::slot_set::SlotSet;
use super::write_set::{Own, Put};

/// What the rows that are fetched for the next attempt may weigh, as they were when they were read.
const PREFETCH_BYTES: usize = 512 * 1024;
/// A range with more rows than this is not fetched for the next attempt.
const PREFETCH_ROWS: usize = 64;

/// One compare, one put and one get are left for the lane; about how many bytes they have.
pub(crate) const LANE_OPS: usize = 1;
pub(crate) const LANE_BYTES: usize = 256;

/// How many guards of the catalogue stand before all units of a request at most: fewer than there can be units, so that
/// they leave no less room for each.
const COMMON_SCHEMAS: usize = 8;

/// What became of the transactions of this process of which something was read before they were committed: for each
/// the revision in which it was. One that is not here is part of the same plan.
pub(crate) type Committed = HashMap<u64, i64>;

/// What a unit of attempts, which is applied as a whole or not at all, asks of etcd.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The guards, and what is written.
    pub(crate) txn: Txn,
    /// The tables whose generation keys have to be put with it.
    pub(crate) generations: BTreeSet<u16>,
}

/// What is asked after a refusal.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Whether something is still held.
    Held(Hold),
    /// At which revision the catalogue's row of the table in this slot is.
    Schema(u16),
    Key(Vec<u8>),
    /// A range up to so many rows.
    Range(Bounds, u32),
}

impl Question {
    pub(crate) fn request(&self) -> GetRequest {
        match self {
            Self::Held(lock) => GetRequest::new(lock.key()).keys_only(),
            Self::Schema(slot) => GetRequest::new(catalogue_key(*slot)).keys_only(),
            Self::Key(key) => GetRequest::new(key.clone()),
            Self::Range(bounds, limit) => GetRequest::new(bounds.key_set()).limit(*limit),
        }
    }
}

impl Plan {
    /// Plans a unit of attempts in their order, within so many operations on a path, but for the guards that stand before
    /// all units.
    ///
    /// What etcd would refuse because there is too much of it is refused here. A unit of several attempts is only made
    /// where all guards fit.
    pub(crate) fn of(
        members: &[Arc<Attempt>],
        committed: &Committed,
        budget: usize,
        common: &[SchemaGuard],
    ) -> Result<Self> {
        let mut guarded = Vec::new();
        let mut schemas = BTreeSet::new();
        for attempt in members {
            let locks = attempt.locks.len();
            if locks > budget {
                return Err(Error::new(
                    Kind::TooLarge,
                    format!(
                        "the transaction is guarded by {locks} locks, but the server takes {} conditions in one \
                         transaction: hold fewer at once",
                        budget + LANE_OPS
                    ),
                ));
            }
            let new = attempt.schemas_beside(common).filter(|schema| schemas.insert(**schema));
            let new = new.map(|schema| schema.compare()).collect::<Vec<_>>();
            add_guards(&mut guarded, attempt, committed, budget.saturating_sub(locks + new.len()))?;
            guarded.extend(new);
            if !planted(Bug::NoLockGuards) {
                guarded.extend(attempt.locks.iter().map(Hold::compare));
            }
        }
        let (ops, generations) = ops(members);
        let count = ops.len() + generations.len();
        if count > budget {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "the transaction writes {count} rows, index entries and ranges, but the server takes {} operations in \
                     one transaction, of which txetcd needs {LANE_OPS}: split it, or raise the server's --max-txn-ops and \
                     tell `builder().max_txn_ops(...)`",
                    budget + LANE_OPS,
                ),
            ));
        }
        Ok(Self { txn: Txn::when(guarded).then(ops), generations })
    }

    /// The same, with these questions asked at once if a guard does not hold.
    pub(crate) fn asking(self, questions: &[Question]) -> Self {
        Self { txn: self.txn.or_else(ops_of(questions)), ..self }
    }

    /// Plans a unit that is a request of its own, but for the lane's part, and refuses what is too large for one.
    pub(crate) fn alone(
        members: &[Arc<Attempt>],
        committed: &Committed,
        limits: Limits,
        asked: &[Question],
    ) -> Result<Self> {
        let plan = Self::of(members, committed, limits.alone_ops(), &[])?.asking(asked);
        let size = plan.txn.request_size(limits.namespace) + LANE_BYTES;
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
        Ok(plan)
    }
}

/// The reads that answer questions, in their order.
pub(crate) fn ops_of(questions: &[Question]) -> impl Iterator<Item = Op> {
    questions.iter().map(|question| question.request().into())
}

/// What was read together and is guarded together.
struct Extent<'r> {
    /// The range that was read, or that spans several extents; single keys span their own.
    range: Option<Bounds>,
    /// By their keys, in order, unless it spans several extents.
    rows: Vec<(&'r [u8], Mark)>,
    /// Rows that are written within the plan.
    own: BTreeSet<&'r [u8]>,
    /// Whether everything between the rows was read, too, so that the range guards what was absent.
    is_range: bool,
    coarse: bool,
}

impl<'r> Extent<'r> {
    /// A range that was read, or else single keys.
    fn new(range: Option<Bounds>) -> Self {
        let is_range = range.is_some();
        Self { range, rows: Vec::new(), own: BTreeSet::new(), is_range, coarse: false }
    }

    fn bounds(&self) -> Bounds {
        let span = || {
            let key = |row: Option<&(&'r [u8], Mark)>| row.map_or(&[][..], |(key, _)| key);
            Bounds::new(key(self.rows.first()).to_vec(), after(key(self.rows.last())))
        };
        self.range.clone().unwrap_or_else(span)
    }

    fn slot(&self) -> u16 {
        let first = self.rows.first().map_or(&[][..], |(key, _)| key);
        slot_of(self.range.as_ref().map_or(first, |range| &range.start))
    }

    /// Whether a key lies in the range that was read.
    fn covers(&self, key: &[u8]) -> bool {
        self.is_range && self.range.as_ref().is_some_and(|range| range.contains(key))
    }

    fn guarded_as_range(&self) -> bool {
        self.is_range && !planted(Bug::NoRangeGuards) || self.coarse
    }

    /// The rows that need guards of their own.
    fn guarded_rows(&self) -> impl Iterator<Item = &(&'r [u8], Mark)> {
        let bare = self.is_range && planted(Bug::NoRowGuardsInRanges);
        self.rows.iter().filter(move |(_, mark)| !bare && (!self.coarse || mark.lease != 0))
    }

    /// The parts of the range that were as they are guarded to be at the snapshot's revision: it is cut at rows that
    /// this process has written since, which have guards of their own.
    fn pieces(&self, revision: i64) -> Vec<Bounds> {
        let mut pieces = Vec::new();
        let Bounds { mut start, end } = self.bounds();
        let newer = self.rows.iter().filter(|(_, mark)| mark.mod_revision > revision);
        let cuts: BTreeSet<&[u8]> = newer.map(|(key, _)| *key).chain(self.own.iter().copied()).collect();
        for key in cuts.into_iter().filter(|_| !self.coarse) {
            pieces.push(Bounds::new(start, key.to_vec()));
            start = after(key);
        }
        pieces.push(Bounds::new(start, end));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    fn cost(&self, revision: i64) -> usize {
        let pieces = if self.guarded_as_range() { self.pieces(revision).len() } else { 0 };
        pieces + self.guarded_rows().count()
    }
}

/// A row's mark as the store will have it before the plan is applied; `None` if the row is written within the plan.
pub(crate) fn settled(mark: Mark, committed: &Committed) -> Option<Mark> {
    match mark.writer() {
        None => Some(mark),
        Some(writer) => committed.get(&writer).map(|revision| mark.committed(*revision)),
    }
}

/// Adds the guards of an attempt.
fn add_guards(
    guards: &mut Vec<Compare>,
    attempt: &Attempt,
    committed: &Committed,
    budget: usize,
) -> Result<()> {
    let mut extents = extents(&attempt.reads, committed);
    if planted(Bug::OnlyWrittenGuarded) {
        extents.retain(|extent| !extent.is_range);
        extents
            .iter_mut()
            .for_each(|extent| extent.rows.retain(|(key, _)| attempt.writes.own(key).is_some()));
        extents.retain(|extent| !extent.rows.is_empty());
    }
    let revision = attempt.revision.unwrap_or(0);
    loop {
        let generations: BTreeSet<u16> =
            extents.iter().filter(|extent| extent.coarse).map(Extent::slot).collect();
        let absent: Vec<&[u8]> = attempt
            .writes
            .absent()
            .map(|(key, _)| key)
            .filter(|key| !attempt.reads.keys.contains_key(*key))
            .filter(|key| !extents.iter().any(|extent| extent.covers(key)))
            .collect();
        let present: Vec<&[u8]> = unread(attempt, attempt.writes.present().map(|(key, _)| key)).collect();
        let cost = generations.len()
            + absent.len()
            + present.len()
            + extents.iter().map(|extent| extent.cost(revision)).sum::<usize>();
        if cost <= budget {
            guards.reserve(cost);
            for extent in &extents {
                if extent.guarded_as_range() {
                    let pieces = extent.pieces(revision).into_iter();
                    guards
                        .extend(pieces.map(|piece| Compare::mod_revision(piece.key_set()).lt(revision + 1)));
                }
                guards.extend(extent.guarded_rows().map(|(key, mark)| mark.guard(key)));
            }
            if !planted(Bug::NoAbsentGuards) {
                guards.extend(absent.into_iter().map(|key| Compare::mod_revision(key).eq(0)));
            }
            guards.extend(present.into_iter().map(|key| Compare::mod_revision(key).gt(0)));
            guards.extend(
                generations
                    .into_iter()
                    .map(|slot| Compare::mod_revision(generation_key(slot)).lt(revision + 1)),
            );
            return Ok(());
        }
        let divisible =
            (0..extents.len()).filter(|at| !extents[*at].coarse && extents[*at].cost(revision) > 1);
        match divisible.max_by_key(|at| extents[*at].cost(revision)) {
            Some(largest) => extents[largest].coarse = true,
            None if merge(&mut extents) => {}
            None => {
                return Err(Error::new(
                    Kind::TooLarge,
                    format!(
                        "what the transaction read and inserted needs {cost} conditions, but the server takes {} in \
                         one transaction: insert fewer rows at once, read fewer rows that have leases, or raise \
                         the server's --max-txn-ops and tell `builder().max_txn_ops(...)`",
                        budget + LANE_OPS,
                    ),
                ));
            }
        }
    }
}

/// Makes one coarse extent of all extents of a table that has several. Whether there was one.
fn merge(extents: &mut Vec<Extent<'_>>) -> bool {
    let slots: Vec<u16> = extents.iter().map(Extent::slot).collect();
    let Some(slot) = slots.iter().find(|slot| slots.iter().filter(|other| other == slot).count() > 1) else {
        return false;
    };
    let (together, rest): (Vec<_>, Vec<_>) =
        std::mem::take(extents).into_iter().partition(|extent| extent.slot() == *slot);
    *extents = rest;
    extents.extend(together.into_iter().reduce(|mut all, extent| {
        let (one, other) = (all.bounds(), extent.bounds());
        let range = Some(Bounds::new(one.start.min(other.start), one.end.max(other.end)));
        all.rows.extend(extent.rows);
        Extent { range, is_range: false, coarse: true, ..all }
    }));
    true
}

/// The ranges, without overlaps, and the single keys of each slot that are in none of them; without rows that are
/// written within the same plan.
fn extents<'r>(reads: &'r ReadSet, committed: &Committed) -> Vec<Extent<'r>> {
    let mut ranges: Vec<&RangeRead> = reads.ranges.iter().collect();
    ranges.sort_by(|a, b| a.bounds.start.cmp(&b.bounds.start));
    let mut extents: Vec<Extent<'_>> = Vec::with_capacity(ranges.len() + 1);
    for RangeRead { bounds, rows } in ranges {
        let overlaps = |last: &mut Extent<'_>| last.range.as_ref().is_some_and(|it| bounds.start < it.end);
        let mut extent = extents.pop_if(overlaps).unwrap_or_else(|| Extent::new(Some(bounds.clone())));
        if let Some(range) = extent.range.as_mut().filter(|range| range.end < bounds.end) {
            range.end.clone_from(&bounds.end);
        }
        for (key, mark) in rows {
            match settled(*mark, committed) {
                Some(mark) => extent.rows.push((key, mark)),
                None => drop(extent.own.insert(key)),
            }
        }
        extents.push(extent);
    }
    for Extent { rows, .. } in &mut extents {
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows.dedup_by_key(|(key, _)| *key);
    }
    for (key, mark) in &reads.keys {
        let Some(mark) = settled(*mark, committed).filter(|_| !extents.iter().any(|it| it.covers(key)))
        else {
            continue;
        };
        let is_its = |last: &&mut Extent<'_>| !last.is_range && last.slot() == slot_of(key);
        match extents.last_mut().filter(is_its) {
            Some(last) => last.rows.push((key, mark)),
            None => extents.push(Extent { rows: vec![(key, mark)], ..Extent::new(None) }),
        }
    }
    extents
}

/// What is left to be done at a key after all members of a unit.
enum Last<'m> {
    Put(&'m Put, i64),
    Delete,
}

/// What a unit writes: the last word of its members on each key. And the tables from which a row vanishes now, or may
/// vanish with its lease.
fn ops(members: &[Arc<Attempt>]) -> (Vec<Op>, BTreeSet<u16>) {
    let mut generations: BTreeSet<u16> = BTreeSet::new();
    let mut ops: Vec<Op> = Vec::new();
    let mut last: Vec<(&[u8], Last<'_>)> = Vec::new();
    // Where a key stands in it, if members may meet there.
    let mut places: HashMap<&[u8], usize> = HashMap::default();
    let mut say = |key, word| {
        let next = last.len();
        let place = if members.len() > 1 { *places.entry(key).or_insert(next) } else { next };
        match last.get_mut(place) {
            Some(before) => *before = (key, word),
            None => last.push((key, word)),
        }
    };
    for Attempt { reads, writes, .. } in members.iter().map(AsRef::as_ref) {
        for bounds in writes.clears() {
            generations.insert(slot_of(&bounds.start));
            ops.push(Op::delete(bounds.key_set()));
        }
        for (key, own) in writes.changes() {
            let mark = reads.mark(key);
            match own {
                Own::Put(put) => say(key, Last::Put(put, put.lease(mark))),
                Own::Deleted if mark.is_none_or(|mark| mark.is_present) => say(key, Last::Delete),
                // What was read as absent is guarded to be absent still.
                Own::Deleted => {}
            }
        }
    }
    for (key, last) in last {
        match last {
            Last::Delete => {
                generations.insert(slot_of(key));
                ops.push(Op::delete(key));
            }
            Last::Put(put, lease) => {
                if lease != 0 {
                    generations.insert(slot_of(key));
                }
                ops.push(PutRequest::new(key, &*put.value).lease_id(lease).into());
            }
        }
    }
    if planted(Bug::NoGenerations) {
        generations.clear();
    }
    (ops, generations)
}

/// The keys that were not read one by one, and so have no guard of their own yet.
fn unread<'a>(attempt: &'a Attempt, keys: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    keys.filter(|key| !attempt.reads.keys.contains_key(*key))
}

/// What stands before all units of a request: for each table the newest that anybody expects of the catalogue, but for tables
/// of which that did not hold lately. One that expects something else has its own guard.
pub(crate) fn common_schemas<'a>(
    attempts: impl Iterator<Item = &'a Attempt>,
    distrusted: &SlotSet,
) -> Vec<SchemaGuard> {
    let mut common: Vec<SchemaGuard> = Vec::new();
    let schemas = attempts.flat_map(|attempt| &attempt.schemas);
    for schema in schemas.filter(|schema| !distrusted.contains(schema.slot)) {
        match common.iter().position(|other| other.slot == schema.slot) {
            Some(place) => common[place] = common[place].max(*schema),
            None if common.len() < COMMON_SCHEMAS => common.push(*schema),
            None => {}
        }
    }
    common
}

/// What has to be known if a unit is refused, behind guards that are common to all units. First what ends a transaction: a lock
/// that is lost, a schema that changed, and what was inserted and is there.
pub(crate) fn questions(members: &[Arc<Attempt>], common: &[SchemaGuard], budget: usize) -> Vec<Question> {
    let mut bytes = PREFETCH_BYTES;
    let mut fits = |size: usize| {
        let rest = bytes.checked_sub(size);
        bytes = rest.unwrap_or(bytes);
        rest.is_some()
    };
    let members = || members.iter().map(AsRef::as_ref);
    let locks = members().flat_map(|attempt: &Attempt| attempt.locks.iter().cloned().map(Question::Held));
    let schemas = members().flat_map(|attempt| attempt.schemas_beside(common));
    let schemas: BTreeSet<u16> = schemas.map(|schema| schema.slot).collect();
    let mut questions: Vec<Question> = locks.chain(schemas.into_iter().map(Question::Schema)).collect();
    let mut asked: HashSet<&[u8]> = HashSet::default();
    for attempt in members() {
        let required = unread(attempt, attempt.required());
        questions.extend(required.filter(|key| asked.insert(key)).map(|key| Question::Key(key.to_vec())));
    }
    for attempt in members() {
        for (key, mark) in &attempt.reads.keys {
            if mark.writer().is_none() && asked.insert(key) && fits(mark.size) {
                questions.push(Question::Key(key.clone()));
            }
        }
    }
    for range in members().flat_map(|attempt| &attempt.reads.ranges) {
        let rows = range.rows.len();
        if rows <= PREFETCH_ROWS && fits(range.rows.values().map(|mark| mark.size).sum()) {
            let limit = u32::try_from(rows * 2 + 16).unwrap_or(u32::MAX);
            questions.push(Question::Range(range.bounds.clone(), limit));
        }
    }
    questions.truncate(budget);
    questions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::SchemaGuard;
    use crate::engine::write_set::{NewRow, WriteSet};

    const LIMITS: Limits = Limits { ops: 128, bytes: 1 << 20, namespace: 0 };
    const BUDGET: usize = 127;

    fn key(slot: u16, n: u32) -> Vec<u8> {
        [slot.to_be_bytes().as_slice(), &n.to_be_bytes()].concat()
    }

    fn mark(mod_revision: i64) -> Mark {
        Mark { mod_revision, lease: 0, size: 10, is_present: true }
    }

    fn attempt(reads: ReadSet, writes: WriteSet) -> Attempt {
        Attempt { revision: Some(50), ..Attempt::of(reads, writes) }
    }

    fn guards(attempt: &Attempt) -> Result<Vec<Compare>> {
        guards_within(BUDGET, attempt, &Committed::default())
    }

    fn guards_within(budget: usize, attempt: &Attempt, committed: &Committed) -> Result<Vec<Compare>> {
        let mut guards = Vec::new();
        add_guards(&mut guards, attempt, committed, budget)?;
        Ok(guards)
    }

    fn plan(attempt: Attempt) -> Result<Plan> {
        let members = [Arc::new(attempt)];
        Plan::alone(&members, &Committed::default(), LIMITS, &questions(&members, &[], LIMITS.alone_ops()))
    }

    fn ops(attempt: Attempt) -> usize {
        let (ops, generations) = super::ops(&[Arc::new(attempt)]);
        ops.len() + generations.len()
    }

    fn scan(slot: u16, rows: u32, lease: i64) -> ReadSet {
        let mut reads = ReadSet::default();
        let rows = (0..rows).map(|n| (key(slot, n), Mark { lease, ..mark(7) })).collect();
        reads.add_range(Bounds::new(key(slot, 0), key(slot + 1, 0)), rows);
        reads
    }

    /// So many scans of one table, apart from each other, with a row each.
    fn small_scans(count: u32) -> ReadSet {
        let mut reads = ReadSet::default();
        for n in 0..count {
            let rows = [(key(3, n * 10), mark(5))].into();
            reads.add_range(Bounds::new(key(3, n * 10), key(3, n * 10 + 5)), rows);
        }
        reads
    }

    #[test]
    fn a_small_scan_is_guarded_row_by_row() {
        let guards = guards(&attempt(scan(1, 100, 0), WriteSet::default())).unwrap();
        assert_eq!(guards.len(), 101);
    }

    #[test]
    fn a_large_scan_is_guarded_by_its_range_and_the_generation() {
        let guards = guards(&attempt(scan(1, 1000, 0), WriteSet::default())).unwrap();
        assert_eq!(guards.len(), 2);
        assert!(format!("{guards:?}").contains(&format!("{:?}", generation_key(1))));
    }

    #[test]
    fn leased_rows_keep_their_own_guards() {
        let mut reads = scan(1, 1000, 0);
        reads.ranges[0].rows.values_mut().take(20).for_each(|mark| mark.lease = 9);
        assert_eq!(guards(&attempt(reads, WriteSet::default())).unwrap().len(), 22);
        let error = plan(attempt(scan(1, 1000, 9), WriteSet::default())).unwrap_err();
        assert!(error.is_too_large(), "{error}");
    }

    #[test]
    fn many_single_reads_become_a_span() {
        let mut reads = ReadSet::default();
        (0..500).for_each(|n| reads.add_key(key(3, n * 10), if n % 2 == 0 { mark(5) } else { Mark::ABSENT }));
        let mut writes = WriteSet::default();
        // Between rows that were read, but not read itself.
        writes.insert(key(3, 15), NewRow::unindexed(vec![])).unwrap();
        writes.insert(key(4, 15), NewRow::unindexed(vec![])).unwrap();
        let attempt = attempt(reads, writes);
        assert_eq!(guards(&attempt).unwrap().len(), 4);
        assert_eq!(ops(attempt), 2);
    }

    #[test]
    fn many_small_scans_become_one() {
        let reads = small_scans(200);
        let mut writes = WriteSet::default();
        writes.insert(key(3, 13), NewRow::unindexed(vec![])).unwrap();
        assert_eq!(guards(&attempt(reads, writes)).unwrap().len(), 3);
    }

    #[test]
    fn too_many_writes_are_refused_with_the_numbers() {
        let mut writes = WriteSet::default();
        (0..127).for_each(|n| writes.put(key(1, n), NewRow::unindexed(vec![])));
        assert_eq!(plan(attempt(ReadSet::default(), writes)).unwrap().txn.op_count(), 127);
        let mut writes = WriteSet::default();
        (0..200).for_each(|n| writes.put(key(1, n), NewRow::unindexed(vec![])));
        let error = plan(attempt(ReadSet::default(), writes)).unwrap_err();
        assert!(error.is_too_large());
        for part in ["200", "128", "--max-txn-ops"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn an_attempt_is_never_taken_for_less_than_its_plan_has() {
        /// What an empty request has.
        const AROUND: usize = 24;
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let mut reads = ReadSet::default();
            (0..rng.u32(..12)).for_each(|n| reads.add_key(key(1, n), mark(5)));
            for slot in 2..rng.u16(3..6) {
                // Written by this process since, or before the snapshot.
                let rows = (0..rng.u32(..10))
                    .map(|n| (key(slot, n * 2), mark(if rng.bool() { 60 } else { 7 })))
                    .collect();
                reads.add_range(Bounds::new(key(slot, 0), key(slot + 1, 0)), rows);
            }
            let mut writes = WriteSet::default();
            (0..rng.u32(..10)).for_each(|n| writes.delete(key(2, n)));
            (0..rng.u32(..10))
                .for_each(|n| writes.put(key(3, n), NewRow::unindexed(vec![1; rng.usize(..99)])));
            for n in 0..rng.u32(..10) {
                writes.insert(key(9, n), NewRow::unindexed(vec![])).unwrap();
            }
            for slot in 6..rng.u16(7..9) {
                writes.clear(Bounds::new(key(slot, 0), key(slot + 1, 0)));
                // What is put into it cuts it.
                (0..rng.u32(..6)).for_each(|n| writes.put(key(slot, n * 2), NewRow::unindexed(vec![])));
            }
            let namespace = rng.usize(..9);
            let schemas = (2..4).map(|slot| SchemaGuard { slot, mod_revision: 1 }).collect();
            let attempt = Attempt { schemas, ..attempt(reads, writes) };
            let members = [Arc::new(attempt.clone())];
            let asked = questions(&members, &[], BUDGET);
            let Plan { txn, generations } =
                Plan::of(&members, &Committed::default(), BUDGET, &[]).unwrap().asking(&asked);
            let weight = attempt.weight(namespace);
            let (size, most) = (txn.request_size(namespace), weight.bytes);
            assert!(size <= most + AROUND, "{size} bytes, thought {most}: {attempt:?}");
            // A path has as many operations as the longest of its three parts.
            let count = txn.op_count().max(generations.len());
            assert!(count <= weight.ops, "{count} operations, thought {}: {attempt:?}", weight.ops);
        }
    }

    #[test]
    fn what_stands_before_all_units_is_in_none_of_them() {
        let guard = |slot, mod_revision| SchemaGuard { slot, mod_revision };
        let unit = |schemas: &[SchemaGuard]| {
            let mut writes = WriteSet::default();
            writes.put(key(1, 1), NewRow::unindexed(vec![]));
            let schemas = schemas.iter().copied().collect();
            [Arc::new(Attempt { schemas, ..attempt(ReadSet::default(), writes) })]
        };
        let units =
            [unit(&[guard(1, 5), guard(2, 6)]), unit(&[guard(1, 5)]), unit(&[guard(1, 4), guard(2, 6)])];
        let attempts = || units.iter().flatten().map(AsRef::as_ref);
        let common = common_schemas(attempts(), &SlotSet::default());
        assert_eq!(common, [guard(1, 5), guard(2, 6)]);
        // Of two that expect different things one stays with its unit, and is asked for there.
        for (unit, own) in units.iter().zip([None, None, Some(guard(1, 4))]) {
            let Plan { txn, .. } = Plan::of(unit, &Committed::default(), BUDGET, &common).unwrap();
            let compares = own.map(|own| own.compare());
            assert_eq!(
                format!("{txn:?}"),
                format!("{:?}", Txn::when(compares).then([Op::from(PutRequest::new(key(1, 1), []))]))
            );
            let asked = questions(unit, &common, BUDGET);
            assert_eq!(asked.len(), usize::from(own.is_some()), "{asked:?}");
        }
        let many: Vec<SchemaGuard> = (1..20).map(|slot| guard(slot, 1)).collect();
        let all = unit(&many);
        let all = || all.iter().map(AsRef::as_ref);
        assert_eq!(common_schemas(all(), &SlotSet::default()), many[..COMMON_SCHEMAS]);
        assert_eq!(common_schemas(all(), &(1..18).collect()), many[17..]);
    }

    #[test]
    fn every_deletion_puts_the_generation() {
        let mut writes = WriteSet::default();
        writes.delete(key(1, 1));
        writes.delete(key(1, 2));
        writes.clear(Bounds::new(key(2, 0), key(3, 0)));
        writes.put(key(3, 1), NewRow::unindexed(vec![]));
        assert_eq!(ops(attempt(ReadSet::default(), writes)), 2 + 1 + 1 + 2);
    }

    #[test]
    fn overlapping_scans_are_guarded_once() {
        let mut reads = scan(1, 10, 0);
        reads.add_range(Bounds::new(key(1, 3), key(1, 6)), (3..6).map(|n| (key(1, n), mark(7))).collect());
        reads.add_key(key(1, 4), mark(7));
        assert_eq!(guards(&attempt(reads, WriteSet::default())).unwrap().len(), 11);
    }

    fn names(guards: &[Compare]) -> Vec<String> {
        let mut names: Vec<String> = guards.iter().map(|guard| format!("{guard:?}")).collect();
        names.sort();
        names
    }

    fn same(guards: Vec<Compare>, expected: impl IntoIterator<Item = Compare>) {
        assert_eq!(names(&guards), names(&expected.into_iter().collect::<Vec<_>>()));
    }

    fn up_to(slot: u16, from: u32, to: u32) -> Compare {
        Compare::mod_revision(Bounds::new(key(slot, from), key(slot, to)).key_set()).lt(51)
    }

    fn at(slot: u16, n: u32, revision: i64) -> Compare {
        Compare::mod_revision(key(slot, n)).eq(revision)
    }

    #[test]
    fn ranges_that_overlap_are_one_and_keys_beside_them_are_guarded_by_themselves() {
        let mut reads = ReadSet::default();
        reads.add_range(
            Bounds::new(key(1, 4), key(1, 8)),
            [(key(1, 5), mark(7)), (key(1, 6), mark(8))].into(),
        );
        reads.add_range(
            Bounds::new(key(1, 1), key(1, 6)),
            [(key(1, 2), mark(6)), (key(1, 5), mark(7))].into(),
        );
        for (slot, n) in [(1, 5), (1, 9), (2, 1), (2, 3)] {
            reads.add_key(key(slot, n), mark(3));
        }
        let guards = guards(&attempt(reads, WriteSet::default())).unwrap();
        let rows = [at(1, 2, 6), at(1, 5, 7), at(1, 6, 8), at(1, 9, 3), at(2, 1, 3), at(2, 3, 3)];
        same(guards, rows.into_iter().chain([up_to(1, 1, 8)]));
    }

    #[test]
    fn a_range_is_cut_where_this_process_has_written_since() {
        let by = |number| Mark { mod_revision: crate::engine::read_set::provisional(number), ..mark(0) };
        let mut reads = ReadSet::default();
        let rows = [(key(1, 2), mark(6)), (key(1, 4), by(1)), (key(1, 6), by(2))];
        reads.add_range(Bounds::new(key(1, 0), key(1, 9)), rows.into());
        reads.add_key(key(2, 1), by(1));
        reads.add_key(key(2, 2), by(2));
        // The first has been committed, after what the rows were read at; the second is in the same plan.
        let committed = Committed::from_iter([(1, 60)]);
        let guards = guards_within(BUDGET, &attempt(reads, WriteSet::default()), &committed).unwrap();
        let after = |n| after(&key(1, n));
        let piece = |start: Vec<u8>, end| Compare::mod_revision(Bounds::new(start, end).key_set()).lt(51);
        same(
            guards,
            [
                piece(key(1, 0), key(1, 4)),
                piece(after(4), key(1, 6)),
                piece(after(6), key(1, 9)),
                at(1, 2, 6),
                at(1, 4, 60),
                at(2, 1, 60),
            ],
        );
    }

    #[test]
    fn what_is_read_of_a_table_becomes_one_if_there_is_no_other_way() {
        let mut reads = small_scans(80);
        reads.add_key(key(3, 7), Mark { lease: 9, ..mark(4) });
        reads.add_key(key(3, 799), mark(4));
        let attempt = attempt(reads, WriteSet::default());
        let guards = guards_within(20, &attempt, &Committed::default()).unwrap();
        let whole = Bounds::new(key(3, 0), after(&key(3, 799)));
        same(
            guards,
            [
                Compare::mod_revision(whole.key_set()).lt(51),
                Compare::mod_revision(generation_key(3)).lt(51),
                at(3, 7, 4),
            ],
        );
    }
}
