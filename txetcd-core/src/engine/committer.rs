//! The committer: sends a planned transaction on a lane, and settles what happened if the answer is lost.
//!
//! A request whose answer was lost may have been applied, *or may still be*. The lane settles it: the
//! *resolver* asks, in one etcd transaction, whether the lane is still as it was before the commit, and if so
//! writes the next number but one, the *fence*. Then the lost request, which compares the old number, can never
//! be applied any more. If the lane holds the commit's own number, it was applied, in the revision in which
//! the lane was last put. If the lane is gone, the lease has expired: only then nobody can know.
//!
//! Resolving again is harmless, however late a request arrives, since numbers only grow and each request
//! compares the number that it expects.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use txetcd_client::{Error, KeyValue, OpResponse, Result, Txn, TxnResponse, error::Kind};

use super::Engine;
use super::plan::{Plan, Prefetch, already_exists};
use super::read_set::Mark;
use super::sequencer::{Lane, Turn, number_in};
use super::view::{Attempt, Known, describe};

/// The time that settling a lost answer has at least, however close the deadline is.
const RESOLVE_AT_LEAST: Duration = Duration::from_secs(2);
const LEASE_LOST: &str = "the session's lease expired before the store could be asked";
const UNANSWERED: &str = "the store could not be asked before the deadline";
/// How many keys an error names.
const NAMED_KEYS: usize = 3;

/// How a commit ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Applied, in this revision.
    Committed(i64),
    /// Not applied: something that was read has changed, or something that was inserted was there.
    Conflict(Conflict),
}

/// What is known after a conflict.
#[derive(Debug)]
pub(crate) struct Conflict {
    /// The store as of this revision is what `known` describes; `None` if it has to be read anew.
    pub(crate) revision: Option<i64>,
    pub(crate) known: Known,
    /// The keys that changed, as far as known, for messages.
    pub(crate) keys: Vec<String>,
    /// Set if nothing is known to have changed but that an inserted row was there.
    pub(crate) already_exists: Option<Error>,
}

/// What happened to one request.
enum Sent {
    Answered(TxnResponse),
    /// It was applied in this revision, though its answer was lost.
    Applied(i64),
    /// It was not, and never will be; why it failed.
    NotApplied(Error),
    /// Nobody can know: the lane is gone.
    LeaseLost(Error),
    /// The store could not be asked in time.
    Unanswered(Error),
}

impl Engine {
    /// Commits an attempt. The deadline bounds everything but settling a lost answer.
    ///
    /// The request runs to its end, and its lane is settled, even if this future is dropped.
    pub(crate) async fn commit(self: &Arc<Self>, attempt: Attempt, deadline: Instant) -> Result<Outcome> {
        if attempt.writes.is_empty() {
            return self.committed_nothing(attempt).await;
        }
        if let Some(key) = attempt.writes.absent().find(|key| is_present(attempt.reads.mark(key))) {
            return Err(already_exists(key, &attempt));
        }
        let plan = Plan::of(attempt, self.limits)?;
        let turn = tokio::time::timeout_at(deadline, self.sequencer.turn())
            .await
            .map_err(|_| self.out_of_time("waiting for earlier commits"))??;
        let engine = self.clone();
        let commit = tokio::spawn(async move { engine.commit_on(turn, plan, deadline).await });
        commit
            .await
            .map_err(|_| Error::new(Kind::CommitUnknown, "the runtime stopped in the middle of a commit"))?
    }

    /// A transaction without writes read one snapshot: it is serializable as of then.
    async fn committed_nothing(&self, attempt: Attempt) -> Result<Outcome> {
        let revision = match attempt.revision {
            Some(revision) => revision,
            None => self.client.revision_and_cluster().await?.0,
        };
        Ok(Outcome::Committed(revision))
    }

    async fn commit_on(self: Arc<Self>, mut turn: Turn, plan: Plan, deadline: Instant) -> Result<Outcome> {
        loop {
            match self.send(&mut turn.lane, &plan, deadline).await {
                Sent::Answered(response) if response.succeeded() => {
                    let next = turn.lane.next();
                    turn.lane.advance(next);
                    turn.done();
                    return Ok(Outcome::Committed(response.revision()));
                }
                Sent::Applied(revision) => {
                    turn.done();
                    return Ok(Outcome::Committed(revision));
                }
                Sent::Answered(response) => {
                    let revision = response.revision();
                    let mut answers: Vec<_> = response.into_responses().into_iter().map(rows).collect();
                    let lane = answers.pop().unwrap_or_default();
                    if turn.lane.is_unchanged(lane.first()) {
                        turn.done();
                        return Ok(Outcome::Conflict(conflict(&plan, revision, answers)));
                    }
                    // The lease has expired, and the lane with it. Nothing was applied.
                    turn.abandon().await;
                    turn = self.sequencer.turn().await?;
                }
                Sent::NotApplied(error) if error.is_not_found() => {
                    // A lease is gone. If it is the session's, the commit goes on with another one; if it is
                    // a row's, the row is gone, too.
                    match turn.lane.session().lease().remaining().await {
                        Ok(None) => {}
                        Ok(Some(_)) => {
                            turn.done();
                            return Ok(Outcome::Conflict(Conflict::to_be_read_anew(&plan)));
                        }
                        Err(error) => {
                            turn.done();
                            return Err(error);
                        }
                    }
                    turn.abandon().await;
                    turn = self.sequencer.turn().await?;
                }
                Sent::NotApplied(error) if error.is_unavailable() || error.is_timeout() => {
                    if Instant::now() >= deadline {
                        turn.done();
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Sent::NotApplied(error) => {
                    turn.done();
                    return Err(error);
                }
                Sent::LeaseLost(error) => {
                    turn.abandon().await;
                    return Err(error);
                }
                Sent::Unanswered(error) => {
                    tokio::spawn(self.settle_later(turn));
                    return Err(error);
                }
            }
        }
    }

    async fn send(&self, lane: &mut Lane, plan: &Plan, deadline: Instant) -> Sent {
        let request = plan.request.clone();
        let request =
            request.and_when([lane.unchanged()]).then([lane.write(lane.next())]).or_else([lane.read()]);
        let timeout = deadline.duration_since(Instant::now()).max(Duration::from_millis(100));
        match self.client.txn_within(request, timeout).await {
            Ok(response) => Sent::Answered(response),
            Err(error) if error.is_perhaps_applied() => {
                self.resolve(lane, error, deadline.max(Instant::now() + RESOLVE_AT_LEAST)).await
            }
            Err(error) => Sent::NotApplied(error),
        }
    }

    /// Finds out what became of the lane's commit, and sees to it that it stays so.
    async fn resolve(&self, lane: &mut Lane, lost: Error, deadline: Instant) -> Sent {
        let mine = lane.next();
        let fence = mine + 1;
        let question = Txn::when([lane.unchanged()]).then([lane.write(fence)]).or_else([lane.read()]);
        let mut pause = Duration::from_millis(5);
        tracing::debug!(error = %lost, "settling a commit whose answer was lost");
        loop {
            let timeout = deadline.duration_since(Instant::now());
            match self.client.txn_within(question.clone(), timeout).await {
                Ok(answer) if answer.succeeded() => {
                    lane.advance(fence);
                    return Sent::NotApplied(lost.settled());
                }
                Ok(answer) => {
                    let found = answer.into_responses().into_iter().next().map(rows).unwrap_or_default();
                    let found = found.first();
                    return match number_in(found) {
                        Some(number) if number == mine => {
                            lane.advance(mine);
                            Sent::Applied(found.map_or(0, KeyValue::mod_revision))
                        }
                        // An earlier answer to this question was lost.
                        Some(number) if number == fence => {
                            lane.advance(fence);
                            Sent::NotApplied(lost.settled())
                        }
                        _ => Sent::LeaseLost(unknown(&lost, LEASE_LOST)),
                    };
                }
                Err(error) if error.is_not_found() => {
                    return Sent::LeaseLost(unknown(&lost, LEASE_LOST));
                }
                Err(_) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                Err(_) => {
                    return Sent::Unanswered(unknown(&lost, UNANSWERED));
                }
            }
        }
    }

    /// Goes on asking what became of a commit that was reported as unknown, so that a request which is still on
    /// its way cannot be applied much later. After the lease it cannot be in any case.
    async fn settle_later(self: Arc<Self>, mut turn: Turn) {
        let deadline = Instant::now() + turn.lane.session().remaining();
        let lost = Error::new(Kind::CommitUnknown, UNANSWERED);
        match self.resolve(&mut turn.lane, lost, deadline).await {
            Sent::Applied(_) | Sent::NotApplied(_) | Sent::Answered(_) => turn.done(),
            Sent::LeaseLost(_) | Sent::Unanswered(_) => turn.abandon().await,
        }
    }

    pub(crate) fn out_of_time(&self, doing: &str) -> Error {
        Error::new(
            Kind::Timeout,
            format!(
                "the transaction was not finished within {:?} ({doing}); nothing was written",
                self.policy.timeout
            ),
        )
    }
}

fn unknown(lost: &Error, why: &str) -> Error {
    Error::new(
        Kind::CommitUnknown,
        format!(
            "the answer to a commit was lost, and {why}: it may have been applied, completely, or may still be \
             until the session's lease ends; read later to see"
        ),
    )
    .with_source(lost.clone())
}

fn is_present(mark: Option<Mark>) -> bool {
    mark.is_some_and(|mark| mark != Mark::ABSENT)
}

fn rows(response: OpResponse) -> Vec<KeyValue> {
    response.into_get().map(txetcd_client::GetResponse::into_kvs).unwrap_or_default()
}

/// Turns what the else branch read into what the next attempt starts with.
fn conflict(plan: &Plan, revision: i64, answers: Vec<Vec<KeyValue>>) -> Conflict {
    let attempt = &plan.attempt;
    let mut known = Known::default();
    let mut changed = Vec::new();
    let mut exists = None;
    let mut reads_checked = 0;
    for (read, rows) in plan.prefetch.iter().zip(answers) {
        match read {
            Prefetch::Key(key) => {
                let kv = rows.into_iter().next();
                let now = Mark::of(kv.as_ref(), true);
                match attempt.reads.keys.get(key) {
                    Some(read) => {
                        reads_checked += 1;
                        if read.mod_revision != now.mod_revision {
                            changed.push(describe(key, &attempt.tables));
                        }
                    }
                    None if now != Mark::ABSENT => exists = exists.or(Some(key)),
                    None => {}
                }
                known.add_key(key.clone(), kv);
            }
            Prefetch::Range(bounds, limit) => {
                let complete = rows.len() < *limit as usize;
                let mut bounds = bounds.clone();
                if !complete && let Some(last) = rows.last() {
                    bounds.end = super::bounds::after(last.key());
                }
                if let Some(range) =
                    attempt.reads.ranges.iter().find(|range| range.bounds.start == bounds.start)
                {
                    reads_checked += usize::from(complete);
                    let was = range.rows.iter().map(|(key, mark)| (key.as_slice(), mark.mod_revision));
                    let is = rows.iter().map(|kv| (kv.key(), kv.mod_revision()));
                    changed.extend(difference(was, is).into_iter().map(|key| describe(key, &attempt.tables)));
                }
                known.add_range(bounds, rows);
            }
        }
    }
    let all_checked = reads_checked == attempt.reads.keys.len() + attempt.reads.ranges.len();
    let already_exists =
        exists.filter(|_| changed.is_empty() && all_checked).map(|key| already_exists(key, attempt));
    if changed.is_empty() {
        changed.extend(exists.map(|key| describe(key, &attempt.tables)));
    }
    if changed.is_empty() {
        changed = touched(attempt);
    }
    changed.truncate(NAMED_KEYS);
    Conflict { revision: Some(revision), known, keys: changed, already_exists }
}

impl Conflict {
    fn to_be_read_anew(plan: &Plan) -> Self {
        let keys = touched(&plan.attempt);
        Self { revision: None, known: Known::default(), keys, already_exists: None }
    }
}

/// Some of what the attempt read, where what changed is not known.
fn touched(attempt: &Attempt) -> Vec<String> {
    let ranges = attempt.reads.ranges.iter().map(|range| &range.bounds.start);
    let keys = attempt.reads.keys.keys().chain(ranges);
    keys.take(NAMED_KEYS).map(|key| describe(key, &attempt.tables)).collect()
}

/// The keys that are in one of two sorted lists only, or in both with different revisions.
fn difference<'a>(
    was: impl Iterator<Item = (&'a [u8], i64)>,
    is: impl Iterator<Item = (&'a [u8], i64)>,
) -> Vec<&'a [u8]> {
    let mut both: std::collections::BTreeMap<&[u8], [i64; 2]> =
        was.map(|(key, revision)| (key, [revision, 0])).collect();
    for (key, revision) in is {
        both.entry(key).or_default()[1] = revision;
    }
    both.into_iter().filter(|(_, [was, is])| was != is).map(|(key, _)| key).collect()
}
