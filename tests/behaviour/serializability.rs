//! Random transactions of several connections at once, each checked against the store's own history.
//!
//! A transaction also puts a marker row, whose `mod_revision` tells in which revision it was committed. It is
//! serializable there if all it read is what stood in the revision before, its own writes laid over, and if the
//! revision after is what it wrote. Small limits make the engine guard coarsely; faults make it settle lost
//! answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::faults::Script;
use crate::random::Random;
use crate::store::{Account, Blob, Store};
use txetcd::{Database, Error, KeySet, WriteTxn};

/// Ids of the rows that the transactions meet at.
const IDS: u64 = 30;
/// A connection each, with so many operations in a transaction.
const LIMITS: [usize; 4] = [10, 14, 24, 128];
const TASKS: u64 = 8;

type State = BTreeMap<u32, i64>;

/// Something that a closure did, with what it was told.
#[derive(Debug, Clone)]
enum Step {
    Get(u32, Option<i64>),
    GetMany(Vec<u32>, Vec<Option<i64>>),
    Scan { from: u32, to: u32, limit: usize, reverse: bool, found: Vec<(u32, i64)> },
    Keys { from: u32, to: u32, limit: usize, reverse: bool, found: Vec<u32> },
    Count(u64),
    Put(u32, i64),
    Insert(u32, i64),
    Delete(u32),
    Truncate,
}

impl Step {
    async fn take(txn: &WriteTxn, random: &mut Random, value: i64) -> Result<Self, Error> {
        let accounts = Account::table();
        let id = random.below(IDS) as u32;
        let balance = |account: Account| account.balance;
        Ok(match random.below(24) {
            0..5 => Self::Get(id, accounts.get(txn, &id).await?.map(balance)),
            5..7 => {
                let ids: Vec<u32> = (0..=random.below(7)).map(|_| random.below(IDS) as u32).collect();
                let found = accounts.get_many(txn, &ids).await?;
                Self::GetMany(ids, found.into_iter().map(|account| account.map(balance)).collect())
            }
            scan @ 7..13 => {
                let to = id + random.below(IDS - u64::from(id) + 1) as u32;
                let (limit, reverse) = (1 + random.below(11) as usize, random.flag());
                let range = accounts.range(txn, id..to).limit(limit);
                let range = if reverse { range.rev() } else { range };
                if scan < 11 {
                    let found = range.collect().await?.into_iter().map(|row| (row.id, row.balance)).collect();
                    Self::Scan { from: id, to, limit, reverse, found }
                } else {
                    Self::Keys { from: id, to, limit, reverse, found: range.keys().await? }
                }
            }
            13 => Self::Count(accounts.count(txn).await?),
            14..17 => {
                accounts.put(txn, &Account { id, balance: value })?;
                Self::Put(id, value)
            }
            17..20 => {
                accounts.insert(txn, &Account { id, balance: value })?;
                Self::Insert(id, value)
            }
            20 if random.below(6) == 0 => {
                accounts.truncate(txn).await?;
                Self::Truncate
            }
            _ => {
                accounts.delete(txn, &id)?;
                Self::Delete(id)
            }
        })
    }

    /// Does the step on a state; whether the closure was told the truth.
    fn holds(&self, state: &mut State) -> bool {
        let range = |from: u32, to: u32, limit: usize, reverse: bool| {
            let mut rows: Vec<(u32, i64)> = state.range(from..to).map(|(id, value)| (*id, *value)).collect();
            if reverse {
                rows.reverse();
            }
            rows.truncate(limit);
            rows
        };
        match self {
            Self::Get(id, found) => state.get(id) == found.as_ref(),
            Self::GetMany(ids, found) => {
                ids.iter().map(|id| state.get(id).copied()).eq(found.iter().copied())
            }
            Self::Scan { from, to, limit, reverse, found } => range(*from, *to, *limit, *reverse) == *found,
            Self::Keys { from, to, limit, reverse, found } => {
                range(*from, *to, *limit, *reverse).into_iter().map(|(id, _)| id).eq(found.iter().copied())
            }
            Self::Count(count) => state.len() as u64 == *count,
            Self::Put(id, value) => {
                state.insert(*id, *value);
                true
            }
            Self::Insert(id, value) => state.insert(*id, *value).is_none(),
            Self::Delete(id) => {
                state.remove(id);
                true
            }
            Self::Truncate => {
                state.clear();
                true
            }
        }
    }
}

/// Runs a transaction; returns what its last run did.
async fn transact(db: &Database, seed: u64, marker: u32) -> Result<Vec<Step>, Error> {
    let steps = Mutex::new(Vec::new());
    db.write(async |txn| {
        // The same in every run, as far as the rows are.
        let mut random = Random::new(seed);
        steps.lock().unwrap().clear();
        for number in 0..=random.below(8) {
            let value = i64::from(marker) * 100 + number as i64;
            let step = Step::take(txn, &mut random, value).await?;
            steps.lock().unwrap().push(step);
        }
        Blob::table().put(txn, &Blob { id: marker, bytes: String::new() })
    })
    .await?;
    Ok(steps.into_inner().unwrap())
}

async fn committed_at(db: &Database, marker: u32) -> Option<i64> {
    let key = [3u16.to_be_bytes().as_slice(), &marker.to_be_bytes()].concat();
    Some(db.client().get(KeySet::key(key)).await.unwrap().first()?.mod_revision())
}

async fn state_at(db: &Database, revision: i64) -> State {
    let rows = db.at(revision).read(async |txn| Account::table().all(txn).collect().await).await.unwrap();
    rows.into_iter().map(|row| (row.id, row.balance)).collect()
}

/// Whether these transactions, which were applied together, lead from one state to the other in some order, and were told
/// the truth.
fn fits(before: &State, transactions: &[&[Step]], after: &State) -> bool {
    if transactions.is_empty() {
        return before == after;
    }
    (0..transactions.len()).any(|first| {
        let mut state = before.clone();
        let rest: Vec<&[Step]> = [&transactions[..first], &transactions[first + 1..]].concat();
        transactions[first].iter().all(|step| step.holds(&mut state)) && fits(&state, &rest, after)
    })
}

async fn check(observer: &Database, history: BTreeMap<i64, Vec<Vec<Step>>>) {
    for (revision, transactions) in history {
        let before = state_at(observer, revision - 1).await;
        let after = state_at(observer, revision).await;
        let steps: Vec<&[Step]> = transactions.iter().map(Vec::as_slice).collect();
        assert!(fits(&before, &steps, &after), "revision {revision}: {steps:?} from {before:?} to {after:?}");
    }
}

/// Runs transactions on several connections at once, with a fault at one request in so many, or none for 0.
async fn run(store: &Store, seed: u64, transactions: u64, fault_one_in: u64) {
    let observer = store.connect().await;
    let mut databases = Vec::new();
    let mut scripts = Vec::new();
    for (number, limit) in LIMITS.into_iter().enumerate() {
        let script = Arc::new(Script::random(seed + number as u64));
        let builder = store.builder().max_txn_ops(limit).faults(script.faults());
        databases.push(builder.transaction_timeout(Duration::from_secs(60)).connect().await.unwrap());
        script.fail_one_in(fault_one_in);
        scripts.push(script);
    }
    let markers = Arc::new(AtomicU32::new(1));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let db = databases[task as usize % databases.len()].clone();
            let (observer, markers) = (observer.clone(), markers.clone());
            tokio::spawn(async move {
                let mut committed = Vec::new();
                for number in 0..transactions {
                    let marker = markers.fetch_add(1, Ordering::Relaxed);
                    match transact(&db, seed * 1_000_003 + task * 10_007 + number, marker).await {
                        Ok(steps) => {
                            let revision = committed_at(&observer, marker).await;
                            committed.push((revision.expect("the marker of what was committed"), steps));
                        }
                        Err(error) => {
                            assert!(error.is_already_exists() || error.is_too_large(), "{error}");
                            assert_eq!(
                                committed_at(&observer, marker).await,
                                None,
                                "applied, though {error}"
                            );
                        }
                    }
                }
                committed
            })
        })
        .collect();
    let mut committed = 0;
    let mut history: BTreeMap<i64, Vec<Vec<Step>>> = BTreeMap::new();
    for task in tasks {
        for (revision, steps) in task.await.unwrap() {
            committed += 1;
            history.entry(revision).or_default().push(steps);
        }
    }
    check(&observer, history).await;
    assert!(committed > TASKS * transactions / 3, "only {committed} were committed");
}

stores! {
    async fn every_transaction_fits_into_history(store) {
        run(store, 1, 25, 0).await;
    }

    async fn every_transaction_fits_into_history_under_faults(store) {
        run(store, 2, 20, 12).await;
    }
}
