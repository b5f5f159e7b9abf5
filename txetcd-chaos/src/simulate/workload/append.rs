//! Lists that are appended to and read, by itself and by the scan, for the checker of histories.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::try_join;
use tokio::time::sleep;
use txetcd::{DatabaseBuilder, Error, Persist, Read, WriteTxn};

use super::Step;
use crate::history::Op;

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1)]
pub(in crate::simulate) struct List {
    #[pmap(key)]
    key: u32,
    elements: Vec<u64>,
}

pub(super) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<List>()
}

/// One thing that a transaction does.
#[derive(Clone, Copy)]
enum Act {
    Append(u32, u64),
    Read(u32),
    /// Both at once.
    ReadTwo(u32, u32),
    Scan,
    Think(Duration),
}

/// How a transaction is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Write,
    Read,
    ByHand,
    /// It only reads, and returns an error of its own: that is a read that counts, too.
    Abandon,
}

/// Why a closure ended early.
enum Stop {
    Failed(Error),
    Abandoned,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a transaction does, and what it saw in its last attempt.
struct Plan {
    acts: Vec<Act>,
    keys: u32,
    seen: Mutex<Vec<Op>>,
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let manner = match step.random.u8(..10) {
        0..6 => Manner::Write,
        6..8 => Manner::Read,
        8 => Manner::ByHand,
        _ => Manner::Abandon,
    };
    let plan = Plan::draw(step, matches!(manner, Manner::Write | Manner::ByHand));
    let db = &step.db;
    let mut entry = step.record.entry(step.task);
    entry.ops = plan.intended();
    let ended = match manner {
        Manner::Write => db.write(async |txn| plan.perform(txn).await).await,
        Manner::Read => {
            db.read(async |txn| {
                plan.begin();
                plan.look(txn).await
            })
            .await
        }
        Manner::ByHand => by_hand(step, &plan).await,
        Manner::Abandon => {
            let abandoned = db.write(async |txn| {
                plan.begin();
                plan.look(txn).await?;
                Err::<(), _>(Stop::Abandoned)
            });
            match abandoned.await {
                Err(Stop::Failed(error)) => Err(error),
                Ok(()) | Err(Stop::Abandoned) => Ok(()),
            }
        }
    };
    match &ended {
        Ok(()) => (entry.ok, entry.ops) = (Some(true), plan.seen()),
        Err(error) if error.is_commit_unknown() => {}
        Err(_) => entry.ok = Some(false),
    }
    // It is not tried again by itself.
    ended.or_else(|error| if manner == Manner::ByHand && error.is_conflict() { Ok(()) } else { Err(error) })
}

/// Reads all lists, so that nothing that was lost stays unseen.
pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let plan = Plan { acts: vec![Act::Scan], keys: step.record.settings.keys, seen: Mutex::default() };
    let mut entry = step.record.entry(step.task);
    step.db.read(async |txn| plan.look(txn).await).await?;
    (entry.ok, entry.ops) = (Some(true), plan.seen());
    Ok(())
}

async fn by_hand(step: &Step, plan: &Plan) -> Result<(), Error> {
    let txn = step.db.begin().await?;
    plan.perform(&txn).await?;
    txn.commit().await?;
    Ok(())
}

impl Plan {
    fn draw(step: &mut Step, appends: bool) -> Self {
        let thinking = step.record.settings.thinking;
        let acts = (0..step.random.u8(1..=5))
            .map(|_| match step.random.u8(..12) {
                0..6 if appends => Act::Append(step.key(), step.record.next_value()),
                0..8 => Act::Read(step.key()),
                8 | 9 => Act::ReadTwo(step.key(), step.key()),
                10 => Act::Scan,
                _ => Act::Think(Duration::from_millis(step.random.u64(..=thinking))),
            })
            .collect();
        Self { acts, keys: step.record.settings.keys, seen: Mutex::default() }
    }

    /// What it wants to do, for when it is not known how it ended.
    fn intended(&self) -> Vec<Op> {
        let op = |act: &Act| match *act {
            Act::Append(key, element) => Some(Op::Append(key.into(), element)),
            _ => None,
        };
        self.acts.iter().filter_map(op).collect()
    }

    async fn perform(&self, txn: &WriteTxn) -> Result<(), Error> {
        self.begin();
        for act in &self.acts {
            match *act {
                Act::Append(key, element) => {
                    let mut list = self.get(txn, key).await?;
                    list.elements.push(element);
                    List::table().put(txn, &list)?;
                    self.saw([Op::Append(key.into(), element)]);
                }
                other => self.read(txn, other).await?,
            }
        }
        Ok(())
    }

    async fn look(&self, txn: &impl Read) -> Result<(), Error> {
        for act in &self.acts {
            self.read(txn, *act).await?;
        }
        Ok(())
    }

    async fn read(&self, txn: &impl Read, act: Act) -> Result<(), Error> {
        match act {
            Act::Append(..) => {}
            Act::Read(key) => {
                let list = List::table().get(txn, &key).await?;
                self.saw([read(key, list)]);
            }
            Act::ReadTwo(one, other) => {
                let table = List::table();
                let lists = try_join!(table.get(txn, &one), table.get(txn, &other))?;
                self.saw([read(one, lists.0), read(other, lists.1)]);
            }
            Act::Scan => {
                let mut lists = List::table().all(txn).collect().await?.into_iter().peekable();
                self.saw((0..self.keys).map(|key| read(key, lists.next_if(|list| list.key == key))));
            }
            Act::Think(time) => sleep(time).await,
        }
        Ok(())
    }

    async fn get(&self, txn: &WriteTxn, key: u32) -> Result<List, Error> {
        let found = List::table().get(txn, &key).await?;
        Ok(found.unwrap_or(List { key, elements: Vec::new() }))
    }

    fn begin(&self) {
        self.ops().clear();
    }

    fn saw(&self, ops: impl IntoIterator<Item = Op>) {
        self.ops().extend(ops);
    }

    fn seen(&self) -> Vec<Op> {
        self.ops().clone()
    }

    fn ops(&self) -> std::sync::MutexGuard<'_, Vec<Op>> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn read(key: u32, list: Option<List>) -> Op {
    Op::Read(key.into(), list.map(|list| list.elements))
}
