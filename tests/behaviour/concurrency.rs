//! Many tasks and several connections at once: nothing is lost, nothing is applied twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::store::{Account, Store, User, user};
use txetcd::{Database, Error};

/// Runs a task on each of several connections, several at a time, and returns what they return.
async fn in_parallel<T, F>(
    databases: &[Database],
    tasks: usize,
    task: impl Fn(Database, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..tasks)
        .map(|number| tokio::spawn(task(databases[number % databases.len()].clone(), number)))
        .collect();
    let mut results = Vec::new();
    for task in running {
        results.push(task.await.expect("a task"));
    }
    results
}

/// Why a transfer is not made. A copy of the accounts may be older than they are, and then the closure runs again; it would
/// not if it panicked.
#[derive(Debug)]
enum Failure {
    NoAccount,
    #[expect(dead_code, reason = "shown when a test fails")]
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

async fn open_accounts(db: &Database, count: u32, balance: i64) {
    let accounts = Account::table();
    db.write(async |txn| (0..count).try_for_each(|id| accounts.put(txn, &Account { id, balance })))
        .await
        .unwrap();
}

async fn many_connections(store: &Store) -> Vec<Database> {
    let mut databases = Vec::new();
    for _ in 0..3 {
        let builder = store.builder().transaction_timeout(Duration::from_secs(120));
        databases.push(builder.connect().await.unwrap());
    }
    databases
}

stores! {
    async fn a_counter_counts_every_increment(store) {
        let databases = many_connections(store).await;
        let users = User::table();
        const TASKS: usize = 24;
        const INCREMENTS: u32 = 10;
        in_parallel(&databases, TASKS, move |db, _| async move {
            for _ in 0..INCREMENTS {
                db.write(async |txn| {
                    let count = users.get(txn, "counter").await?.map_or(0, |user| user.age);
                    users.put(txn, &user("counter", count + 1))
                })
                .await
                .unwrap();
            }
        })
        .await;
        let counter = databases[0].read(async |txn| users.get(txn, "counter").await).await.unwrap().unwrap();
        assert_eq!(counter.age, TASKS as u32 * INCREMENTS);
    }

    async fn transfers_keep_the_sum(store) {
        let databases = many_connections(store).await;
        let accounts = Account::table();
        const ACCOUNTS: u32 = 8;
        open_accounts(&databases[0], ACCOUNTS, 100).await;
        in_parallel(&databases, 16, move |db, number| async move {
            for n in 0..12u32 {
                let from = (number as u32 * 7 + n) % ACCOUNTS;
                let to = (from + 1 + n % (ACCOUNTS - 1)) % ACCOUNTS;
                db.write(async |txn| {
                    let (a, b) = tokio::try_join!(accounts.get(txn, &from), accounts.get(txn, &to))?;
                    let (Some(mut a), Some(mut b)) = (a, b) else { return Err(Failure::NoAccount) };
                    a.balance -= 10;
                    b.balance += 10;
                    accounts.put(txn, &a)?;
                    Ok(accounts.put(txn, &b)?)
                })
                .await
                .unwrap();
                // No reader ever sees money in flight, whatever is going on.
                let sum: i64 = db
                    .read(async |txn| accounts.all(txn).collect().await)
                    .await
                    .unwrap()
                    .iter()
                    .map(|account| account.balance)
                    .sum();
                assert_eq!(sum, i64::from(ACCOUNTS) * 100);
            }
        })
        .await;
        let all = databases[1].read(async |txn| accounts.all(txn).collect().await).await.unwrap();
        assert_eq!(all.iter().map(|account| account.balance).sum::<i64>(), i64::from(ACCOUNTS) * 100);
    }

    async fn a_closure_never_sees_a_mixture(store) {
        let databases = many_connections(store).await;
        let accounts = Account::table();
        open_accounts(&databases[0], 2, 50).await;
        in_parallel(&databases, 12, move |db, number| async move {
            for _ in 0..10 {
                db.write(async |txn| {
                    let a = accounts.get(txn, &0).await?.ok_or(Failure::NoAccount)?;
                    tokio::task::yield_now().await;
                    let b = accounts.get(txn, &1).await?.ok_or(Failure::NoAccount)?;
                    // Also in attempts that will be thrown away.
                    assert_eq!(a.balance + b.balance, 100, "a mixture of two states");
                    let amount = if number % 2 == 0 { 1 } else { -1 };
                    accounts.put(txn, &Account { id: 0, balance: a.balance - amount })?;
                    Ok::<_, Failure>(accounts.put(txn, &Account { id: 1, balance: b.balance + amount })?)
                })
                .await
                .unwrap();
            }
        })
        .await;
    }

    async fn one_of_many_inserts_wins(store) {
        let databases = many_connections(store).await;
        let users = User::table();
        for round in 0..10 {
            let name = format!("round {round}");
            let results = in_parallel(&databases, 12, move |db, number| {
                let name = name.clone();
                async move { db.write(async |txn| users.insert(txn, &user(&name, number as u32))).await }
            })
            .await;
            let lost: Vec<&Error> = results.iter().filter_map(|result| result.as_ref().err()).collect();
            assert_eq!(lost.len(), results.len() - 1);
            assert!(lost.iter().all(|error| error.is_already_exists()), "{lost:?}");
        }
    }

    async fn insert_if_absent_inserts_once(store) {
        let databases = many_connections(store).await;
        let users = User::table();
        for round in 0..10 {
            let name = format!("round {round}");
            let inserted = in_parallel(&databases, 12, move |db, number| {
                let name = name.clone();
                async move {
                    db.write(async |txn| {
                        if users.contains(txn, &name).await? {
                            return Ok(false);
                        }
                        users.put(txn, &user(&name, number as u32))?;
                        Ok::<_, Error>(true)
                    })
                    .await
                    .unwrap()
                }
            })
            .await;
            assert_eq!(inserted.into_iter().filter(|inserted| *inserted).count(), 1);
        }
    }

    async fn no_write_skew(store) {
        // Each takes from its own account if both together have enough. One after the other, only one can.
        let databases = many_connections(store).await;
        let accounts = Account::table();
        for _ in 0..15 {
            open_accounts(&databases[0], 2, 50).await;
            let taken = in_parallel(&databases, 2, move |db, number| async move {
                db.write(async |txn| {
                    let (a, b) = tokio::try_join!(accounts.get(txn, &0), accounts.get(txn, &1))?;
                    let (Some(a), Some(b)) = (a, b) else { return Err(Failure::NoAccount) };
                    let both = [a, b];
                    if both.iter().map(|account| account.balance).sum::<i64>() < 100 {
                        return Ok(false);
                    }
                    let mine = &both[number];
                    accounts.put(txn, &Account { id: mine.id, balance: mine.balance - 100 })?;
                    Ok(true)
                })
                .await
                .unwrap()
            })
            .await;
            assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
        }
    }

    async fn revisions_are_in_real_time_order_and_of_one_process(store) {
        // Each commit returns a revision, which it may share with others of the same process; a transaction that begins
        // after another one ended has a later one.
        let databases = many_connections(store).await;
        let users = User::table();
        let latest = std::sync::Arc::new(AtomicU64::new(0));
        let commits = in_parallel(&databases, 12, move |db, number| {
            let latest = latest.clone();
            async move {
                let mut mine = Vec::new();
                for n in 0..10u32 {
                    let before = latest.load(Ordering::SeqCst);
                    let txn = db.begin().await.unwrap();
                    users.put(&txn, &user(&format!("task {number}"), n)).unwrap();
                    let revision = txn.commit().await.unwrap() as u64;
                    assert!(revision > before);
                    latest.fetch_max(revision, Ordering::SeqCst);
                    mine.push((revision, number % 3));
                }
                mine
            }
        })
        .await;
        let mut processes = BTreeMap::new();
        for (revision, process) in commits.into_iter().flatten() {
            assert_eq!(*processes.entry(revision).or_insert(process), process, "revision {revision}");
        }
        assert!(processes.len() >= 30, "each task's ten are different");
    }

    async fn a_dropped_transaction_is_applied_whole_or_not_at_all(store) {
        let databases = many_connections(store).await;
        let accounts = Account::table();
        open_accounts(&databases[0], 2, 0).await;
        let finished = AtomicU32::new(0);
        for n in 0..60u64 {
            let db = &databases[n as usize % 3];
            let add = db.write(async |txn| {
                let a = accounts.get(txn, &0).await?.ok_or(Failure::NoAccount)?;
                let b = accounts.get(txn, &1).await?.ok_or(Failure::NoAccount)?;
                accounts.put(txn, &Account { id: 0, balance: a.balance + 1 })?;
                Ok::<_, Failure>(accounts.put(txn, &Account { id: 1, balance: b.balance + 1 })?)
            });
            if tokio::time::timeout(Duration::from_micros(n * 40), add).await.is_ok() {
                finished.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Whatever was on its way has arrived, and the lanes still work.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let db = &databases[0];
        db.write(async |txn| accounts.put(txn, &Account { id: 9, balance: 0 })).await.unwrap();
        let all = db.read(async |txn| accounts.all(txn).collect().await).await.unwrap();
        assert_eq!(all[0].balance, all[1].balance);
        assert!(all[0].balance >= i64::from(finished.load(Ordering::Relaxed)));
        assert!(all[0].balance <= 60);
    }
}
