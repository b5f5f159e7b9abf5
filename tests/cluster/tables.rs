//! Live views and watches of tables through faults: never half a transaction, and in the end what is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd::{Change, ChangeStream, Database, Error, Live, Persist};
use txetcd_chaos::cluster::{Cluster, MEMBERS};

use crate::own_server::binaries;
use crate::random::Random;

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(120);
const ACCOUNTS: u64 = 20;
const EACH: i64 = 100;

/// An account; one that is empty is not there.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1)]
struct Account {
    #[pmap(key)]
    id: u64,
    #[pmap(index(slot = 2))]
    balance: i64,
}

/// From where on an account is rich.
const RICH: i64 = 120;

async fn connect(cluster: &Cluster, first: usize) -> Database {
    let builder = Database::builder().url(cluster.url(first)).namespace("bank/");
    builder.request_timeout(Duration::from_secs(2)).connect().await.expect("a connection")
}

/// Moves money between accounts until told to stop. Returns how often that surely happened.
async fn transfer(db: Database, seed: u64, done: Arc<AtomicBool>) -> usize {
    let accounts = Account::table();
    let (mut random, mut count) = (Random::new(seed), 0);
    while !done.load(Ordering::Relaxed) {
        let (from, to) = (random.below(ACCOUNTS), random.below(ACCOUNTS));
        let amount = 1 + random.below(40) as i64;
        let moved = db.write(async |txn| {
            let balance = |found: Option<Account>| found.map_or(0, |account| account.balance);
            let [had, has] =
                [balance(accounts.get(txn, &from).await?), balance(accounts.get(txn, &to).await?)];
            if from == to || had < amount {
                return Ok::<_, Error>(());
            }
            accounts.put(txn, &Account { id: to, balance: has + amount })?;
            match had - amount {
                0 => accounts.delete(txn, &from),
                balance => accounts.put(txn, &Account { id: from, balance }),
            }
        });
        match moved.await {
            Ok(()) => count += 1,
            Err(error) => assert!(
                error.is_unavailable()
                    || error.is_timeout()
                    || error.is_conflict()
                    || error.is_commit_unknown(),
                "{error:?}"
            ),
        }
    }
    count
}

/// Looks at a view until told to stop: money is neither made nor lost, and time does not go back.
async fn look(live: Live<Account>, done: Arc<AtomicBool>) -> Live<Account> {
    let mut last = 0;
    while !done.load(Ordering::Relaxed) {
        let sum: i64 = live.iter().map(|row| row.expect("a row").1.balance).sum();
        assert_eq!(sum, EACH * ACCOUNTS as i64, "half a transaction");
        assert!(live.revision() >= last, "an earlier revision");
        last = live.revision();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    live
}

/// Applies what a watch tells, up to a revision that is said later. What it says was there before has to be what it said
/// before.
async fn mirror(
    mut changes: ChangeStream<Account>,
    mut rows: BTreeMap<u64, Account>,
    mut last: tokio::sync::watch::Receiver<i64>,
) -> BTreeMap<u64, Account> {
    let (mut told, mut end) = (0, 0);
    while end == 0 || told < end {
        let change = tokio::select! {
            change = changes.next() => change.expect("a stream that goes on").expect("no error"),
            changed = last.changed(), if end == 0 => {
                changed.expect("a sender");
                end = *last.borrow();
                continue;
            }
        };
        let (before, previous, revision) = match change {
            Change::Put { key, value, previous, revision } => (rows.insert(key, value), previous, revision),
            Change::Delete { key, previous, revision } => (rows.remove(&key), previous, revision),
            Change::Resync { .. } => panic!("nothing was compacted"),
        };
        assert_eq!(before, previous, "a change was lost, repeated or told out of its order");
        assert!(revision >= told);
        told = revision;
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_and_watches_of_tables_through_faults() {
    let (faults, longest) =
        if crate::full() { (12, Duration::from_secs(20)) } else { (6, Duration::from_secs(2)) };
    for (name, binary) in binaries() {
        let seed = crate::seed();
        println!("on etcd {name}, seed {seed}");
        let mut cluster = crate::cluster(&binary).await;
        let accounts = Account::table();
        let db = connect(&cluster, 0).await;
        let all: BTreeMap<_, _> = (0..ACCOUNTS).map(|id| (id, Account { id, balance: EACH })).collect();
        let txn = db.begin().await.unwrap();
        all.values().for_each(|account| accounts.put(&txn, account).unwrap());
        let begun = txn.commit().await.unwrap();

        let done = Arc::new(AtomicBool::new(false));
        let (last, end) = tokio::sync::watch::channel(0);
        let (mut writers, mut lookers, mut mirrors, mut rich) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for member in 0..MEMBERS {
            let db = connect(&cluster, member).await;
            let live = accounts.live(&db).await.unwrap();
            lookers.push(tokio::spawn(look(live, done.clone())));
            let changes = accounts.watch(&db).from(begun + 1).stream().await.unwrap();
            mirrors.push(tokio::spawn(mirror(changes, all.clone(), end.clone())));
            let changes =
                Account::by_balance().watch(&db).range(RICH..).from(begun + 1).stream().await.unwrap();
            rich.push(tokio::spawn(mirror(changes, BTreeMap::new(), end.clone())));
            writers.push(tokio::spawn(transfer(db, seed * 10 + member as u64, done.clone())));
        }
        let mut nemesis = crate::nemesis(longest);
        for _ in 0..faults {
            nemesis.strike(&mut cluster).await;
        }
        done.store(true, Ordering::Relaxed);
        let mut transfers = 0;
        for writer in writers {
            transfers += tokio::time::timeout(LONG, writer).await.expect("an end").unwrap();
        }
        // The last change is one of all that is watched.
        let end = Account { id: ACCOUNTS, balance: RICH };
        let put = async {
            loop {
                let txn = db.begin().await.unwrap();
                accounts.put(&txn, &end).unwrap();
                if let Ok(revision) = txn.commit().await {
                    return revision;
                }
            }
        };
        let revision = tokio::time::timeout(LONG, put).await.expect("a commit");
        last.send_replace(revision);
        let stored = db.at(revision).read(async |txn| accounts.all(txn).entries().await).await.unwrap();
        let stored: BTreeMap<_, _> = stored.into_iter().collect();
        println!("{transfers} transfers, {} accounts, the last at revision {revision}", stored.len());
        assert!(transfers > 20);
        for looker in lookers {
            let live = tokio::time::timeout(LONG, looker).await.expect("an end").unwrap();
            tokio::time::timeout(LONG, live.wait_for(revision)).await.expect("the last revision").unwrap();
            let shown: BTreeMap<_, _> =
                live.iter().map(|row| row.unwrap()).map(|(id, row)| (id, (*row).clone())).collect();
            assert_eq!(shown, stored);
            assert!(stored.iter().all(|(id, row)| *live.get(id).unwrap().unwrap() == *row));
        }
        for mirror in mirrors {
            assert_eq!(tokio::time::timeout(LONG, mirror).await.expect("the last revision").unwrap(), stored);
        }
        let stored: BTreeMap<_, _> =
            stored.into_iter().filter(|(_, account)| account.balance >= RICH).collect();
        for mirror in rich {
            assert_eq!(tokio::time::timeout(LONG, mirror).await.expect("the last revision").unwrap(), stored);
        }
    }
}
