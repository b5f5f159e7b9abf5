//! [`Sequencer`]: orders finished transactions, and forms groups of them that are committed together.
//!
//! ```text
//!  a transaction has finished
//!    |
//!  accept    it takes its place behind all others, unless what it read was replaced by one of them meanwhile
//!    |
//!  form      those that wait and have nothing to do with what is under way leave in one request
//!    |
//!  settle    the store's answer, for each of them; those that were only in bad company wait again
//! ```
//!
//! A lone transaction never waits for company: it leaves at once if nothing is under way. Those that come meanwhile
//! leave together in the next request, as soon as there has been an answer, or there are enough for a request of their
//! own, or the oldest has waited for [`PATIENCE`]. After a disturbance requests go one at a time for a while, unless the
//! oldest has waited for [`CAREFUL_PATIENCE`].
//!
//! The parts: [`order`] knows who comes after whom, and what may be read before it is committed; [`hidden`] what keeps it
//! from being read; [`written_keys`] who has written what; [`formation`] makes groups. What is sent, and what became of it,
//! is the affair of
//! [`committer`](super::committer).

pub(in crate::engine) mod formation;
mod hidden;
mod numbers;
mod order;
mod written_keys;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use txetcd_client::{Error, Result, error::Kind};

use super::Engine;
use super::attempt::{Attempt, Source, Weight};
use super::bounds::Bounds;
use super::cache::ranges::Ranges;
use super::cache::{Cache, CacheSnapshot, Step};
use super::committer::{Outcome, Settled, Verdicts};
use super::conflict::{Conflict, Findings, Verdict};
use super::leases::Leases;
use super::lock::lock;
use super::plan::{Committed, Plan, questions};
use super::slot_set::SlotSet;
use super::view::Start;
use super::write_set::WriteSet;
use formation::{Group, Shape, Unit};
use order::{Accepted, Order};

/// How long a transaction waits at most for the answer to another request before it leaves with one of its own.
const PATIENCE: Duration = Duration::from_millis(5);
/// The same while requests are formed with care: the more of them are under way, the more disturb each other.
const CAREFUL_PATIENCE: Duration = Duration::from_millis(20);
/// How many transactions have to wait for another request to leave at once.
const ENOUGH: usize = 48;
/// How many requests leave because there is enough to send, unless they are formed with care.
const MAX_AT_ONCE: usize = 3;
/// How many requests are under way at most.
const MAX_REQUESTS: usize = 64;
/// How often it is looked whether more have come before a request is formed.
const MOST_LOOKS: usize = 4;
/// After a request whose members were disturbed so many are formed with care.
const CAREFUL_REQUESTS: u32 = 16;
/// How long an attempt waits for the cache to see what its conflict was about.
const CACHE_PATIENCE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Sequencer {
    state: Mutex<State>,
    /// Tells of every other revision of the cached rows, in the order in which it is waited for: tokio's `watch` does it
    /// at random.
    moved: Notify,
    /// Whether members that meet at keys may be one unit.
    merges: bool,
}

#[derive(Debug, Default)]
struct State {
    order: Order,
    /// How many requests are under way or being formed.
    senders: usize,
    /// Whether somebody looks after those who wait too long.
    is_watched: bool,
    /// How many of the next requests are formed with care.
    careful: u32,
    /// Tables of which the catalogue was not as expected, in this time of care: a program that does not declare an index
    /// goes on to expect it, and others are not to be refused with it.
    distrusted: SlotSet,
    /// The server takes no nested transactions.
    refuses_nested: bool,
    /// Whether the rows of the cache follow the store at this moment.
    is_current: Arc<AtomicBool>,
    /// When the store last told the cache something.
    heard: Option<Instant>,
}

impl State {
    /// The cache, if it follows the store at this moment.
    fn cache(&self) -> Option<&Cache> {
        self.is_current.load(Ordering::Relaxed).then_some(&self.order.cache)
    }

    /// How many requests leave because there is enough to send.
    fn most_at_once(&self) -> usize {
        if self.careful > 0 { 1 } else { MAX_AT_ONCE }
    }

    fn patience(&self) -> Duration {
        if self.careful > 0 { CAREFUL_PATIENCE } else { PATIENCE }
    }

    /// Ends those that wait, if nobody is left who would send them.
    fn end_without_sender(&mut self) {
        if self.senders == 0 && !self.is_watched {
            let gone = Error::new(Kind::Unavailable, "the runtime is shutting down; nothing was written");
            self.order.fail_those_waiting(&gone);
        }
    }
}

/// Something that goes on by itself, once it is started. It must not be started, or dropped, under the lock: it gives back
/// its place if its runtime is gone.
enum Task {
    Send(Sender),
    Watch(Watch),
}

/// Somebody who sends groups. If it is gone before its end, because its runtime has stopped, nobody will know what became
/// of what it has sent.
struct Sender {
    engine: Arc<Engine>,
    numbers: Vec<u64>,
    has_ended: bool,
}

/// Somebody who looks after those that wait.
struct Watch {
    engine: Arc<Engine>,
    has_ended: bool,
}

impl Task {
    fn start(self) {
        match self {
            Self::Send(sender) => drop(tokio::spawn(sender.run())),
            Self::Watch(watch) => drop(tokio::spawn(watch.run())),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let unknown = Error::new(Kind::CommitUnknown, "the runtime stopped in the middle of a commit");
        self.engine.sequencer.change(|state| {
            state.senders -= 1;
            state.order.fail_with(self.numbers.drain(..), &unknown);
            state.end_without_sender();
            self.engine.sequencer.advance(state);
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.has_ended {
            self.engine.sequencer.change(|state| {
                state.is_watched = false;
                state.end_without_sender();
            });
        }
    }
}

impl Sequencer {
    pub(crate) fn new(merges: bool) -> Self {
        Self { state: Mutex::default(), moved: Notify::new(), merges }
    }

    /// What the cache has now, unless it lags behind.
    pub(crate) fn cached(&self) -> Option<CacheSnapshot> {
        lock(&self.state).cache()?.snapshot()
    }

    /// Waits until the cache has what this process has written to its tables past it, unless that takes too long.
    pub(crate) async fn catch_up(&self) {
        let lacks = lock(&self.state).cache().and_then(Cache::lacks);
        if let Some(revision) = lacks
            && !self.reaches(revision).await
        {
            lock(&self.state).order.cache.stop_waiting();
        }
    }

    /// Whether a key is of a cached table, even if it cannot be read there at this moment.
    pub(crate) fn caches(&self, key: &[u8]) -> bool {
        lock(&self.state).order.cache.covers(key)
    }

    /// Whether this process has committed something to one of these keys after a revision, or perhaps has.
    pub(crate) fn has_replaced(&self, keys: &[Vec<u8>], revision: i64) -> bool {
        let state = lock(&self.state);
        keys.iter().any(|key| state.order.written.is_newer(key, revision))
    }

    /// The same, for all keys of a range.
    pub(crate) fn has_replaced_within(&self, bounds: &Bounds, revision: i64) -> bool {
        lock(&self.state).order.written.is_newer_within(bounds, revision)
    }

    /// The cached rows with all that this process has committed, and when the cache last heard of the store. `None` if
    /// they cannot be had soon.
    pub(crate) async fn cached_rows(&self) -> Option<(CacheSnapshot, Instant)> {
        let behind = lock(&self.state).cache().and_then(Cache::is_behind);
        if let Some(revision) = behind {
            self.reaches(revision).await;
        }
        let state = lock(&self.state);
        Some((state.cache()?.committed_rows()?, state.heard?))
    }

    /// Waits until the cache has reached this revision, unless that takes too long. Whether it can be read then.
    async fn reaches(&self, revision: i64) -> bool {
        self.comes_to(|cache| cache.revision().is_none_or(|cached| cached >= revision)).await
    }

    /// Waits until something holds for the cache, unless that takes too long. Whether it can be read then.
    async fn comes_to(&self, holds: impl Fn(&Cache) -> bool) -> bool {
        let comes_to = async {
            loop {
                let moved = self.moved.notified();
                if holds(&lock(&self.state).order.cache) {
                    break;
                }
                moved.await;
            }
        };
        tokio::time::timeout(CACHE_PATIENCE, comes_to).await.is_ok() && self.cached().is_some()
    }

    /// Caches these ranges from now on, in place of others, as long as something follows them.
    pub(crate) fn restart_cache(&self, ranges: Arc<Ranges>, is_current: Arc<AtomicBool>) {
        self.change(|state| {
            state.is_current = is_current;
            state.order.restart_cache(ranges);
        });
    }

    /// The slot of which most is cached, if more than so many bytes are.
    pub(crate) fn largest_beyond(&self, most: usize) -> Option<u16> {
        lock(&self.state).order.cache.bytes().largest_beyond(most)
    }

    /// Lets the cached rows go through a step, now or as soon as they may, if it comes from the feed of this flag.
    pub(crate) fn step(&self, feed: &Arc<AtomicBool>, step: Step) {
        self.change(|state| {
            if !Arc::ptr_eq(&state.is_current, feed) {
                return;
            }
            state.order.cache.push(step);
            self.advance(state);
            if state.order.cache.next().is_none() {
                state.heard = Some(Instant::now());
            }
        });
    }

    /// Changes the state, and then tells those for whom that is an answer: whoever is woken finds it unlocked.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (changed, answers) = {
            let mut state = lock(&self.state);
            (change(&mut state), state.order.take_answers())
        };
        for (answer, outcome) in answers {
            // Whoever asked may have gone.
            drop(answer.send(outcome));
        }
        changed
    }

    fn advance(&self, state: &mut State) {
        let before = state.order.cache.revision();
        state.order.advance();
        if state.order.cache.revision() != before {
            self.moved.notify_waiters();
        }
    }
}

/// Lets others come in before a group is formed: as many as were just answered, who perhaps begin again at once, as long
/// as some come each time that others have had their turn. Nobody is waited for.
async fn gather(most: usize, waiting: impl Fn() -> usize) {
    let mut gathered = 0;
    for _ in 0..MOST_LOOKS {
        tokio::task::yield_now().await;
        let before = std::mem::replace(&mut gathered, waiting());
        if gathered <= before || gathered >= most {
            return;
        }
    }
}

impl Sender {
    /// Sends groups one after the other as long as there are any.
    async fn run(mut self) {
        let engine = self.engine.clone();
        // Whoever is about to finish at this moment can join.
        tokio::task::yield_now().await;
        let mut has_sent = false;
        while let Some(group) = engine.next_group(has_sent) {
            has_sent = true;
            self.numbers.extend(group.units.iter().flat_map(|unit| &unit.numbers));
            let settled = engine.send_observed(&group).await;
            let pause = engine.settle(&group, settled);
            self.numbers.clear();
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => gather(group.len(), || lock(&engine.sequencer.state).order.waiting()).await,
            }
        }
        // Its place was given back with the last look for a group.
        self.has_ended = true;
    }
}

impl Watch {
    /// Sends another request whenever somebody has waited too long for the answers to others.
    async fn run(mut self) {
        while !self.has_ended {
            tokio::time::sleep(PATIENCE).await;
            let task = self.engine.sequencer.change(|state| match state.order.oldest_waiting() {
                None => {
                    state.is_watched = false;
                    self.has_ended = true;
                    None
                }
                Some(since) if since.elapsed() >= state.patience() && state.senders < MAX_REQUESTS => {
                    Some(self.engine.another_sender(state))
                }
                Some(_) => None,
            });
            task.into_iter().for_each(Task::start);
        }
    }
}

impl Engine {
    /// Commits an attempt, in the company of others. The deadline bounds everything but settling a lost answer.
    ///
    /// Whatever is under way goes on if this future is dropped.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        attempt: Arc<Attempt>,
        leases: Leases,
        deadline: Instant,
    ) -> Result<Outcome> {
        if attempt.is_settled() {
            return Ok(Outcome::Committed(attempt.revision));
        }
        if let Some(error) = attempt.violation() {
            if attempt.source == Source::Store {
                return Err(error);
            }
            // What was read may be out of date.
            let attempt = Arc::unwrap_or_clone(attempt);
            let doubtful = Arc::new(Attempt { writes: WriteSet::default(), ..attempt });
            return match Box::pin(self.commit(doubtful, Leases::default(), deadline)).await? {
                Outcome::Committed(_) => Err(error),
                conflict @ Outcome::Conflict(_) => Ok(conflict),
            };
        }
        let weight = attempt.weight(self.limits.namespace);
        let alone = self.is_large(&attempt, &weight)?;
        let given = leases.given();
        let (answer, outcome) = oneshot::channel();
        let (accepted, task) = self.sequencer.change(|state| {
            let accepted = state.order.accept(attempt, leases, deadline, weight, alone, answer);
            let is_member = matches!(accepted, Ok(Accepted::Member));
            (accepted, is_member.then(|| self.dispatch(state)).flatten())
        });
        task.into_iter().for_each(Task::start);
        let settled = match accepted {
            Err(conflict) => return Ok(Outcome::Conflict(conflict)),
            Ok(Accepted::Member) => outcome.await,
            Ok(Accepted::Overtaken) => tokio::time::timeout_at(deadline, outcome)
                .await
                .map_err(|_| self.out_of_time("waiting for others"))?,
        };
        let outcome = settled
            .map_err(|_| Error::new(Kind::CommitUnknown, "the runtime stopped in the middle of a commit"))?;
        if let Ok(Outcome::Conflict(conflict)) = &outcome
            && conflict.revision.is_none()
            && !conflict.is_local
        {
            Box::pin(Leases::check_given(&given)).await?;
        }
        outcome
    }

    /// What an attempt begins with after a conflict of one that wanted to read the cache, or did not.
    pub(crate) async fn start_after(
        &self,
        conflict: Box<Conflict>,
        wants_cache: bool,
        may_read_cache: bool,
    ) -> Start {
        let is_cached = || conflict.changed.iter().all(|key| self.sequencer.caches(key));
        if wants_cache && may_read_cache && is_cached() {
            let has_changes = match &conflict.changes {
                Some(changes) => self.sequencer.comes_to(|cache| cache.has_all(changes)).await,
                None => conflict.is_local,
            };
            if has_changes {
                return Start::Cache;
            }
        }
        match conflict.revision {
            // What this process has committed may be older than the transaction, if it read the cache.
            Some(revision) if !(wants_cache && conflict.is_local) => Start::At(revision, conflict.known),
            _ => Start::Store,
        }
    }

    /// Whether an attempt has to be a request of its own. Refuses what is too large for one.
    fn is_large(&self, attempt: &Arc<Attempt>, weight: &Weight) -> Result<bool> {
        let is_large = weight.ops > self.limits.alone_ops() || weight.bytes > self.limits.bytes / 2;
        if is_large {
            let members = std::slice::from_ref(attempt);
            let asked = questions(members, &[], self.limits.alone_ops());
            Plan::alone(members, &Committed::default(), self.limits, &asked)?;
        }
        Ok(is_large)
    }

    /// What has to be started for what waits to be sent.
    #[must_use]
    fn dispatch(self: &Arc<Self>, state: &mut State) -> Option<Task> {
        let waiting = state.order.waiting();
        let enough = state.senders < state.most_at_once() && waiting >= ENOUGH * state.senders;
        if state.senders == 0 || enough {
            return Some(self.another_sender(state));
        }
        let is_watched = std::mem::replace(&mut state.is_watched, true);
        (!is_watched).then(|| Task::Watch(Watch { engine: self.clone(), has_ended: false }))
    }

    fn another_sender(self: &Arc<Self>, state: &mut State) -> Task {
        state.senders += 1;
        Task::Send(Sender { engine: self.clone(), numbers: Vec::new(), has_ended: false })
    }

    /// The next group, or the end of a sender. One that was started for somebody who had waited too long sends once: if all
    /// of them went on, a store that takes longer would get more and more requests with less and less in them.
    fn next_group(&self, has_sent: bool) -> Option<Group> {
        self.sequencer.change(|state| {
            let late = state.order.late(Instant::now());
            if !late.is_empty() {
                state.order.fail_with(late, &self.out_of_time("waiting for others"));
            }
            let is_spare = has_sent && state.senders > state.most_at_once();
            let shape = self.shape(state);
            let group = if is_spare { None } else { state.order.form(&shape) };
            if group.is_none() {
                state.senders -= 1;
            }
            group
        })
    }

    fn shape(&self, state: &State) -> Shape {
        let limits = self.limits;
        let nests = !state.refuses_nested && limits.ops >= 32;
        let joins = state.careful == 0;
        let units = if joins || !nests { 1 } else { limits.units() };
        Shape { limits, units, joins, merges: self.sequencer.merges, distrusted: state.distrusted.clone() }
    }

    /// Finds out what it means for the members of a unit that it was refused, or was not even tried: those that are not to
    /// blame wait again, and the others are returned.
    fn refuse(
        &self,
        state: &mut State,
        unit: &Unit,
        committed: &Committed,
        findings: &Findings,
        is_tried: bool,
    ) -> Vec<(u64, Result<Outcome>)> {
        let alone = unit.numbers.len() == 1;
        let mut unchanged = Vec::new();
        let mut failed = Vec::new();
        for (number, attempt) in unit.numbers.iter().zip(&unit.attempts) {
            let verdict = if is_tried || findings.contradict(attempt) {
                findings.verdict(attempt, committed, alone)
            } else {
                Verdict::Unchanged
            };
            match verdict {
                Verdict::Unchanged => unchanged.push(*number),
                Verdict::Violated(error) => failed.push((*number, Err(error))),
                Verdict::Changed(conflict) => failed.push((*number, Ok(Outcome::Conflict(conflict)))),
            }
        }
        // If nobody is to blame, each has to show what becomes of it alone.
        state.order.put_back(&unchanged, failed.is_empty() && is_tried);
        failed
    }

    /// Tells the members of a group what became of them. Returns how long to wait before more is sent, if that is of
    /// use.
    fn settle(self: &Arc<Self>, group: &Group, settled: Settled) -> Option<Duration> {
        let (pause, task) = self.sequencer.change(|state| {
            let pause = self.apply(state, group, settled);
            self.sequencer.advance(state);
            (pause, if state.order.waiting() > 0 { self.dispatch(state) } else { None })
        });
        task.into_iter().for_each(Task::start);
        pause
    }

    /// The same, without sending what waits.
    fn apply(&self, state: &mut State, group: &Group, settled: Settled) -> Option<Duration> {
        let numbers: Vec<u64> = group.units.iter().flat_map(|unit| unit.numbers.iter().copied()).collect();
        let mut pause = None;
        match settled {
            Settled::Done { revision, is_own, verdicts } => {
                if is_own {
                    state.order.own(revision);
                }
                let several = group.units.len() > 1;
                let (mut disturbed, mut failed) = (false, Vec::new());
                for (unit, verdicts) in group.units.iter().zip(verdicts) {
                    match verdicts {
                        Verdicts::Applied => state.order.commit(&unit.numbers, revision),
                        Verdicts::Refused(findings) => {
                            disturbed = true;
                            failed.extend(self.refuse(state, unit, &group.committed, &findings, true));
                        }
                    }
                }
                state.order.fail(failed);
                if disturbed && (several || numbers.len() > 1) {
                    state.careful = CAREFUL_REQUESTS;
                } else if !disturbed {
                    state.careful = state.careful.saturating_sub(1);
                    if state.careful == 0 {
                        state.distrusted = SlotSet::default();
                    }
                }
            }
            Settled::Untried { findings, .. } => {
                state.careful = CAREFUL_REQUESTS;
                state.distrusted.extend(findings.contradicted(&group.common).map(|(slot, _)| slot));
                let mut failed = Vec::new();
                for unit in &group.units {
                    failed.extend(self.refuse(state, unit, &group.committed, &findings, false));
                }
                state.order.fail(failed);
            }
            Settled::NotApplied(error) if error.is_transient() => {
                state.order.put_back(&numbers, false);
                pause = Some(Duration::from_millis(10));
            }
            // Perhaps it is one member's fault.
            Settled::NotApplied(error) if numbers.len() > 1 => {
                // Nothing that a member asks for is invalid, but to a server that does not know all that etcd does.
                let is_about_members = error.is_not_found()
                    || error.is_too_large()
                    || error.is_permission_denied()
                    || error.is_unauthenticated();
                state.refuses_nested |= group.units.len() > 1 && !is_about_members;
                state.order.put_back(&numbers, true);
            }
            Settled::NotApplied(error) | Settled::Unknown(error) => {
                state.order.fail_with(numbers, &error);
            }
            Settled::RowLeaseLost => {
                let conflicts = group.units.iter().flat_map(|unit| unit.numbers.iter().zip(&unit.attempts));
                let conflicts = conflicts.map(|(number, attempt)| {
                    (*number, Ok(Outcome::Conflict(Box::new(Conflict::to_be_read_anew(attempt)))))
                });
                state.order.fail(conflicts);
            }
        }
        pause
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often it is looked who waits, if there are so many one after the other.
    async fn looks(most: usize, waiting: &[usize]) -> usize {
        let looks = Cell::new(0);
        gather(most, || waiting[looks.replace(looks.get() + 1)]).await;
        looks.get()
    }

    #[tokio::test]
    async fn those_who_come_one_after_the_other_leave_together() {
        assert_eq!(looks(64, &[10, 30, 31, 31]).await, 4);
        assert_eq!(looks(64, &[10, 30, 64]).await, 3);
        assert_eq!(looks(64, &[40, 30]).await, 2);
        assert_eq!(looks(64, &[0]).await, 1);
        assert_eq!(looks(1, &[1]).await, 1);
        assert_eq!(looks(64, &[10, 20, 30, 40, 50]).await, MOST_LOOKS);
    }
}
