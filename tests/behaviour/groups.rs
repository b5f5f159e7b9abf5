//! Transactions that are committed together, and tables that are cached: what they cost, and what nobody may see.
//!
//! Where requests are counted there is one thread, so that all have finished before anything is sent.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::catalogue::catalogue_key;
use crate::cost::requests;
use crate::faults::{Script, balance};
use crate::local_order::SlowWatches;
use crate::phantoms::{MANY, disturbed, sum};
use crate::store::{Account, Store, User, user};
use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt as _, poll};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::time::Instant;
use txetcd::{Change, Database, Error, KeySet, Persist, WriteTxn, embedded};
use txetcd_core::client::{Fault, Faults};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// A table whose declaration says that it is cached.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 40, cached)]
struct Person {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 41, unique))]
    email: String,
    #[pmap(index(slot = 42))]
    team: String,
}

fn person(id: u32, email: &str) -> Person {
    Person { id, email: email.to_owned(), team: "a".to_owned() }
}

async fn add(db: &Database, id: u32) -> Result<i64, Error> {
    let accounts = Account::table();
    db.write(async |txn| {
        let balance = accounts.get(txn, &id).await?.map_or(0, |account| account.balance) + 1;
        accounts.put(txn, &Account { id, balance })?;
        Ok(balance)
    })
    .await
}

/// Waits until what is asked for holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("to happen at last");
}

/// Waits until an increment is one request, because its row is cached.
pub(crate) async fn until_cached(db: &Database, id: u32) {
    until(async || requests(db, async || add(db, id).await).await == 1).await;
}

/// How often a row was put.
async fn version(db: &Database, id: u32) -> i64 {
    let key = [2u16.to_be_bytes().as_slice(), &id.to_be_bytes()].concat();
    db.client().get(KeySet::key(key)).await.unwrap().first().map_or(0, |kv| kv.version())
}

#[tokio::test]
async fn increments_of_one_row_are_one_request_and_one_put() {
    let store = Store::cached();
    let db = store.connect().await;
    until_cached(&db, 1).await;
    let (before, puts) = (balance(&db, 1).await, version(&db, 1).await);
    let cost = requests(&db, async || {
        let mut seen: Vec<i64> =
            join_all((0..200).map(|_| add(&db, 1))).await.into_iter().collect::<Result<_, _>>()?;
        seen.sort_unstable();
        assert!(seen.into_iter().eq(before + 1..=before + 200), "each has its own turn");
        Ok(())
    })
    .await;
    assert_eq!(cost, 1);
    assert_eq!((balance(&db, 1).await, version(&db, 1).await), (before + 200, puts + 1));
}

#[tokio::test]
async fn a_commit_that_is_held_does_not_keep_the_copy_back() {
    let store = Store::cached();
    let (db, other) = (store.connect().await, store.connect().await);
    until_cached(&db, 1).await;
    let sent = db.stats().requests;
    let mut held = Box::pin(add(&db, 1));
    while db.stats().requests == sent {
        assert!(poll!(held.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    for id in 2..20 {
        add(&other, id).await.unwrap();
    }
    let last = async || db.read_stale(async |txn| Account::table().get(txn, &19).await).await.unwrap().value;
    until(async || last().await.is_some()).await;
    held.await.unwrap();
}

#[test]
fn a_runtime_that_is_gone_leaves_no_commit_waiting() {
    let store = Store::memory();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let db = runtime.block_on(async {
        let db = store.connect().await;
        add(&db, 1).await.unwrap();
        // Who has sent it looks for more a few times, and would take what comes.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        db
    });
    let put = async || db.write(async |txn| Account::table().put(txn, &Account { id: 1, balance: 7 })).await;
    {
        let gone = Runtime::new().unwrap().handle().clone();
        let _entered = gone.enter();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let mut commit = Box::pin(put());
            let Poll::Ready(ended) = commit.as_mut().poll(&mut context) else {
                panic!("it waits for a runtime that is gone");
            };
            assert!(ended.as_ref().is_err_and(Error::is_unavailable), "{ended:?}");
        }
    }
    assert_eq!(runtime.block_on(balance(&db, 1)), 1);
    let ended = runtime.block_on(async { tokio::time::timeout(LONG, put()).await });
    ended.expect("to be sent").unwrap();
}

#[tokio::test]
async fn transactions_that_do_not_meet_travel_together_as_well() {
    for store in [Store::cached(), Store::memory()] {
        let db = store.connect().await;
        add(&db, 0).await.unwrap();
        if store.is_cached {
            until_cached(&db, 0).await;
        }
        // All have read before the first one ends.
        let (ready, before) = (Barrier::new(60), AtomicU64::new(0));
        let add = async |id| {
            let read_and_add = async |txn: &WriteTxn| {
                let account = Account::table().get(txn, &id).await?;
                if ready.wait().await.is_leader() {
                    before.store(db.stats().requests, Ordering::Relaxed);
                }
                let balance = account.map_or(0, |account| account.balance) + 1;
                Account::table().put(txn, &Account { id, balance })
            };
            db.write(read_and_add).await
        };
        let all = join_all((1..=60).map(add));
        all.await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        // `join_all` lets others run when it has polled half of them.
        let cost = db.stats().requests - before.into_inner();
        assert!(cost <= 2, "{cost}");
        for id in 1..=60 {
            assert_eq!(balance(&db, id).await, 1);
        }
    }
}

/// A store that does one thing after the other, each for two milliseconds.
#[derive(Default)]
struct Busy(Mutex<Option<Instant>>);

impl Faults for Busy {
    fn next(&self, _: &str) -> Fault {
        Fault::None
    }

    fn latency(&self, path: &str) -> Duration {
        if !path.ends_with("KV/Txn") {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let mut until = self.0.lock().unwrap();
        let done = until.unwrap_or(now).max(now) + Duration::from_millis(2);
        *until = Some(done);
        done - now
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_store_does_not_get_more_and_more_requests_with_less_in_them() {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let db = Database::builder().store(&store).faults(Arc::new(Busy::default())).connect().await.unwrap();
    add(&db, 0).await.unwrap();
    let task = async |id: u32| -> Result<(), Error> {
        for balance in 0..20 {
            tokio::time::sleep(Duration::from_millis(u64::from(id) % 31)).await;
            db.write(async |txn| Account::table().put(txn, &Account { id, balance })).await?;
        }
        Ok(())
    };
    let cost = requests(&db, async || try_join_all((0..1024).map(task)).await).await;
    assert!(cost <= 20 * 1024 / 80, "{cost} requests");
}

/// Sends two transactions in one request after a third has changed what they have read, so that those after them are
/// units of their own for a while.
async fn disturb_a_group(db: &Database, third: &Database) {
    let (ready, runs) = (Barrier::new(2), AtomicUsize::new(0));
    let put = async |id| {
        let read_and_put = async |txn: &WriteTxn| {
            Account::table().get(txn, &id).await?;
            if runs.fetch_add(1, Ordering::Relaxed) < 2 {
                add(third, id).await?;
                ready.wait().await;
            }
            Account::table().put(txn, &Account { id, balance: 0 })
        };
        db.write(read_and_put).await
    };
    tokio::try_join!(put(200_000), put(200_001)).unwrap();
    assert!(runs.into_inner() >= 4);
}

/// Two connections with the accounts 1 to 3; the first has a copy of them that hears late of what the second one does, and
/// was disturbed lately.
async fn disturbed_copy() -> (Database, Database) {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let third = Database::builder().store(&store).connect().await.unwrap();
    let slow = Arc::new(SlowWatches(Duration::from_millis(80)));
    let db = Database::builder().store(&store).cached::<Account>().faults(slow).connect().await.unwrap();
    for id in 1..=3 {
        add(&third, id).await.unwrap();
    }
    until_cached(&db, 1).await;
    disturb_a_group(&db, &third).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    (db, third)
}

#[tokio::test(start_paused = true)]
async fn what_a_copy_will_tell_is_not_asked_of_the_store() {
    let (db, third) = disturbed_copy().await;
    let (ready, runs) = (Barrier::new(3), [const { AtomicUsize::new(0) }; 3]);
    let double = async |id: u32| {
        db.write(async |txn| {
            let balance = Account::table().get(txn, &id).await?.unwrap().balance;
            if runs[id as usize - 1].fetch_add(1, Ordering::Relaxed) == 0 {
                if id == 2 {
                    add(&third, 2).await?;
                }
                ready.wait().await;
            }
            Account::table().put(txn, &Account { id, balance: 2 * balance })
        })
        .await
    };
    let before = [balance(&third, 1).await, balance(&third, 2).await, balance(&third, 3).await];
    let received = db.stats().bytes_received;
    let start = Instant::now();
    let cost = requests(&db, async || try_join_all((1..=3).map(double)).await).await;
    assert_eq!(runs.map(AtomicUsize::into_inner), [1, 2, 1]);
    assert_eq!(cost, 2, "one that was refused in part, and one after the copy knew why");
    assert!(start.elapsed() < Duration::from_millis(100), "it was told, and waited no longer");
    let received = db.stats().bytes_received - received;
    assert!(received < 170, "{received} bytes: no row comes with the refusal");
    let after = [balance(&third, 1).await, balance(&third, 2).await, balance(&third, 3).await];
    assert_eq!(after, [2 * before[0], 2 * (before[1] + 1), 2 * before[2]]);
}

// One thread, so that all have finished before anything is sent.
#[tokio::test]
async fn only_those_whose_table_has_changed_run_again() {
    let store = Store::memory();
    let (db, third) = (store.connect().await, store.connect().await);
    let (people, users) = (Person::table(), User::table());
    db.write(async |txn| people.insert(txn, &person(9, "i"))).await.unwrap();
    db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
    disturb_a_group(&db, &third).await;

    let (ready, runs) = (Barrier::new(4), [const { AtomicUsize::new(0) }; 4]);
    let insert = async |place: u32| {
        db.write(async |txn| {
            match place {
                0 | 1 => people.insert(txn, &person(place, &place.to_string()))?,
                _ => users.insert(txn, &user(&place.to_string(), place))?,
            }
            if runs[place as usize].fetch_add(1, Ordering::Relaxed) == 0 {
                if place == 0 {
                    let row = third.client().get(catalogue_key(40)).await?.into_kvs().remove(0);
                    third.client().put(row.key(), row.value()).await?;
                }
                ready.wait().await;
            }
            Ok::<_, Error>(())
        })
        .await
    };
    let cost = requests(&db, async || try_join_all((0..4).map(insert)).await).await;
    assert_eq!(runs.map(AtomicUsize::into_inner), [2, 2, 1, 1]);
    assert!(cost <= 4, "{cost}: those who run again ask for the catalogue, the others do not wait");
    let names = third.read(async |txn| users.all(txn).keys().await).await.unwrap();
    let ids = third.read(async |txn| people.all(txn).keys().await).await.unwrap();
    assert_eq!((ids, names), (vec![0, 1, 9], vec!["2".to_owned(), "3".to_owned(), "a".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn one_of_several_units_that_is_refused_for_what_is_there_is_told_so_at_once() {
    let (db, third) = disturbed_copy().await;
    add(&third, 4).await.unwrap();
    for reads in [false, true] {
        let runs = AtomicUsize::new(0);
        let insert = db.write(async |txn| {
            runs.fetch_add(1, Ordering::Relaxed);
            if reads {
                Account::table().get(txn, &1).await?;
            }
            Account::table().insert(txn, &Account { id: 4, balance: 0 })
        });
        let put = db.write(async |txn| Account::table().put(txn, &Account { id: 3, balance: 0 }));
        let before = db.stats().requests;
        let (refused, put) = tokio::join!(insert, put);
        assert!(put.is_ok() && refused.unwrap_err().is_already_exists());
        assert_eq!((db.stats().requests - before, runs.into_inner()), (1, 1), "reads: {reads}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_runs_again_for_what_another_one_of_the_unit_has_read() {
    let (db, third) = disturbed_copy().await;
    let (ready, runs) = (Barrier::new(3), [const { AtomicUsize::new(0) }; 2]);
    // The second one writes what the first one has read.
    let put = async |id: u32| {
        db.write(async |txn| {
            Account::table().get(txn, &id).await?;
            let next = Account::table().get(txn, &(id + 1)).await?.unwrap().balance;
            if runs[id as usize - 1].fetch_add(1, Ordering::Relaxed) == 0 {
                if id == 1 {
                    add(&third, 1).await?;
                }
                ready.wait().await;
            }
            Account::table().put(txn, &Account { id, balance: next })
        })
        .await
    };
    let apart = db.write(async |txn| {
        ready.wait().await;
        Account::table().put(txn, &Account { id: 9, balance: 0 })
    });
    let (first, second, apart) = tokio::join!(put(1), put(2), apart);
    first.and(second).and(apart).unwrap();
    let [first, second] = runs.map(AtomicUsize::into_inner);
    assert!(first > 1);
    assert_eq!(second, 1, "what it has read is as it was");
}

/// [`Person`] in a program that does not declare the second index yet.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 40, name = "Person")]
struct FormerPerson {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 41, unique))]
    email: String,
    team: String,
}

#[tokio::test]
async fn those_who_expect_something_else_of_the_catalogue_hold_up_nobody() {
    let store = Store::memory();
    let (db, third) = (store.connect().await, store.connect().await);
    let former = |id: u32| FormerPerson { id, email: id.to_string(), team: "a".to_owned() };
    db.write(async |txn| FormerPerson::table().put(txn, &former(1))).await.unwrap();
    third.write(async |txn| Person::table().put(txn, &person(2, "b"))).await.unwrap();
    disturb_a_group(&db, &third).await;

    let is_over = AtomicBool::new(false);
    let refused = async |id: u32| {
        while !is_over.load(Ordering::Relaxed) {
            let put = db.write(async |txn| FormerPerson::table().put(txn, &former(id))).await;
            assert!(put.unwrap_err().is_schema_mismatch());
        }
    };
    let others = async {
        for age in 0..20 {
            let put = async |name: &str| db.write(async |txn| User::table().put(txn, &user(name, age))).await;
            tokio::try_join!(put("a"), put("b"))?;
        }
        is_over.store(true, Ordering::Relaxed);
        Ok::<_, Error>(())
    };
    let before = db.stats().groups;
    let (_, others) = tokio::join!(join_all((10..30).map(refused)), others);
    others.unwrap();
    let groups = db.stats().groups - before;
    assert!(groups <= 26, "{groups} requests for 20 writes, one after the other");
}

/// A server that takes no transactions within transactions.
struct Flat;

impl Faults for Flat {
    fn next(&self, _: &str) -> Fault {
        Fault::None
    }

    fn refuses_nested(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_server_that_takes_no_nested_transactions_is_asked_for_one_once() {
    let store = Store::memory();
    let db = store.builder().faults(Arc::new(Flat)).connect().await.unwrap();
    let third = store.connect().await;
    let put = async |id| db.write(async |txn| Account::table().put(txn, &Account { id, balance: 1 })).await;
    let together = async |ids: std::ops::Range<u32>| {
        requests(&db, async || try_join_all(ids.clone().map(put)).await).await
    };
    for nested in [1, 0] {
        // They read, leave together, are refused, and leave anew, as units of one request or one by one.
        let disturbed = requests(&db, async || {
            disturb_a_group(&db, &third).await;
            Ok(())
        });
        assert_eq!(disturbed.await, 5 + nested);
        assert_eq!((together(0..5).await, together(5..10).await), (5, 5));
        // The time of care ends.
        assert!(together(10..30).await < 20);
    }
    for id in 0..30 {
        assert_eq!(balance(&db, id).await, 1);
    }
}

#[tokio::test]
async fn one_whose_lease_has_ended_does_not_take_others_with_it() {
    let store = Store::memory();
    let db = store.connect().await;
    let third = store.connect().await;
    let accounts = Account::table();
    let lease = db.client().lease(LONG).await.unwrap();
    lease.revoke().await.unwrap();
    for first in [0, 20] {
        let put = async |id: u32| {
            db.write(async |txn| match id % 20 {
                7 => accounts.with_lease(&lease).put(txn, &Account { id, balance: 1 }),
                _ => accounts.put(txn, &Account { id, balance: 1 }),
            })
            .await
        };
        let ended = join_all((first..first + 20).map(put)).await;
        for (id, ended) in (first..).zip(ended) {
            match id % 20 {
                7 => assert!(ended.as_ref().is_err_and(Error::is_not_found), "{ended:?}"),
                _ => ended.unwrap(),
            }
            assert_eq!(balance(&db, id).await, i64::from(id % 20 != 7));
        }
        // As units of their own.
        disturb_a_group(&db, &third).await;
    }
}

/// A store that takes very long.
struct Slow;

impl Faults for Slow {
    fn next(&self, _: &str) -> Fault {
        Fault::None
    }

    fn latency(&self, path: &str) -> Duration {
        if path.ends_with("KV/Txn") { LONG } else { Duration::ZERO }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_gets_no_more_than_64_requests_at_a_time() {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let builder = Database::builder().store(&store).faults(Arc::new(Slow));
    let db = builder.request_timeout(100 * LONG).transaction_timeout(100 * LONG).connect().await.unwrap();
    add(&db, 0).await.unwrap();
    let before = db.stats().requests;
    let put = async |id: u32| {
        tokio::time::sleep(20 * Duration::from_millis(id.into())).await;
        db.write(async |txn| Account::table().put(txn, &Account { id, balance: 1 })).await
    };
    let asked = async {
        tokio::time::sleep(LONG / 2).await;
        db.stats().requests - before
    };
    let (ended, asked) = tokio::join!(try_join_all((0..200).map(put)), asked);
    ended.unwrap();
    assert_eq!(asked, 64);
}

#[tokio::test]
async fn deletions_that_travel_together_are_noticed_by_who_scanned() {
    let accounts = Account::table();
    let delete = async |db: &Database, id| db.write(async |txn| accounts.delete(txn, &id)).await;
    for store in [Store::cached(), Store::memory()] {
        let third = store.connect().await;
        disturbed(&store, MANY, sum, async |other| {
            disturb_a_group(other, &third).await;
            let cost = requests(other, async || tokio::try_join!(delete(other, 8), delete(other, 10))).await;
            assert_eq!(cost, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn without_merging_every_transaction_is_an_event() {
    let store = Store::cached();
    let db = store.builder().merge(false).connect().await.unwrap();
    until_cached(&db, 1).await;
    let before = balance(&db, 1).await;
    let mut changes = Account::table().watch(&db).stream().await.unwrap();
    let (done, ()) = tokio::join!(join_all((0..20).map(|_| add(&db, 1))), async {
        for expected in before + 1..=before + 20 {
            match tokio::time::timeout(LONG, changes.next()).await.unwrap().unwrap().unwrap() {
                Change::Put { value, .. } => assert_eq!(value.balance, expected),
                other => panic!("{other:?}"),
            }
        }
    });
    assert!(done.iter().all(Result::is_ok));
}

#[tokio::test]
async fn one_that_is_in_conflict_does_not_take_others_with_it() {
    // One of many has read what another process changes meanwhile: the others are applied all the same, and none of
    // their closures runs again.
    let store = Store::memory();
    let [db, other] = [store.connect().await, store.connect().await];
    let accounts = Account::table();
    add(&db, 1).await.unwrap();
    let disturbed = AtomicBool::new(false);
    let runs = std::sync::atomic::AtomicU32::new(0);
    let increment = async |id: u32| {
        db.write(async |txn| {
            let balance = accounts.get(txn, &id).await?.map_or(0, |account| account.balance);
            if id == 1 && !disturbed.load(Ordering::SeqCst) {
                add(&other, 1).await?;
                disturbed.store(true, Ordering::SeqCst);
            }
            if id != 1 {
                runs.fetch_add(1, Ordering::SeqCst);
                // Until the other one has been disturbed.
                while !disturbed.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
            accounts.put(txn, &Account { id, balance: balance + 1 })
        })
        .await
    };
    let done = join_all((1..=20).map(increment)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(balance(&db, 1).await, 3);
    assert_eq!(runs.load(Ordering::SeqCst), 19);
    for id in 2..=20 {
        assert_eq!(balance(&db, id).await, 1);
    }
}

#[tokio::test]
async fn a_table_that_is_too_large_is_not_cached() {
    let store = Store::memory();
    let db = store.builder().cached::<Account>().cache_bytes(100).connect().await.unwrap();
    let accounts = Account::table();
    db.write(async |txn| (10..60).try_for_each(|id| accounts.put(txn, &Account { id, balance: 0 })))
        .await
        .unwrap();
    until(async || requests(&db, async || add(&db, 1).await).await == 2).await;
    let stale = db.read_stale(async |txn| accounts.get(txn, &11).await).await.unwrap();
    assert_eq!((stale.revision, stale.value), (None, Some(Account { id: 11, balance: 0 })));
}

stores! {
    async fn a_table_that_is_declared_so_is_cached(store) {
        let db = store.connect().await;
        let people = Person::table();
        db.write(async |txn| people.insert(txn, &person(1, "a@b"))).await.unwrap();
        let rename = async || {
            db.write(async |txn| {
                let mut one = Person::by_email().get(txn, "a@b").await?.expect("a row");
                one.team += "x";
                people.put(txn, &one)
            })
            .await
        };
        until(async || requests(&db, rename).await == 1).await;
        let cost = requests(&db, async || {
            let stale = db.read_stale(async |txn| people.get(txn, &1).await).await?;
            assert!(stale.value.is_some_and(|one| one.team.len() > 1));
            assert!(stale.revision.is_some());
            let all = db.read_stale(async |txn| people.all(txn).collect().await).await?;
            let count = db.read_stale(async |txn| people.count(txn).await).await?;
            let team = db.read_stale(async |txn| Person::by_email().get(txn, "a@b").await).await?;
            assert_eq!((all.value.len(), count.value, team.value.is_some()), (1, 1, true));
            Ok(())
        })
        .await;
        assert_eq!(cost, 0, "what is read stale is not asked for");
        let error = db.write(async |txn| people.insert(txn, &person(2, "a@b"))).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        let error = db.write(async |txn| people.insert(txn, &person(1, "c@d"))).await.unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        let report = people.verify_indexes(&db).await.unwrap();
        assert!(report.is_consistent(), "{report:?}");
    }

    async fn a_process_sees_its_own_commits_at_once(store) {
        let db = store.builder().cached::<Account>().connect().await.unwrap();
        until_cached(&db, 1).await;
        let start = balance(&db, 1).await;
        for n in 1..=50 {
            assert_eq!(add(&db, 1).await.unwrap(), start + n);
            let stale = db.read_stale(async |txn| Account::table().get(txn, &1).await).await.unwrap();
            assert_eq!(stale.value.expect("a row").balance, start + n);
        }
    }

    async fn what_is_returned_was_current(store) {
        // The cache may lag behind; a result, or an error, that follows from what it has must not.
        let db = store.builder().cached::<User>().connect().await.unwrap();
        let other = store.connect().await;
        let users = User::table();
        for age in 1..=100 {
            other.write(async |txn| users.put(txn, &user("a", age))).await.unwrap();
            let seen = db.write(async |txn| users.get(txn, "a").await).await.unwrap();
            assert_eq!(seen.map(|user| user.age), Some(age));
            let refused = db
                .write(async |txn| {
                    users.get(txn, "b").await?;
                    users.insert(txn, &user("a", 0))
                })
                .await
                .unwrap_err();
            assert!(refused.is_already_exists(), "{refused}");
            other.write(async |txn| users.put(txn, &user("b", age))).await.unwrap();
            let failed: Result<(), Seen> =
                db.write(async |txn| Err(Seen::Age(users.get(txn, "b").await?.map_or(0, |user| user.age)))).await;
            assert!(matches!(failed, Err(Seen::Age(seen)) if seen == age), "{failed:?} at {age}");
        }
    }

    async fn a_cache_that_falls_silent_or_is_cut_off_harms_nobody(store) {
        let script = Arc::new(Script::random(7));
        for fault in [Fault::SilentAfter(3), Fault::CutAfter(4), Fault::LoseRequest, Fault::CutAfter(2)] {
            script.push("Watch/Watch", fault);
        }
        let builder = store.builder().cached::<Account>().faults(script.faults());
        let db = builder.transaction_timeout(LONG).connect().await.unwrap();
        let other = store.connect().await;
        for n in 1..=60 {
            add(&other, 1).await.unwrap();
            assert_eq!(add(&db, 1).await.unwrap(), 2 * n);
        }
    }
}

/// An error of the program's own.
#[derive(Debug)]
enum Seen {
    Age(u32),
    #[allow(dead_code, reason = "for its Debug")]
    Other(Error),
}

impl From<Error> for Seen {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
