//! Live views: coherent, up to date, and able to recover.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::random::Random;
use crate::store::{Account, Store, User, compact, on_stores_of_their_own, user};
use txetcd::{Database, Live, PMap, Stored, codec::Utf8};
use txetcd_core::client::{Fault, Faults};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(60);

async fn put(db: &Database, row: &User) -> i64 {
    let txn = db.begin().await.unwrap();
    User::table().put(&txn, row).unwrap();
    txn.commit().await.unwrap()
}

async fn in_time<T>(future: impl Future<Output = Result<T, txetcd::Error>>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time").unwrap()
}

fn names(live: &Live<User>) -> Vec<String> {
    live.iter().map(|row| row.unwrap().0).collect()
}

stores! {
    async fn a_view_shows_what_is_there_and_what_comes(store) {
        let db = store.connect().await;
        put(&db, &user("a", 1)).await;
        let live = User::table().live(&db).await.unwrap();
        assert_eq!(*live.get("a").unwrap().unwrap(), user("a", 1));
        assert_eq!(live.get("b").unwrap(), None);
        let revision = put(&db, &user("b", 2)).await;
        in_time(live.wait_for(revision)).await;
        assert_eq!(*live.get("b").unwrap().unwrap(), user("b", 2));
        // Others write to the same server, which makes the view newer.
        assert!(live.revision() >= revision);
        assert_eq!((live.len(), live.is_current()), (2, true));
        let txn = db.begin().await.unwrap();
        User::table().delete(&txn, "a").unwrap();
        User::table().put(&txn, &user("c", 3)).unwrap();
        in_time(live.wait_for(txn.commit().await.unwrap())).await;
        assert_eq!(names(&live), ["b", "c"]);
        assert_eq!(live.get("a").unwrap(), None);
        assert!(!live.is_empty());
    }

    async fn iterators_are_of_one_revision(store) {
        let db = store.connect().await;
        for name in ["a", "b", "ba", "c", "d"] {
            put(&db, &user(name, 1)).await;
        }
        let live = User::table().live(&db).await.unwrap();
        let keys = |iter: txetcd::LiveIter<User>| iter.map(|row| row.unwrap().0).collect::<Vec<_>>();
        assert_eq!(keys(live.range("b".."d")), ["b", "ba", "c"]);
        assert_eq!(keys(live.range("b"..="d")), ["b", "ba", "c", "d"]);
        assert_eq!(keys(live.prefix("b")), ["b", "ba"]);
        let mut held = live.iter();
        assert_eq!(held.next().unwrap().unwrap().0, "a");
        in_time(live.wait_for(put(&db, &user("aa", 1)).await)).await;
        assert_eq!(keys(held), ["b", "ba", "c", "d"]);
        assert_eq!(keys(live.iter()), ["a", "aa", "b", "ba", "c", "d"]);
    }

    async fn changes_of_the_view_are_told_once(store) {
        let db = store.connect().await;
        put(&db, &user("a", 1)).await;
        let live = User::table().live(&db).await.unwrap();
        let other = live.clone();
        let revision = put(&db, &user("a", 2)).await;
        assert_eq!(in_time(live.changed()).await, revision);
        assert_eq!(in_time(other.changed()).await, revision);
        // A change of something else makes the view newer, but changes nothing in it.
        db.write(async |txn| Account::table().put(txn, &Account { id: 1, balance: 0 })).await.unwrap();
        in_time(live.wait_for(revision + 1)).await;
        assert!(futures_util::poll!(std::pin::pin!(live.changed())).is_pending());
    }

    // Nothing tells a watch of keys that nobody touches.
    async fn a_revision_that_changed_nothing_here_can_be_waited_for(store) {
        let db = store.connect().await;
        put(&db, &user("a", 1)).await;
        let live = User::table().live(&db).await.unwrap();
        let empty = PMap::<u32, String, Utf8>::at(79).live(&db).await.unwrap();
        // Someone waited for what never comes, and gave up.
        drop(tokio::time::timeout(Duration::from_millis(50), live.wait_for(i64::MAX)).await);
        for balance in 0..3 {
            let txn = db.begin().await.unwrap();
            Account::table().put(&txn, &Account { id: 1, balance }).unwrap();
            let revision = txn.commit().await.unwrap();
            in_time(live.wait_for(revision)).await;
            assert!(live.revision() >= revision);
            in_time(empty.wait_for(revision)).await;
        }
        assert_eq!(names(&live), ["a"]);
        // It is still told of what comes, deletions of all rows too.
        let txn = db.begin().await.unwrap();
        User::table().truncate(&txn).await.unwrap();
        in_time(live.wait_for(txn.commit().await.unwrap())).await;
        assert_eq!(names(&live), [""; 0]);
    }

    // Transfers keep the sum. A view that mixed two revisions, or showed half of one, would have another one.
    async fn the_sum_of_all_accounts_is_right_at_every_moment(store) {
        const ACCOUNTS: u32 = 20;
        let db = store.connect().await;
        let accounts = Account::table();
        db.write(async |txn| (0..ACCOUNTS).try_for_each(|id| accounts.put(txn, &Account { id, balance: 100 })))
            .await
            .unwrap();
        let live = accounts.live(&db).await.unwrap();
        let running = Arc::new(AtomicU32::new(3));
        let writers = store.connect_many(3).await.into_iter().zip(0..).map(|(db, seed)| {
            let running = running.clone();
            tokio::spawn(async move {
                let mut random = Random::new(seed);
                let mut last = 0;
                for _ in 0..100 {
                    let mut draw = || random.below(u64::from(ACCOUNTS)) as u32;
                    let (from, to) = (draw(), draw());
                    db.write(async |txn| {
                        let mut both = accounts.get_many(txn, &[from, to]).await?;
                        if from != to && let (Some(mut to), Some(mut from)) = (both.pop().flatten(), both.pop().flatten()) {
                            (from.balance, to.balance) = (from.balance - 1, to.balance + 1);
                            accounts.put(txn, &from)?;
                            accounts.put(txn, &to)?;
                        }
                        Ok::<_, txetcd::Error>(())
                    })
                    .await
                    .unwrap();
                    last = db.status().await.unwrap().revision();
                }
                running.fetch_sub(1, Ordering::AcqRel);
                last
            })
        });
        let writers: Vec<_> = writers.collect();
        let sum = || live.iter().map(|row| row.unwrap().1.balance).sum::<i64>();
        let mut revision = live.revision();
        while running.load(Ordering::Acquire) > 0 {
            assert_eq!(sum(), i64::from(ACCOUNTS) * 100);
            assert!(live.revision() >= revision, "a view does not go back");
            revision = live.revision();
            tokio::task::yield_now().await;
        }
        for writer in writers {
            in_time(live.wait_for(writer.await.unwrap())).await;
        }
        let stored = db.read(async |txn| accounts.all(txn).collect().await).await.unwrap();
        let shown: Vec<_> = live.iter().map(|row| (*row.unwrap().1).clone()).collect();
        assert_eq!(shown, stored);
    }

    async fn a_view_recovers_from_lost_connections(store) {
        struct Failing(AtomicBool);
        impl Faults for Failing {
            fn next(&self, path: &str) -> Fault {
                match self.0.load(Ordering::Relaxed) {
                    true => Fault::LoseRequest,
                    false if path.ends_with("Watch/Watch") => Fault::CutAfter(3),
                    false => Fault::None,
                }
            }
        }
        let db = store.connect().await;
        let failing = Arc::new(Failing(AtomicBool::new(false)));
        let watching = store.builder().faults(failing.clone()).connect().await.unwrap();
        let live = User::table().live(&watching).await.unwrap();
        for age in 0..10 {
            failing.0.store(age % 3 == 1, Ordering::Relaxed);
            let revision = put(&db, &user("a", age)).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            failing.0.store(false, Ordering::Relaxed);
            in_time(live.wait_for(revision)).await;
            assert_eq!(live.get("a").unwrap().unwrap().age, age);
        }
    }

    // The first streams say nothing, so the views ask the store whether they are up to date. They are not.
    async fn a_view_does_not_claim_a_revision_that_it_does_not_show(store) {
        struct Silent(AtomicU32);
        impl Faults for Silent {
            fn next(&self, path: &str) -> Fault {
                let is_first = || self.0.fetch_add(1, Ordering::Relaxed) < 2;
                if path.ends_with("Watch/Watch") && is_first() { Fault::SilentAfter(1) } else { Fault::None }
            }
        }
        let db = store.connect().await;
        let silent = Arc::new(Silent(AtomicU32::new(0)));
        let watching = store.builder().faults(silent.clone()).connect().await.unwrap();
        let (users, accounts) = (User::table(), Account::table());
        let account = |balance| Account { id: 1, balance };
        put(&db, &user("deleted", 1)).await;
        put(&db, &user("kept", 1)).await;
        db.write(async |txn| accounts.put(txn, &account(1))).await.unwrap();
        let deletions = users.live(&watching).await.unwrap();
        let puts = accounts.live(&watching).await.unwrap();
        while silent.0.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        let txn = db.begin().await.unwrap();
        users.delete(&txn, "deleted").unwrap();
        accounts.put(&txn, &account(2)).unwrap();
        let revision = txn.commit().await.unwrap();
        in_time(async { tokio::try_join!(deletions.wait_for(revision), puts.wait_for(revision)) }).await;
        assert_eq!(names(&deletions), ["kept"]);
        assert_eq!(puts.get(&1).unwrap().unwrap().balance, 2);
    }

    async fn a_dropped_view_leaves_no_task_behind(store) {
        let db = store.connect().await;
        put(&db, &user("a", 1)).await;
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        let mut views = Vec::new();
        for _ in 0..10 {
            let live = User::table().live(&db).await.unwrap();
            views.push(live.clone());
            drop(live);
        }
        assert!(alive() >= 10);
        drop(views);
        // One that is dropped while it is opened, and one that is waited for.
        drop(tokio::time::timeout(Duration::ZERO, User::table().live(&db)).await);
        let live = User::table().live(&db).await.unwrap();
        assert!(futures_util::poll!(std::pin::pin!(live.wait_for(i64::MAX))).is_pending());
        drop(live);
        let gone = async {
            while alive() > before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.expect("no task is left");
    }

    async fn a_row_that_cannot_be_decoded_is_an_error_where_it_is_read(store) {
        const NAMES: PMap<u32, String, Utf8> = PMap::at(80);
        let db = store.connect().await;
        let raw = |key: u32| [&80_u16.to_be_bytes()[..], &key.to_be_bytes()].concat();
        db.client().put(raw(1), [0xff]).await.unwrap();
        let revision = db.client().put(raw(2), "two").await.unwrap().revision();
        let live = NAMES.live(&db).await.unwrap();
        in_time(live.wait_for(revision)).await;
        let error = live.get(&1).unwrap_err();
        assert!(error.is_decode() && error.to_string().contains("slot 80"), "{error}");
        assert_eq!(live.get(&2).unwrap().unwrap().as_str(), "two");
        assert_eq!(live.iter().filter(Result::is_ok).count(), 1);
        assert_eq!(live.len(), 2);
        let revision = db.client().put(raw(1), "one").await.unwrap().revision();
        in_time(live.wait_for(revision)).await;
        assert_eq!(live.get(&1).unwrap().unwrap().as_str(), "one");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_recovers_from_a_compaction() {
    struct Cut(AtomicBool);
    impl Faults for Cut {
        fn next(&self, path: &str) -> Fault {
            let cut = self.0.load(Ordering::Relaxed);
            match path.ends_with("Watch/Watch") {
                true if cut => Fault::LoseRequest,
                true => Fault::CutAfter(2),
                false => Fault::None,
            }
        }
    }
    on_stores_of_their_own(async |db, url| {
        let cut = Arc::new(Cut(AtomicBool::new(false)));
        let watching = Database::builder().url(url).faults(cut.clone()).connect().await.unwrap();
        put(db, &user("gone", 1)).await;
        let live = User::table().live(&watching).await.unwrap();
        cut.0.store(true, Ordering::Relaxed);
        // The stream breaks at one of these, and cannot be opened again.
        for age in 0..5 {
            put(db, &user("a", age)).await;
        }
        let txn = db.begin().await.unwrap();
        User::table().delete(&txn, "gone").unwrap();
        txn.commit().await.unwrap();
        let last = put(db, &user("b", 1)).await;
        compact(url, last).await;
        cut.0.store(false, Ordering::Relaxed);
        in_time(live.wait_for(last)).await;
        assert_eq!(names(&live), ["a", "b"]);
        assert_eq!(live.get("a").unwrap().unwrap().age, 4);
        in_time(live.wait_for(put(db, &user("c", 1)).await)).await;
        assert_eq!(names(&live), ["a", "b", "c"]);
    })
    .await;
}

/// A view of a store that is gone for good says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let db = Store::memory().connect().await;
    let live = User::table().live(&db).await.unwrap();
    shared(&live);
    fn generic<T: Stored>(live: &Live<T>) -> usize {
        live.len()
    }
    assert_eq!(generic(&live), 0);
}
