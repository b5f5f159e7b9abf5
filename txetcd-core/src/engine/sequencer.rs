//! [`Sequencer`]: gives every group of finished transactions a lane to commit on.
//!
//! A [`Lane`] is a key under the process's session lease that holds a number. Every commit on the lane compares
//! the number and writes the next one, so that afterwards the lane tells whether a commit was applied, however
//! its answer was lost. One commit is under way on a lane at a time. Lanes are reused, so there are about as
//! many as there were commits at once, at most [`MAX_COMMITS`] and those whose outcome is still unknown; they
//! vanish with the lease.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use txetcd_client::{Client, Compare, GetRequest, KeyValue, Op, PutRequest, Result, Session};

use super::bookkeeping::lane_key;
use super::lock::lock;

/// How many commits of a process are under way at once.
const MAX_COMMITS: usize = 64;

#[derive(Debug)]
pub(crate) struct Sequencer {
    client: Client,
    session_ttl: Duration,
    permits: Arc<Semaphore>,
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

/// A lane taken from the sequencer.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) lane: Lane,
    sequencer: Arc<Sequencer>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Sequencer {
    pub(crate) fn new(client: Client, session_ttl: Duration) -> Self {
        Self {
            client,
            session_ttl,
            permits: Arc::new(Semaphore::new(MAX_COMMITS)),
            session: tokio::sync::Mutex::new(None),
            free: Mutex::default(),
        }
    }

    /// Waits for a lane.
    pub(crate) async fn turn(self: &Arc<Self>) -> Result<Turn> {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let lane = match self.free_lane() {
            Some(lane) => lane,
            None => self.new_lane().await?,
        };
        Ok(Turn { lane, sequencer: self.clone(), _permit: permit })
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
        let mut free = lock(&self.sequencer.free);
        if free.lease == self.lane.session.lease().id() {
            free.lanes.push(self.lane);
        }
    }

    /// Never uses the lane or its session again: the lease has expired, or will.
    pub(crate) async fn abandon(self) {
        self.sequencer.forget(&self.lane.session).await;
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
        PutRequest::new(self.key.clone(), number.to_be_bytes()).lease(self.session.lease()).into()
    }

    pub(crate) fn read(&self) -> Op {
        GetRequest::new(self.key.clone()).into()
    }

    /// The lane now holds this number.
    pub(crate) fn advance(&mut self, number: u64) {
        self.number = number;
    }

    /// Whether the lane's key is as it was left.
    pub(crate) fn is_unchanged(&self, found: Option<&KeyValue>) -> bool {
        number_in(found) == (self.number != 0).then_some(self.number)
    }
}

/// The number in a lane's key, if it is there.
pub(crate) fn number_in(found: Option<&KeyValue>) -> Option<u64> {
    Some(u64::from_be_bytes(found?.value().try_into().ok()?))
}
