//! Transactions of one process that meet: none waits for one that will not be committed, and no cache makes a difference
//! to what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::cost::requests;
use crate::faults::{Script, add, balance};
use crate::groups::until_cached;
use crate::store::{Account, Blob, Store, User, user};
use futures_util::future::{join_all, try_join_all};
use txetcd::{Database, Error, Table, WriteTxn, embedded};
use txetcd_core::client::{Fault, Faults};

/// How long many transactions that all meet may take.
const LONG: Duration = Duration::from_secs(120);
/// What is in each pot at the start.
const FULL: i64 = 100;

fn account(id: u32) -> Account {
    Account { id, balance: 0 }
}

// One thread, so that all have finished before anything is sent.
#[tokio::test]
async fn one_that_was_overtaken_holds_up_nobody() {
    let store = Store::cached();
    let db = store.connect().await;
    until_cached(&db, 1).await;
    let before = balance(&db, 1).await;

    // It reads the store, and so not what those before it are about to write.
    let late = db.begin().await.unwrap();
    let read = Account::table().get(&late, &1).await.unwrap().unwrap();
    Account::table().put(&late, &Account { balance: read.balance + 1_000, ..read }).unwrap();
    let requests_before = db.stats().requests;
    let first = try_join_all((0..10).map(|_| add(&db, 1)));
    let last = try_join_all((0..200).map(|_| add(&db, 1)));
    let (first, overtaken, last) = tokio::join!(first, late.commit(), last);
    assert!(first.and(last).is_ok());
    assert!(overtaken.unwrap_err().is_conflict());
    assert_eq!(
        db.stats().requests - requests_before,
        1,
        "all but the one that was overtaken travel together"
    );
    assert_eq!(balance(&db, 1).await, before + 210);
}

#[tokio::test]
async fn what_was_overtaken_is_told_in_time() {
    // The one before it never gets an answer.
    let store = Store::memory();
    let script = Arc::new(Script::random(1));
    let builder = store.builder().faults(script.faults()).transaction_timeout(Duration::from_secs(1));
    let db = builder.connect().await.unwrap();
    add(&db, 1).await.unwrap();
    let late = db.begin().await.unwrap();
    let read = Account::table().get(&late, &1).await.unwrap().unwrap();
    Account::table().put(&late, &read).unwrap();
    let first = db.begin().await.unwrap();
    let read = Account::table().get(&first, &1).await.unwrap().unwrap();
    Account::table().put(&first, &read).unwrap();
    for _ in 0..100 {
        script.push("KV/Txn", Fault::SilentAfter(0));
    }
    tokio::time::pause();
    let (unknown, overtaken) = tokio::join!(first.commit(), late.commit());
    assert!(unknown.unwrap_err().is_commit_unknown());
    // Finding out about the first one takes longer than a transaction may.
    let overtaken = overtaken.unwrap_err();
    assert!(overtaken.is_timeout(), "{overtaken}");
}

/// Tells watches so much later what has happened.
pub(crate) struct SlowWatches(pub(crate) Duration);

impl Faults for SlowWatches {
    fn next(&self, _: &str) -> Fault {
        Fault::None
    }

    fn latency(&self, path: &str) -> Duration {
        if path.contains("Watch/") { self.0 } else { Duration::ZERO }
    }
}

// Time stands still as long as anything goes on: who asks again and again does so for ever.
#[tokio::test(start_paused = true)]
async fn a_cache_that_lags_is_not_asked_again_and_again() {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let accounts = Account::table();
    let other = Database::builder().store(&store).connect().await.unwrap();
    // So many that after a conflict the store does not tell all that has changed.
    for id in 1..=200 {
        other.write(async |txn| accounts.put(txn, &account(id))).await.unwrap();
    }
    let slow = Arc::new(SlowWatches(Duration::from_millis(80)));
    let cached = Database::builder().store(&store).cached::<Account>().faults(slow);
    let db = cached.max_attempts(50).connect().await.unwrap();
    until_cached(&db, 0).await;
    let count_into = async |id: u32| -> Result<(), Error> {
        db.write(async |txn| {
            let balance = accounts.all(txn).collect().await?.len() as i64;
            accounts.put(txn, &Account { id, balance })
        })
        .await
    };
    count_into(0).await.unwrap();
    other.write(async |txn| accounts.delete(txn, &200)).await.unwrap();
    let cost = requests(&db, async || try_join_all((0..8).map(count_into)).await).await;
    assert!(cost <= 8 * 8, "{cost} requests");
    assert_eq!(balance(&db, 0).await, 200);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_sees_together_what_never_was_together() {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let accounts = Account::table();
    // Later than the cache is waited for.
    let slow = Arc::new(SlowWatches(Duration::from_millis(400)));
    let cached = Database::builder().store(&store).cached::<Account>().faults(slow);
    let db = cached.connect().await.unwrap();
    add(&db, 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;

    // The second row comes and goes, by transactions that read the store.
    let by_hand = async |change: &dyn Fn(&WriteTxn) -> txetcd::Result<()>| {
        let txn = db.begin().await.unwrap();
        accounts.all(&txn).collect().await.unwrap();
        change(&txn).unwrap();
        txn.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    by_hand(&|txn| accounts.put(txn, &account(1))).await;
    by_hand(&|txn| accounts.delete(txn, &1)).await;
    // The third one comes when it is gone, by one that reads the cache, which has not heard of it.
    let ids = async |third: Option<u32>| -> Result<Vec<u32>, Error> {
        db.write(async |txn| {
            let ids: Vec<u32> = accounts.all(txn).keys().await?;
            assert!(ids.len() <= 2, "{ids:?} never were there together");
            third.map_or(Ok(()), |id| accounts.put(txn, &account(id)))?;
            Ok(ids)
        })
        .await
    };
    assert_eq!(ids(Some(2)).await.unwrap(), [0]);
    for _ in 0..100 {
        assert_eq!(ids(None).await.unwrap(), [0, 2]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

// One thread, so that all have finished before anything is sent.
#[tokio::test]
async fn nothing_is_seen_without_what_comes_before_it() {
    /// What those write that come after the first one.
    #[derive(Clone, Copy, Debug)]
    enum Written {
        ItToo,
        WhatItRead,
        WhereItScanned,
        AfterAnother,
    }
    for written in [Written::ItToo, Written::WhatItRead, Written::WhereItScanned, Written::AfterAnother] {
        let (store, accounts) = (Store::cached(), Account::table());
        let db = store.connect().await;
        until_cached(&db, 1).await;
        // The first one reads the store, so that nobody sees what it writes before it is committed.
        let first = db.begin().await.unwrap();
        match written {
            Written::ItToo | Written::AfterAnother => {
                accounts.get(&first, &9).await.unwrap();
                accounts.put(&first, &account(1)).unwrap();
            }
            Written::WhatItRead => drop(accounts.get(&first, &1).await.unwrap()),
            Written::WhereItScanned => drop(accounts.all(&first).collect().await.unwrap()),
        }
        accounts.put(&first, &Account { id: 2, balance: 2 }).unwrap();
        // What comes after it writes the first account; or the third one, after somebody has written both.
        let put = async |ids: &[u32], balance| {
            let all = ids.iter().map(|id| Account { id: *id, balance });
            db.write(async |txn| all.clone().try_for_each(|account| accounts.put(txn, &account))).await
        };
        let later = async {
            match written {
                Written::AfterAnother => tokio::try_join!(put(&[1, 3], 4), put(&[3], 5)).map(drop),
                _ => put(&[1], 5).await,
            }
        };
        let look = db.write(async |txn| {
            let seen = accounts.get_many(txn, &[1, 2, 3]).await?;
            let seen = seen.into_iter().map(|found| found.map_or(0, |it| it.balance)).collect::<Vec<_>>();
            assert!(seen[0].max(seen[2]) < 4 || seen[1] == 2, "{seen:?} never was, {written:?}");
            Ok::<_, Error>(seen[1])
        });
        let (first, later, seen) = tokio::join!(first.commit(), later, look);
        assert!(first.is_ok() && later.is_ok(), "{written:?}: {first:?}, {later:?}");
        assert_eq!(seen.unwrap(), 2, "{written:?}");
    }
}

/// A pot in the store, and an account in the copy of its table.
struct PotAndAccount {
    db: Database,
    users: Table<User>,
    accounts: Table<Account>,
}

impl PotAndAccount {
    const FULL: u32 = 1;
    const BALANCE: i64 = 5;

    /// This process has filled the pot, by a put or by emptying its table.
    async fn with_full_pot(truncates: bool, max_attempts: u32) -> Self {
        let store = Store::memory();
        let (users, accounts) = (User::table(), Account::table());
        let db = store.builder().cached::<Account>().max_attempts(max_attempts).connect().await.unwrap();
        db.write(async |txn| users.put(txn, &user("pot", 0))).await.unwrap();
        until_cached(&db, 1).await;
        // The copy does not hear of a table that is not cached.
        if truncates {
            db.write(async |txn| users.truncate(txn).await).await.unwrap();
        } else {
            db.write(async |txn| users.put(txn, &user("pot", Self::FULL))).await.unwrap();
        }
        Self { db, users, accounts }
    }

    /// Writes the account, without having read anything. It has finished before anything of it is sent.
    async fn put_account(&self) -> Result<(), Error> {
        let account = Account { id: 2, balance: Self::BALANCE };
        self.db.write(async |txn| self.accounts.put(txn, &account)).await
    }

    async fn balance(&self, txn: &WriteTxn) -> Result<i64, Error> {
        Ok(self.accounts.get(txn, &2).await?.map_or(0, |account| account.balance))
    }

    async fn pot(&self, txn: &WriteTxn, scans: bool) -> Result<u32, Error> {
        let pot = if scans {
            self.users.all(txn).collect().await?.pop()
        } else {
            self.users.get(txn, "pot").await?
        };
        Ok(pot.map_or(Self::FULL, |pot| pot.age))
    }
}

#[tokio::test]
async fn nothing_is_seen_without_what_was_committed_before_it() {
    for (scans, truncates) in [(false, false), (true, false), (false, true), (true, true)] {
        // A run that is of no use is no attempt.
        let both = PotAndAccount::with_full_pot(truncates, 1).await;
        let runs = AtomicU32::new(0);
        let look = both.db.write(async |txn| {
            runs.fetch_add(1, Ordering::Relaxed);
            let (balance, pot) = (both.balance(txn).await?, both.pot(txn, scans).await?);
            assert!(balance != PotAndAccount::BALANCE || pot == PotAndAccount::FULL, "never was");
            Ok::<_, Error>(pot)
        });
        let (put, pot) = tokio::join!(both.put_account(), look);
        put.unwrap();
        assert_eq!(pot.unwrap(), PotAndAccount::FULL, "scans: {scans}, truncates: {truncates}");
        assert_eq!(runs.into_inner(), 2, "scans: {scans}, truncates: {truncates}");
    }
}

#[tokio::test]
async fn who_passes_over_a_read_of_what_does_not_belong_together_runs_again() {
    let both = PotAndAccount::with_full_pot(false, 10).await;
    let passed_over = AtomicU32::new(0);
    let look = both.db.write(async |txn| {
        let balance = both.balance(txn).await?;
        let pot = match both.pot(txn, false).await {
            Err(error) => {
                assert!(error.is_conflict() && balance == PotAndAccount::BALANCE, "{error}");
                passed_over.fetch_add(1, Ordering::Relaxed);
                None
            }
            Ok(pot) => Some(pot),
        };
        both.accounts.put(txn, &Account { id: 3, balance })?;
        Ok::<_, Error>((pot, balance))
    });
    let (put, seen) = tokio::join!(both.put_account(), look);
    put.unwrap();
    assert_eq!(seen.unwrap(), (Some(PotAndAccount::FULL), PotAndAccount::BALANCE));
    assert_eq!(passed_over.into_inner(), 1);
}

stores! {
    async fn very_many_increments_at_once_all_count(store) {
        let db = store.builder().transaction_timeout(LONG).connect().await.unwrap();
        add(&db, 1).await.unwrap();
        let before = balance(&db, 1).await;
        let cost = requests(&db, async || try_join_all((0..500).map(|_| add(&db, 1))).await).await;
        assert_eq!(balance(&db, 1).await, before + 500);
        assert!(cost <= 2 * 500, "{cost} requests: everyone waits for its turn, and does not ask in vain");
    }

    async fn groups_that_contend_stay_together(store) {
        // A process that has lost reads on in its cache, where its transactions do not fall apart.
        let mut processes = Vec::new();
        for _ in 0..3 {
            let builder = store.builder().cached::<Account>().transaction_timeout(LONG);
            processes.push(builder.connect().await.unwrap());
        }
        for db in &processes {
            until_cached(db, 1).await;
        }
        let before = balance(&processes[0], 1).await;
        let asked = || processes.iter().map(|db| db.stats().requests).sum::<u64>();
        let asked_before = asked();
        let task = async |db: &Database| {
            for _ in 0..5 {
                add(db, 1).await?;
            }
            Ok::<_, Error>(())
        };
        try_join_all(processes.iter().flat_map(|db| (0..60).map(move |_| task(db)))).await.unwrap();
        assert_eq!(balance(&processes[0], 1).await, before + 900);
        let cost = asked() - asked_before;
        assert!(cost < 900 / 2, "{cost} requests");
    }

    async fn cached_and_other_tables_are_one_state(store) {
        // Two processes move amounts between a table that they cache and one that they do not.
        let pots = async |db: &Database, wanted: i64| -> Result<(), Error> {
            db.write(async |txn| {
                let cached = Account::table().get(txn, &1).await?.map_or(FULL, |pot| pot.balance);
                let read = User::table().get(txn, "pot").await?.map_or(FULL, |pot| pot.age.into());
                assert_eq!(cached + read, 2 * FULL, "a mixture of two states");
                let moved = wanted.clamp(-read, cached);
                Account::table().put(txn, &Account { id: 1, balance: cached - moved })?;
                User::table().put(txn, &user("pot", u32::try_from(read + moved).expect("no pot is overdrawn")))?;
                Ok(())
            })
            .await
        };
        let mut processes = Vec::new();
        for _ in 0..2 {
            processes.push(store.builder().cached::<Account>().transaction_timeout(LONG).connect().await.unwrap());
        }
        let mut tasks = Vec::new();
        for db in &processes {
            for task in 0..6 {
                tasks.push(async move {
                    for turn in 0..15 {
                        pots(db, (task + turn) % 7 - 3).await?;
                    }
                    Ok::<_, Error>(())
                });
            }
        }
        try_join_all(tasks).await.unwrap();
    }

    async fn a_long_scan_of_cached_rows_goes_with_an_insert_elsewhere(store) {
        let db = store.builder().cached::<Account>().connect().await.unwrap();
        let (accounts, blobs) = (Account::table(), Blob::table());
        until_cached(&db, 0).await;
        db.write(async |txn| (1..=100).try_for_each(|id| accounts.put(txn, &account(id)))).await.unwrap();
        let copy = async |id: u32| -> Result<u64, Error> {
            db.write(async |txn| {
                let count = accounts.all(txn).collect().await?.len();
                blobs.insert(txn, &Blob { id, bytes: count.to_string() })?;
                Ok(count as u64)
            })
            .await
        };
        assert_eq!(copy(1).await.unwrap(), 101);
        let error = copy(1).await.unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        assert_eq!(copy(2).await.unwrap(), 101);
    }

    async fn a_cached_table_that_is_truncated_while_empty_is_still_cached(store) {
        let db = store.builder().cached::<Account>().connect().await.unwrap();
        let accounts = Account::table();
        until_cached(&db, 1).await;
        for _ in 0..3 {
            db.write(async |txn| accounts.truncate(txn).await).await.unwrap();
        }
        assert_eq!(balance(&db, 1).await, 0);
        until_cached(&db, 1).await;
        let all = join_all((0..20).map(|_| add(&db, 1)));
        assert!(all.await.iter().all(Result::is_ok));
    }
}
