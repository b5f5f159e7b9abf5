//! The committer: sends a planned transaction on a lane, and settles what happened if the answer is lost.
//!
//! A request whose answer was lost may have been applied, *or may still be*. The lane settles it: the
//! *resolver* asks, in one etcd transaction, whether the lane is still as it was before the commit, and if so
//! writes the next number but one, the *fence*. Then the lost request, which compares the old number, can never
//! be applied any more. If the lane holds the commit's own number, it was applied, in the revision in which
//! the lane was last put. If the lane is gone, the lease has expired, and nobody can know. If the store cannot be
//! asked until the deadline, the outcome is unknown, too, and asking goes on behind the caller's back.
//!
//! Resolving again is harmless, however late a request arrives, since numbers only grow and each request
//! compares the number that it expects.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use txetcd_client::{Error, KeyValue, OpResponse, Result, Txn, TxnResponse, error::Kind};

use super::Engine;
use super::conflict::Conflict;
use super::plan::Plan;
use super::read_set::Mark;
use super::sequencer::{Lane, Turn, number_in};
use super::view::Attempt;

/// The time that settling a lost answer has at least, however close the deadline is.
const RESOLVE_AT_LEAST: Duration = Duration::from_secs(2);
const LEASE_LOST: &str = "the session's lease expired before the store could be asked";
const UNANSWERED: &str = "the store could not be asked before the deadline";

/// How a commit ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Applied, in this revision; if nothing was written, the revision that was read, if anything was.
    Committed(Option<i64>),
    /// Not applied: something that was read has changed, or something that was inserted was there.
    Conflict(Conflict),
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
    /// All of it runs in a task of its own, so that a caller who drops this future, or holds it without polling
    /// it, neither stops a commit half-way nor keeps a lane from others.
    pub(crate) async fn commit(self: &Arc<Self>, attempt: Attempt, deadline: Instant) -> Result<Outcome> {
        if attempt.writes.is_empty() && attempt.locks.is_empty() {
            // It read one snapshot, so it is serializable as of then.
            return Ok(Outcome::Committed(attempt.revision));
        }
        let mut absent = attempt.writes.absent();
        if let Some((key, absence)) = absent.find(|(key, _)| is_present(attempt.reads.mark(key))) {
            return Err(absence.violated(key, &attempt.tables));
        }
        drop(absent);
        let mut plan = Plan::of(attempt, self.limits)?;
        let engine = self.clone();
        let commit = tokio::spawn(async move {
            let outcome = engine.commit_plan(&plan, deadline).await;
            let perhaps = outcome.as_ref().err().is_some_and(Error::is_commit_unknown);
            if perhaps || matches!(outcome, Ok(Outcome::Committed(_))) {
                plan.attempt.leases.keep();
            }
            outcome
        });
        commit
            .await
            .map_err(|_| Error::new(Kind::CommitUnknown, "the runtime stopped in the middle of a commit"))?
    }

    async fn turn(&self, deadline: Instant) -> Result<Turn> {
        tokio::time::timeout_at(deadline, self.sequencer.turn())
            .await
            .map_err(|_| self.out_of_time("waiting for a lane, or for the lease that it hangs on"))?
    }

    async fn commit_plan(self: &Arc<Self>, plan: &Plan, deadline: Instant) -> Result<Outcome> {
        let mut turn = self.turn(deadline).await?;
        loop {
            match self.send(&mut turn.lane, plan, deadline).await {
                Sent::Answered(response) if response.succeeded() => {
                    let next = turn.lane.next();
                    turn.lane.advance(next);
                    turn.done();
                    return Ok(Outcome::Committed(Some(response.revision())));
                }
                Sent::Applied(revision) => {
                    turn.done();
                    return Ok(Outcome::Committed(Some(revision)));
                }
                Sent::Answered(response) => {
                    let revision = response.revision();
                    let mut answers: Vec<_> = response.into_responses().into_iter().map(rows).collect();
                    let lane = answers.pop().unwrap_or_default();
                    if turn.lane.is_unchanged(lane.first()) {
                        turn.done();
                        let locks = &plan.attempt.locks;
                        let found = answers.drain(..locks.len().min(answers.len()));
                        let mut held = locks.iter().zip(found);
                        if let Some((lost, _)) = held.find(|(lock, found)| !lock.is_in(found.first())) {
                            return Err(lost.lost());
                        }
                        drop(held);
                        return Ok(Outcome::Conflict(Conflict::new(plan, revision, answers)));
                    }
                    // The lease has expired, and the lane with it. Nothing was applied.
                    turn.abandon().await;
                    turn = self.turn(deadline).await?;
                }
                Sent::NotApplied(error) if error.is_not_found() => {
                    // A lease is gone. If it is the session's, the commit goes on with another one; if it is
                    // a row's, the row is gone, too.
                    match turn.lane.session().lease().remaining().await {
                        Ok(None) => {}
                        Ok(Some(_)) => {
                            turn.done();
                            plan.attempt.leases.check_given().await?;
                            return Ok(Outcome::Conflict(Conflict::to_be_read_anew(plan)));
                        }
                        Err(error) => {
                            turn.done();
                            return Err(error);
                        }
                    }
                    turn.abandon().await;
                    turn = self.turn(deadline).await?;
                }
                Sent::NotApplied(error) if error.is_transient() => {
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
                    tokio::spawn(self.clone().settle_later(turn));
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
