//! The workloads: what transactions do, and what must hold in each of them. One file each, with the table that it works
//! on.

pub(super) mod append;
mod bank;
mod held;
mod phantom;
mod register;
mod trail;
mod unique;

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use tokio::time::timeout;
use txetcd::embedded::Store;
use txetcd::{Database, DatabaseBuilder, Error};

use super::process::connect;
use super::record::Record;
use held::Held;
pub(super) use register::Registers;
use trail::Walker;

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    /// Appends to lists and reads them; all of it goes into the history.
    Append,
    /// Moves money, which neither comes nor goes.
    Bank,
    /// Swaps, takes and frees names of which there is one each.
    Unique,
    /// Inserts where there are too few rows and deletes where there are too many.
    Phantom,
    /// Writes without reading.
    Register,
    /// Adds to a set under a lock.
    Set,
    /// Pushes items into a queue and finishes them.
    Queue,
    /// Leaves a mark in one table and then one in another.
    Trail,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Append,
        Self::Bank,
        Self::Unique,
        Self::Phantom,
        Self::Register,
        Self::Set,
        Self::Queue,
        Self::Trail,
    ];
}

/// One transaction after the other.
pub(super) struct Step {
    db: Database,
    record: Record,
    random: Rng,
    /// Who runs them.
    task: u64,
    held: Held,
    walker: Option<Walker>,
}

impl Step {
    pub(super) fn new(db: Database, record: Record, mut random: Rng) -> Self {
        let task = record.next_task();
        let held = Held::new(&db, &record, task, random.u64(..));
        Self { db, record, random, task, held, walker: None }
    }

    /// Runs one.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        self.record.transaction();
        match self.random.choice(&self.record.settings.workloads) {
            Some(Kind::Bank) => bank::run(self).await,
            Some(Kind::Unique) => unique::run(self).await,
            Some(Kind::Phantom) => phantom::run(self).await,
            Some(Kind::Register) => register::run(self).await,
            Some(Kind::Set) => held::add(self).await,
            Some(Kind::Queue) => held::push_or_finish(self).await,
            Some(Kind::Trail) => trail::run(self).await,
            Some(Kind::Append) | None => append::run(self).await,
        }
    }

    /// Runs one, which may fail, or may be dropped in the middle.
    pub(super) async fn under_faults(&mut self) {
        let patience = if self.random.u8(..10) == 0 { self.random.u64(..=200) } else { u64::MAX };
        let Ok(ended) = timeout(Duration::from_millis(patience), self.run()).await else { return };
        match ended {
            Err(error) if error.is_commit_unknown() => {
                self.record.unknown();
                if !self.record.settings.breaks {
                    self.record.violation(format!("unknown, though the store could be asked: {error}"));
                }
            }
            Err(error) if !(error.is_transient() || error.is_conflict()) => {
                self.record.violation(format!("{error}"));
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// A number up to `keys`.
    fn key(&mut self) -> u32 {
        self.random.u32(..self.record.settings.keys)
    }
}

/// Lets a process cache some tables, and merge transactions or not.
pub(super) fn cached(mut builder: DatabaseBuilder, record: &Record, random: &mut Rng) -> DatabaseBuilder {
    if !record.settings.caches {
        return builder;
    }
    let choices: [fn(DatabaseBuilder) -> DatabaseBuilder; 7] = [
        append::cached,
        bank::cached,
        phantom::cached,
        register::cached,
        unique::cached,
        trail::first_cached,
        trail::second_cached,
    ];
    for choose in choices {
        if random.bool() {
            builder = choose(builder);
        }
    }
    builder.merge(random.bool())
}

/// What an attempt looks with, for messages.
#[derive(Debug, Clone, Copy)]
enum Through {
    Read,
    StaleRead,
    Write,
}

/// Puts what has to be there before any transaction.
pub(super) async fn prepare(store: &Store, record: &Record) {
    let prepared = async {
        let db = connect(store, record).connect().await?;
        bank::prepare(&db, record).await?;
        phantom::prepare(&db, record).await?;
        unique::prepare(&db, record).await
    };
    if let Err(error) = prepared.await {
        record.violation(format!("nothing can be prepared: {error}"));
    }
}

/// Looks at what is there after all transactions, and at what they saw.
pub(super) async fn conclude(store: &Store, record: &Record) {
    let concluded = async {
        let db = connect(store, record).connect().await?;
        let mut step = Step::new(db, record.clone(), Rng::with_seed(0));
        append::conclude(&mut step).await?;
        bank::conclude(&mut step).await?;
        phantom::conclude(&mut step).await?;
        unique::conclude(&mut step).await?;
        register::conclude(&mut step).await?;
        trail::conclude(&mut step).await?;
        held::conclude(&mut step).await
    };
    if let Err(error) = concluded.await {
        record.violation(format!("what is left cannot be read: {error}"));
    }
}
