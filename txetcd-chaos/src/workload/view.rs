//! Live views and watches: whoever has appended to a list looks at what the view, or the changes that a watch told,
//! make of all lists. That is judged as a transaction that read them.
//!
//! It began when the append before it began: the view is at least as new as that.

use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::pin;

use futures_util::{Stream, StreamExt as _};
use txetcd::{Change, Database, Error, Live};

use super::Worker;
use super::tables::Viewed;
use crate::clock;
use crate::history::{Op, Transaction};
use crate::record::Entry;

/// All lists that are ever used.
pub const KEYS: Range<u64> = 5_000_000_000..6_000_000_000;
/// How many are in use at a time.
const POOL: u64 = 6;
/// How long they become, and a little more.
const LONG: usize = 40;

type Lists = BTreeMap<u64, Vec<u64>>;

/// A worker with a live view.
pub(super) async fn live(worker: &mut Worker) {
    let mut first = KEYS.start;
    while !worker.is_done() {
        match Viewed::table().live(&worker.db).await {
            Ok(live) => {
                while !worker.is_done() {
                    if let Some((begun, _, revision)) = append(worker, &mut first).await {
                        match shown(&live, first, revision).await {
                            Ok(lists) => look(worker, &begun, first, &lists),
                            Err(error) => worker.wrong(format!("live: the view failed: {error}")),
                        }
                    }
                }
            }
            Err(error) => worker.expect("live", &error),
        }
    }
}

/// What a view shows that is at least as new as this revision.
async fn shown(live: &Live<Viewed>, first: u64, revision: i64) -> Result<Lists, Error> {
    live.wait_for(revision).await?;
    live.range(first..first + POOL).map(|row| row.map(|(key, row)| (key, row.elements.clone()))).collect()
}

/// A worker with a watch.
pub(super) async fn watch(worker: &mut Worker) {
    let mut first = KEYS.start;
    while !worker.is_done() {
        // From the beginning, or from the rows that there are if the beginning is compacted.
        match Viewed::table().watch(&worker.db).from(1).stream().await {
            Ok(changes) => follow(worker, &mut first, pin!(changes)).await,
            Err(error) => worker.expect("watch", &error),
        }
    }
}

async fn follow(
    worker: &mut Worker,
    first: &mut u64,
    mut changes: std::pin::Pin<&mut impl Stream<Item = Result<Change<Viewed>, Error>>>,
) {
    let (mut lists, mut last, mut resync) = (Lists::new(), 0, 0);
    while !worker.is_done() {
        let Some((begun, own, committed)) = append(worker, first).await else { continue };
        loop {
            let change = match changes.next().await {
                Some(Ok(change)) => change,
                ended => return worker.wrong(format!("watch: it ended with {ended:?}")),
            };
            let (key, elements, revision) = match change {
                Change::Put { key, value, revision, .. } => (key, value.elements, revision),
                Change::Resync { revision } => {
                    lists.clear();
                    (last, resync) = (revision, revision);
                    continue;
                }
                change => return worker.wrong(format!("watch: nobody deletes, but it told {change:?}")),
            };
            if revision < last {
                worker.wrong(format!("watch: revision {revision} was told after {last}"));
            }
            last = revision;
            lists.insert(key, elements);
            if key == own && revision >= committed {
                // Of rows that are told anew, others may follow. The next change comes after them.
                if revision > resync {
                    look(worker, &begun, *first, &lists);
                }
                break;
            }
        }
    }
}

/// Appends to a list. Returns when that began, the list, and the revision in which it was applied.
async fn append(worker: &mut Worker, first: &mut u64) -> Option<(Transaction, u64, i64)> {
    let (key, element) = (*first + worker.random.u64(..POOL), worker.unique());
    let start_ns = clock::now();
    let (process, index, ops) = (worker.number, worker.unique(), vec![Op::Append(key, element)]);
    let begun = Transaction { process, index, start_ns, end_ns: start_ns, ok: None, ops };
    worker.write_down(&Entry::Lists(begun.clone()));
    let outcome = async {
        let txn = worker.db.begin().await?;
        let found = Viewed::table().get(&txn, &key).await?;
        let mut row = found.unwrap_or(Viewed { key, elements: Vec::new() });
        row.elements.push(element);
        Viewed::table().put(&txn, &row)?;
        Ok((row.elements.len(), txn.commit().await?))
    };
    let outcome = outcome.await;
    let ok = match &outcome {
        Ok(_) => Some(true),
        Err(error) => {
            worker.expect("views", error);
            (!error.is_commit_unknown()).then_some(false)
        }
    };
    worker.write_down(&Entry::Lists(Transaction { end_ns: clock::now(), ok, ..begun.clone() }));
    let (length, revision) = outcome.ok()?;
    if length > LONG {
        *first += POOL;
    }
    Some((begun, key, revision))
}

/// Writes down what a view shows of the lists in use.
fn look(worker: &Worker, begun: &Transaction, first: u64, lists: &Lists) {
    let ops = (first..first + POOL).map(|key| Op::Read(key, lists.get(&key).cloned())).collect();
    let (index, end_ns) = (worker.unique(), clock::now());
    let (process, start_ns) = (begun.process, begun.start_ns);
    worker.write_down(&Entry::Lists(Transaction { process, index, start_ns, end_ns, ok: Some(true), ops }));
    worker.did("views");
}

/// Some lists, all at one revision.
///
/// # Errors
///
/// That of the transaction.
pub async fn read(db: &Database, keys: &[u64]) -> Result<Vec<Option<Vec<u64>>>, Error> {
    let found = db.read(async |txn| Viewed::table().get_many(txn, keys).await).await?;
    Ok(found.into_iter().map(|list| list.map(|list| list.elements)).collect())
}
