//! What client processes do: workloads, each with a promise that a mistake would break.
//!
//! | workload | what would show in it |
//! | --- | --- |
//! | [`list`] | anything that is not strictly serializable, absent keys and scans included |
//! | [`register`] | the same for rows that are replaced as a whole |
//! | [`bank`] | a sum that is not that of all accounts, in any attempt |
//! | [`unique`] | two rows with one address, an index that does not fit its table |
//! | [`phantom`] | a row that was inserted, or deleted, behind the back of a scan |
//! | [`set`] | a write under a lock that was lost |
//! | [`queue`] | an item that is lost, or finished twice |
//! | [`sequence`] | a number that is drawn twice, or too late |
//! | [`view`] | a live view or a watch that differs from what the store held |
//!
//! They use the public API of `txetcd` only, and know nothing of the faults.

pub mod bank;
pub mod list;
pub mod phantom;
pub mod queue;
pub mod register;
pub mod sequence;
pub mod set;
pub(crate) mod tables;
pub mod unique;
pub mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use txetcd::{Database, Error};

use crate::record::{Entry, Event, Recorder};

/// What a worker does all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Workload {
    /// [`list`], on so many keys at a time.
    Lists(u64),
    /// [`register`], on so many keys at a time.
    Registers(u64),
    /// [`bank`]
    Bank,
    /// [`unique`]
    Unique,
    /// [`phantom`]
    Phantoms,
    /// [`set`]
    Set,
    /// [`queue`]
    Queue,
    /// [`sequence`]
    Sequence,
    /// [`view`], with a live view.
    Live,
    /// [`view`], with a watch.
    Watch,
}

/// The workers of a client process.
pub const CREW: [(Workload, usize); 13] = [
    (Workload::Lists(6), 3),
    (Workload::Lists(60), 4),
    (Workload::Lists(1000), 4),
    (Workload::Registers(6), 2),
    (Workload::Registers(60), 2),
    (Workload::Bank, 2),
    (Workload::Unique, 2),
    (Workload::Phantoms, 2),
    (Workload::Set, 1),
    (Workload::Queue, 1),
    (Workload::Sequence, 1),
    (Workload::Live, 1),
    (Workload::Watch, 1),
];

/// What a worker works with.
pub struct Worker {
    pub(crate) db: Database,
    /// Its number, which no other worker of the run has.
    pub(crate) number: u64,
    pub(crate) random: Rng,
    record: Arc<Recorder>,
    done: Arc<AtomicBool>,
    next: AtomicU64,
}

impl Worker {
    /// A worker of this number; `done` ends it.
    pub fn new(db: Database, number: u64, seed: u64, record: Arc<Recorder>, done: Arc<AtomicBool>) -> Self {
        Self { db, number, random: Rng::with_seed(seed), record, done, next: AtomicU64::new(0) }
    }

    /// Works until told to stop.
    pub async fn work(mut self, workload: Workload) {
        match workload {
            Workload::Lists(keys) => list::work(&mut self, keys).await,
            Workload::Registers(keys) => register::work(&mut self, keys).await,
            Workload::Bank => bank::work(&mut self).await,
            Workload::Unique => unique::work(&mut self).await,
            Workload::Phantoms => phantom::work(&mut self).await,
            Workload::Set => set::work(&mut self).await,
            Workload::Queue => queue::work(&mut self).await,
            Workload::Sequence => sequence::work(&mut self).await,
            Workload::Live => view::live(&mut self).await,
            Workload::Watch => view::watch(&mut self).await,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// A number that nobody else has.
    pub(crate) fn unique(&self) -> u64 {
        self.number * 1_000_000 + self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn write_down(&self, entry: &Entry) {
        self.record.write(entry);
    }

    pub(crate) fn event(&self, event: Event) {
        self.record.write(&Entry::Event(event));
    }

    pub(crate) fn did(&self, what: &str) {
        self.event(Event::Done { what: what.to_owned() });
    }

    pub(crate) fn wrong(&self, what: String) {
        self.record.write(&Entry::Wrong(what));
    }

    /// Notes an error that faults do not explain.
    pub(crate) fn expect(&self, what: &str, error: &Error) {
        let is_expected = error.is_conflict()
            || error.is_unavailable()
            || error.is_timeout()
            || error.is_commit_unknown()
            || error.is_lock_lost()
            || error.is_compacted();
        if !is_expected {
            self.wrong(format!("{what}: an error that no fault explains: {error}"));
        }
    }
}
