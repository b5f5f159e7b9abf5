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

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Error, KeyValue, Op, OpResponse, Result, Txn, TxnResponse, error::Kind};

use super::Engine;
use super::attempt::{Attempt, SchemaGuard};
use super::bookkeeping::generation_key;
use super::conflict::{Conflict, Findings, Inquiry};
use super::lane::{Lane, Turn, number_in};
use super::plan::{Plan, Question, ops_of, questions};
use super::sequencer::formation::Group;

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
    Conflict(Box<Conflict>),
}

/// What became of a group.
pub(crate) enum Settled {
    /// The store has answered, or has been asked what it did.
    Done {
        revision: i64,
        /// Whether the request has made that revision.
        is_own: bool,
        /// For each unit.
        verdicts: Vec<Verdicts>,
    },
    /// No unit was looked at: guards before all of them did not hold.
    Untried { revision: i64, findings: Findings },
    /// Nothing was applied, and never will be; why it failed.
    NotApplied(Error),
    /// The lease under which a row was to be put is gone, and the program did not bring it: the row was read with it,
    /// and is gone, too.
    RowLeaseLost,
    /// Nobody can know.
    Unknown(Error),
}

/// What became of a unit.
pub(crate) enum Verdicts {
    Applied,
    Refused(Findings),
}

/// What happened to one request.
enum Sent {
    Answered(TxnResponse),
    /// It was applied in this revision, though its answer was lost. If it had parts, these were.
    Applied(i64, Vec<bool>),
    /// It was not, and never will be; why it failed.
    NotApplied(Error),
    /// Nobody can know: the lane is gone.
    LeaseLost(Error),
    /// The store could not be asked in time.
    Unanswered(Error),
}

/// A group as a request, but for the lane's part.
struct Request {
    units: Units,
    generations: BTreeSet<u16>,
    asked: Asked,
}

enum Units {
    /// One unit, which is the request itself.
    Flat(Txn),
    /// Each unit is a transaction in it.
    Nested(Vec<Txn>),
}

/// What a request asks of units that are refused.
enum Asked {
    /// Nothing of its only unit: that will be asked then.
    Later,
    Flat(Vec<Question>),
    Nested(Vec<Inquiry>),
}

impl Engine {
    /// Sends a group, and finds out what became of it.
    pub(super) async fn send(self: &Arc<Self>, group: &Group) -> Settled {
        loop {
            let Request { units, generations, asked } = match self.plan(group) {
                Ok(request) => request,
                Err(error) => return Settled::NotApplied(error),
            };
            let units = match units {
                Units::Flat(txn) if txn.is_read_only() => return self.validate(txn, asked, group).await,
                units => units,
            };
            let mut turn = match self.turn(group.deadline).await {
                Ok(turn) => turn,
                Err(error) => return Settled::NotApplied(error),
            };
            let request = on_lane(&turn.lane, units, &group.common, &generations);
            match self.send_on(&mut turn.lane, request, asked.parts(), group).await {
                Sent::Answered(response) if response.succeeded() => {
                    let next = turn.lane.next();
                    turn.lane.advance(next);
                    turn.done();
                    return asked.applied(response, group);
                }
                Sent::Applied(revision, parts) => {
                    turn.done();
                    return asked.applied_parts(revision, &parts);
                }
                Sent::Answered(response) => {
                    let lane = response.responses().last().cloned().map(rows).unwrap_or_default();
                    if turn.lane.is_unchanged(lane.first()) {
                        turn.done();
                        return self.refused(asked, response, group).await;
                    }
                    // The lease has expired, and the lane with it. Nothing was applied.
                    turn.abandon().await;
                }
                Sent::NotApplied(error) if error.is_not_found() => {
                    // A lease is gone. If it is the session's, the commit goes on with another one; if it is
                    // a row's, the row is gone, too.
                    match turn.lane.session().lease().remaining().await {
                        Ok(None) => turn.abandon().await,
                        Ok(Some(_)) => {
                            turn.done();
                            return if group.len() > 1 {
                                Settled::NotApplied(error)
                            } else {
                                Settled::RowLeaseLost
                            };
                        }
                        Err(error) => {
                            turn.done();
                            return Settled::NotApplied(error);
                        }
                    }
                }
                Sent::NotApplied(error) => {
                    turn.done();
                    return Settled::NotApplied(error);
                }
                Sent::LeaseLost(error) => {
                    turn.abandon().await;
                    return Settled::Unknown(error);
                }
                Sent::Unanswered(error) => {
                    tokio::spawn(self.clone().settle_later(turn, asked.parts()));
                    return Settled::Unknown(error);
                }
            }
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<Turn> {
        tokio::time::timeout_at(deadline, self.lanes.turn())
            .await
            .map_err(|_| self.out_of_time("waiting for a lane, or for the lease that it hangs on"))?
    }

    fn plan(&self, group: &Group) -> Result<Request> {
        if let [only] = &*group.units {
            let questions = group.asks.then(|| self.questions(&only.attempts));
            let asking = questions.as_deref().unwrap_or_default();
            let Plan { txn, generations } =
                Plan::alone(&only.attempts, &group.committed, self.limits, asking)?;
            let asked = questions.map_or(Asked::Later, Asked::Flat);
            return Ok(Request { units: Units::Flat(txn), generations, asked });
        }
        let budget = self.limits.unit_ops();
        let mut all = BTreeSet::new();
        let (mut units, mut asked) = (Vec::new(), Vec::new());
        for unit in &group.units {
            let inquiry = Inquiry::of(&unit.attempts, &group.common, &group.committed, budget);
            let plan = Plan::of(&unit.attempts, &group.committed, budget, &group.common)?;
            let Plan { txn, generations } = plan.asking(inquiry.questions());
            all.extend(generations);
            units.push(txn);
            asked.push(inquiry);
        }
        Ok(Request { units: Units::Nested(units), generations: all, asked: Asked::Nested(asked) })
    }

    /// What has to be known of the only unit of a request if it is refused.
    fn questions(&self, members: &[Arc<Attempt>]) -> Vec<Question> {
        questions(members, &[], self.limits.alone_ops())
    }

    /// Asks whether what was read still holds; there is nothing to be written.
    async fn validate(&self, txn: Txn, asked: Asked, group: &Group) -> Settled {
        match self.client.txn_within(txn, remaining(group.deadline)).await {
            Ok(response) if response.succeeded() => Settled::Done {
                revision: response.revision(),
                is_own: false,
                verdicts: vec![Verdicts::Applied],
            },
            Ok(response) => self.refused(asked, response, group).await,
            Err(error) => Settled::NotApplied(error.settled()),
        }
    }

    /// What an answer says of a request that was refused; on a lane that was as expected, if it was on one.
    async fn refused(&self, asked: Asked, response: TxnResponse, group: &Group) -> Settled {
        let revision = response.revision();
        let findings = match (asked, &*group.units) {
            (Asked::Flat(questions), _) => findings(revision, questions, response),
            (Asked::Later, [only]) => self.ask(self.questions(&only.attempts), group.deadline).await,
            _ => {
                let findings = findings(revision, schema_questions(&group.common).collect(), response);
                return if findings.contradicted(&group.common).next().is_some() {
                    Settled::Untried { revision, findings }
                } else {
                    Settled::NotApplied(super::snapshot::unexpected_answer())
                };
            }
        };
        Settled::Done { revision, is_own: false, verdicts: vec![Verdicts::Refused(findings)] }
    }

    /// What has to be known of a unit that was refused, if it can be known: else its members read anew.
    async fn ask(&self, questions: Vec<Question>, deadline: Instant) -> Findings {
        let asking = Txn::default().then(ops_of(&questions));
        let answer = self.client.txn_within(asking, remaining(deadline)).await;
        match answer {
            Ok(answer) => findings(answer.revision(), questions, answer),
            Err(_) => Findings::default(),
        }
    }

    async fn send_on(&self, lane: &mut Lane, request: Txn, parts: usize, group: &Group) -> Sent {
        match self.client.txn_within(request, remaining(group.deadline)).await {
            Ok(response) => Sent::Answered(response),
            Err(error) if planted(Bug::LostIsNotApplied) => Sent::NotApplied(error.settled()),
            Err(error) if error.is_perhaps_applied() => {
                let deadline = group.latest.max(Instant::now() + RESOLVE_AT_LEAST);
                self.resolve(lane, parts, error, deadline).await
            }
            Err(error) => Sent::NotApplied(error),
        }
    }

    /// Finds out what became of the lane's commit, and sees to it that it stays so.
    async fn resolve(&self, lane: &mut Lane, parts: usize, lost: Error, deadline: Instant) -> Sent {
        let mine = lane.next();
        let fence = if planted(Bug::ResolvedByReading) { mine - 1 } else { mine + 1 };
        let settling = if planted(Bug::ResolvedByReading) { lane.read() } else { lane.write(fence) };
        let question = Txn::when([lane.unchanged()]).then([settling]).or_else([lane.read_all()]);
        let mut pause = Duration::from_millis(5);
        tracing::debug!(error = %lost, "settling a commit whose answer was lost");
        loop {
            let timeout = deadline.duration_since(Instant::now());
            match self.client.txn_within(question.clone(), timeout).await {
                Ok(answer) if planted(Bug::LostIsApplied) => {
                    lane.advance(if answer.succeeded() { fence } else { mine });
                    return Sent::Applied(answer.revision(), vec![true; parts]);
                }
                Ok(answer) if answer.succeeded() => {
                    lane.advance(fence);
                    return Sent::NotApplied(lost.settled());
                }
                Ok(answer) => {
                    let found = answer.into_responses().into_iter().next().map(rows).unwrap_or_default();
                    let at = lane.find(&found);
                    return match number_in(at) {
                        Some(number) if number == mine => {
                            lane.advance(mine);
                            let parts = lane.applied(&found, parts, mine);
                            Sent::Applied(at.map_or(0, KeyValue::mod_revision), parts)
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
    async fn settle_later(self: Arc<Self>, mut turn: Turn, parts: usize) {
        let deadline = Instant::now() + turn.lane.session().remaining();
        let lost = Error::new(Kind::CommitUnknown, UNANSWERED);
        match self.resolve(&mut turn.lane, parts, lost, deadline).await {
            Sent::Applied(..) | Sent::NotApplied(_) | Sent::Answered(_) => turn.done(),
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

/// What an answer says to questions.
fn findings(revision: i64, questions: Vec<Question>, answer: TxnResponse) -> Findings {
    Findings::new(revision, questions, answer.into_responses().into_iter().map(rows).collect())
}

/// A whole request on a lane.
fn on_lane(lane: &Lane, units: Units, common: &[SchemaGuard], generations: &BTreeSet<u16>) -> Txn {
    let generations = generations.iter().map(|slot| Op::put(generation_key(*slot), []));
    let last = generations.chain([lane.write(lane.next())]);
    let unchanged = (!planted(Bug::NoFence)).then(|| lane.unchanged());
    match units {
        Units::Flat(txn) => txn.and_when(unchanged).then(last).or_else([lane.read()]),
        Units::Nested(units) => {
            let nested = units
                .into_iter()
                .enumerate()
                .map(|(part, txn)| Op::txn(txn.or_else([lane.witness(part, lane.next())])));
            let asked = schema_questions(common).map(|question| question.request().into());
            Txn::when(unchanged.into_iter().chain(common.iter().map(SchemaGuard::compare)))
                .then(nested.chain(last))
                .or_else(asked.chain([lane.read()]))
        }
    }
}

fn schema_questions(common: &[SchemaGuard]) -> impl Iterator<Item = Question> {
    common.iter().map(|schema| Question::Schema(schema.slot))
}

impl Asked {
    /// How many parts of the request are applied each for itself; none if it is the whole.
    fn parts(&self) -> usize {
        match self {
            Self::Later | Self::Flat(_) => 0,
            Self::Nested(units) => units.len(),
        }
    }

    /// What an answer says of a request whose guards held.
    fn applied(self, response: TxnResponse, group: &Group) -> Settled {
        let revision = response.revision();
        let Self::Nested(asked) = self else {
            return Settled::Done { revision, is_own: true, verdicts: vec![Verdicts::Applied] };
        };
        let answers: Vec<_> =
            response.into_responses().into_iter().filter_map(OpResponse::into_txn).collect();
        if answers.len() < asked.len() {
            let message = "the answer to a commit does not fit it: it may have been applied";
            return Settled::Unknown(Error::new(Kind::CommitUnknown, message));
        }
        let verdict = |(answer, inquiry): (TxnResponse, Inquiry)| {
            if answer.succeeded() {
                Verdicts::Applied
            } else {
                let answers = answer.into_responses().into_iter().map(rows).collect();
                let Group { common, committed, .. } = group;
                Verdicts::Refused(Findings::of_unit(revision, inquiry, answers, common, committed))
            }
        };
        let verdicts = answers.into_iter().zip(asked).map(verdict).collect();
        Settled::Done { revision, is_own: true, verdicts }
    }

    /// The same, where the answer was lost and these parts were applied.
    fn applied_parts(self, revision: i64, parts: &[bool]) -> Settled {
        let verdict = |applied: &bool| {
            if *applied || planted(Bug::WitnessesIgnored) {
                Verdicts::Applied
            } else {
                Verdicts::Refused(Findings::default())
            }
        };
        let verdicts = match self {
            Self::Later | Self::Flat(_) => vec![Verdicts::Applied],
            Self::Nested(_) => parts.iter().map(verdict).collect(),
        };
        Settled::Done { revision, is_own: true, verdicts }
    }
}

/// The time that a request has.
fn remaining(deadline: Instant) -> Duration {
    deadline.duration_since(Instant::now()).max(Duration::from_millis(100))
}

fn rows(response: OpResponse) -> Vec<KeyValue> {
    response.into_get().map(txetcd_client::GetResponse::into_kvs).unwrap_or_default()
}
