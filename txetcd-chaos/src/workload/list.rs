//! Lists to which elements are appended: the history that [`check`](crate::check) judges.
//!
//! A transaction reads and appends to a few of the keys that are in use. When lists have become long, the workers move
//! on to new keys.

use txetcd::{Database, Error, Read, WriteTxn};

use super::Worker;
use super::tables::List;
use crate::clock;
use crate::history::{Op, Transaction};
use crate::record::Entry;

/// How long lists become, and a little more.
const LONG: usize = 40;
/// How many keys a scan reads at most.
const SCANNED: u64 = 8;
/// The first key of a pool is so many times its size.
const POOL: u64 = 1_000_000_000;

pub(super) async fn work(worker: &mut Worker, keys: u64) {
    let mut first = keys * POOL;
    while !worker.is_done() {
        let seen = match worker.random.u32(..10) {
            0..6 => change(worker, first, keys).await,
            6..8 => look(worker, first, keys).await,
            _ => {
                let width = keys.min(SCANNED);
                let from = first + worker.random.u64(..=keys - width);
                scan(worker, from, width).await
            }
        };
        if seen > LONG {
            first += keys;
        }
    }
}

/// What is going to be done, all reads of which are empty yet.
fn plan(worker: &mut Worker, first: u64, keys: u64) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..worker.random.u32(1..4) {
        let key = first + worker.random.u64(..keys);
        let kind = worker.random.u32(..4);
        if kind != 0 {
            ops.push(Op::Read(key, None));
        }
        if kind != 1 {
            ops.push(Op::Append(key, worker.unique()));
        }
    }
    ops
}

/// Does what is planned, and returns the same with what was read.
async fn carry_out(txn: &WriteTxn, plan: &[Op]) -> Result<Vec<Op>, Error> {
    let lists = List::table();
    let mut done = Vec::new();
    for op in plan {
        match op {
            Op::Read(key, _) => done.push(Op::Read(*key, elements(txn, *key).await?)),
            Op::Append(key, element) => {
                let mut elements = elements(txn, *key).await?.unwrap_or_default();
                elements.push(*element);
                lists.put(txn, &List { key: *key, elements })?;
                done.push(op.clone());
            }
        }
    }
    Ok(done)
}

async fn elements(txn: &impl Read, key: u64) -> Result<Option<Vec<u64>>, Error> {
    Ok(List::table().get(txn, &key).await?.map(|list| list.elements))
}

async fn change(worker: &mut Worker, first: u64, keys: u64) -> usize {
    let plan = plan(worker, first, keys);
    let begun = begin(worker, plan);
    let (db, plan) = (worker.db.clone(), &begun.ops);
    let outcome = if worker.random.u32(..4) == 0 {
        // By hand, without repetition: a conflict is an outcome.
        async {
            let txn = db.begin().await?;
            let done = carry_out(&txn, plan).await?;
            txn.commit().await?;
            Ok(done)
        }
        .await
    } else {
        db.write(async |txn| carry_out(txn, plan).await).await
    };
    end(worker, begun, outcome)
}

async fn look(worker: &mut Worker, first: u64, keys: u64) -> usize {
    let wanted: Vec<_> = (0..worker.random.u32(1..6)).map(|_| first + worker.random.u64(..keys)).collect();
    let begun = begin(worker, wanted.iter().map(|key| Op::Read(*key, None)).collect());
    let read = worker.db.read(async |txn| List::table().get_many(txn, &wanted).await).await;
    let outcome = read.map(|found| {
        let read = |(key, list): (&u64, Option<List>)| Op::Read(*key, list.map(|list| list.elements));
        wanted.iter().zip(found).map(read).collect()
    });
    end(worker, begun, outcome)
}

/// Reads keys as a range, in a transaction that may also append to one of them. What is not there was
/// read as nothing.
async fn scan(worker: &mut Worker, first: u64, keys: u64) -> usize {
    let range = first..first + keys;
    let mut ops: Vec<_> = range.clone().map(|key| Op::Read(key, None)).collect();
    let writes = worker.random.bool();
    if writes {
        ops.push(Op::Append(first + worker.random.u64(..keys), worker.unique()));
    }
    let begun = begin(worker, ops);
    let appended = begun.ops.last().filter(|_| writes);
    let found = |rows: Vec<List>| {
        let mut rows = rows.into_iter().peekable();
        let read = |key| Op::Read(key, rows.next_if(|row| row.key == key).map(|row| row.elements));
        range.clone().map(read).chain(appended.cloned()).collect()
    };
    let outcome = if let Some(append) = appended {
        let write = worker.db.write(async |txn| {
            let rows = List::table().range(txn, range.clone()).collect().await?;
            carry_out(txn, std::slice::from_ref(append)).await?;
            Ok::<_, Error>(rows)
        });
        write.await
    } else {
        worker.db.read(async |txn| List::table().range(txn, range.clone()).collect().await).await
    };
    let outcome = outcome.map(found);
    end(worker, begun, outcome)
}

/// Writes down what is going to be done.
fn begin(worker: &Worker, ops: Vec<Op>) -> Transaction {
    let now = clock::now();
    let (process, index) = (worker.number, worker.unique());
    let begun = Transaction { process, index, start_ns: now, end_ns: now, ok: None, ops };
    worker.write_down(&Entry::Lists(begun.clone()));
    begun
}

/// Writes down what came of it. Returns the length of the longest list that was read.
fn end(worker: &Worker, begun: Transaction, outcome: Result<Vec<Op>, Error>) -> usize {
    let end_ns = clock::now();
    let transaction = match outcome {
        Ok(ops) => Transaction { end_ns, ok: Some(true), ops, ..begun },
        Err(error) => {
            worker.expect("lists", &error);
            Transaction { end_ns, ok: if error.is_commit_unknown() { None } else { Some(false) }, ..begun }
        }
    };
    worker.write_down(&Entry::Lists(transaction.clone()));
    let read = transaction.ops.iter().map(|op| match op {
        Op::Read(_, Some(elements)) => elements.len(),
        _ => 0,
    });
    read.max().unwrap_or(0)
}

/// Some lists, all at one revision.
///
/// # Errors
///
/// That of the transaction.
pub async fn read(db: &Database, keys: &[u64]) -> Result<Vec<Option<Vec<u64>>>, Error> {
    let found = db.read(async |txn| List::table().get_many(txn, keys).await).await?;
    Ok(found.into_iter().map(|list| list.map(|list| list.elements)).collect())
}
