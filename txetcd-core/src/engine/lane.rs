//! [`Lane`]: a key under the process's session lease that holds a number.
//!
//! Every commit on the lane compares the number and writes the next one, so that afterwards the lane tells whether a
//! commit was applied, however its answer was lost. Where parts of a commit are applied each for itself, each part that
//! is not puts a *witness* beside the lane's key with the same number.
//!
//! One commit is under way on a lane at a time. [`Lanes`] are reused, so there are about as many as there were
//! commits at once, and those whose outcome is still unknown; they vanish with the lease.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Client, Compare, GetRequest, KeySet, KeyValue, Op, PutRequest, Result, Session};

use super::bookkeeping::{lane_key, witness_key};
use super::lock::lock;

/// The lanes of a process.
#[derive(Debug)]
pub(crate) struct Lanes {
    client: Client,
    session_ttl: Duration,
    /// Held while a session is started, so that there is only one.
    session: tokio::sync::Mutex<Option<Current>>,
    free: Mutex<Free>,
}

/// The session of this process, and how many lanes hang on it.
#[derive(Debug)]
struct Current {
    session: Session,
    lanes: u16,
}

/// The lanes that wait for a commit, all of one lease.
#[derive(Debug, Default)]
struct Free {
    lease: i64,
    lanes: Vec<Lane>,
}

/// A lane, and the right to commit on it.
#[derive(Debug)]
pub(crate) struct Lane {
    session: Session,
    key: Vec<u8>,
    /// The number that the lane's key holds; 0 if it was never put.
    number: u64,
}

/// A lane that is taken for a commit.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) lane: Lane,
    lanes: Arc<Lanes>,
}

impl Lanes {
    pub(crate) fn new(client: Client, session_ttl: Duration) -> Self {
        Self { client, session_ttl, session: tokio::sync::Mutex::new(None), free: Mutex::default() }
    }

    /// Takes a lane; the first one waits for the session.
    pub(crate) async fn turn(self: &Arc<Self>) -> Result<Turn> {
        let lane = match self.free_lane() {
            Some(lane) => lane,
            None => self.new_lane().await?,
        };
        Ok(Turn { lane, lanes: self.clone() })
    }

    fn free_lane(&self) -> Option<Lane> {
        let mut free = lock(&self.free);
        while let Some(lane) = free.lanes.pop() {
            if lane.session.is_alive() {
                return Some(lane);
            }
        }
        None
    }

    async fn new_lane(&self) -> Result<Lane> {
        let mut current = self.session.lock().await;
        let current = match &mut *current {
            Some(current) if current.session.is_alive() && current.lanes < u16::MAX => current,
            _ => {
                let session = self.client.session(self.session_ttl).await?;
                *lock(&self.free) = Free { lease: session.lease().id(), lanes: Vec::new() };
                current.insert(Current { session, lanes: 0 })
            }
        };
        current.lanes += 1;
        let session = current.session.clone();
        let key = lane_key(session.lease().id(), current.lanes);
        Ok(Lane { session, key, number: 0 })
    }

    /// Forgets a session that turned out to be lost.
    async fn forget(&self, lost: &Session) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|current| current.session.lease().id() == lost.lease().id()) {
            *current = None;
            *lock(&self.free) = Free::default();
        }
    }
}

impl Turn {
    /// Gives the lane back to be used again, unless its session is a former one.
    pub(crate) fn done(self) {
        let mut free = lock(&self.lanes.free);
        if free.lease == self.lane.session.lease().id() {
            free.lanes.push(self.lane);
        }
    }

    /// Never uses the lane or its session again: the lease has expired, or will.
    pub(crate) async fn abandon(self) {
        self.lanes.forget(&self.lane.session).await;
    }
}

impl Lane {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Holds as long as nothing was written on the lane since its last use.
    pub(crate) fn unchanged(&self) -> Compare {
        match self.number {
            0 => Compare::create_revision(self.key.clone()).eq(0),
            number => Compare::value(self.key.clone()).eq(number.to_be_bytes()),
        }
    }

    /// The number that the next commit writes.
    pub(crate) fn next(&self) -> u64 {
        self.number + 1
    }

    pub(crate) fn write(&self, number: u64) -> Op {
        if planted(Bug::LaneDropped) && number > self.next() {
            return Op::delete(self.key.as_slice());
        }
        PutRequest::new(self.key.clone(), number.to_be_bytes()).lease(self.session.lease()).into()
    }

    /// Puts the witness that a part of the commit of this number was not applied.
    pub(crate) fn witness(&self, part: usize, number: u64) -> Op {
        let key = witness_key(&self.key, part);
        PutRequest::new(key, number.to_be_bytes()).lease(self.session.lease()).into()
    }

    pub(crate) fn read(&self) -> Op {
        GetRequest::new(self.key.clone()).into()
    }

    /// Reads the lane and its witnesses.
    pub(crate) fn read_all(&self) -> Op {
        GetRequest::new(KeySet::prefix(self.key.clone())).into()
    }

    /// The lane's key among what was found.
    pub(crate) fn find<'f>(&self, found: &'f [KeyValue]) -> Option<&'f KeyValue> {
        found.iter().find(|kv| kv.key() == self.key)
    }

    /// Which of so many parts of the commit of this number, which is the last one, were applied: those that have left no
    /// witness.
    pub(crate) fn applied(&self, found: &[KeyValue], parts: usize, number: u64) -> Vec<bool> {
        let witness = |part| found.iter().find(|kv| kv.key() == witness_key(&self.key, part));
        (0..parts).map(|part| number_in(witness(part)) != Some(number)).collect()
    }

    /// The lane now holds this number.
    pub(crate) fn advance(&mut self, number: u64) {
        self.number = if planted(Bug::LaneDropped) && number > self.next() { 0 } else { number };
    }

    /// Whether the lane's key is as it was left.
    pub(crate) fn is_unchanged(&self, found: Option<&KeyValue>) -> bool {
        match self.number {
            0 => found.is_none(),
            number => number_in(found) == Some(number),
        }
    }
}

/// The number in a lane's key, if it is there.
pub(crate) fn number_in(found: Option<&KeyValue>) -> Option<u64> {
    Some(u64::from_be_bytes(found?.value().try_into().ok()?))
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use txetcd_client::Txn;

    use super::*;

    #[tokio::test]
    async fn a_lane_on_which_someone_else_has_written_is_not_as_it_was_left() {
        let client = Client::connect("memory:").await.unwrap();
        let lanes = Arc::new(Lanes::new(client.clone(), Duration::from_secs(60)));
        let mut lane = lanes.turn().await.unwrap().lane;
        for number in 0..2_u64 {
            lane.advance(number);
            for value in [&[][..], b"x", &7_u64.to_be_bytes()] {
                client.put(lane.key.clone(), value).await.unwrap();
                let found = client.get(lane.key.clone()).await.unwrap();
                assert!(!lane.is_unchanged(found.first()), "{value:?} for {number}");
                assert!(!client.txn(Txn::when([lane.unchanged()])).await.unwrap().succeeded());
            }
            client.delete(lane.key.clone()).await.unwrap();
            assert_eq!(lane.is_unchanged(None), number == 0);
        }
    }

    #[tokio::test]
    async fn a_lane_of_a_former_session_is_not_used_again() {
        let client = Client::connect("memory:").await.unwrap();
        let lanes = Arc::new(Lanes::new(client, Duration::from_secs(60)));
        let (former, lost) = (lanes.turn().await.unwrap(), lanes.turn().await.unwrap());
        lost.abandon().await;
        let next = lanes.turn().await.unwrap();
        let lease = next.lane.session.lease().id();
        assert_ne!(former.lane.session.lease().id(), lease);
        former.done();
        next.done();
        for turn in [lanes.turn().await.unwrap(), lanes.turn().await.unwrap()] {
            assert_eq!(turn.lane.session.lease().id(), lease);
        }
    }
}
