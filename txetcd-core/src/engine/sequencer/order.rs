//! [`Order`]: the transactions of this process that have finished and are not settled, in their order.
//!
//! Every member has a number. What it read was true when it was accepted, as far as this process knows: nothing
//! that an earlier member writes was read in another form. So the members one after the other are a serial order, and
//! only the store can say that others have come between.
//!
//! The parts: [`relation`] says how one stands to those before it, [`readable`] what others may read of it before it is
//! committed, and [`advance`] when the cached rows go on under that.

mod advance;
mod readable;
mod relation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Error, Result};

use crate::engine::attempt::{Attempt, Weight};
use crate::engine::bookkeeping::{CATALOGUE, slot_of};
use crate::engine::cache::ranges::Ranges;
use crate::engine::cache::{Cache, Versions};
use crate::engine::committer::Outcome;
use crate::engine::conflict::{Changes, Conflict};
use crate::engine::leases::Leases;
use crate::engine::plan::Committed;

use super::hidden::Hidden;
use super::numbers::{Fate, Numbers};
use super::written_keys::WrittenKeys;
use readable::versions;
use relation::Related;

/// How many of the revisions of this process's commits are remembered.
const REMEMBERED_REVISIONS: usize = 4096;

/// Where the answer to a transaction goes.
pub(super) type Answer = oneshot::Sender<Result<Outcome>>;

#[derive(Debug, Default)]
pub(super) struct Order {
    /// Boxed: the map moves its values whenever one comes or goes.
    pub(super) members: BTreeMap<u64, Box<Member>>,
    overtaken: Vec<Overtaken>,
    /// What is to be told once the order is not locked any more.
    answers: Vec<(Answer, Result<Outcome>)>,
    pub(super) numbers: Numbers,
    pub(super) cache: Cache,
    in_flight: usize,
    /// With what members have to do that have no versions.
    hidden: Hidden,
    /// The newest revisions that are commits of this process, and changed nothing in cached rows that is no version.
    own_revisions: BTreeSet<i64>,
    /// What was made of keys, and is about to be.
    pub(super) written: WrittenKeys,
    /// Those whose versions are committed, in revisions that the cached rows have not reached.
    ahead: BTreeMap<i64, Vec<Arc<Attempt>>>,
}

/// A transaction that has finished and is not settled.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) attempt: Arc<Attempt>,
    pub(super) leases: Leases,
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    pub(super) place: Place,
    pub(super) weight: Weight,
    /// It has to be a request of its own.
    pub(super) alone: bool,
    /// What it makes of cached rows, if others may read it before it is committed.
    versions: Option<Versions>,
    /// Members before it that have to be settled first: they write what this one requires to be there, or not.
    pub(super) after: Vec<u64>,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Waiting,
    InFlight,
}

/// A transaction that has read what a member is about to replace. It will not be committed, so nobody has to do with
/// what it writes; once that member is settled, it is told what is there then.
#[derive(Debug)]
struct Overtaken {
    attempt: Arc<Attempt>,
    by: u64,
    key: Vec<u8>,
    answer: Answer,
}

/// What became of a transaction that was to be taken in.
pub(super) enum Accepted {
    Member,
    Overtaken,
}

impl Order {
    /// Takes a transaction in, behind all others; or says what it is in conflict with, within this process, at once or as
    /// soon as that is settled.
    pub(super) fn accept(
        &mut self,
        attempt: Arc<Attempt>,
        leases: Leases,
        deadline: Instant,
        weight: Weight,
        alone: bool,
        answer: Answer,
    ) -> Result<Accepted, Box<Conflict>> {
        let Related { after, overtaken } = self.relate(&attempt)?;
        if let Some((by, key)) = overtaken {
            self.overtaken.push(Overtaken { attempt, by, key, answer });
            return Ok(Accepted::Overtaken);
        }
        let mut answer = answer;
        if planted(Bug::AnsweredEarly) && attempt.writers().next().is_some() {
            let early = std::mem::replace(&mut answer, oneshot::channel().0);
            drop(early.send(Ok(Outcome::Committed(attempt.revision))));
        }
        let number = self.numbers.next();
        if self.numbers.are_many() {
            let oldest =
                self.members.iter().map(|(number, member)| member.attempt.writers().fold(*number, u64::min));
            let oldest = oldest.chain(attempt.writers()).min();
            self.numbers.forget_before(oldest.unwrap_or(number));
        }
        let versions = (after.is_empty() && self.is_readable(&attempt)).then(|| versions(&attempt, number));
        match &versions {
            Some(versions) => self.cache.add(versions),
            None => self.hidden.add(number, &attempt, &self.cache),
        }
        self.written.write(number, &attempt);
        let (since, place) = (Instant::now(), Place::Waiting);
        let member =
            Member { attempt, leases, deadline, since, place, weight, alone, versions, after, answer };
        self.members.insert(number, Box::new(member));
        Ok(Accepted::Member)
    }

    /// What is to be told, once.
    pub(super) fn take_answers(&mut self) -> Vec<(Answer, Result<Outcome>)> {
        std::mem::take(&mut self.answers)
    }

    /// Caches other ranges. What nobody can check any more does not stay readable.
    pub(super) fn restart_cache(&mut self, ranges: Arc<Ranges>) {
        self.cache.restart(ranges);
        self.ahead.clear();
        self.hidden = Hidden::default();
        for (number, member) in &mut self.members {
            member.versions = None;
            self.hidden.add(*number, &member.attempt, &self.cache);
        }
        self.cache.forget();
    }

    /// How many members wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.members.len() - self.in_flight
    }

    fn those_waiting(&self) -> impl Iterator<Item = (u64, &Member)> {
        let waiting = self.members.iter().filter(|(_, member)| member.place == Place::Waiting);
        waiting.map(|(number, member)| (*number, &**member))
    }

    /// Since when the first of those that wait has done so.
    pub(super) fn oldest_waiting(&self) -> Option<Instant> {
        self.those_waiting().next().map(|(_, member)| member.since)
    }

    /// Those that wait and have come to the end of their time.
    pub(super) fn late(&self, now: Instant) -> Vec<u64> {
        self.those_waiting().filter(|(_, member)| member.deadline <= now).map(|(number, _)| number).collect()
    }

    fn remove(&mut self, number: u64) -> Option<Member> {
        let member = *self.members.remove(&number)?;
        self.in_flight -= usize::from(member.place == Place::InFlight);
        if member.versions.is_none() {
            self.hidden.remove(number, &member.attempt);
        }
        Some(member)
    }

    /// A member is sent, or was not applied and waits again.
    pub(super) fn set_place(&mut self, number: u64, place: Place) -> Option<&mut Member> {
        let member = &mut **self.members.get_mut(&number)?;
        self.in_flight -= usize::from(member.place == Place::InFlight);
        self.in_flight += usize::from(place == Place::InFlight);
        member.place = place;
        Some(member)
    }

    /// A revision is a commit of this process.
    pub(super) fn own(&mut self, revision: i64) {
        self.own_revisions.insert(revision);
        while self.own_revisions.len() > REMEMBERED_REVISIONS {
            self.own_revisions.pop_first();
        }
    }

    /// A unit of members was applied in this revision.
    pub(super) fn commit(&mut self, unit: &[u64], revision: i64) {
        for number in unit {
            let Some(mut member) = self.remove(*number) else { continue };
            self.numbers.settle(*number, Fate::Committed(revision));
            self.written.commit(*number, &member.attempt, revision);
            match member.versions.take() {
                Some(versions) => {
                    if self.cache.revision().is_some_and(|rows| rows < revision) {
                        self.ahead.entry(revision).or_default().push(member.attempt.clone());
                    }
                    self.cache.commit(versions, revision);
                }
                None if self.writes_to_cache(&member.attempt) => {
                    self.own_revisions.remove(&revision);
                    self.cache.wait_for(revision);
                }
                None => {}
            }
            member.leases.keep();
            self.answers.push((member.answer, Ok(Outcome::Committed(Some(revision)))));
        }
        self.tell_overtaken(None);
        for member in self.members.values_mut() {
            member.after.retain(|number| self.numbers.fate(*number) == Fate::Open);
        }
    }

    fn writes_to_cache(&self, attempt: &Attempt) -> bool {
        let writes = &attempt.writes;
        writes.rows().any(|(key, _)| self.cache.covers(key))
            || writes.cleared().iter().any(|bounds| self.cache.covers(&bounds.start))
    }

    /// Ends these members with this error.
    pub(super) fn fail_with(&mut self, numbers: impl IntoIterator<Item = u64>, error: &Error) {
        self.fail(numbers.into_iter().map(|number| (number, Err(error.clone()))));
    }

    /// Ends all members that wait with this error.
    pub(super) fn fail_those_waiting(&mut self, error: &Error) {
        let numbers: Vec<u64> = self.those_waiting().map(|(number, _)| number).collect();
        self.fail_with(numbers, error);
    }

    /// Ends members that will not be applied, each with this answer, and those that have to do with what they were about
    /// to write.
    pub(super) fn fail(&mut self, failed: impl IntoIterator<Item = (u64, Result<Outcome>)>) {
        let (mut any, mut changes) = (false, None::<Changes>);
        for (number, answer) in failed {
            if let Ok(Outcome::Conflict(conflict)) = &answer
                && let Some(more) = conflict.awaited()
            {
                changes.get_or_insert_default().extend(more);
            }
            let Some(mut member) = self.remove(number) else { continue };
            any = true;
            self.numbers.settle(number, Fate::Failed);
            if answer.as_ref().is_err_and(Error::is_commit_unknown) {
                member.leases.keep();
            }
            self.answers.push((member.answer, answer));
        }
        if any {
            self.fail_dependent(changes.as_ref());
            self.rebuild();
            self.tell_overtaken(changes.as_ref());
        }
    }

    /// Ends those that have read what one that failed was about to write, because of these changes.
    ///
    /// A member depends on earlier ones only, so that going through them in order finds all. None of those found is in
    /// flight: a request has all that its members rely on, or that is settled.
    fn fail_dependent(&mut self, changes: Option<&Changes>) {
        let numbers: Vec<u64> = self.members.keys().copied().collect();
        for number in numbers {
            let Some(member) = self.members.get_mut(&number) else { continue };
            let fates = &self.numbers;
            if !member.attempt.writers().any(|writer| fates.fate(writer) == Fate::Failed) {
                member.after.retain(|after| fates.fate(*after) == Fate::Open);
                continue;
            }
            let conflict = Box::new(Conflict::let_down(&member.attempt, changes.cloned()));
            if let Some(member) = self.remove(number) {
                self.numbers.settle(number, Fate::Failed);
                self.answers.push((member.answer, Ok(Outcome::Conflict(conflict))));
            }
        }
    }

    /// Tells those that were overtaken by members that are settled what is there now, if it was just written. (If that
    /// member was not applied, because of these changes, there may be others that they have not seen either.)
    fn tell_overtaken(&mut self, changes: Option<&Changes>) {
        let is_settled = |overtaken: &mut Overtaken| self.numbers.fate(overtaken.by) != Fate::Open;
        for Overtaken { attempt, by, key, answer } in self.overtaken.extract_if(.., is_settled) {
            let is_committed = matches!(self.numbers.fate(by), Fate::Committed(_));
            let now = is_committed.then(|| self.written.row(&key)).flatten();
            let conflict = Conflict { changes: changes.cloned(), ..Conflict::local(&key, &attempt, now) };
            self.answers.push((answer, Ok(Outcome::Conflict(Box::new(conflict)))));
        }
    }

    /// Works out anew what the members write.
    fn rebuild(&mut self) {
        self.cache.forget_uncommitted();
        self.written.forget_open();
        for (number, member) in &self.members {
            self.written.write(*number, &member.attempt);
        }
        for versions in self.members.values().filter_map(|member| member.versions.as_ref()) {
            self.cache.add(versions);
        }
    }

    /// Puts members that were not applied back, to be sent again.
    pub(super) fn put_back(&mut self, numbers: &[u64], alone: bool) {
        for number in numbers {
            if let Some(member) = self.set_place(*number, Place::Waiting) {
                member.alone |= alone;
            }
        }
    }

    /// What has become of those of which these attempts have read something before they were committed.
    pub(super) fn committed<'m>(&self, attempts: impl Iterator<Item = &'m Attempt>) -> Committed {
        let fate = |writer: u64| match self.numbers.fate(writer) {
            Fate::Committed(revision) => Some((writer, revision)),
            Fate::Open | Fate::Failed => None,
        };
        attempts.flat_map(Attempt::writers).filter_map(fate).collect()
    }
}

impl Member {
    /// Whether it has to be the only one under way: it changes the catalogue, on which all others rely.
    pub(super) fn is_barrier(&self) -> bool {
        self.attempt.writes.rows().next().is_some_and(|(key, _)| slot_of(key) == CATALOGUE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use fastrand::Rng;
    use txetcd_client::{KeyValue, WatchEvent};

    use super::*;
    use crate::engine::attempt::Source;
    use crate::engine::bounds::Bounds;
    use crate::engine::cache::Step;
    use crate::engine::read_set::{Mark, ReadSet, provisional};
    use crate::engine::write_set::{NewRow, Own, WriteSet};

    const KEY: [u8; 3] = [0, 1, 1];

    fn attempt(reads: ReadSet, writes: WriteSet) -> Arc<Attempt> {
        Arc::new(Attempt { revision: Some(1), source: Source::Cache, ..Attempt::of(reads, writes) })
    }

    /// Puts the key.
    fn put() -> WriteSet {
        let mut writes = WriteSet::default();
        writes.put(KEY.to_vec(), NewRow::unindexed(Vec::new()));
        writes
    }

    fn put_in(mod_revision: i64) -> Mark {
        Mark { mod_revision, lease: 0, size: 3, is_present: true }
    }

    /// Reads at the key what was put in this revision.
    fn reads(mod_revision: i64) -> ReadSet {
        let mut reads = ReadSet::default();
        reads.add_key(KEY.to_vec(), put_in(mod_revision));
        reads
    }

    /// Caches the key's table, which has no rows.
    fn cache_table(order: &mut Order) {
        let mut ranges = Ranges::default();
        ranges.extend([Bounds::new(vec![0, 1], vec![0, 2])]);
        order.restart_cache(Arc::new(ranges));
        order.cache.push(Step::Replaced(1, Vec::new()));
        order.advance();
    }

    /// The number of the attempt, if it became a member.
    fn accept(order: &mut Order, attempt: Arc<Attempt>) -> Option<u64> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let answer = oneshot::channel().0;
        let accepted = order.accept(attempt, Leases::default(), deadline, Weight::default(), false, answer);
        let is_member = matches!(accepted, Ok(Accepted::Member));
        order.members.last_key_value().map(|(number, _)| *number).filter(|_| is_member)
    }

    #[test]
    fn what_one_relies_on_that_comes_late_is_not_forgotten() {
        let mut taken = 0;
        for between in 0..100 {
            let mut order = Order::default();
            let writer = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
            order.commit(&[writer], 5);
            for _ in 0..between {
                let other = accept(&mut order, attempt(ReadSet::default(), WriteSet::default()));
                order.commit(&[other.expect("a number")], 6);
            }
            let late = attempt(reads(provisional(writer)), WriteSet::default());
            if accept(&mut order, late.clone()).is_some() {
                // Its guard needs the revision.
                assert_eq!(order.committed(std::iter::once(&*late)), Committed::from_iter([(writer, 5)]));
                taken += 1;
            }
        }
        assert!((16..100).contains(&taken), "{taken}");
    }

    #[test]
    fn who_has_not_seen_what_is_written_waits_if_it_would_not_see_it_in_the_cache() {
        let mut order = Order::default();
        cache_table(&mut order);
        accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        for (source, is_told) in [(Source::Cache, true), (Source::Mixed, true), (Source::Store, false)] {
            let unseen = Attempt { source, ..Arc::unwrap_or_clone(attempt(reads(0), put())) };
            assert_eq!(accept(&mut order, Arc::new(unseen)), None, "{source:?}");
            assert_eq!(order.overtaken.is_empty(), is_told, "{source:?}");
        }
    }

    #[test]
    fn what_a_failed_one_was_to_replace_is_still_known() {
        let mut order = Order::default();
        let first = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        let second = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        order.commit(&[first], 5);
        order.fail_with([second], &Error::new(txetcd_client::error::Kind::Timeout, "late"));
        let read_at = |mod_revision| attempt(reads(mod_revision), WriteSet::default());
        assert_eq!(accept(&mut order, read_at(1)), None);
        assert!(accept(&mut order, read_at(5)).is_some());
    }

    /// One that reads the store as it is or the cached table as others see it, or one and the other, and writes something.
    fn any_attempt(order: &Order, stored: &BTreeMap<Vec<u8>, i64>, revision: i64, rng: &mut Rng) -> Attempt {
        let any_key = |rng: &mut Rng, slots| vec![0, rng.u8(1..=slots), rng.u8(..5)];
        let snapshot = order.cache.snapshot().filter(|_| rng.u8(..3) != 0);
        let slots = if rng.u8(..3) == 0 { 2 } else { 1 };
        let mark = |key: &[u8]| match &snapshot {
            Some(snapshot) if snapshot.covers(key) => snapshot.get(key).1,
            _ => stored.get(key).map_or(Mark::ABSENT, |revision| put_in(*revision)),
        };
        let (mut reads, mut writes) = (ReadSet::default(), WriteSet::default());
        for _ in 0..rng.u8(..3) {
            let key = any_key(rng, slots);
            reads.add_key(key.clone(), mark(&key));
        }
        if snapshot.is_none() && rng.u8(..4) == 0 {
            let bounds = Bounds::new(vec![0, 1, rng.u8(..3)], vec![0, 1, rng.u8(3..6)]);
            let rows = stored.range(bounds.start.clone()..bounds.end.clone());
            let rows = rows.map(|(key, revision)| (key.clone(), put_in(*revision))).collect();
            reads.add_range(bounds, rows);
        }
        for _ in 0..rng.u8(1..3) {
            let key = any_key(rng, slots);
            if rng.u8(..4) == 0 {
                writes.delete(key);
            } else {
                writes.put(key, NewRow::unindexed(Vec::new()));
            }
        }
        let source = match &snapshot {
            None => Source::Store,
            Some(snapshot) if reads.keys.keys().all(|key| snapshot.covers(key)) => Source::Cache,
            Some(_) => Source::Mixed,
        };
        let revision = Some(snapshot.map_or(revision, |snapshot| snapshot.revision()));
        Attempt { revision, source, ..Attempt::of(reads, writes) }
    }

    /// Whether one has to come after another one that came before it.
    fn comes_after(attempt: &Attempt, number: u64, earlier: &Attempt) -> bool {
        attempt.writers().any(|writer| writer == number)
            || attempt
                .writes
                .rows()
                .any(|(key, _)| earlier.reads.mark(key).is_some() || earlier.writes.own(key).is_some())
    }

    /// What is told of the cached table after a commit, and what is stored then.
    fn apply(attempt: &Attempt, revision: i64, stored: &mut BTreeMap<Vec<u8>, i64>) -> Step {
        let mut events = Vec::new();
        for (key, own) in attempt.writes.rows() {
            let kv = KeyValue::provisional(key.to_vec(), Vec::new(), 0, revision);
            events.push(match own {
                Own::Put(_) => {
                    stored.insert(key.to_vec(), revision);
                    WatchEvent::Put { kv, previous: None }
                }
                Own::Deleted => {
                    stored.remove(key);
                    WatchEvent::Delete { kv, previous: None }
                }
            });
        }
        events.retain(|event| event.key()[1] == 1);
        Step::Changes(revision, events)
    }

    #[test]
    fn nothing_that_others_do_not_see_comes_before_what_they_see() {
        let (mut rng, mut seen, mut unseen) = (Rng::with_seed(7), 0, 0);
        for _ in 0..300 {
            let (mut order, mut stored, mut revision) = (Order::default(), BTreeMap::new(), 1);
            let mut untold = VecDeque::new();
            // Those of whose writes to the cached table nobody sees anything before the rows have them.
            let mut hidden = Vec::new();
            cache_table(&mut order);
            for _ in 0..40 {
                let first = order.members.first_key_value().map(|(number, _)| *number);
                match (rng.u8(..8), first) {
                    (0, Some(first)) => {
                        let Member { attempt, versions, .. } = &*order.members[&first];
                        let (attempt, is_hidden) = (attempt.clone(), versions.is_none());
                        revision += 1;
                        order.own(revision);
                        order.commit(&[first], revision);
                        untold.push_back(apply(&attempt, revision, &mut stored));
                        if is_hidden && attempt.writes.touches(1) {
                            hidden.push((first, attempt, revision));
                        }
                    }
                    (1, Some(first)) => {
                        let failed = rng.u64(first..first + 4);
                        order.fail_with([failed], &Error::new(txetcd_client::error::Kind::Timeout, "late"));
                    }
                    (2, _) => {
                        order.cache.stop_waiting();
                        untold.drain(..rng.usize(..=untold.len())).for_each(|step| order.cache.push(step));
                        order.advance();
                    }
                    _ => {
                        let attempt = any_attempt(&order, &stored, revision, &mut rng);
                        accept(&mut order, Arc::new(attempt));
                    }
                }
                let rows = order.cache.revision().expect("they are known");
                let committed = hidden.iter().filter(|(.., revision)| *revision > rows);
                let committed = committed.map(|(number, attempt, _)| (*number, attempt));
                let open = order.members.iter().filter(|(_, member)| member.versions.is_none());
                let open = open.map(|(number, member)| (*number, &member.attempt));
                let hidden: Vec<(u64, &Arc<Attempt>)> = committed.chain(open).collect();
                for (number, member) in order.members.iter().filter(|(_, it)| it.versions.is_some()) {
                    seen += 1;
                    for (earlier, attempt) in hidden.iter().filter(|(earlier, _)| earlier < number) {
                        unseen += 1;
                        let is_after = comes_after(&member.attempt, *earlier, attempt);
                        assert!(!is_after, "{number} is seen, and {earlier} before it is not");
                    }
                }
            }
        }
        assert!(seen > 10_000 && unseen > 10_000, "{seen}, {unseen}");
    }

    #[test]
    fn who_relies_on_what_others_do_not_see_any_more_is_not_seen_either() {
        const OTHER: [u8; 3] = [0, 1, 2];
        let mut order = Order::default();
        cache_table(&mut order);
        let accept_other = |order: &mut Order, reads: ReadSet| {
            let mut writes = WriteSet::default();
            writes.put(OTHER.to_vec(), NewRow::unindexed(Vec::new()));
            accept(order, attempt(reads, writes)).expect("a number")
        };
        let first = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        assert_eq!(order.cache.has(&KEY), Some(true));
        cache_table(&mut order);
        let second = accept_other(&mut order, reads(provisional(first)));
        let third = accept_other(&mut order, ReadSet::default());
        assert_eq!([&KEY, &OTHER].map(|key| order.cache.has(key)), [Some(false); 2]);
        // Nobody is seen without them before the rows have them, even if they are not waited for any more.
        order.commit(&[first, second, third], 5);
        order.cache.stop_waiting();
        accept_other(&mut order, ReadSet::default());
        assert_eq!(order.cache.has(&OTHER), Some(false));
        order.cache.push(Step::Changes(5, Vec::new()));
        order.advance();
        let last = accept_other(&mut order, ReadSet::default());
        assert_eq!(order.cache.has(&OTHER), Some(false), "the one before it is not seen");
        order.fail_with([last - 1, last], &Error::new(txetcd_client::error::Kind::Timeout, "late"));
        accept_other(&mut order, ReadSet::default());
        assert_eq!(order.cache.has(&OTHER), Some(true));
    }

    #[test]
    fn what_one_that_is_no_version_has_replaced_is_not_taken_for_the_newest() {
        let mut order = Order::default();
        cache_table(&mut order);
        let version = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        assert_eq!(order.cache.has(&KEY), Some(true), "others can read it");
        let mixed = Attempt {
            source: Source::Mixed,
            ..Arc::unwrap_or_clone(attempt(reads(provisional(version)), put()))
        };
        let other = accept(&mut order, Arc::new(mixed)).expect("a number");
        let failed = accept(&mut order, attempt(ReadSet::default(), put())).expect("a number");
        // All that can be read is the first one's, and the revision does not tell that it is not what is stored.
        order.commit(&[version, other], 30);
        assert_eq!(accept(&mut order, attempt(reads(provisional(version)), put())), None);
        order.fail_with([failed], &Error::new(txetcd_client::error::Kind::Timeout, "late"));
        assert_eq!(accept(&mut order, attempt(reads(provisional(version)), put())), None);
    }
}
