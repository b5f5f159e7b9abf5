//! Forming groups: which of the members that wait can be the next request.
//!
//! A [`Group`] consists of units. A unit is applied as a whole or not at all; it becomes a nested transaction with guards
//! of its own, or, if it is the only one, the request itself. etcd looks at all guards of a request before any of
//! its operations, so two units of a request have nothing to do with each other: no key that one writes is read
//! or written by the other. Members that meet at keys are one unit, in their order. For the same reason, what a member
//! has to do with must not be under way in another request.
//!
//! As long as nobody disturbs, all members of a group are one unit, since that costs the store the least. After a
//! disturbance they are as many units as they can be for a while, so that the next one hits as few as possible.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashMap;
use smallvec::SmallVec;
use tokio::time::Instant;
use txetcd_client::teeth::{Bug, planted};

use crate::engine::Limits;
use crate::engine::attempt::{Attempt, SchemaGuard};
use crate::engine::bounds::Bounds;
use crate::engine::plan::{Committed, LANE_BYTES, common_schemas};
use crate::engine::read_set::{Mark, RangeRead};
use crate::engine::slot_set::SlotSet;

use super::order::{Member, Order, Place};

/// Members that leave in one request.
#[derive(Debug)]
pub(in crate::engine) struct Group {
    pub(in crate::engine) units: Vec<Unit>,
    pub(in crate::engine) committed: Committed,
    /// Guards of the catalogue that stand before all units, if there are several.
    pub(in crate::engine) common: Vec<SchemaGuard>,
    /// The first of its members' deadlines.
    pub(in crate::engine) deadline: Instant,
    /// The last one.
    pub(in crate::engine) latest: Instant,
    /// Whether the request asks at once what has to be known if it is refused. Where nobody disturbs, that would only make
    /// it larger; a transaction that is alone may lose a round trip by it.
    pub(in crate::engine) asks: bool,
}

impl Group {
    /// How many members it has.
    pub(in crate::engine) fn len(&self) -> usize {
        self.units.iter().map(|unit| unit.numbers.len()).sum()
    }
}

/// Members that are applied as a whole or not at all.
#[derive(Debug)]
pub(in crate::engine) struct Unit {
    pub(in crate::engine) numbers: Vec<u64>,
    pub(in crate::engine) attempts: Vec<Arc<Attempt>>,
}

/// How groups are formed.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) limits: Limits,
    /// How many units a group may have.
    pub(super) units: usize,
    /// Whether members that have nothing to do with each other may be one unit.
    pub(super) joins: bool,
    /// Whether members that meet at keys may be one unit.
    pub(super) merges: bool,
    /// Tables whose guards of the catalogue stay with their units.
    pub(super) distrusted: SlotSet,
}

impl Shape {
    /// How many operations on a path a unit may have.
    fn unit_ops(&self) -> usize {
        if self.units == 1 { self.limits.alone_ops() } else { self.limits.unit_ops() }
    }
}

/// After so many members that had no room in a request there is no use in looking for smaller ones.
const MOST_LEFT_OUT: usize = 8;

/// What is under formation, or has to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// In flight, or behind something that is.
    Blocked,
    Unit(usize),
}

/// Who has to do with a key.
#[derive(Default)]
struct Users {
    writer: Option<Spot>,
    /// The number of the last writer.
    number: u64,
    /// Who has read it since.
    readers: SmallVec<[Spot; 2]>,
}

/// Who has to do with which keys.
#[derive(Default)]
struct Keys<'o> {
    users: HashMap<&'o [u8], Users>,
    /// The same keys in their order, once a range was looked up.
    sorted: Option<BTreeSet<&'o [u8]>>,
}

#[derive(Default)]
struct Formation<'o> {
    keys: Keys<'o>,
    /// Ranges that are read, or, if it is so, cleared.
    ranges: Vec<(&'o Bounds, Spot, bool)>,
    units: Vec<Forming>,
    bytes: usize,
    any_blocked: bool,
    /// How many members had no room in the only unit.
    left_out: usize,
}

#[derive(Default)]
struct Forming {
    numbers: Vec<u64>,
    cost: Cost,
}

/// What a unit asks of the store.
#[derive(Default)]
struct Cost {
    guards: usize,
    ops: usize,
    generations: SlotSet,
    schemas: SlotSet,
    clears: bool,
}

impl Cost {
    fn add(&mut self, other: &Self) {
        self.guards += other.guards;
        self.ops += other.ops;
        self.generations.extend(other.generations.iter());
        self.schemas.extend(other.schemas.iter());
        self.clears |= other.clears;
    }

    /// Whether it is no more than so many operations on a path.
    fn fits(&self, most: usize) -> bool {
        self.guards + self.schemas.len() <= most && self.ops + self.generations.len() <= most
    }
}

impl Order {
    /// Forms the next group, if there is anything to be sent.
    pub(super) fn form(&mut self, shape: &Shape) -> Option<Group> {
        let mut formation = Formation::default();
        formation.keys.users.reserve(self.members.len());
        for (number, member) in &self.members {
            if formation.is_full() {
                break;
            }
            if member.place == Place::InFlight {
                if member.is_barrier() {
                    return None;
                }
                formation.block(*number, &member.attempt);
                continue;
            }
            let is_barrier = member.is_barrier();
            if !member.alone && !is_barrier && formation.place(*number, member, shape) {
                continue;
            }
            // What has to be a request of its own, or is too large for a unit among others, is the next one if it comes
            // first.
            let comes_first = formation.units.is_empty() && !(is_barrier && formation.any_blocked);
            if comes_first && member.after.is_empty() && formation.meets(&member.attempt).is_empty() {
                formation.begin(*number, member);
                break;
            }
            if is_barrier {
                break;
            }
            formation.block(*number, &member.attempt);
        }
        let units: Vec<Vec<u64>> = formation.units.into_iter().map(|unit| unit.numbers).collect();
        let asks = !shape.joins || units.iter().map(Vec::len).sum::<usize>() == 1;
        self.depart(units, asks, &shape.distrusted)
    }

    fn depart(&mut self, units: Vec<Vec<u64>>, asks: bool, distrusted: &SlotSet) -> Option<Group> {
        let (mut deadline, mut latest) = (None, None);
        let mut departing = Vec::new();
        for mut numbers in units.into_iter().filter(|numbers| !numbers.is_empty()) {
            numbers.sort_unstable();
            let mut attempts = Vec::with_capacity(numbers.len());
            for number in &numbers {
                let Some(member) = self.set_place(*number, Place::InFlight) else { continue };
                deadline = Some(deadline.unwrap_or(member.deadline).min(member.deadline));
                latest = latest.max(Some(member.deadline));
                attempts.push(member.attempt.clone());
            }
            departing.push(Unit { numbers, attempts });
        }
        let attempts = || departing.iter().flat_map(|unit| unit.attempts.iter().map(AsRef::as_ref));
        let committed = self.committed(attempts());
        let common = if departing.len() > 1 { common_schemas(attempts(), distrusted) } else { Vec::new() };
        Some(Group { units: departing, committed, common, deadline: deadline?, latest: latest?, asks })
    }
}

impl<'o> Keys<'o> {
    fn get(&self, key: &[u8]) -> Option<&Users> {
        self.users.get(key)
    }

    /// The last writer of a key, if it has one.
    fn writer(&self, key: &[u8]) -> Option<&Users> {
        self.get(key).filter(|users| users.writer.is_some())
    }

    fn entry(&mut self, key: &'o [u8]) -> &mut Users {
        self.users.entry(key).or_insert_with(|| {
            if let Some(sorted) = &mut self.sorted {
                sorted.insert(key);
            }
            Users::default()
        })
    }

    fn within(&mut self, bounds: &Bounds) -> impl Iterator<Item = (&'o [u8], &Users)> {
        let Self { users, sorted } = self;
        let sorted = sorted.get_or_insert_with(|| users.keys().copied().collect());
        let keys = (!bounds.is_empty()).then(|| sorted.range::<[u8], _>(bounds.as_range()));
        keys.into_iter().flatten().filter_map(|key| Some((*key, users.get(key)?)))
    }
}

impl<'o> Formation<'o> {
    /// Whether there is no use in looking further.
    fn is_full(&self) -> bool {
        self.left_out >= MOST_LEFT_OUT
    }

    /// Where those are with whom an attempt has to do, each once.
    fn meets(&mut self, attempt: &Attempt) -> SmallVec<[Spot; 4]> {
        let mut met = SmallVec::new();
        let mut meet = |spot: Spot| {
            if !met.contains(&spot) {
                met.push(spot);
            }
        };
        let Attempt { reads, writes, .. } = attempt;
        for key in reads.keys.keys().map(Vec::as_slice).chain(attempt.required()) {
            self.keys.get(key).and_then(|users| users.writer).into_iter().for_each(&mut meet);
            let cleared = self.ranges.iter().filter(|(bounds, _, clears)| *clears && bounds.contains(key));
            cleared.for_each(|(_, spot, _)| meet(*spot));
        }
        for (key, _) in writes.rows() {
            if let Some(users) = self.keys.get(key) {
                users.writer.iter().chain(&users.readers).for_each(|spot| meet(*spot));
            }
            let around = self.ranges.iter().filter(|(bounds, ..)| bounds.contains(key));
            around.for_each(|(_, spot, _)| meet(*spot));
        }
        let read = reads.ranges.iter().map(|range| (&range.bounds, false));
        for (bounds, clears) in read.chain(writes.cleared().iter().map(|bounds| (bounds, true))) {
            if bounds.is_empty() {
                continue;
            }
            for (_, users) in self.keys.within(bounds) {
                users.writer.into_iter().for_each(&mut meet);
                users.readers.iter().filter(|_| clears).for_each(|spot| meet(*spot));
            }
            let overlap = self.ranges.iter().filter(|(other, _, other_clears)| {
                (clears || *other_clears) && other.start < bounds.end && bounds.start < other.end
            });
            overlap.for_each(|(_, spot, _)| meet(*spot));
        }
        met
    }

    /// Whether an attempt has read what those before it in the group are about to write. What it only requires of a row
    /// is looked up before the row is written.
    fn has_seen_all(&mut self, attempt: &Attempt) -> bool {
        if planted(Bug::UnseenWrites) {
            return true;
        }
        let keys = &mut self.keys;
        let has_seen = |(key, mark): (&Vec<u8>, &Mark)| {
            keys.writer(key).is_none_or(|users| mark.writer() == Some(users.number))
        };
        if !attempt.reads.keys.iter().all(has_seen)
            || attempt.required().any(|key| keys.writer(key).is_some())
        {
            return false;
        }
        attempt.reads.ranges.iter().all(|RangeRead { bounds, rows }| {
            let mut written = keys.within(bounds).filter(|(_, users)| users.writer.is_some());
            written.all(|(key, users)| rows.get(key).is_some_and(|mark| mark.writer() == Some(users.number)))
        })
    }

    /// Notes who has to do with an attempt's keys from now on.
    fn note(&mut self, number: u64, attempt: &'o Attempt, spot: Spot) {
        let Attempt { reads, writes, .. } = attempt;
        for key in reads.keys.keys().map(Vec::as_slice).chain(attempt.required()) {
            let users = self.keys.entry(key);
            if !users.readers.contains(&spot) {
                users.readers.push(spot);
            }
        }
        for (key, _) in writes.rows() {
            let users = self.keys.entry(key);
            // Whoever has read it before is behind the writer, or in the same unit with it.
            users.readers.clear();
            users.writer = Some(spot);
            users.number = number;
        }
        self.ranges.extend(reads.ranges.iter().map(|range| (&range.bounds, spot, false)));
        self.ranges.extend(writes.cleared().iter().map(|bounds| (bounds, spot, true)));
    }

    fn block(&mut self, number: u64, attempt: &'o Attempt) {
        self.any_blocked = true;
        self.note(number, attempt, Spot::Blocked);
    }

    /// A unit of one member, whatever it costs.
    fn begin(&mut self, number: u64, member: &'o Member) {
        self.units.push(Forming { numbers: vec![number], ..Forming::default() });
        self.note(number, &member.attempt, Spot::Unit(self.units.len() - 1));
    }

    /// Puts a member into a unit. Whether there is room in one.
    fn place(&mut self, number: u64, member: &'o Member, shape: &Shape) -> bool {
        let attempt: &'o Attempt = &member.attempt;
        if !member.after.is_empty() {
            return false;
        }
        let mut met = self.meets(attempt);
        if planted(Bug::UnitsMeet) && !shape.joins {
            met.retain(|spot| *spot == Spot::Blocked);
        }
        if met.contains(&Spot::Blocked) || !(met.is_empty() || shape.merges && self.has_seen_all(attempt)) {
            return false;
        }
        let mut with: SmallVec<[usize; 4]> = met
            .iter()
            .filter_map(|spot| match spot {
                Spot::Unit(unit) => Some(*unit),
                Spot::Blocked => None,
            })
            .collect();
        if with.is_empty() && shape.joins && !self.units.is_empty() {
            with.push(0);
        }
        with.sort_unstable();
        // etcd refuses a put within a range that is deleted in the same request.
        let clears = !attempt.writes.cleared().is_empty();
        let clash = clears
            || met.iter().any(|spot| matches!(spot, Spot::Unit(unit) if self.units[*unit].cost.clears));
        if clash && !met.is_empty() || with.is_empty() && self.units.len() >= shape.units {
            return false;
        }
        let mut cost = self.cost(member, with.first().copied());
        with.iter().for_each(|unit| cost.add(&self.units[*unit].cost));
        if !cost.fits(shape.unit_ops())
            || self.bytes + member.weight.bytes > shape.limits.bytes.saturating_sub(LANE_BYTES)
        {
            self.left_out += usize::from(shape.units == 1);
            return false;
        }
        self.bytes += member.weight.bytes;
        let first = with.first().copied().unwrap_or_else(|| {
            self.units.push(Forming::default());
            self.units.len() - 1
        });
        for other in with.into_iter().skip(1) {
            let joins = std::mem::take(&mut self.units[other]);
            self.units[first].numbers.extend(joins.numbers);
            self.rename(Spot::Unit(other), Spot::Unit(first));
        }
        let unit = &mut self.units[first];
        unit.numbers.push(number);
        unit.cost = cost;
        self.note(number, attempt, Spot::Unit(first));
        true
    }

    /// What an attempt adds to a unit.
    fn cost(&self, member: &Member, unit: Option<usize>) -> Cost {
        let attempt = &*member.attempt;
        let Attempt { reads, writes, schemas, locks, .. } = attempt;
        let is_new = |key: &[u8]| {
            let writer = self.keys.get(key).and_then(|users| users.writer);
            writer.is_none_or(|spot| Some(spot) != unit.map(Spot::Unit))
        };
        // What the unit itself is about to write needs no guard.
        let guarded = |key: &[u8], is_own: bool| !is_own || is_new(key);
        let keys = reads.keys.iter().filter(|(key, mark)| guarded(key, mark.writer().is_some())).count();
        Cost {
            guards: keys + reads.range_guards() + attempt.required().count() + locks.len(),
            ops: writes.rows().filter(|(key, _)| is_new(key)).count() + writes.clears().len(),
            generations: member.weight.generations.clone(),
            schemas: schemas.iter().map(|schema| schema.slot).collect(),
            clears: !writes.cleared().is_empty(),
        }
    }

    fn rename(&mut self, old: Spot, new: Spot) {
        let users = self.keys.users.values_mut();
        let of_keys = users.flat_map(|users| users.writer.iter_mut().chain(&mut users.readers));
        of_keys.chain(self.ranges.iter_mut().map(|(_, spot, _)| spot)).for_each(|spot| {
            if *spot == old {
                *spot = new;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use fastrand::Rng;
    use tokio::sync::oneshot;
    use txetcd_client::{Error, error::Kind};

    use super::*;
    use crate::engine::attempt::Source;
    use crate::engine::bookkeeping::{CATALOGUE, slot_of};
    use crate::engine::leases::Leases;
    use crate::engine::naming::Dangling;
    use crate::engine::plan::Plan;
    use crate::engine::read_set::{ReadSet, provisional};
    use crate::engine::write_set::{NewRow, Own, WriteSet};

    use super::super::numbers::Fate;

    const KEYS: u8 = 40;
    /// Those that every other access is to.
    const HOT_KEYS: u8 = 6;
    /// So small that it matters.
    const LIMITS: Limits = Limits { ops: 32, bytes: 6_000, namespace: 0 };

    fn key(n: u8) -> Vec<u8> {
        vec![0, 1, n]
    }

    /// What is stored, and the members whose order is tested.
    struct World {
        rng: Rng,
        /// Whether nobody reads.
        is_blind: bool,
        order: Order,
        revision: i64,
        stored: BTreeMap<u8, i64>,
        /// One that has read some time ago and has yet to finish.
        late: Option<Arc<Attempt>>,
    }

    /// The keys, by their numbers, that an attempt has read or requires, and those that it writes.
    fn touched(attempt: &Attempt) -> [BTreeSet<u8>; 2] {
        let ranges = |ranges: Vec<&Bounds>| -> BTreeSet<u8> {
            (0..KEYS).filter(|n| ranges.iter().any(|range| range.contains(&key(*n)))).collect()
        };
        let mut read = ranges(attempt.reads.ranges.iter().map(|range| &range.bounds).collect());
        read.extend(attempt.reads.keys.keys().map(Vec::as_slice).chain(attempt.required()).map(|key| key[2]));
        let mut written = ranges(attempt.writes.cleared().iter().collect());
        written.extend(attempt.writes.rows().filter(|(key, _)| slot_of(key) == 1).map(|(key, _)| key[2]));
        [read, written]
    }

    /// Whether it matters which of two is before the other.
    fn meet(one: &Attempt, other: &Attempt) -> bool {
        let ([read, written], [other_read, other_written]) = (touched(one), touched(other));
        !written.is_disjoint(&other_read)
            || !other_written.is_disjoint(&read)
            || !written.is_disjoint(&other_written)
    }

    impl World {
        /// A row as one reads it who reads what members are about to write.
        fn mark(&self, n: u8) -> Mark {
            let writers = self.order.members.iter().rev();
            let mut own = writers.filter_map(|(number, member)| {
                let (_, own) = member.attempt.writes.rows().find(|(row, _)| *row == key(n))?;
                Some((*number, own))
            });
            let present = |mod_revision| Mark { mod_revision, lease: 0, size: 3, is_present: true };
            match own.next() {
                Some((number, Own::Put(_))) => present(provisional(number)),
                Some((number, Own::Deleted)) => Mark::deleted_by(number),
                None => self.stored.get(&n).map_or(Mark::ABSENT, |revision| present(*revision)),
            }
        }

        fn any_key(&mut self) -> u8 {
            if self.rng.bool() { self.rng.u8(..HOT_KEYS) } else { self.rng.u8(..KEYS) }
        }

        fn range(&mut self) -> (Bounds, std::ops::Range<u8>) {
            let start = self.any_key();
            let end = self.rng.u8(start..KEYS.min(start + HOT_KEYS)) + 1;
            (Bounds::new(key(start), key(end)), start..end)
        }

        fn attempt(&mut self) -> Attempt {
            let (mut reads, mut writes) = (ReadSet::default(), WriteSet::default());
            let reads_most = if self.is_blind { 1 } else { 3 };
            for _ in 0..self.rng.u8(..reads_most) {
                let n = self.any_key();
                reads.add_key(key(n), self.mark(n));
            }
            if !self.is_blind && self.rng.u8(..4) == 0 {
                let (bounds, within) = self.range();
                let rows = within.map(|n| (key(n), self.mark(n)));
                let rows = rows.filter(|(_, mark)| mark.is_present || mark.writer().is_some()).collect();
                reads.add_range(bounds, rows);
            }
            if self.rng.u8(..20) == 0 {
                let (bounds, _) = self.range();
                writes.clear(bounds);
            }
            for _ in 0..self.rng.u8(..4) {
                let key = key(self.any_key());
                let most = if self.rng.u8(..8) == 0 { 1_500 } else { 9 };
                let row = NewRow::unindexed(vec![0; self.rng.usize(..most)]);
                match self.rng.u8(..8) {
                    0 | 1 => writes.delete(key),
                    2 if reads.mark(&key).is_none_or(|mark| !mark.is_present) => {
                        drop(writes.insert(key, row))
                    }
                    3 => writes.require_present(key, Dangling { row: vec![0, 2, 1], field: "boss" }),
                    _ => writes.put(key, row),
                }
            }
            if self.rng.u8(..40) == 0 {
                writes.put([CATALOGUE.to_be_bytes(), [0, 1]].concat(), NewRow::unindexed(Vec::new()));
            }
            let schemas = (1..self.rng.u16(1..3)).map(|slot| SchemaGuard { slot, mod_revision: 1 }).collect();
            let revision = Some(self.revision);
            Attempt { revision, source: Source::Cache, schemas, ..Attempt::of(reads, writes) }
        }

        fn accept(&mut self) {
            let attempt = Arc::new(self.attempt());
            let finished = if self.rng.u8(..16) == 0 { self.late.replace(attempt) } else { Some(attempt) };
            let Some(attempt) = finished else { return };
            let (weight, alone) = (attempt.weight(LIMITS.namespace), self.rng.u8(..20) == 0);
            let deadline = Instant::now() + Duration::from_secs(60);
            let (answer, _) = oneshot::channel();
            // Who reads something that is about to be replaced comes to nothing.
            drop(self.order.accept(attempt, Leases::default(), deadline, weight, alone, answer));
        }

        /// What becomes of a unit, at random. The store applies all of a group at once.
        fn settle(&mut self, unit: &Unit) {
            match self.rng.u8(..6) {
                0 => self.order.put_back(&unit.numbers, self.rng.bool()),
                1 => self.order.fail_with(unit.numbers.clone(), &Error::new(Kind::Unavailable, "refused")),
                _ => {
                    for attempt in &unit.attempts {
                        let cleared = attempt.writes.cleared();
                        self.stored.retain(|n, _| !cleared.iter().any(|bounds| bounds.contains(&key(*n))));
                        for (key, own) in attempt.writes.rows().filter(|(key, _)| slot_of(key) == 1) {
                            match own {
                                Own::Put(_) => drop(self.stored.insert(key[2], self.revision)),
                                Own::Deleted => drop(self.stored.remove(&key[2])),
                            }
                        }
                    }
                    self.order.commit(&unit.numbers, self.revision);
                }
            }
        }

        /// What holds for every group that is about to leave; `before` were under way already.
        fn check(&self, group: &Group, shape: &Shape, before: &BTreeSet<u64>) {
            let leaving: BTreeSet<u64> =
                group.units.iter().flat_map(|unit| unit.numbers.iter().copied()).collect();
            assert!(group.units.len() <= shape.units);
            assert_eq!(leaving.len(), group.len(), "each once");
            for (at, unit) in group.units.iter().enumerate() {
                assert!(unit.numbers.is_sorted());
                let others = group.units[..at].iter().flat_map(|other| &other.attempts);
                for other in others {
                    assert!(!unit.attempts.iter().any(|attempt| meet(attempt, other)), "units meet");
                }
                for (number, attempt) in unit.numbers.iter().zip(&unit.attempts) {
                    self.check_member(*number, attempt, &leaving, before);
                    let first =
                        unit.numbers.iter().zip(&unit.attempts).take_while(|(other, _)| *other < number);
                    self.check_order(attempt, first.map(|(number, attempt)| (*number, &**attempt)), shape);
                    for writer in attempt.writers() {
                        let is_settled = matches!(self.order.numbers.fate(writer), Fate::Committed(_));
                        assert!(is_settled || unit.numbers.contains(&writer), "{number} relies on {writer}");
                    }
                }
                let budget = if shape.units == 1 { LIMITS.alone_ops() } else { LIMITS.unit_ops() };
                let plan = Plan::of(&unit.attempts, &group.committed, budget, &[]).expect("it fits");
                assert!(plan.txn.op_count().max(plan.generations.len()) <= budget);
            }
            let bytes =
                group.units.iter().flat_map(|unit| &unit.attempts).map(|attempt| attempt.weight(0).bytes);
            assert!(group.len() == 1 || bytes.sum::<usize>() <= LIMITS.bytes - LANE_BYTES);
        }

        fn check_member(
            &self,
            number: u64,
            attempt: &Attempt,
            leaving: &BTreeSet<u64>,
            before: &BTreeSet<u64>,
        ) {
            let member = &self.order.members[&number];
            let changes_catalogue = attempt.writes.rows().any(|(key, _)| slot_of(key) == CATALOGUE);
            assert!(leaving.len() == 1 || !member.alone && !changes_catalogue);
            assert!(before.is_empty() || !changes_catalogue);
            assert!(member.after.is_empty());
            for (other, staying) in self.order.members.iter().filter(|(other, _)| !leaving.contains(other)) {
                let is_first = before.contains(other) || *other < number;
                assert!(!(is_first && meet(attempt, &staying.attempt)), "{number} overtakes {other}");
            }
        }

        /// Whether an attempt may be in a unit with these before it.
        fn check_order<'a>(
            &self,
            attempt: &Attempt,
            before: impl Iterator<Item = (u64, &'a Attempt)>,
            shape: &Shape,
        ) {
            let mut last = BTreeMap::new();
            for (number, other) in before {
                if meet(attempt, other) {
                    assert!(shape.merges, "those that meet are not one");
                    let clears = |attempt: &Attempt| !attempt.writes.cleared().is_empty();
                    assert!(!clears(attempt) && !clears(other), "a put within a range that is deleted");
                }
                let [_, written] = touched(other);
                last.extend(written.into_iter().map(|n| (n, number)));
            }
            for (n, writer) in last {
                assert!(!attempt.required().any(|required| required == key(n)), "it was written before");
                if touched(attempt)[0].contains(&n) {
                    assert_eq!(attempt.reads.mark(&key(n)).and_then(|mark| mark.writer()), Some(writer));
                }
            }
        }
    }

    #[test]
    fn a_group_has_nothing_that_others_have_to_do_with_and_all_that_it_relies_on() {
        let (mut groups, mut merged, mut joined, mut nested) = (0, 0, 0, 0);
        for seed in 0..60 {
            let rng = Rng::with_seed(seed);
            let (order, stored) = (Order::default(), BTreeMap::new());
            let mut world = World { rng, is_blind: seed % 4 == 0, order, revision: 1, stored, late: None };
            let mut under_way: Vec<Group> = Vec::new();
            for _ in 0..100 {
                let many = if world.rng.u8(..20) == 0 { 60 } else { 5 };
                (0..world.rng.u8(..many)).for_each(|_| world.accept());
                let joins = world.rng.bool();
                let units = if joins || world.rng.u8(..4) == 0 { 1 } else { 4 };
                let shape = Shape {
                    limits: LIMITS,
                    units,
                    joins,
                    merges: world.rng.u8(..4) != 0,
                    distrusted: SlotSet::default(),
                };
                let before = under_way.iter().flat_map(|group| &group.units).flat_map(|unit| &unit.numbers);
                let before: BTreeSet<u64> = before.copied().collect();
                match world.order.form(&shape) {
                    Some(group) => {
                        world.check(&group, &shape, &before);
                        groups += 1;
                        let met = |unit: &Unit| {
                            let [others @ .., last] = &unit.attempts[..] else { return false };
                            others.iter().any(|other| meet(other, last))
                        };
                        merged += usize::from(group.units.iter().any(met));
                        joined += usize::from(joins && group.len() > 1 && !met(&group.units[0]));
                        nested += usize::from(group.units.len() > 1);
                        under_way.push(group);
                    }
                    None => {
                        assert!(!before.is_empty() || world.order.waiting() == 0, "somebody waits forever")
                    }
                }
                while under_way.len() > 2 || !under_way.is_empty() && world.rng.bool() {
                    let group = under_way.swap_remove(world.rng.usize(..under_way.len()));
                    world.revision += 1;
                    group.units.iter().for_each(|unit| world.settle(unit));
                }
            }
        }
        let counts = [groups, merged, joined, nested];
        assert!(counts.iter().zip([3_000, 300, 300, 300]).all(|(count, least)| *count > least), "{counts:?}");
    }
}
