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

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::time::Instant;
use txetcd_client::teeth::{Bug, planted};

use crate::engine::Limits;
use crate::engine::attempt::Attempt;
use crate::engine::bounds::Bounds;
use crate::engine::plan::{Committed, LANE_BYTES};
use crate::engine::read_set::{Mark, RangeRead};

use super::order::{Member, Order, Place};

/// Members that leave in one request.
#[derive(Debug)]
pub(in crate::engine) struct Group {
    pub(in crate::engine) units: Vec<Unit>,
    pub(in crate::engine) committed: Committed,
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) limits: Limits,
    /// How many units a group may have.
    pub(super) units: usize,
    /// Whether members that have nothing to do with each other may be one unit.
    pub(super) joins: bool,
    /// Whether members that meet at keys may be one unit.
    pub(super) merges: bool,
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

#[derive(Default)]
struct Formation<'o> {
    keys: BTreeMap<&'o [u8], Users>,
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

/// The slots of tables, each once.
#[derive(Default)]
struct SlotSet(SmallVec<[u16; 4]>);

impl Cost {
    fn add(&mut self, other: &Self) {
        self.guards += other.guards;
        self.ops += other.ops;
        self.generations.extend(other.generations.0.iter().copied());
        self.schemas.extend(other.schemas.0.iter().copied());
        self.clears |= other.clears;
    }

    /// Whether it is no more than so many operations on a path.
    fn fits(&self, most: usize) -> bool {
        self.guards + self.schemas.0.len() <= most && self.ops + self.generations.0.len() <= most
    }
}

impl Extend<u16> for SlotSet {
    fn extend<I: IntoIterator<Item = u16>>(&mut self, slots: I) {
        for slot in slots {
            if !self.0.contains(&slot) {
                self.0.push(slot);
            }
        }
    }
}

impl FromIterator<u16> for SlotSet {
    fn from_iter<I: IntoIterator<Item = u16>>(slots: I) -> Self {
        let mut each = Self::default();
        each.extend(slots);
        each
    }
}

impl Order {
    /// Forms the next group, if there is anything to be sent.
    pub(super) fn form(&mut self, shape: &Shape) -> Option<Group> {
        let mut formation = Formation::default();
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
        self.depart(units, asks)
    }

    fn depart(&mut self, units: Vec<Vec<u64>>, asks: bool) -> Option<Group> {
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
        let attempts = departing.iter().flat_map(|unit| unit.attempts.iter().map(AsRef::as_ref));
        let committed = self.committed(attempts);
        Some(Group { units: departing, committed, deadline: deadline?, latest: latest?, asks })
    }
}

impl<'o> Formation<'o> {
    /// Whether there is no use in looking further.
    fn is_full(&self) -> bool {
        self.left_out >= MOST_LEFT_OUT
    }

    /// Where those are with whom an attempt has to do, each once.
    fn meets(&self, attempt: &Attempt) -> SmallVec<[Spot; 4]> {
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
            for (_, users) in self.keys.range::<[u8], _>(bounds.as_range()) {
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
    fn has_seen_all(&self, attempt: &Attempt) -> bool {
        if planted(Bug::UnseenWrites) {
            return true;
        }
        let writer = |key: &[u8]| self.keys.get(key).filter(|users| users.writer.is_some());
        let has_seen = |(key, mark): (&Vec<u8>, &Mark)| {
            writer(key).is_none_or(|users| mark.writer() == Some(users.number))
        };
        let has_seen_range = |range: &RangeRead| {
            let keys = self.keys.range::<[u8], _>(range.bounds.as_range());
            keys.filter(|(_, users)| users.writer.is_some()).all(|(key, users)| {
                range.rows.get(*key).is_some_and(|mark| mark.writer() == Some(users.number))
            })
        };
        attempt.reads.keys.iter().all(has_seen)
            && attempt.reads.ranges.iter().all(has_seen_range)
            && attempt.required().all(|key| writer(key).is_none())
    }

    /// Notes who has to do with an attempt's keys from now on.
    fn note(&mut self, number: u64, attempt: &'o Attempt, spot: Spot) {
        let Attempt { reads, writes, .. } = attempt;
        for key in reads.keys.keys().map(Vec::as_slice).chain(attempt.required()) {
            let users = self.keys.entry(key).or_default();
            if !users.readers.contains(&spot) {
                users.readers.push(spot);
            }
        }
        for (key, _) in writes.rows() {
            let users = self.keys.entry(key).or_default();
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
        let mut cost = self.cost(attempt, with.first().copied());
        with.iter().for_each(|unit| cost.add(&self.units[*unit].cost));
        let bytes = attempt.size(shape.limits.namespace);
        if !cost.fits(shape.unit_ops()) || self.bytes + bytes > shape.limits.bytes.saturating_sub(LANE_BYTES)
        {
            self.left_out += usize::from(shape.units == 1);
            return false;
        }
        self.bytes += bytes;
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
    fn cost(&self, attempt: &Attempt, unit: Option<usize>) -> Cost {
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
            generations: attempt.generations().into_iter().collect(),
            schemas: schemas.iter().map(|schema| schema.slot).collect(),
            clears: !writes.cleared().is_empty(),
        }
    }

    fn rename(&mut self, old: Spot, new: Spot) {
        let users = self.keys.values_mut();
        let of_keys = users.flat_map(|users| users.writer.iter_mut().chain(&mut users.readers));
        of_keys.chain(self.ranges.iter_mut().map(|(_, spot, _)| spot)).for_each(|spot| {
            if *spot == old {
                *spot = new;
            }
        });
    }
}
